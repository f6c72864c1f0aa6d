#include "upstream/latency.h"

#include "base/clock.h"
#include "unit.h"

#define MSEC ((uint64_t)USEC_PER_MSEC)
#define SEC ((uint64_t)USEC_PER_SEC)

static uint64_t now_us = 1000 * SEC;

static void answer(struct latency *latency, uint64_t took_us)
{
	now_us += 100 * MSEC;
	latency_add(latency, now_us, took_us, took_us, 1);
}

/* The first send was lost: the second, `gap_us` after it, is answered in `took_us`. */
static void answer_resend(struct latency *latency, uint64_t gap_us, uint64_t took_us)
{
	now_us += 100 * MSEC;
	latency_add(latency, now_us, gap_us + took_us, took_us, 2);
}

static void assert_about(uint64_t value, uint64_t wanted)
{
	assert_in_range(value, wanted - wanted / 5, wanted + wanted / 4);
}

static void nothing_is_known_of_a_new_server(void **state)
{
	const struct latency latency = { 0 };
	(void)state;

	assert_int_equal(latency_smoothed_us(&latency, now_us), 0);
	assert_int_equal(latency_p95_us(&latency), 0);
	assert_false(latency_is_lossy(&latency));
}

static void one_answer_gives_a_latency_four_a_p95(void **state)
{
	struct latency latency = { 0 };
	(void)state;

	answer(&latency, 30 * MSEC);
	assert_int_equal(latency_smoothed_us(&latency, now_us), 30 * MSEC);
	for (int i = 0; i < 2; i++)
		answer(&latency, 30 * MSEC);
	assert_int_equal(latency_p95_us(&latency), 0);
	answer(&latency, 30 * MSEC);
	assert_about(latency_p95_us(&latency), 30 * MSEC);
}

/* As it is defined, for latency.c keeps it at hand. */
static unsigned p95_by_looking_at_all(const struct latency *latency)
{
	uint32_t beyond = 0;
	unsigned step = LATENCY_STEPS - 1;

	while ((beyond += latency->steps[step]) <= latency->total / 20)
		step--;
	return step;
}

static void p95_is_what_looking_at_all_answers_says(void **state)
{
	struct latency latency = { 0 };
	uint64_t seed = 7;
	(void)state;

	for (unsigned i = 0; i < 20000; i++) {
		/* between some us and a minute, now here, now there */
		const unsigned shift =
			(unsigned)(unit_random(&seed) % (i / 500 % 2 == 0 ? 26 : 12));

		answer(&latency, (unit_random(&seed) & 1023) << shift >> 10);
		assert_int_equal(latency.p95, p95_by_looking_at_all(&latency));
	}
}

static void p95_is_within_a_step_of_any_latency(void **state)
{
	(void)state;

	for (uint64_t us = 100; us < 8 * SEC; us += us / 7) {
		struct latency latency = { 0 };

		for (int i = 0; i < 8; i++)
			answer(&latency, us);
		assert_true(latency_p95_us(&latency) > us);
		assert_true(latency_p95_us(&latency) <= us + us / 4 + 128);
	}
}

static void extreme_times_do_no_harm(void **state)
{
	static const uint64_t extremes[] = { 0, 1, 63, 64, 8 * SEC, 100 * SEC, UINT64_MAX / 4 };
	struct latency latency = { 0 };
	(void)state;

	for (size_t i = 0; i < sizeof(extremes) / sizeof(extremes[0]); i++) {
		answer(&latency, extremes[i]);
		assert_true(latency_smoothed_us(&latency, now_us) > 0);
		assert_true(latency_smoothed_us(&latency, now_us) <= 8 * SEC);
	}
	assert_true(latency_p95_us(&latency) <= 16 * SEC);
}

/* What it knows takes 1 ms, what it must look up 1.5 s: one in five. */
static void server_that_resolves_has_a_p95_of_what_it_looks_up(void **state)
{
	struct latency latency = { 0 };
	(void)state;

	for (int i = 0; i < 100; i++)
		answer(&latency, i % 5 == 4 ? 1500 * MSEC : MSEC);
	assert_about(latency_p95_us(&latency), 1500 * MSEC);
	assert_true(latency_smoothed_us(&latency, now_us) < 600 * MSEC);
}

