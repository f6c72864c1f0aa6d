/* One timeline and several workers: each has a handle, a clock and stats of its own. */
#include "devices/timeline.h"

#include <pthread.h>
#include <stdio.h>

#include "asked.h"
#include "base/mem.h"
#include "fixed_random.h"

#define WORKERS 4u
#define LIMIT 1024u

static struct asked *hands[WORKERS];

/* Made for so many workers, and then there are several. */
static void share_of(uint32_t limit, unsigned workers)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		struct asked *hand = unit_zalloc(sizeof(*hand));

		hand->clock.now_us = 5 * USEC_PER_SEC;
		hand->timeline = unit_own(
			i == 0 ? timeline_new(limit, workers, &hand->clock, &hand->stats)
			       : timeline_share(hands[0]->timeline, &hand->clock, &hand->stats),
			timeline_free);
		assert_non_null(hand->timeline);
		hands[i] = hand;
	}
}

static void share(uint32_t limit)
{
	share_of(limit, WORKERS);
}

static void note(struct asked *hand, uint32_t n)
{
	char who[32];

	snprintf(who, sizeof(who), "10.1.%u.%u", n / 256 % 256, n % 256);
	asked_note(hand, who, "albert.apple.com", TYPE_A, TOLD_ANSWERED, "17.171.47.30");
}

static struct timeline_report report_of(const struct asked *hand)
{
	struct timeline_report report;

	timeline_report(hand->timeline, &report);
	return report;
}

static uint64_t forgotten(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		sum += hands[i]->stats.count[STAT_LIMIT_DEVICES];
	return sum;
}

static void device_is_one_whichever_worker_it_asks(void **state)
{
	(void)state;
	share(LIMIT);
	for (unsigned i = 0; i < WORKERS; i++)
		note(hands[i], 7);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_true(asked_find(hands[i], "10.1.0.7"));
		assert_int_equal(hands[i]->report.stages[STAGE_ACTIVATION].asked, WORKERS);
		assert_int_equal(report_of(hands[i]).known, 1);
	}
}

static void none_is_forgotten_before_the_limit_and_more_are_never_known(void **state)
{
	(void)state;
	share(LIMIT);
	for (uint32_t n = 0; n < LIMIT; n++)
		note(hands[n % WORKERS], n);
	assert_int_equal(report_of(hands[0]).known, LIMIT);
	assert_int_equal(forgotten(), 0);
	for (uint32_t n = LIMIT; n < 5 * LIMIT; n++) {
		note(hands[n % WORKERS], n);
		assert_int_equal(report_of(hands[n % WORKERS]).known, LIMIT);
	}
	assert_int_equal(forgotten(), 4 * LIMIT);
}

static void clock_that_is_behind_turns_no_time_back(void **state)
{
	(void)state;
	share(LIMIT);
	for (unsigned i = 0; i < WORKERS; i++)
		hands[i]->clock.now_us -= i * USEC_PER_SEC; /* the last is before the start */
	for (unsigned i = 0; i < WORKERS; i++)
		note(hands[i], 7);
	assert_true(asked_find(hands[3], "10.1.0.7"));
	assert_int_equal(hands[3]->report.first_us, 5 * USEC_PER_SEC);
	assert_int_equal(hands[3]->report.last_us, 5 * USEC_PER_SEC);
	assert_int_equal(hands[3]->report.diagnosis.seconds, 0);
}

/* Each is seen; in the order in which they asked last, which is that of their numbers. */
struct order {
	unsigned seen;
	uint64_t last_us;
};

static void look_at_order(void *ctx, const struct device_report *report)
{
	struct order *order = ctx;

	assert_true(order->seen == 0 || report->last_us <= order->last_us);
	order->last_us = report->last_us;
	order->seen++;
}

static void walk_goes_by_time_through_all_parts(void **state)
{
	struct order order = { 0 };
	(void)state;

	share(LIMIT);
	for (uint32_t n = 0; n < 500; n++) {
		for (unsigned i = 0; i < WORKERS; i++)
			asked_pass(hands[i], 0.1);
		note(hands[n % WORKERS], n);
	}
	timeline_walk(hands[1]->timeline, look_at_order, &order);
	assert_int_equal(order.seen, 500);
	order.seen = 0;
	timeline_walk_some(hands[1]->timeline, 10, look_at_order, &order);
	assert_int_equal(order.seen, 10);
	assert_int_equal(order.last_us, 5 * USEC_PER_SEC + 491 * USEC_PER_SEC / 10);
}

