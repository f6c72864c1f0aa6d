#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play.h"
#include "report.h"
#include "wire_build.h"

#define CLIENTS 200u /* so many take turns */
#define PATIENCE_US (UINT64_C(5) * USEC_PER_SEC)

struct crowd {
	unsigned long count;
	uint64_t every_us, within_us;
	double right_percent;
	struct play_asked **waiting;
	size_t waiting_count;
	unsigned long right, late, failed;
};

static struct crowd read_crowd(const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	struct crowd crowd = { .right_percent = 100, .within_us = PATIENCE_US };
	const char *value;

	if (words.count < 2)
		report_fail("crowd: expected COUNT every=10ms");
	crowd.count = wire_build_number(words.at[0], 100000);
	for (size_t i = 1; i < words.count; i++) {
		if ((value = play_value(words.at[i], "every")) != NULL)
			crowd.every_us = play_read_us(value);
		else if ((value = play_value(words.at[i], "within")) != NULL)
			crowd.within_us = play_read_us(value);
		else if ((value = play_value(words.at[i], "right")) != NULL)
			crowd.right_percent = strtod(value, NULL);
		else
			report_fail("crowd: \"%s\" is not understood", words.at[i]);
	}
	if (crowd.every_us == 0 || crowd.right_percent <= 0)
		report_fail("crowd: expected COUNT every=10ms right=99.9 within=1500ms");
	scn_words_free(&words);
	return crowd;
}

/* Strikes those off that have been told something. */
static void look(struct play *play, struct crowd *crowd)
{
	size_t left = 0;

	for (size_t i = 0; i < crowd->waiting_count; i++) {
		struct play_asked *asked = crowd->waiting[i];

		if (asked->got == NULL && !asked->is_dropped) {
			crowd->waiting[left++] = asked;
			continue;
		}
		asked->is_closed = true;
		if (play->mode.is_lenient)
			continue;
		if (asked->is_dropped)
			report_fail("%s is dropped", asked->client);
		if ((asked->got[3] & 15) == RCODE_SERVFAIL)
			crowd->failed++;
		else {
			play_check_any(play, asked);
			crowd->right++;
			crowd->late += asked->got_us - asked->asked_us > crowd->within_us;
		}
	}
	crowd->waiting_count = left;
}

/* crowd COUNT every=T [right=PERCENT] [within=T]: so many clients ask a name of their own each, one
 * after the other, of servers that need no script; so many are told what a server said, by then.
 * The others are told SERVFAIL. */
void play_crowd(struct play *play, const struct scn_step *step)
{
	struct crowd crowd = read_crowd(step);

	crowd.waiting = report_alloc(crowd.count * sizeof(struct play_asked *));
	for (unsigned long i = 0; i < crowd.count; i++) {
		char text[64];
		struct scn_step ask = { .head = { .number = step->head.number, .text = text } };
		struct play_asked **new = play->asked_end;

		snprintf(text, sizeof(text), "crowd%lu n%lu.line%d.example A", i % CLIENTS, i,
			 step->head.number);
		play_ask(play, &ask);
		crowd.waiting[crowd.waiting_count++] = *new;
		play_pass_us(play, crowd.every_us);
		look(play, &crowd);
	}
	play_pass_us(play, PATIENCE_US);
	look(play, &crowd);
	if (crowd.waiting_count > 0 && !play->mode.is_lenient)
		report_fail("%zu are never answered", crowd.waiting_count);
	const double percent = 100.0 * (double)(crowd.right - crowd.late) / (double)crowd.count;
	if (percent < crowd.right_percent && !play->mode.is_lenient)
		report_fail("%.2f percent: %lu right, %lu of them late, %lu SERVFAIL", percent,
			    crowd.right, crowd.late, crowd.failed);
	for (size_t i = 0; i < crowd.waiting_count; i++)
		crowd.waiting[i]->is_closed = true;
	free(crowd.waiting);
}
