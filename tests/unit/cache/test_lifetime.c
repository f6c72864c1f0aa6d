#include "unit.h"

#include "cache/lifetime.h"

static const struct lifetime_limits defaults = { .ttl_max = 86400, .negative_ttl_max = 3600 };

static uint32_t positive(uint32_t ttl, const struct lifetime_limits *limits)
{
	const struct message_facts facts = { .has_ttl = true, .min_ttl = ttl };
	return lifetime_of(&facts, false, limits);
}

static uint32_t negative(uint32_t ttl, uint32_t soa_minimum, const struct lifetime_limits *limits)
{
	const struct message_facts facts = {
		.has_ttl = true, .min_ttl = ttl, .has_soa = true, .soa_minimum = soa_minimum
	};
	return lifetime_of(&facts, true, limits);
}

static void CA_04_positive_answer_lives_by_its_smallest_ttl(void **state)
{
	(void)state;
	assert_int_equal(positive(1, &defaults), 1);
	assert_int_equal(positive(300, &defaults), 300);
	assert_int_equal(positive(86400, &defaults), 86400);
	assert_int_equal(positive(86401, &defaults), 86400);
}

static void CA_05_ttl_of_the_authority_counts_in_a_positive_answer(void **state)
{
	(void)state; /* message_read() takes it into min_ttl; SOA or not makes no difference */
	const struct message_facts facts = {
		.has_ttl = true, .min_ttl = 2, .has_soa = true, .soa_minimum = 1
	};
	assert_int_equal(lifetime_of(&facts, false, &defaults), 2);
}

static void CA_03_ttl_zero_is_no_lifetime_whatever_the_limits(void **state)
{
	(void)state;
	const struct lifetime_limits raised = { .ttl_min = 60,
						.ttl_max = 86400,
						.negative_ttl_max = 3600 };
	assert_int_equal(positive(0, &defaults), 0);
	assert_int_equal(positive(0, &raised), 0);
	assert_int_equal(negative(0, 300, &raised), 0);
	assert_int_equal(negative(300, 0, &raised), 0);
}

static void CA_07_top_bit_means_zero(void **state)
{
	(void)state;
	assert_int_equal(positive(0x80000001, &defaults), 0);
	assert_int_equal(positive(0x7fffffff, &defaults), 86400);
	assert_int_equal(negative(300, 0x80000000, &defaults), 0);
	assert_int_equal(negative(300, 0x7fffffff, &defaults), 300);
}

static void CA_09_ttl_min_raises_positive_answers_only(void **state)
{
	(void)state;
	const struct lifetime_limits limits = { .ttl_min = 5,
						.ttl_max = 86400,
						.negative_ttl_max = 3600 };
	assert_int_equal(positive(1, &limits), 5);
	assert_int_equal(positive(5, &limits), 5);
	assert_int_equal(positive(6, &limits), 6);
	assert_int_equal(negative(1, 300, &limits), 1);
}

static void answer_without_records_is_not_kept(void **state)
{
	(void)state;
	const struct message_facts facts = { .has_ttl = false };
	assert_int_equal(lifetime_of(&facts, false, &defaults), 0);
	assert_int_equal(lifetime_of(&facts, true, &defaults), 0);
}

static void NG_06_NG_08_negative_answer_lives_by_its_smallest_ttl(void **state)
{
	(void)state; /* be it the SOA's or the CNAME's */
	assert_int_equal(negative(2, 180, &defaults), 2);
	assert_int_equal(negative(49, 180, &defaults), 49);
}

static void NG_07_soa_minimum_caps(void **state)
{
	(void)state;
	assert_int_equal(negative(279, 2, &defaults), 2);
}

static void NG_09_negative_answer_without_soa_is_not_kept(void **state)
{
	(void)state;
	const struct message_facts facts = { .has_ttl = true, .min_ttl = 279 };
	assert_int_equal(lifetime_of(&facts, true, &defaults), 0);
}

static void NG_36_negative_answers_have_a_limit_of_their_own(void **state)
{
	(void)state;
	const struct lifetime_limits two = { .ttl_max = 86400, .negative_ttl_max = 2 };
	const struct lifetime_limits none = { .ttl_max = 86400, .negative_ttl_max = 0 };
	const struct lifetime_limits short_zone = { .ttl_max = 60, .negative_ttl_max = 3600 };

	assert_int_equal(negative(86400, 86400, &defaults), 3600);
	assert_int_equal(negative(86400, 86400, &two), 2);
	assert_int_equal(negative(86400, 86400, &none), 0);
	assert_int_equal(negative(86400, 86400, &short_zone), 60);
}

static void failures_live_five_seconds_then_double_up_to_five_minutes(void **state)
{
	(void)state;
	static const uint32_t expected[] = { 5, 10, 20, 40, 80, 160, 300, 300 };

	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(lifetime_of_failure(i), expected[i]);
	assert_int_equal(lifetime_of_failure(UINT32_MAX), 300);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(CA_04_positive_answer_lives_by_its_smallest_ttl),
	cmocka_unit_test(CA_05_ttl_of_the_authority_counts_in_a_positive_answer),
	cmocka_unit_test(CA_03_ttl_zero_is_no_lifetime_whatever_the_limits),
	cmocka_unit_test(CA_07_top_bit_means_zero),
	cmocka_unit_test(CA_09_ttl_min_raises_positive_answers_only),
	cmocka_unit_test(answer_without_records_is_not_kept),
	cmocka_unit_test(NG_06_NG_08_negative_answer_lives_by_its_smallest_ttl),
	cmocka_unit_test(NG_07_soa_minimum_caps),
	cmocka_unit_test(NG_09_negative_answer_without_soa_is_not_kept),
	cmocka_unit_test(NG_36_negative_answers_have_a_limit_of_their_own),
	cmocka_unit_test(failures_live_five_seconds_then_double_up_to_five_minutes),
};
UNIT_MAIN(tests)