static void server_that_becomes_fast_is_known_as_fast_soon(void **state)
{
	struct latency latency = { 0 };
	(void)state;

	for (int i = 0; i < 500; i++)
		answer(&latency, 800 * MSEC);
	for (int i = 0; i < 40; i++)
		answer(&latency, 2 * MSEC);
	assert_true(latency_smoothed_us(&latency, now_us) < 10 * MSEC);
	for (int i = 0; i < 160; i++)
		answer(&latency, 2 * MSEC);
	assert_true(latency_p95_us(&latency) < 4 * MSEC);
}

static void what_is_known_fades_while_nobody_asks(void **state)
{
	struct latency latency = { 0 };
	(void)state;

	for (int i = 0; i < 10; i++)
		answer(&latency, 200 * MSEC);
	assert_int_equal(latency_smoothed_us(&latency, now_us), 200 * MSEC);
	assert_about(latency_smoothed_us(&latency, now_us + 30 * SEC), 150 * MSEC);
	assert_about(latency_smoothed_us(&latency, now_us + 60 * SEC), 100 * MSEC);
	assert_about(latency_smoothed_us(&latency, now_us + 300 * SEC), 200 * MSEC / 32);
	assert_int_equal(latency_smoothed_us(&latency, now_us + 864000 * SEC), 1);
	/* one look is enough to see that it is as slow as ever */
	now_us += 300 * SEC;
	answer(&latency, 200 * MSEC);
	assert_int_equal(latency_smoothed_us(&latency, now_us), 200 * MSEC);
}

static void after_half_an_hour_all_is_learned_anew(void **state)
{
	struct latency latency = { 0 };
	(void)state;

	for (int i = 0; i < 10; i++)
		answer_resend(&latency, 400 * MSEC, MSEC);
	for (int i = 0; i < 10; i++)
		answer(&latency, 300 * MSEC);
	now_us += 1800 * SEC;
	answer(&latency, 2 * MSEC);
	assert_int_equal(latency_p95_us(&latency), 0);
	assert_int_equal(latency_smoothed_us(&latency, now_us), 2 * MSEC);
}

/* 30 of 100 packets lost, evenly. */
static void loss_is_seen_within_a_handful_of_questions(void **state)
{
	struct latency latency = { 0 };
	(void)state;

	for (int i = 0; i < 4; i++)
		answer(&latency, 5 * MSEC);
	answer_resend(&latency, 400 * MSEC, 5 * MSEC);
	assert_false(latency_is_lossy(&latency)); /* one may be anything */
	answer(&latency, 5 * MSEC);
	answer(&latency, 5 * MSEC);
	answer_resend(&latency, 400 * MSEC, 5 * MSEC);
	assert_true(latency_is_lossy(&latency));
	/* and the resends that come sooner then do not hide it */
	for (int i = 0; i < 300; i++) {
		if (i % 10 < 3)
			answer_resend(&latency, 100 * MSEC, 5 * MSEC);
		else
			answer(&latency, 5 * MSEC);
		assert_true(latency_is_lossy(&latency));
	}
	assert_true(latency_p95_us(&latency) < 8 * MSEC);
	assert_true(latency_smoothed_us(&latency, now_us) < 8 * MSEC);
}

/* The machine is late at first, so that what answers a resend seems to answer the first send. */
static void loss_is_seen_after_a_late_beginning(void **state)
{
	struct latency latency = { 0 };
	(void)state;

	for (int i = 0; i < 60; i++) {
		if (i % 10 < 3)
			answer_resend(&latency, 400 * MSEC, 50 * MSEC);
		else
			answer(&latency, MSEC);
	}
	assert_true(latency_p95_us(&latency) > 400 * MSEC);
	for (int i = 0; i < 100; i++) {
		if (i % 10 < 3)
			answer_resend(&latency, 400 * MSEC, MSEC);
		else
			answer(&latency, MSEC);
	}
	assert_true(latency_is_lossy(&latency));
	assert_true(latency_p95_us(&latency) < 8 * MSEC);
}

