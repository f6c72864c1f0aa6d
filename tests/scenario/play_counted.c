#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play.h"
#include "query/repair.h"
#include "report.h"

struct counted {
	const char *text;
	size_t len;
	unsigned long count;
	char *all;
};

static void take_line(void *ctx, const char *line)
{
	struct counted *counted = ctx;

	if (strncmp(line, counted->text, counted->len) == 0 && line[counted->len] == ' ')
		counted->count = strtoul(line + counted->len, NULL, 10);
	const size_t len = strlen(counted->all), more = strlen(line);
	char *all = report_alloc(len + more + 4);
	snprintf(all, len + more + 4, "%s  %s\n", counted->all, line);
	free(counted->all);
	counted->all = all;
}

/* counted N TEXT: what is counted of squashes and repairs under that name with its labels */
void play_counted(struct play *play, const struct scn_step *step)
{
	const char *text = strchr(step->head.text, ' ');
	struct counted counted = { .text = text, .all = report_alloc(1) };

	if (text == NULL)
		report_fail("counted: expected N TEXT");
	counted.text += strspn(text, " ");
	counted.len = strlen(counted.text);
	repair_report(play->worker, take_line, &counted);
	const unsigned long expected = strtoul(step->head.text, NULL, 10);
	if (counted.count != expected && !play->mode.is_lenient) {
		fprintf(stderr, "%s", counted.all);
		report_fail("counted %lu, of the above", counted.count);
	}
	free(counted.all);
}
