#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play.h"
#include "query/family.h"
#include "report.h"
#include "wire_build.h"

/* --- knock --------------------------------------------------------------------------------- */

struct knock {
	unsigned long count;
	uint64_t every_us;
	const char *name, *types;
	unsigned low, high;
	double hits_percent;
};

static struct knock read_knock(const struct scn_words *words)
{
	struct knock knock = { .hits_percent = 100 };
	const char *value;

	if (words->count < 5 || (value = play_value(words->at[1], "every")) == NULL ||
	    sscanf(words->at[3], "%u..%u", &knock.low, &knock.high) != 2 || knock.low > knock.high)
		report_fail("knock: expected COUNT every=100ms NAME LOW..HIGH TYPE,TYPE");
	knock.count = wire_build_number(words->at[0], 100000);
	knock.every_us = play_read_us(value);
	knock.name = words->at[2];
	knock.types = words->at[4];
	if (words->count > 5 && (value = play_value(words->at[5], "hits")) != NULL)
		knock.hits_percent = strtod(value, NULL);
	return knock;
}

/* The same in each run. */
static unsigned draw(struct play *play, unsigned bound)
{
	play->dice = play->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(play->dice >> 33) % bound;
}

static void put_type(struct play *play, const char *types, char *into, size_t into_max)
{
	unsigned count = 1;

	for (const char *at = types; *at != '\0'; at++)
		count += *at == ',';
	for (unsigned skip = draw(play, count); skip > 0; skip--)
		types = strchr(types, ',') + 1;
	snprintf(into, into_max, "%.*s", (int)strcspn(types, ","), types);
}

/* One client's question; whether it had its answer at once. */
static bool knock_once(struct play *play, const struct knock *knock, unsigned long turn, int line)
{
	char text[320], type[16];
	struct scn_step ask = { .head = { .number = line, .text = text } };
	const char *number = strstr(knock->name, "{n}");
	struct play_asked **new = play->asked_end;

	if (number == NULL)
		report_fail("knock: %s has no {n}", knock->name);
	put_type(play, knock->types, type, sizeof(type));
	snprintf(text, sizeof(text), "knocker%lu %.*s%u%s %s", turn % 200,
		 (int)(number - knock->name), knock->name,
		 knock->low + draw(play, knock->high - knock->low + 1), number + 3, type);
	play_ask(play, &ask);
	const bool is_hit = (*new)->got != NULL;
	play_pass_us(play, knock->every_us);
	if ((*new)->got == NULL && !play->mode.is_lenient)
		report_fail("%s is not answered", text);
	(*new)->is_closed = true;
	return is_hit;
}

void play_knock(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	const struct knock knock = read_knock(&words);
	unsigned long hits = 0;

	for (unsigned long i = 0; i < knock.count; i++)
		hits += knock_once(play, &knock, i, step->head.number);
	const double percent = 100.0 * (double)hits / (double)knock.count;
	if (percent < knock.hits_percent && !play->mode.is_lenient)
		report_fail("%lu of %lu found it in the cache", hits, knock.count);
	scn_words_free(&words);
}

/* --- pace ---------------------------------------------------------------------------------- */

/* Of those behind `from`, how many were sent within that time at most. */
static unsigned most_within(const struct fake_sent *from, uint64_t per_us)
{
	const struct fake_sent *first = from;
	unsigned count = 0, most = 0;

	for (const struct fake_sent *sent = from; sent != NULL; sent = sent->next) {
		for (count++; first->at_us + per_us <= sent->at_us; first = first->next)
			count--;
		most = count > most ? count : most;
	}
	return most;
}

void play_pace(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	const char *per;

	if (words.count != 2 || (per = play_value(words.at[1], "per")) == NULL)
		report_fail("pace: expected MOST per=1s");
	const struct fake_sent *from =
		play->paced == NULL ? fake_net_sent(play->loop) : play->paced->next;
	const unsigned most = most_within(from, play_read_us(per));
	if (most > wire_build_number(words.at[0], 100000) && !play->mode.is_lenient)
		report_fail("%u were sent in %s", most, per);
	for (; from != NULL; from = from->next)
		play->paced = from;
	scn_words_free(&words);
}

/* --- family -------------------------------------------------------------------------------- */

static bool find_family(const struct play *play, const char *name, struct family_status *ret_status)
{
	const struct conf *conf = worker_plan(play->worker)->conf;

	for (unsigned i = 0; i < conf->courier_count; i++)
		if (strcmp(conf->couriers[i].name, name) == 0)
			return family_status(play->worker, i, ret_status);
	report_fail("there is no family %s", name);
}

static void check_number(const char *word, const struct family_status *status)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = { { "warm", status->warm },	 { "total", status->total },
			{ "count", status->count },	 { "questions", status->questions_total },
			{ "in-use", status->is_in_use }, { "waits", status->waits_s } };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const char *value = play_value(word, numbers[i].key);
		unsigned low, high;

		if (value == NULL)
			continue;
		const int count = sscanf(value, "%u..%u", &low, &high);
		if (count < 1)
			report_fail("family: \"%s\" is not understood", word);
		if (numbers[i].value < low || numbers[i].value > (count == 2 ? high : low))
			report_fail("%s is %llu", numbers[i].key,
				    (unsigned long long)numbers[i].value);
		return;
	}
	report_fail("family: \"%s\" is not understood", word);
}

void play_family(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	struct family_status status;

	if (words.count < 2)
		report_fail("family: expected NAME and what is known of it");
	if (!play->mode.is_lenient) {
		if (!find_family(play, words.at[0], &status))
			report_fail("nothing is known of %s", words.at[0]);
		for (size_t i = 1; i < words.count; i++)
			check_number(words.at[i], &status);
	}
	scn_words_free(&words);
}