static void loss_on_a_long_way_is_seen_too(void **state)
{
	struct latency latency = { 0 };
	(void)state;

	for (int i = 0; i < 10; i++)
		answer(&latency, 180 * MSEC);
	for (int i = 0; i < 3; i++)
		answer_resend(&latency, 400 * MSEC, 180 * MSEC);
	assert_true(latency_is_lossy(&latency));
}

static void loss_that_ends_is_forgotten(void **state)
{
	struct latency latency = { 0 };
	(void)state;

	for (int i = 0; i < 4; i++)
		answer(&latency, 5 * MSEC);
	for (int i = 0; i < 20; i++)
		answer_resend(&latency, 100 * MSEC, 5 * MSEC);
	assert_true(latency_is_lossy(&latency));
	for (int i = 0; i < 50; i++)
		answer(&latency, 5 * MSEC);
	assert_false(latency_is_lossy(&latency));
}

/* Its late answers come at any time after the resend: few of them at once. */
static void slow_server_is_not_taken_for_a_lossy_one(void **state)
{
	struct latency latency = { 0 };
	(void)state;

	for (int i = 0; i < 300; i++) {
		if (i % 10 == 9)
			answer_resend(&latency, 400 * MSEC, (uint64_t)(50 + i * 5) * MSEC);
		else
			answer(&latency, MSEC);
		assert_false(latency_is_lossy(&latency));
	}
}

static void server_that_always_answers_just_after_the_resend_is_not_lossy(void **state)
{
	struct latency latency = { 0 };
	(void)state;

	for (int i = 0; i < 100; i++) {
		answer_resend(&latency, 400 * MSEC, 10 * MSEC);
		assert_false(latency_is_lossy(&latency));
	}
	assert_int_equal(latency_smoothed_us(&latency, now_us), 410 * MSEC);
}

static void silence_makes_a_server_look_worse(void **state)
{
	struct latency known = { 0 }, unknown = { 0 };
	(void)state;

	answer(&known, 100 * MSEC);
	latency_add_silence(&known, now_us);
	assert_int_equal(latency_smoothed_us(&known, now_us), 130 * MSEC);
	for (int i = 0; i < 200; i++)
		latency_add_silence(&known, now_us);
	assert_in_range(latency_smoothed_us(&known, now_us), SEC, 3 * SEC);
	assert_int_equal(latency_measured_us(&known), 100 * MSEC);
	answer(&known, 100 * MSEC);
	assert_int_equal(latency_smoothed_us(&known, now_us), 100 * MSEC);
	latency_add_silence(&unknown, now_us);
	assert_int_equal(latency_smoothed_us(&unknown, now_us), SEC);
	assert_int_equal(latency_p95_us(&unknown), 0);
	assert_int_equal(latency_measured_us(&unknown), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_is_known_of_a_new_server),
	cmocka_unit_test(one_answer_gives_a_latency_four_a_p95),
	cmocka_unit_test(p95_is_what_looking_at_all_answers_says),
	cmocka_unit_test(p95_is_within_a_step_of_any_latency),
	cmocka_unit_test(extreme_times_do_no_harm),
	cmocka_unit_test(server_that_resolves_has_a_p95_of_what_it_looks_up),
	cmocka_unit_test(server_that_becomes_fast_is_known_as_fast_soon),
	cmocka_unit_test(what_is_known_fades_while_nobody_asks),
	cmocka_unit_test(after_half_an_hour_all_is_learned_anew),
	cmocka_unit_test(loss_is_seen_within_a_handful_of_questions),
	cmocka_unit_test(loss_is_seen_after_a_late_beginning),
	cmocka_unit_test(loss_on_a_long_way_is_seen_too),
	cmocka_unit_test(loss_that_ends_is_forgotten),
	cmocka_unit_test(slow_server_is_not_taken_for_a_lossy_one),
	cmocka_unit_test(server_that_always_answers_just_after_the_resend_is_not_lossy),
	cmocka_unit_test(silence_makes_a_server_look_worse),
};
UNIT_MAIN_PLAIN(tests)
