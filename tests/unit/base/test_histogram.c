#include "base/histogram.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static void each_step_ends_where_it_says(void **state)
{
	(void)state;
	for (unsigned step = 0; step < HISTOGRAM_STEPS; step++) {
		const uint64_t end_us = UINT64_C(1000) << step;
		struct histogram histogram = { .sum_us = 0 };

		histogram_add(&histogram, end_us);
		assert_int_equal(histogram.counts[step], 1);
		if (step > 0)
			histogram_add(&histogram, end_us / 2 + 1);
		assert_int_equal(histogram.counts[step], 1 + (step > 0));
		histogram_add(&histogram, end_us + 1);
		assert_int_equal(histogram.counts[step],
				 1 + (step > 0) + (step == HISTOGRAM_STEPS - 1));
		assert_int_equal(histogram_total(&histogram), 2 + (step > 0));
	}
}

static void nothing_and_for_ever_have_their_steps(void **state)
{
	struct histogram histogram = { .sum_us = 0 };
	(void)state;

	histogram_add(&histogram, 0);
	histogram_add(&histogram, UINT64_MAX);
	assert_int_equal(histogram.counts[0], 1);
	assert_int_equal(histogram.counts[HISTOGRAM_STEPS - 1], 1);
}

static void add_line(void *ctx, const char *text)
{
	char *all = ctx;

	snprintf(all + strlen(all), strlen(text) + 2, "%s\n", text);
}

static void a_report_adds_up_from_step_to_step(void **state)
{
	struct histogram histogram = { .sum_us = 0 }, more = { .sum_us = 0 };
	char *all = unit_zalloc(4096);
	(void)state;

	histogram_add(&histogram, 700);
	histogram_add(&histogram, 3000);
	histogram_add(&more, 3100);
	histogram_add(&more, 9000000);
	histogram_merge(&histogram, &more);
	histogram_report(&histogram, "took", "of=\"a\"", add_line, all);
	assert_non_null(strstr(all, "took_bucket{of=\"a\",le=\"0.001\"} 1\n"
				    "took_bucket{of=\"a\",le=\"0.002\"} 1\n"
				    "took_bucket{of=\"a\",le=\"0.004\"} 3\n"
				    "took_bucket{of=\"a\",le=\"0.008\"} 3\n"));
	assert_non_null(strstr(all, "took_bucket{of=\"a\",le=\"4.096\"} 3\n"
				    "took_bucket{of=\"a\",le=\"+Inf\"} 4\n"
				    "took_sum{of=\"a\"} 9.006800\n"
				    "took_count{of=\"a\"} 4\n"));
	all[0] = '\0';
	histogram_report(&histogram, "took", "", add_line, all);
	assert_non_null(strstr(all, "took_bucket{le=\"0.001\"} 1\n"));
	assert_non_null(strstr(all, "took_sum 9.006800\ntook_count 4\n"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_step_ends_where_it_says),
	cmocka_unit_test(nothing_and_for_ever_have_their_steps),
	cmocka_unit_test(a_report_adds_up_from_step_to_step),
};

UNIT_MAIN_PLAIN(tests)
