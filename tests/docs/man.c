/* In mdoc(7): how commands are used, what they do, the settings, the doctor's checks. */
#include "docs.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "app/command_table.h"
#include "app/doctor_check.h"
#include "app/doctor_reach_check.h"
#include "conf/conf_load.h"
#include "conf/conf_option.h"
#include "conf/conf_print.h"

/* Text, never taken for a request or an escape; each sentence on a line of its own. */
static void put_text(FILE *out, const char *text, int len)
{
	bool at_start = true;

	for (int i = 0; i < len; i++) {
		if (i > 0 && i + 1 < len && text[i - 1] == '.' && text[i] == ' ' &&
		    isupper((unsigned char)text[i + 1])) {
			putc('\n', out);
			at_start = true;
			continue;
		}
		if (at_start && (text[i] == '.' || text[i] == '\''))
			fputs("\\&", out);
		at_start = text[i] == '\n';
		if (text[i] == '\\')
			fputs("\\e", out);
		else
			putc(text[i], out);
	}
}

/* "-l ADDR" as Fl l Ar ADDR, "--zone NAME" as Fl -zone Ar NAME; what has no "-" is an argument. */
static void put_words(FILE *out, const char *text, int len)
{
	for (int i = 0; i < len;) {
		int end = i;

		while (end < len && text[end] != ' ')
			end++;
		if (text[i] == '-')
			fprintf(out, " Fl %.*s", end - i - 1, text + i + 1);
		else
			fprintf(out, " Ar %.*s", end - i, text + i);
		i = end + 1;
	}
}

/* "NAME [TYPE]" and "NAME|--zone NAME|--all", word by word. */
static void put_arguments(FILE *out, const char *words)
{
	while (words[0] != '\0') {
		const char *bar = strchr(words, '|');
		int len = (int)strcspn(words, bar != NULL ? "|" : " ");

		if (words[0] == '[') {
			const bool is_repeatable = strncmp(words + len - 3, "...", 3) == 0;
			const int inside = len - 2 - (is_repeatable ? 3 : 0);

			fprintf(out, ".Op Ar %.*s%s\n", inside, words + 1,
				is_repeatable ? " ..." : "");
		} else {
			if (words[0] == '-')
				fprintf(out, ".Fl %.*s", (int)strcspn(words + 1, " |"), words + 1);
			else
				fprintf(out, ".Ar %.*s", (int)strcspn(words, " |"), words);
			const int first = (int)strcspn(words, " |");
			if (first < len)
				fprintf(out, " Ar %.*s", len - first - 1, words + first + 1);
			fputs(bar != NULL ? " |\n" : "\n", out);
		}
		words += len;
		words += words[0] != '\0';
	}
}

static void put_synopsis(const struct command *command, FILE *out)
{
	struct command_option option = { .parts = 0 };

	put_arguments(out, command->words);
	while (command_option_next(command, &option)) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%.*s", option.len, option.text);
		if (option.help_len == 0 || strstr(command->words, text) != NULL)
			continue;
		fputs(".Op", out);
		put_words(out, option.text, option.len);
		fputs(option.is_repeatable ? " ...\n" : "\n", out);
	}
}

static void write_synopsis(FILE *out)
{
	for (const struct command *row = command_table(); row->usage.name != NULL; row++) {
		fprintf(out, ".Nm courierdns\n.Cm %s\n", row->usage.name);
		put_synopsis(row, out);
	}
}

static void put_options(const struct command *command, FILE *out)
{
	struct command_option option = { .parts = 0 };
	bool is_open = false;

	while (command_option_next(command, &option)) {
		if (option.help_len == 0)
			continue;
		if (!is_open)
			fputs(".Bl -tag -width Ds -compact\n", out);
		is_open = true;
		fputs(".It", out);
		put_words(out, option.text, option.len);
		putc('\n', out);
		put_text(out, option.help, option.help_len);
		putc('\n', out);
	}
	if (is_open)
		fputs(".El\n", out);
}

