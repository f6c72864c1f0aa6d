#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play.h"
#include "report.h"
#include "wire/type.h"

struct wanted {
	const struct play_client *client; /* or NULL, and who says it */
	const char *who;
	struct device_report report;
	unsigned found;
};

static void look(void *ctx, const struct device_report *report)
{
	struct wanted *wanted = ctx;
	const struct play_client *client = wanted->client;

	if (client != NULL
		    ? report->has_hardware || !addr_same_host(&report->address, &client->addr)
		    : !timeline_walk_is_called(report, wanted->who))
		return;
	wanted->report = *report;
	wanted->found++;
}

/* What the timeline says of a stage, in the words of a scenario. */
static const char *stage_to_text(const struct device_stage *stage, char *into, size_t max)
{
	struct addr_text address;
	struct type_text type;

	if (!stage->is_reached)
		return "not reached";
	snprintf(into, max, "%s %s %s by %s%s%s asked %u", stage->name.text,
		 type_to_text(stage->type, &type), timeline_told_text(stage->told),
		 timeline_told_by_text(stage->by), stage->address.family == ADDR_NONE ? "" : " ",
		 stage->address.family == ADDR_NONE ? "" : addr_to_text(&stage->address, &address),
		 (unsigned)stage->asked);
	return into;
}

static const char *say(const struct wanted *wanted, const char *want, const char **ret_want,
		       char *into, size_t max)
{
	struct diagnosis_line line;

	*ret_want = want;
	for (enum stage stage = 0; stage < STAGE_KINDS; stage++) {
		const size_t len = strlen(stage_text(stage));

		if (strncmp(want, stage_text(stage), len) != 0 || want[len] != ':')
			continue;
		*ret_want = want + len + 1 + strspn(want + len + 1, " ");
		return stage_to_text(&wanted->report.stages[stage], into, max);
	}
	snprintf(into, max, "%s", diagnosis_to_line(&wanted->report.diagnosis, &line));
	return into;
}

/* device CLIENT|ADDRESS unknown|VERDICT|STAGE: WORDS */
void play_device(struct play *play, const struct scn_step *step)
{
	const size_t who_len = strcspn(step->head.text, " ");
	char *who = report_dup(step->head.text, who_len + 1);
	const char *want = step->head.text + who_len + strspn(step->head.text + who_len, " ");
	struct wanted wanted = { .who = who };
	char into[2048];

	who[who_len] = '\0';
	if (*want == '\0')
		report_fail("device: expected WHO, and what is known");
	wanted.client = play_find_client(play, who);
	timeline_walk(worker_timeline(play->worker), look, &wanted);
	if (play->mode.is_lenient)
		goto out;
	if (wanted.found > 1)
		report_fail("%u devices are called %s", wanted.found, who);
	const char *said = "unknown";
	if (wanted.found == 1)
		said = say(&wanted, want, &want, into, sizeof(into));
	if (strcmp(said, want) != 0)
		report_fail("%s: expected \"%s\", known is \"%s\"", who, want, said);
out:
	free(who);
}
