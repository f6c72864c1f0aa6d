#include "query/repair_tally.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "unit.h"

static char lines[4096];

static void take_line(void *ctx, const char *text)
{
	(void)ctx;
	assert_true(strlen(lines) + strlen(text) + 2 < sizeof(lines));
	strncat(lines, text, sizeof(lines) - strlen(lines) - 1);
	strncat(lines, "\n", sizeof(lines) - strlen(lines) - 1);
}

static const char *report(const struct repair_tallies *table)
{
	lines[0] = '\0';
	repair_tally_report(table, take_line, NULL);
	return lines;
}

static struct repair_tallies *new_table(void)
{
	struct repair_tallies *table = unit_own(repair_tally_table_new(), repair_tally_table_free);

	assert_non_null(table);
	return table;
}

static void repairs_are_counted_by_family_and_way(void **state)
{
	struct repair_tallies *table = new_table();
	(void)state;

	assert_string_equal(report(table), "");
	for (unsigned i = 0; i < 3; i++)
		repair_tally_count(table, "apple", REPAIR_HOW_REASK);
	repair_tally_count(table, "other", REPAIR_HOW_PASSED_ON);
	repair_tally_count(table, "apple", REPAIR_HOW_LAST_GOOD);
	if (unit_is_starved())
		return;
	assert_string_equal(report(table),
			    "courierdns_repairs_total{family=\"apple\",how=\"reask\"} 3\n"
			    "courierdns_repairs_total{family=\"apple\",how=\"last_good\"} 1\n"
			    "courierdns_repairs_total{family=\"other\",how=\"passed_on\"} 1\n");
}

static void each_way_has_a_phrase(void **state)
{
	(void)state;
	for (enum repair_how how = 0; how < REPAIR_HOW_COUNT; how++)
		assert_true(strlen(repair_tally_phrase(how)) > 10);
}

static void something_is_due_once_in_a_while_for_each_family(void **state)
{
	struct repair_tallies *table = new_table();
	const uint64_t now_us = 1000 * USEC_PER_SEC, minute_us = 60 * USEC_PER_SEC;
	(void)state;

	assert_true(repair_tally_is_due(table, "apple", now_us, minute_us));
	assert_false(repair_tally_is_due(table, "apple", now_us + minute_us - 1, minute_us));
	assert_true(repair_tally_is_due(table, "other", now_us, minute_us));
	assert_true(repair_tally_is_due(table, "apple", now_us + minute_us, minute_us));
	assert_false(repair_tally_is_due(table, "apple", now_us + minute_us, minute_us));
}

static void families_beyond_all_bounds_are_not_counted(void **state)
{
	struct repair_tallies *table = new_table();
	char name[16];
	(void)state;

	for (unsigned i = 0; i < 64; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		repair_tally_count(table, name, REPAIR_HOW_REASK);
	}
	if (unit_is_starved())
		return;
	repair_tally_count(table, "f64", REPAIR_HOW_REASK);
	repair_tally_count(table, "f63", REPAIR_HOW_REASK);
	assert_non_null(strstr(report(table), "{family=\"f63\",how=\"reask\"} 2\n"));
	assert_null(strstr(lines, "f64"));
	assert_false(repair_tally_is_due(table, "f64", 1, 1));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(repairs_are_counted_by_family_and_way),
	cmocka_unit_test(each_way_has_a_phrase),
	cmocka_unit_test(something_is_due_once_in_a_while_for_each_family),
	cmocka_unit_test(families_beyond_all_bounds_are_not_counted),
};
UNIT_MAIN(tests)
