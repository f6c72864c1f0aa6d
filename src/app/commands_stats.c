#include "app/commands_stats.h"

#include <assert.h>
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
	const char *sum; /* of a histogram, whose count comes next */
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
	struct json *json = telling->json;

	if (telling->is_open)
		return;
	telling->is_open = true;
	json_open_object(json, NULL);
	json_text(json, "name", telling->name);
	json_text(json, "type", telling->type);
	json_text(json, "help", telling->help);
	json_open_list(json, "values");
}

static void put_sample(struct telling *telling, struct sample *sample)
{
	struct json *json = telling->json;
	char value[LABEL_MAX];

	json_open_object(json, NULL);
	json_text(json, "name", sample->name);
	json_open_object(json, "labels");
	for (char *name; (name = next_label(&sample->labels, value)) != NULL;)
		json_text(json, name, value);
	json_close_object(json);
	json_raw(json, "value", sample->value);
	json_close_object(json);
}

/* --- for people ---------------------------------------------------------------------------- */

/* "queries" for courierdns_queries_total. */
static void print_name(const struct telling *telling)
{
	const char *name = telling->name;

	assert(name != NULL);
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
	const double count = strtod(sample->value, NULL);
	const double sum = telling->sum != NULL ? strtod(telling->sum, NULL) : 0;

	fprintf(telling->out, "%14s", sample->value);
	print_labels(telling, sample->labels);
	fprintf(telling->out, "  %.1f ms on average\n", sum / count * 1000);
}

static bool ends_with(const char *name, const char *end)
{
	const size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && strcmp(name + len - end_len, end) == 0;
}

/* What is 0 says nothing to people. */
static void print_sample(struct telling *telling, struct sample *sample)
{
	const bool is_histogram = strcmp(telling->type, "histogram") == 0;

	if (is_histogram && ends_with(sample->name, "_sum"))
		telling->sum = sample->value;
	if (strtod(sample->value, NULL) == 0 ||
	    (is_histogram && !ends_with(sample->name, "_count")))
		return;
	if (!telling->is_open)
		print_name(telling);
	telling->is_open = true;
	if (is_histogram) {
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
	if (telling->json != NULL && telling->is_open) {
		json_close_list(telling->json);
		json_close_object(telling->json);
	}
	telling->is_open = false;
	telling->sum = NULL;
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
	struct telling telling = { .out = out, .json = json, .type = "", .help = "" };

	for (char *line = metrics, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		tell_line(&telling, line);
	}
	end_metric(&telling);
}

enum control_code commands_stats_run(struct commands *commands, const struct control_call *call,
				     FILE *out)
{
	char *metrics = NULL;
	size_t len;
	struct json json;
	FILE *to = open_memstream(&metrics, &len);

	if (to != NULL)
		metrics_write(commands, to);
	const bool is_whole = to != NULL && ferror(to) == 0;
	if (to == NULL || fclose(to) != 0 || !is_whole) {
		mem_free(metrics);
		fputs("memory is short\n", out);
		return CONTROL_REFUSED;
	}
	if (control_request_option(call, "--json") == NULL) {
		tell(metrics, NULL, out);
	} else {
		json_init(&json, out);
		json_open_object(&json, NULL);
		json_open_list(&json, "metrics");
		tell(metrics, &json, out);
		json_close_list(&json);
		json_close_object(&json);
	}
	mem_free(metrics);
	return CONTROL_DONE;
}
