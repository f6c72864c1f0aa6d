#include "app/command.h"

#include <string.h>

#include "conf/complaint.h"

/* The most that complaint_nearest() is offered. */
#define COMMANDS_MAX 32u

/* --- which ----------------------------------------------------------------------------------- */

const struct command *command_find(const struct command *all, const char *name)
{
	if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0)
		name = "version";
	if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0)
		name = "help";
	for (; all->usage.name != NULL; all++) {
		if (strcmp(all->usage.name, name) == 0)
			return all;
	}
	return NULL;
}

bool command_asks_for(const struct command_line *line, const char *letter, const char *word)
{
	for (int i = 1; i < line->argc && strcmp(line->argv[i], "--") != 0; i++) {
		if (strcmp(line->argv[i], letter) == 0 || strcmp(line->argv[i], word) == 0)
			return true;
	}
	return false;
}

static enum exit_code try_help(const char *name)
{
	fprintf(stderr, "Try: courierdns help%s%s\n", name[0] == '\0' ? "" : " ", name);
	return EXIT_CODE_USAGE;
}

enum exit_code command_usage(const struct command *command)
{
	return try_help(command->usage.name);
}

enum exit_code command_unknown(const struct command *all, const char *name)
{
	const char *known[COMMANDS_MAX + 1] = { NULL };

	for (size_t i = 0; i < COMMANDS_MAX && all[i].usage.name != NULL; i++)
		known[i] = all[i].usage.name;
	const char *nearest = complaint_nearest(name, known);
	fprintf(stderr, "courierdns: there is no command \"%s\"", name);
	if (nearest != NULL)
		fprintf(stderr, "; did you mean \"%s\"?", nearest);
	fputc('\n', stderr);
	return try_help("");
}

/* --- options --------------------------------------------------------------------------------- */

bool command_option_next(const struct command *command, struct command_option *option)
{
	const char *const parts[] = { command->usage.options, command->usage.more };

	while (option->rest == NULL || option->rest[0] == '\0') {
		if (option->parts == sizeof(parts) / sizeof(parts[0]))
			return false;
		option->rest = parts[option->parts++];
	}
	option->text = option->rest;
	option->help = strchr(option->text, '\t') + 1;
	option->rest = strchr(option->help, '\n') + 1;
	option->len = (int)(option->help - option->text) - 1;
	option->help_len = (int)(option->rest - option->help) - 1;
	option->is_repeatable = option->len > 3 && strncmp(option->help - 4, "...", 3) == 0;
	if (option->is_repeatable)
		option->len -= 3;
	return true;
}

/* --- help ------------------------------------------------------------------------------------ */

/* The words name it themselves. */
static bool is_in_words(const struct command *command, const struct command_option *option)
{
	const size_t len = (size_t)option->len;

	for (const char *at = command->words; (at = strstr(at, "--")) != NULL; at++) {
		if (strncmp(at, option->text, len) == 0)
			return true;
	}
	return false;
}

void command_print_usage(const struct command *command, FILE *out)
{
	struct command_option option = { .parts = 0 };

	if (command->words[0] != '\0')
		fprintf(out, " %s", command->words);
	while (command_option_next(command, &option)) {
		if (option.help_len > 0 && !is_in_words(command, &option))
			fprintf(out, " [%.*s]%s", option.len, option.text,
				option.is_repeatable ? "..." : "");
	}
}

void command_print_all(const struct command *all, FILE *out)
{
	fputs("courierdns: a small DNS forwarder that passes on what upstream says, Apple's "
	      "dangling\nCNAME too.\n\n",
	      out);
	for (; all->usage.name != NULL; all++) {
		fprintf(out, "  courierdns %s", all->usage.name);
		command_print_usage(all, out);
		fputc('\n', out);
	}
	fputs("\nExit codes: 0 well, 1 refused or not found, 3 nobody to ask, 64 usage, 71 the "
	      "system said no,\n78 configuration; those of doctor are its own\n",
	      out);
}

void command_print_help(const struct command *command, FILE *out)
{
	struct command_option option = { .parts = 0 };
	int width = 0;

	fprintf(out, "courierdns %s", command->usage.name);
	command_print_usage(command, out);
	fprintf(out, "\n\n%s\n", command->help);
	while (command_option_next(command, &option))
		width = option.help_len > 0 && option.len > width ? option.len : width;
	if (width > 0)
		fputc('\n', out);
	option = (struct command_option){ .parts = 0 };
	while (command_option_next(command, &option)) {
		if (option.help_len > 0)
			fprintf(out, "  %-*.*s  %.*s\n", width, option.len, option.text,
				option.help_len, option.help);
	}
	fprintf(out, "\nEnds with %s.\n", command->ends);
}
