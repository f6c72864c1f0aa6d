#include "query/traffic.h"

#include <string.h>

#include "unit.h"

static const struct client by_udp = { .from = { .family = ADDR_IPV4 } };
static const struct client by_tcp = { .from = { .family = ADDR_IPV6 }, .is_stream = true };

static struct traffic *new_traffic(void)
{
	return unit_zalloc(sizeof(struct traffic));
}

static void every_type_is_counted_once_and_most_of_them_as_others(void **state)
{
	struct traffic *traffic = new_traffic();
	uint64_t sum = 0;
	(void)state;

	for (unsigned type = 0; type <= UINT16_MAX; type++)
		traffic_count_query(traffic, &by_udp, (uint16_t)type);
	for (unsigned slot = 0; slot < TRAFFIC_TYPES; slot++) {
		sum += traffic->queries[slot][0][ADDR_IPV4];
		assert_int_equal(traffic->queries[slot][1][ADDR_IPV6], 0);
	}
	assert_int_equal(sum, UINT16_MAX + 1);
	assert_int_equal(traffic->queries[TYPE_AAAA][0][ADDR_IPV4], 1);
	assert_int_equal(traffic->queries[TYPE_HTTPS][0][ADDR_IPV4], 1);
	assert_int_equal(traffic->queries[TRAFFIC_ANY][0][ADDR_IPV4], 1);
	assert_int_equal(traffic->queries[TRAFFIC_OTHER][0][ADDR_IPV4], UINT16_MAX + 1 - 65 - 1);
}

static void ways_of_asking_are_told_apart(void **state)
{
	struct traffic *traffic = new_traffic();
	(void)state;

	traffic_count_query(traffic, &by_tcp, TYPE_A);
	assert_int_equal(traffic->queries[TYPE_A][1][ADDR_IPV6], 1);
	assert_int_equal(traffic->queries[TYPE_A][0][ADDR_IPV6], 0);
	assert_int_equal(traffic->queries[TYPE_A][1][ADDR_IPV4], 0);
}

static void rcodes_are_whole_and_the_rare_ones_are_others(void **state)
{
	static const struct {
		unsigned rcode, slot;
	} cases[] = { { 0, 0 },	  { 5, 5 },   { 15, 15 },  { 16, 16 },
		      { 17, 17 }, { 23, 17 }, { 4095, 17 } };
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t wire[12] = { 0, 1, 0x81, (uint8_t)(0x80 | (cases[i].rcode & 15)) };
		struct traffic *traffic = new_traffic();

		traffic_count_reply(traffic, wire, cases[i].rcode >> 4, true);
		for (unsigned slot = 0; slot < TRAFFIC_RCODES; slot++)
			assert_int_equal(traffic->replies[slot], slot == cases[i].slot);
		traffic_count_reply(traffic, wire, cases[i].rcode >> 4, false);
		assert_int_equal(traffic->replies[cases[i].rcode & 15],
				 1 + (cases[i].slot == (cases[i].rcode & 15)));
	}
}

static void whoever_did_not_wait_took_no_time(void **state)
{
	static const uint8_t wire[12] = { 0 };
	struct traffic *traffic = new_traffic(), *other = new_traffic();
	struct histogram durations;
	(void)state;

	for (unsigned i = 0; i < 5; i++)
		traffic_count_reply(traffic, wire, 0, true);
	histogram_add(&traffic->waited, 30000);
	histogram_add(&traffic->waited, 500);
	traffic_count_reply(other, wire, 0, false);
	histogram_add(&other->waited, 2000);
	traffic_merge(traffic, other);
	traffic_durations(traffic, &durations);
	assert_int_equal(histogram_total(&durations), 6);
	assert_int_equal(durations.counts[0], 4);
	assert_int_equal(durations.counts[1], 1);
	assert_int_equal(durations.counts[5], 1);
	assert_int_equal(durations.sum_us, 32500);
}

static void what_another_worker_counted_comes_on_top(void **state)
{
	struct traffic *traffic = new_traffic(), *other = new_traffic();
	(void)state;

	for (unsigned i = 0; i < 2; i++)
		traffic_count_query(traffic, &by_udp, TYPE_A);
	traffic_count_query(other, &by_udp, TYPE_A);
	traffic_count_query(other, &by_tcp, TYPE_ANY);
	traffic_merge(traffic, other);
	assert_int_equal(traffic_queries(traffic, false), 3);
	assert_int_equal(traffic_queries(traffic, true), 1);
	assert_int_equal(traffic->queries[TYPE_A][0][ADDR_IPV4], 3);
	assert_int_equal(traffic->queries[TRAFFIC_ANY][1][ADDR_IPV6], 1);
}

static void slots_have_words(void **state)
{
	struct type_text text;
	(void)state;

	assert_string_equal(traffic_type_to_text(TRAFFIC_OTHER, &text), "other");
	assert_string_equal(traffic_type_to_text(TRAFFIC_ANY, &text), "ANY");
	assert_string_equal(traffic_type_to_text(TYPE_HTTPS, &text), "HTTPS");
	assert_string_equal(traffic_rcode_to_text(RCODE_SERVFAIL, &text), "SERVFAIL");
	assert_string_equal(traffic_rcode_to_text(RCODE_BADVERS, &text), "BADVERS");
	assert_string_equal(traffic_rcode_to_text(TRAFFIC_RCODE_OTHER, &text), "other");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_type_is_counted_once_and_most_of_them_as_others),
	cmocka_unit_test(ways_of_asking_are_told_apart),
	cmocka_unit_test(rcodes_are_whole_and_the_rare_ones_are_others),
	cmocka_unit_test(whoever_did_not_wait_took_no_time),
	cmocka_unit_test(what_another_worker_counted_comes_on_top),
	cmocka_unit_test(slots_have_words),
};
UNIT_MAIN(tests)
