#include "app/commands_stats.h"

#include <stdlib.h>
#include <string.h>

#include "app/metrics.h"
#include "base/json.h"
#include "base/mem.h"

#define PREFIX "courierdns_"
#define LABEL_MAX 256u

/* A metric while its lines are gone through, which are ended in place: "# HELP NAME TEXT", "# TYPE
 * NAME TYPE", and "NAME{LABEL="VALUE",...} NUMBER" for each of its numbers. */
struct telling {
	FILE *out;
	struct json *json; /* NULL: for people */
	const char *name, *help, *type;
	bool is_open;	 /* its heading is there */
	const char *sum; /* of a histogram, whose count comes next: "12.345678" */
};

/* One line of numbers. */
struct sample {
	char *name, *labels, *value; /* labels is "" without any */
};

static bool read_sample(char *line, struct sample *ret_sample)
{
	char *space = strrchr(line, ' '), *open = strchr(line, '{');
	struct sample *sample = ret_sample;

	if (space == NULL)
		return false;
	*space = '\0';
	*sample = (struct sample){ .name = line, .labels = space, .value = space + 1 };
	if (open != NULL && open < space) {
		*open = '\0';
		sample->labels = open + 1;
		space[-1] = '\0'; /* the brace */
	}
	return true;
}

/* The next label: its name, ended in place of the "=", and the text of its value, which is copied.
 * NULL behind the last. */
static char *next_label(char **at, char value[LABEL_MAX])
{
	char *name = *at, *from = strchr(name, '=');
	size_t len = 0;

	if (from == NULL)
		return NULL;
	*from = '\0';
	for (from += 2; *from != '"' && *from != '\0'; from++) {
		if (*from == '\\' && from[1] != '\0')
			from++;
		if (len + 1 < LABEL_MAX)
			value[len++] = *from;
	}
	value[len] = '\0';
	*at = from + strspn(from, "\",");
	return name;
}

/* --- for programs -------------------------------------------------------------------------- */

static void open_metric(struct telling *telling)
{
	if (telling->is_open)
		return;
	telling->is_open = true;
	json_print(telling->json, "{name %s type %s help %s values [", telling->name, telling->type,
		   telling->help);
}

static void put_sample(struct telling *telling, struct sample *sample)
{
	struct json *json = telling->json;
	char value[LABEL_MAX];

	json_print(json, "{name %s labels {", sample->name);
	for (char *name; (name = next_label(&sample->labels, value)) != NULL;) {
		json_key(json, name);
		json_print(json, "%s", value);
	}
	json_print(json, "} value");
	json_raw(json, sample->value);
	json_print(json, "}");
}

/* --- for people ---------------------------------------------------------------------------- */

/* "queries" for courierdns_queries_total. */
static void print_name(const struct telling *telling)
{
	const char *name = telling->name;
	size_t len = strlen(name);

	if (strncmp(name, PREFIX, strlen(PREFIX)) == 0) {
		name += strlen(PREFIX);
		len -= strlen(PREFIX);
	}
	if (len > 6 && strcmp(name + len - 6, "_total") == 0)
		len -= 6;
	fprintf(telling->out, "%.*s: %s\n", (int)len, name, telling->help);
}

static void print_labels(const struct telling *telling, char *labels)
{
	const char *space = "  ";
	char value[LABEL_MAX];

	while (next_label(&labels, value) != NULL) {
		fprintf(telling->out, "%s%s", space, value);
		space = " ";
	}
}

static void print_histogram(struct telling *telling, struct sample *sample)
{
	char *point;
	const uint64_t seconds_us = strtoul(telling->sum, &point, 10) * UINT64_C(1000000);
	const uint64_t sum_us = seconds_us + strtoul(point + 1, NULL, 10); /* six digits */
	const uint64_t average_us = sum_us / strtoull(sample->value, NULL, 10);
	const unsigned tenths = (unsigned)(average_us + 50) / 100;

	fprintf(telling->out, "%14s", sample->value);
	print_labels(telling, sample->labels);
	fprintf(telling->out, "  %u.%u ms on average\n", tenths / 10, tenths % 10);
}

/* What is 0 says nothing to people. */
static void print_sample(struct telling *telling, struct sample *sample)
{
	const char *part = sample->name + strlen(telling->name); /* "", or of a histogram */
	const bool is_count = strcmp(part, "_count") == 0;

	if (strcmp(part, "_sum") == 0)
		telling->sum = sample->value;
	if (sample->value[strspn(sample->value, "0.")] == '\0' || (part[0] != '\0' && !is_count))
		return;
	if (!telling->is_open)
		print_name(telling);
	telling->is_open = true;
	if (is_count) {
		print_histogram(telling, sample);
		return;
	}
	fprintf(telling->out, "%14s", sample->value);
	print_labels(telling, sample->labels);
	fputc('\n', telling->out);
}

/* --- both ---------------------------------------------------------------------------------- */

static void end_metric(struct telling *telling)
{
	if (telling->json != NULL && telling->is_open)
		json_print(telling->json, "]}");
	telling->is_open = false;
	telling->sum = "0.0";
}

/* "# HELP NAME TEXT": its name and text, each ended. */
static const char *read_comment(char *line, const char **ret_name)
{
	char *name = line + strlen("# HELP "), *text = strchr(name, ' ');

	*ret_name = name;
	if (text == NULL)
		return "";
	*text = '\0';
	return text + 1;
}

static void tell_line(struct telling *telling, char *line)
{
	struct sample sample;

	if (strncmp(line, "# HELP ", 7) == 0) {
		end_metric(telling);
		telling->help = read_comment(line, &telling->name);
	} else if (strncmp(line, "# TYPE ", 7) == 0) {
		telling->type = read_comment(line, &telling->name);
		if (telling->json != NULL)
			open_metric(telling);
	} else if (read_sample(line, &sample)) {
		(telling->json != NULL ? put_sample : print_sample)(telling, &sample);
	}
}

static void tell(char *metrics, struct json *json, FILE *out)
{
	struct telling telling = {
		.out = out, .json = json, .name = "", .type = "", .help = "", .sum = "0.0"
	};

	for (char *line = metrics, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		tell_line(&telling, line);
	}
	end_metric(&telling);
}

enum control_code commands_stats_run(struct commands *commands, const struct control_call *call,
				     FILE *out, struct json *json)
{
	char *metrics = NULL;
	size_t len;
	FILE *to = open_memstream(&metrics, &len);

	(void)call;
	if (to != NULL)
		metrics_write(commands, to);
	const bool is_whole = to != NULL && ferror(to) == 0;
	if (to == NULL || fclose(to) != 0 || !is_whole) {
		mem_free(metrics);
		fputs("memory is short\n", out);
		return CONTROL_REFUSED;
	}
	if (json != NULL)
		json_print(json, "{metrics [");
	tell(metrics, json, out);
	if (json != NULL)
		json_print(json, "]}");
	mem_free(metrics);
	return CONTROL_DONE;
}