static void lower_limit_keeps_those_who_asked_last(void **state)
{
	(void)state;
	static const uint32_t limits[] = { 2000, 600, 100, 3 };

	share(LIMIT);
	for (uint32_t n = 0; n < LIMIT; n++) {
		for (unsigned i = 0; i < WORKERS; i++)
			asked_pass(hands[i], 0.1);
		note(hands[n % WORKERS], n);
	}
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const uint32_t kept = limits[i] < LIMIT ? limits[i] : LIMIT;

		assert_int_equal(timeline_set_limit(hands[1]->timeline, limits[i]), 0);
		assert_int_equal(timeline_limit(hands[2]->timeline), limits[i]);
		assert_int_equal(report_of(hands[0]).known, kept);
		for (uint32_t n = LIMIT - kept; n < LIMIT; n += 1 + kept / 50) {
			char who[32];

			snprintf(who, sizeof(who), "10.1.%u.%u", n / 256, n % 256);
			assert_true(asked_find(hands[3], who));
		}
	}
	note(hands[0], 5000);
	assert_int_equal(report_of(hands[0]).known, 3);
}

/* Of all the address space of this process, in bytes. */
static uint64_t taken_by_process(void)
{
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");

	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%lu", &pages), 1);
	fclose(statm);
	return (uint64_t)pages * 4096;
}

/* What is not touched counts where a process may have so much and no more. */
static void several_workers_ask_for_no_more_memory_than_one(void **state)
{
	const uint64_t before = taken_by_process();
	(void)state;

	share(100000);
	assert_true(taken_by_process() - before < 2 * UINT64_C(100000) * 984);
}

/* --- threads ---------------------------------------------------------------------------------- */

static void *hammer(void *ctx)
{
	struct asked *hand = ctx;

	for (uint32_t i = 0; i < 20000; i++) {
		hand->clock.now_us += 1000;
		note(hand, i % 900);
		if (i % 2000 == 0)
			(void)report_of(hand);
	}
	return NULL;
}

static void add_asked(void *ctx, const struct device_report *report)
{
	*(uint64_t *)ctx += report->stages[STAGE_ACTIVATION].asked;
}

static void hammer_all(void)
{
	pthread_t threads[WORKERS];
	uint64_t asked = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, hands[i]), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(report_of(hands[0]).known, 900);
	timeline_walk(hands[0]->timeline, add_asked, &asked);
	assert_int_equal(asked, WORKERS * 20000);
}

static void threads_lose_no_question(void **state)
{
	(void)state;
	share(LIMIT);
	hammer_all();
}

/* Several in one part are in each other's way, and no more than that. */
static void threads_lose_no_question_where_there_was_one(void **state)
{
	(void)state;
	share_of(LIMIT, 1);
	hammer_all();
}

/* How many of the 64 idlest of all are still known after 64 new ones. */
static unsigned idlest_that_stay(void)
{
	unsigned stay = 0;

	for (uint32_t n = 0; n < LIMIT + 64; n++) {
		for (unsigned i = 0; i < WORKERS; i++)
			asked_pass(hands[i], 0.1);
		note(hands[n % WORKERS], n);
	}
	assert_int_equal(report_of(hands[0]).known, LIMIT);
	for (uint32_t n = 0; n < 64; n++) {
		char who[32];

		snprintf(who, sizeof(who), "10.1.0.%u", n);
		stay += asked_find(hands[1], who);
	}
	return stay;
}

/* The idlest of its part gives way to a new one: with one part that is the idlest of all. With
 * several, these may meet in the same parts by chance, but not again and again. */
static void what_was_for_one_has_parts_once_there_are_several(void **state)
{
	unsigned stay = 0;
	(void)state;

	for (unsigned i = 0; i < 6; i++) {
		share_of(LIMIT, 1);
		note(hands[0], 0);
		assert_int_equal(timeline_set_limit(hands[0]->timeline, LIMIT), 0);
		assert_int_equal(report_of(hands[0]).known, 1);
		stay += idlest_that_stay();
	}
	assert_true(stay > 0);
}

static void no_memory_for_more_parts_keeps_the_one(void **state)
{
	(void)state;
	share_of(LIMIT, 1);
	note(hands[0], 7);
	mem_fail_nth(1);
	assert_int_equal(timeline_set_limit(hands[0]->timeline, LIMIT), 0);
	mem_fail_nth(0);
	assert_true(asked_find(hands[1], "10.1.0.7"));
	assert_int_equal(timeline_set_limit(hands[0]->timeline, LIMIT), 0);
	assert_true(asked_find(hands[1], "10.1.0.7"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(device_is_one_whichever_worker_it_asks),
	cmocka_unit_test(none_is_forgotten_before_the_limit_and_more_are_never_known),
	cmocka_unit_test(clock_that_is_behind_turns_no_time_back),
	cmocka_unit_test(walk_goes_by_time_through_all_parts),
	cmocka_unit_test(lower_limit_keeps_those_who_asked_last),
	cmocka_unit_test(several_workers_ask_for_no_more_memory_than_one),
	cmocka_unit_test(threads_lose_no_question),
	cmocka_unit_test(threads_lose_no_question_where_there_was_one),
	cmocka_unit_test(what_was_for_one_has_parts_once_there_are_several),
	cmocka_unit_test(no_memory_for_more_parts_keeps_the_one),
};
UNIT_MAIN_PLAIN(tests)
