#include "base/stats.h"

#include <string.h>

#include "unit.h"

static void every_counter_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STAT_COUNT; i++) {
		const char *name = stats_name((enum stat)i);
		assert_non_null(name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"),
				 strlen(name));
		assert_true(strlen(name) > 0 && strlen(stats_help((enum stat)i)) > 0);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(name, stats_name((enum stat)j));
	}
	assert_string_equal(stats_name(STAT_COALESCED), "coalesced");
}

static void counting_touches_one_counter(void **state)
{
	(void)state;
	struct stats stats = { { 0 } };
	stats_count(&stats, STAT_CACHE_HITS);
	stats_add(&stats, STAT_CACHE_HITS, 2);
	for (unsigned i = 0; i < STAT_COUNT; i++)
		assert_int_equal(stats.count[i], i == STAT_CACHE_HITS ? 3 : 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_counter_has_a_name_of_its_own),
	cmocka_unit_test(counting_touches_one_counter),
};

UNIT_MAIN_PLAIN(tests)
