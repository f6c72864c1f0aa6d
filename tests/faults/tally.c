#include "tally.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#define SECONDS_MAX 4096u
#define STALL_MAX 4096u

static const char *const names[VERDICT_COUNT] = {
	[VERDICT_RIGHT] = "right",     [VERDICT_WRONG] = "wrong",
	[VERDICT_EMPTY] = "empty",     [VERDICT_SERVFAIL] = "servfail",
	[VERDICT_REFUSED] = "refused", [VERDICT_TRUNCATED] = "truncated",
	[VERDICT_SILENT] = "silent",
};

struct trace {
	uint64_t asked_us;
	uint32_t took_us;
	enum verdict verdict;
};

static struct {
	uint64_t began_us, sent, couriers, strays, counts[VERDICT_COUNT];
	uint64_t late_us, late_max_us;	/* beyond LATE_US, together and at worst */
	uint64_t stalled_us[STALL_MAX]; /* time spent in stalls, by their milliseconds */
	uint32_t *took_us;		/* of every reply */
	size_t replies, room;
	uint32_t right_in[SECONDS_MAX]; /* second by second */
	size_t first_in[SECONDS_MAX];	/* replies before that second; 0 where none came in it */
	struct trace *traces;
	size_t trace_count, trace_room;
	bool is_traced;
} tally;

/* Less is the ordinary grain of a system's scheduling. */
#define LATE_US 10000u

static void *grown(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room == 0 ? 4096 : 2 * *room;
	array = realloc(array, *room * size);
	if (array == NULL)
		err(1, "memory");
	return array;
}

void tally_start(uint64_t now_us, bool is_traced)
{
	tally.began_us = now_us;
	tally.is_traced = is_traced;
}

void tally_sent(void)
{
	tally.sent++;
}

void tally_courier(void)
{
	tally.couriers++;
}

void tally_reply(enum verdict verdict, uint64_t asked_us, uint64_t now_us)
{
	uint64_t second = (now_us - tally.began_us) / 1000000;
	uint32_t took_us = (uint32_t)(now_us - asked_us);

	tally.counts[verdict]++;
	if (verdict == VERDICT_RIGHT && second < SECONDS_MAX)
		tally.right_in[second]++;
	if (verdict != VERDICT_SILENT) {
		if (second < SECONDS_MAX && tally.first_in[second] == 0)
			tally.first_in[second] = tally.replies;
		tally.took_us =
			grown(tally.took_us, tally.replies, &tally.room, sizeof(*tally.took_us));
		tally.took_us[tally.replies++] = took_us;
	}
	if (tally.is_traced) {
		tally.traces = grown(tally.traces, tally.trace_count, &tally.trace_room,
				     sizeof(*tally.traces));
		tally.traces[tally.trace_count++] = (struct trace){ asked_us, took_us, verdict };
	}
}

void tally_stray(void)
{
	tally.strays++;
}

void tally_late(uint64_t late_us)
{
	uint64_t stall = late_us / 1000;

	tally.stalled_us[stall < STALL_MAX ? stall : STALL_MAX - 1] += late_us;
	if (late_us <= LATE_US)
		return;
	tally.late_us += late_us - LATE_US;
	if (late_us > tally.late_max_us)
		tally.late_max_us = late_us;
}

static int by_size(const void *one, const void *other)
{
	uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;

	return a < b ? -1 : a > b;
}

/* The smallest time that so many per cent of the replies did not exceed, in seconds. */
static double quantile(double percent)
{
	size_t at = (size_t)((double)tally.replies * percent / 100);

	if (tally.replies == 0)
		return 0;
	return tally.took_us[at < tally.replies ? at : tally.replies - 1] / 1e6;
}

/* So late, in seconds, is whatever happens on this machine one time in a hundred: longer stalls
 * than that take up a hundredth of the time. */
static double lag(uint64_t elapsed_us)
{
	uint64_t longer_us = 0;
	size_t stall = STALL_MAX;

	while (stall > 0 && longer_us + tally.stalled_us[stall - 1] <= elapsed_us / 100)
		longer_us += tally.stalled_us[--stall];
	return stall / 1e3;
}

/* 99 of 100 of what came in each tenth of the time; before they are sorted all together. */
static void report_tenths(uint64_t seconds)
{
	size_t from = 0;

	printf(", \"p99_tenths\": [");
	for (uint64_t tenth = 1; tenth <= 10; tenth++) {
		uint64_t second = seconds * tenth / 10;
		size_t to = tally.replies;

		while (tenth < 10 && second < SECONDS_MAX && tally.first_in[second] == 0 &&
		       second < seconds)
			second++;
		if (tenth < 10 && second < SECONDS_MAX && tally.first_in[second] > from)
			to = tally.first_in[second];
		if (to > from)
			qsort(tally.took_us + from, to - from, sizeof(*tally.took_us), by_size);
		printf("%s%.6f", tenth == 1 ? "" : ", ",
		       to > from ? tally.took_us[from + (to - from) * 99 / 100] / 1e6 : 0.0);
		from = to;
	}
	printf("]");
}

static void report_traces(void)
{
	printf(", \"trace\": [");
	for (size_t at = 0; at < tally.trace_count; at++)
		printf("%s[%.6f, %.6f, \"%s\"]", at == 0 ? "" : ", ",
		       (double)tally.traces[at].asked_us / 1e6, tally.traces[at].took_us / 1e6,
		       names[tally.traces[at].verdict]);
	printf("]");
}

void tally_report(uint64_t now_us)
{
	uint64_t seconds = (now_us - tally.began_us) / 1000000 + 1;

	printf("{\"asked\": %llu, \"couriers\": %llu", (unsigned long long)tally.sent,
	       (unsigned long long)tally.couriers);
	report_tenths(seconds);
	if (tally.replies > 0)
		qsort(tally.took_us, tally.replies, sizeof(*tally.took_us), by_size);
	for (int verdict = 0; verdict < VERDICT_COUNT; verdict++)
		printf(", \"%s\": %llu", names[verdict], (unsigned long long)tally.counts[verdict]);
	printf(", \"strays\": %llu", (unsigned long long)tally.strays);
	printf(", \"p50\": %.6f, \"p95\": %.6f, \"p99\": %.6f, \"max\": %.6f", quantile(50),
	       quantile(95), quantile(99), quantile(100));
	printf(", \"seconds\": %.3f", (double)(now_us - tally.began_us) / 1e6);
	printf(", \"lag\": %.3f", lag(now_us - tally.began_us));
	printf(", \"late\": %.3f, \"late_max\": %.3f", (double)tally.late_us / 1e6,
	       (double)tally.late_max_us / 1e6);
	printf(", \"right_in\": [");
	for (uint64_t second = 0; second < seconds && second < SECONDS_MAX; second++)
		printf("%s%u", second == 0 ? "" : ", ", tally.right_in[second]);
	printf("]");
	if (tally.is_traced)
		report_traces();
	printf("}\n");
}
