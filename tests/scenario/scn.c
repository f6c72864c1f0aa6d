#include "scn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define EACH_MAX 10000u

/* What has been read of a file: its lines, comments and trailing blanks cut off. */
struct source {
	struct scn_line *lines;
	size_t count;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void cut_comment(char *text)
{
	bool is_quoted = false;
	char *end = text;

	for (char *at = text; *at != '\0'; at++) {
		if (*at == '"' && (at == text || at[-1] != '\\'))
			is_quoted = !is_quoted;
		if (*at == '#' && !is_quoted && (at == text || is_blank(at[-1])))
			break;
		if (!is_blank(*at))
			end = at + 1;
	}
	*end = '\0';
}

static struct source read_source(const char *path)
{
	struct source source = { 0 };
	char *line = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "r");

	if (file == NULL)
		report_fail("%s", strerror(errno));
	for (int number = 1; getline(&line, &size, file) >= 0; number++) {
		cut_comment(line);
		if (*line == '\0')
			continue;
		source.lines = realloc(source.lines, (source.count + 1) * sizeof(*source.lines));
		if (source.lines == NULL)
			report_fail("memory is short");
		source.lines[source.count++] =
			(struct scn_line){ .number = number,
					   .text = report_dup(line, strlen(line) + 1) };
	}
	free(line);
	fclose(file);
	return source;
}

static void free_source(struct source *source)
{
	for (size_t i = 0; i < source->count; i++)
		free(source->lines[i].text);
	free(source->lines);
}

/* --- words --------------------------------------------------------------------------------- */

struct scn_words scn_split(const char *text)
{
	struct scn_words words = { .copy = report_dup(text, strlen(text) + 1) };
	char *at = words.copy;

	for (;;) {
		while (is_blank(*at))
			at++;
		if (*at == '\0')
			return words;
		if (words.count == SCN_WORDS_MAX)
			report_fail("more than %d words", SCN_WORDS_MAX);
		words.at[words.count++] = at;
		for (bool is_quoted = false; *at != '\0' && (is_quoted || !is_blank(*at)); at++) {
			if (*at == '"' && at[-1] != '\\')
				is_quoted = !is_quoted;
		}
		if (*at != '\0')
			*at++ = '\0';
	}
}

void scn_words_free(struct scn_words *words)
{
	free(words->copy);
}

/* --- steps --------------------------------------------------------------------------------- */

/* The text with every {n} replaced, where there is a value to replace it by. */
static char *with_value(const char *text, const char *value)
{
	const size_t len = value != NULL ? strlen(value) : 0;
	char *out = report_alloc(strlen(text) * (len + 1) + 1);
	char *at = out;

	while (*text != '\0') {
		if (value != NULL && strncmp(text, "{n}", 3) == 0) {
			memcpy(at, value, len);
			at += len;
			text += 3;
		} else {
			*at++ = *text++;
		}
	}
	return out;
}

static const char *skip_word(const char *text)
{
	while (*text != '\0' && !is_blank(*text))
		text++;
	while (is_blank(*text))
		text++;
	return text;
}

static struct scn_line line_of(const struct scn_line *line, const char *text, const char *value)
{
	while (is_blank(*text))
		text++;
	return (struct scn_line){ .number = line->number, .text = with_value(text, value) };
}

/* One step whose verb stands at `text`; returns how many lines it took. */
static size_t add_step(struct scn *scn, const struct scn_line *lines, size_t count,
		       const char *text, const char *value)
{
	size_t more = 0;

	while (more + 1 < count && is_blank(lines[more + 1].text[0]))
		more++;
	scn->steps = realloc(scn->steps, (scn->count + 1) * sizeof(*scn->steps));
	if (scn->steps == NULL)
		report_fail("memory is short");
	struct scn_step *step = &scn->steps[scn->count++];
	char *verb = with_value(text, value);
	verb[strcspn(verb, " \t")] = '\0';
	*step = (struct scn_step){
		.head = line_of(lines, skip_word(text), value),
		.verb = verb,
		.more = report_alloc(more * sizeof(*step->more)),
		.more_count = more,
	};
	for (size_t i = 0; i < more; i++)
		step->more[i] = line_of(&lines[i + 1], lines[i + 1].text, value);
	return more + 1;
}

static void add_steps(struct scn *scn, const struct source *source, size_t from, size_t until,
		      const char *value);

/* Adds what stands from `at` to `end` for one value: one step that starts at `verb`, or all lines.
 */
static void add_for_value(struct scn *scn, const struct source *source, size_t at, size_t end,
			  const char *verb, const char *value)
{
	if (*verb != '\0')
		add_step(scn, &source->lines[at], end - at, verb, value);
	else
		add_steps(scn, source, at + 1, end, value);
}

static void add_for_each(struct scn *scn, const struct source *source, size_t at, size_t end)
{
	const char *text = skip_word(source->lines[at].text), *verb = skip_word(text);
	unsigned low, high;
	char value[64];

	if (sscanf(text, "%u..%u", &low, &high) == 2) {
		if (low > high || high - low > EACH_MAX)
			report_fail("each: there is nothing between %u and %u, or too much", low,
				    high);
		for (unsigned n = low; n <= high; n++) {
			snprintf(value, sizeof(value), "%u", n);
			add_for_value(scn, source, at, end, verb, value);
		}
		return;
	}
	for (size_t len; *text != '\0' && !is_blank(*text); text += len + (text[len] == ',')) {
		len = strcspn(text, ", \t");
		snprintf(value, sizeof(value), "%.*s", (int)len, text);
		add_for_value(scn, source, at, end, verb, value);
	}
}

/* Adds what `each` at `at` stands for; returns how many lines it took. */
static size_t add_each(struct scn *scn, const struct source *source, size_t at)
{
	const char *verb = skip_word(skip_word(source->lines[at].text));
	size_t end = at + 1;

	if (*verb != '\0') {
		while (end < source->count && is_blank(source->lines[end].text[0]))
			end++;
		add_for_each(scn, source, at, end);
		return end - at;
	}
	while (end < source->count && strcmp(source->lines[end].text, "end") != 0)
		end++;
	if (end == source->count)
		report_fail("each: there is no `end`");
	add_for_each(scn, source, at, end);
	return end + 1 - at;
}

static void add_steps(struct scn *scn, const struct source *source, size_t from, size_t until,
		      const char *value)
{
	for (size_t at = from; at < until;) {
		const struct scn_line *line = &source->lines[at];
		const bool is_each = strncmp(line->text, "each", 4) == 0 && is_blank(line->text[4]);

		report_at_line(line->number);
		if (is_blank(line->text[0]))
			report_fail("an indented line belongs to no verb");
		if (is_each && value != NULL)
			report_fail("each: not inside another");
		at += is_each ? add_each(scn, source, at)
			      : add_step(scn, line, until - at, line->text, value);
	}
}

struct scn *scn_load(const char *path)
{
	struct scn *scn = report_alloc(sizeof(*scn));

	report_at(path, 0);
	struct source source = read_source(path);
	add_steps(scn, &source, 0, source.count, NULL);
	free_source(&source);
	if (scn->count == 0)
		report_fail("there is nothing in it");
	return scn;
}

void scn_free(struct scn *scn)
{
	for (size_t i = 0; i < scn->count; i++) {
		struct scn_step *step = &scn->steps[i];

		for (size_t j = 0; j < step->more_count; j++)
			free(step->more[j].text);
		free(step->more);
		free(step->verb);
		free(step->head.text);
	}
	free(scn->steps);
	free(scn);
}