static void write_commands(FILE *out)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (const struct command *row = command_table(); row->usage.name != NULL; row++) {
		fprintf(out, ".It Cm %s\n", row->usage.name);
		put_text(out, row->help, (int)strlen(row->help));
		fputs("\n.Pp\n", out);
		put_options(row, out);
		fputs("Ends with ", out);
		put_text(out, row->ends, (int)strlen(row->ends));
		fputs(".\n", out);
	}
	fputs(".El\n", out);
}

static void write_doctor_options(FILE *out)
{
	put_options(command_find(command_table(), "doctor"), out);
}

static void write_doctor_synopsis(FILE *out)
{
	fputs(".Nm courierdns\n.Cm doctor\n", out);
	put_synopsis(command_find(command_table(), "doctor"), out);
}

/* --- settings -------------------------------------------------------------------------------- */

static void put_number(FILE *out, const struct conf_option *option, int32_t number)
{
	struct complaint_quote size;

	if (option->kind == OPTION_MILLISECONDS)
		fprintf(out, "%g", (double)number / 1000);
	else if (option->kind == OPTION_SIZE)
		fprintf(out, "\"%s\"", conf_option_size_text(conf_option_bytes(number), &size));
	else
		fprintf(out, "%" PRId32, number);
}

/* Its kind, what it may be, and what it is where it is not written. */
static void put_range(FILE *out, const struct conf_option *option, bool has_default)
{
	static const char *const kinds[] = { [OPTION_INTEGER] = "A number",
					     [OPTION_SECONDS] = "Seconds",
					     [OPTION_MILLISECONDS] = "Seconds or a fraction",
					     [OPTION_SIZE] = "Bytes" };

	switch (option->kind) {
	case OPTION_INTEGER:
	case OPTION_SECONDS:
	case OPTION_MILLISECONDS:
	case OPTION_SIZE:
		fprintf(out, "%s from ", kinds[option->kind]);
		put_number(out, option, option->min);
		fputs(" to ", out);
		put_number(out, option, option->max);
		if (option->fallback != CONF_OPTION_UNSET) {
			fputs("; default ", out);
			put_number(out, option, option->fallback);
		}
		fputs(".\n", out);
		return;
	case OPTION_BOOL:
		fprintf(out, "true or false; default %s.\n", option->fallback ? "true" : "false");
		return;
	case OPTION_WORD:
		for (size_t i = 0; option->words[i] != NULL; i++)
			fprintf(out, "%s\"%s\"",
				i == 0		       ? ""
				: option->words[i + 1] ? ", "
						       : " or ",
				option->words[i]);
		if (has_default)
			fprintf(out, "; default \"%s\"", option->words[option->fallback]);
		fputs(".\n", out);
		return;
	case OPTION_SECTION:
	case OPTION_TEXT:
	case OPTION_NAME:
	case OPTION_NAMES:
	case OPTION_TEMPLATES:
	case OPTION_VARIANTS:
	case OPTION_TYPES:
	case OPTION_NETS:
	case OPTION_GROUPS:
	case OPTION_OTHER:
		return;
	}
}

/* Whose settings are those of the whole configuration, not of each entry of a list. */
static bool is_of_all(const char *section)
{
	static const char *const lists[] = { "listen", "access",   "upstreams.NAME",
					     "zones",  "couriers", "upstreams.NAME.servers" };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (strcmp(lists[i], section) == 0)
			return false;
	}
	return true;
}

/* As `config` prints it where nothing is written. */
static void put_default(FILE *out, const struct conf_option *option)
{
	struct complaints *complaints = complaint_new();
	struct conf *conf = NULL;
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (complaints == NULL || to == NULL || conf_load(NULL, complaints, &conf) != 0)
		exit(1);
	struct conf_printer printer = { .out = to, .conf = conf };
	conf_print_option(&printer, option, conf);
	(void)fclose(to);
	if (len > 0) {
		fputs("The default is\n.Bd -literal -offset indent -compact\n", out);
		put_text(out, text, (int)len);
		fputs(".Ed\n", out);
	}
	free(text);
	conf_free(conf);
	complaint_free(complaints);
}

static void put_help(FILE *out, const char *help)
{
	putc(toupper((unsigned char)help[0]), out);
	put_text(out, help + 1, (int)strlen(help + 1));
	fputs(".\n", out);
}

