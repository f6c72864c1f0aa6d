#include "base/clock.h"

#include "unit.h"

static void tick_never_goes_back(void **state)
{
	(void)state;
	struct clock clock = { 0 };
	clock_tick(&clock);
	assert_true(clock.now_us > 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t before = clock.now_us;
		clock_tick(&clock);
		assert_true(clock.now_us >= before);
	}
}

static void age_is_whole_seconds(void **state)
{
	(void)state;
	struct clock clock = { .now_us = 10 * USEC_PER_SEC };
	const uint64_t since = clock.now_us;
	assert_int_equal(clock_age_s(&clock, since), 0);
	clock.now_us += USEC_PER_SEC - 1;
	assert_int_equal(clock_age_s(&clock, since), 0);
	clock.now_us++;
	assert_int_equal(clock_age_s(&clock, since), 1);
	clock.now_us = since + (uint64_t)365 * 86400 * USEC_PER_SEC;
	assert_int_equal(clock_age_s(&clock, since), 365 * 86400);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(tick_never_goes_back),
	cmocka_unit_test(age_is_whole_seconds),
};

UNIT_MAIN_PLAIN(tests)
