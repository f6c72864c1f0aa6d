#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "play.h"
#include "report.h"
#include "wire_build.h"

struct play_line {
	struct play_line *next; /* newest first */
	int line;		/* of the script, played when it was written */
	char *text;
};

static void keep(void *ctx, enum log_level level, const char *text)
{
	struct play *play = ctx;
	struct play_line *newest = report_alloc(sizeof(*newest));

	(void)level;
	newest->line = report_line();
	newest->text = report_dup(text, strlen(text) + 1);
	newest->next = play->lines;
	play->lines = newest;
}

void play_log_start(struct play *play)
{
	log_set_level(LEVEL_INFO);
	log_tap(keep, play);
}

void play_log_end(struct play *play)
{
	log_tap(NULL, NULL);
	for (struct play_line *line = play->lines, *next; line != NULL; line = next) {
		next = line->next;
		free(line->text);
		free(line);
	}
}

/* log LOW..HIGH TEXT: so many lines so far have the text in them */
void play_log(struct play *play, const struct scn_step *step)
{
	unsigned low, high, count = 0;
	const char *text = strchr(step->head.text, ' ');
	const int numbers = sscanf(step->head.text, "%u..%u", &low, &high);

	if (numbers < 1 || text == NULL)
		report_fail("log: expected LOW..HIGH TEXT");
	if (numbers == 1)
		high = low;
	text += strspn(text, " ");
	for (const struct play_line *line = play->lines; line != NULL; line = line->next)
		count += strstr(line->text, text) != NULL;
	if (play->mode.is_lenient || (count >= low && count <= high))
		return;
	for (const struct play_line *line = play->lines; line != NULL; line = line->next)
		fprintf(stderr, "  in line %d: %s\n", line->line, line->text);
	report_fail("%u lines of the log have that in them, of the above, newest first", count);
}