static void write_settings(FILE *out)
{
	struct conf_load_row row;
	const char *section = NULL;

	for (size_t i = 0; conf_load_row(i, &row); i++) {
		if (section == NULL || strcmp(section, row.section) != 0) {
			if (section != NULL)
				fputs(".El\n", out);
			if (row.section[0] == '\0')
				fputs(".Ss Settings of the file\n", out);
			else
				fprintf(out, ".Ss Settings in %s\n", row.section);
			fputs(".Bl -tag -width Ds\n", out);
		}
		section = row.section;
		fprintf(out, ".It Va %s\n", row.name);
		put_help(out, row.help);
		put_range(out, row.option, strcmp(section, "access") != 0);
		if (row.option->kind > OPTION_SECTION && is_of_all(section))
			put_default(out, row.option);
	}
	fputs(".El\n", out);
}

/* --- the doctor's checks --------------------------------------------------------------------- */

/* All of them, or the program that makes the page fails. */
static const struct {
	const char *name, *text;
} checks[] = {
	{ "answers", "The server answers at all, and how fast." },
	{ "alias-a",
	  "The alias, courier.push.apple.com, asked for A: a CNAME, no address, a SOA." },
	{ "alias-https", "The same for HTTPS, which new devices ask first." },
	{ "alias-aaaa", "The same for AAAA." },
	{ "alias-tcp", "The same over TCP." },
	{ "alias-again", "The same once more after the HTTPS query: caches that mix them up." },
	{ "target", "The name that the alias leads to: no data, and a SOA." },
	{ "variants-a", "Some of the numbered names, drawn at random, have addresses of Apple's." },
	{ "variants-https", "The same names answer for HTTPS, with data or without." },
	{ "count-txt", "The TXT record that says how many numbered names there are." },
	{ "bag", "The name that devices ask for the push configuration." },
	{ "liveness", "A question by which devices find out whether a server lives." },
	{ "case", "Letters of a name may be in any case." },
	{ "edns", "Questions with EDNS are answered as those without." },
	{ "tcp", "TCP works." },
	{ "ddr", "Encrypted resolvers that the server announces." },
	{ "private-relay",
	  "The names of Private Relay are answered alike, and are not lied about." },
	{ "activation", "The names of activation have addresses." },
	{ "enrolment", "The names of enrolment have addresses." },
	{ "reach-5223", "With --reach: port 5223 of what was answered can be connected to." },
	{ "reach-443", "With --reach: port 443, where devices go when 5223 is blocked." },
	{ "reach-hosts", "With --reach: the other hosts that an activation needs." },
	{ "ntp", "With --reach: the time servers answer." },
	{ "tls", "With --reach, where it is built with OpenSSL: certificates are Apple's own." },
	{ "reference", "With --reference: the two servers say the same." },
};
#define CHECKS (sizeof(checks) / sizeof(checks[0]))

static void require(const char *name)
{
	for (size_t i = 0; i < CHECKS; i++) {
		if (strcmp(checks[i].name, name) == 0)
			return;
	}
	fprintf(stderr, "docs: nothing is said of the check %s\n", name);
	exit(1);
}

static void write_checks(FILE *out)
{
	size_t count = 1; /* the reference */

	for (const struct doctor_check *check = doctor_check_rows; check->name != NULL;
	     check++, count++)
		require(check->name);
	for (const struct doctor_check *check = doctor_reach_check_rows; check->name != NULL;
	     check++, count++)
		require(check->name);
	if (count != CHECKS) {
		fprintf(stderr, "docs: %zu checks, %zu are told of\n", count, CHECKS);
		exit(1);
	}
	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < CHECKS; i++)
		fprintf(out, ".It Cm %s\n%s\n", checks[i].name, checks[i].text);
	fputs(".El\n", out);
}

const struct docs_part *docs_man_parts(void)
{
	static const struct docs_part parts[] = {
		{ "synopsis", write_synopsis },
		{ "commands", write_commands },
		{ "doctor-synopsis", write_doctor_synopsis },
		{ "doctor-options", write_doctor_options },
		{ "settings", write_settings },
		{ "checks", write_checks },
		{ NULL, NULL },
	};
	return parts;
}
