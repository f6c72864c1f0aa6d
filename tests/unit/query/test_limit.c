#include "query/limit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stderr_pipe.h"

static void a_limit_is_counted_each_time_and_told_once_a_minute(void **state)
{
	struct stats stats = { 0 };
	struct clock clock = { .now_us = USEC_PER_SEC };
	struct limit_lines together = { 0 };
	struct limits limits = { .stats = &stats, .clock = &clock, .lines = &together };
	struct addr a, b;
	(void)state;

	assert_int_equal(addr_parse("192.0.2.1", 40000, &a), 0);
	assert_int_equal(addr_parse("2001:db8::1", 40000, &b), 0);
	for (unsigned i = 0; i < 100; i++)
		limit_hit(&limits, LIMIT_RATE_PER_CLIENT, i == 0 ? &a : &b);
	limit_hit(&limits, LIMIT_DESCRIPTORS, NULL);
	assert_int_equal(stats.count[STAT_LIMIT_RATE_PER_CLIENT], 100);
	assert_int_equal(stats.count[STAT_LIMIT_DESCRIPTORS], 1);
	const char *lines = stderr_pipe_said();
	assert_ptr_equal(strstr(lines, "warning: limits.rate_per_client: 192.0.2.1: "), lines);
	assert_non_null(strstr(lines, "\nwarning: open files (ulimit -n): there are too few"));
	assert_null(strstr(lines, "2001:db8"));
	assert_null(strstr(lines, "more"));

	clock.now_us += 60 * USEC_PER_SEC;
	limit_hit(&limits, LIMIT_RATE_PER_CLIENT, &b);
	limit_hit(&limits, LIMIT_RATE_PER_CLIENT, &b);
	lines = stderr_pipe_said();
	assert_non_null(strstr(lines, "limits.rate_per_client: 2001:db8::/64: "));
	assert_non_null(strstr(lines, " (99 times more since this was told last)\n"));
	assert_ptr_equal(strchr(lines, '\n'), lines + strlen(lines) - 1);
}

static void every_limit_has_a_counter_and_a_line(void **state)
{
	struct stats stats = { 0 };
	const struct clock clock = { .now_us = 0 };
	struct limit_lines together = { 0 };
	struct limits limits = { .stats = &stats, .clock = &clock, .lines = &together };
	(void)state;

	for (enum limit limit = 0; limit < LIMIT_COUNT; limit++) {
		limit_hit(&limits, limit, NULL);
		assert_null(strstr(stderr_pipe_said(), "(null)"));
	}
	uint64_t sum = 0;
	for (enum stat stat = 0; stat < STAT_COUNT; stat++) {
		sum += stats.count[stat];
		if (stats.count[stat] > 0)
			assert_ptr_equal(strstr(stats_name(stat), "limit_"), stats_name(stat));
		assert_true(stats.count[stat] <= 1);
	}
	assert_int_equal(sum, LIMIT_COUNT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stderr_pipe_open, stderr_pipe_close)

static const struct CMUnitTest tests[] = {
	TEST(a_limit_is_counted_each_time_and_told_once_a_minute),
	TEST(every_limit_has_a_counter_and_a_line),
};

UNIT_MAIN_PLAIN(tests)
