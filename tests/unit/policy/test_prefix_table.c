#include "policy/prefix_table.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

/* --- helpers ------------------------------------------------------------------------------- */

static struct addr_prefix prefix_of(const char *text)
{
	struct addr_prefix prefix = { 0 };
	assert_int_equal(addr_prefix_parse(text, &prefix), 0);
	return prefix;
}

/* Of space-separated prefixes. */
static struct prefix_table *table_of(const char *texts)
{
	struct addr_prefix prefixes[64];
	char text[64];
	size_t count = 0;
	int len = 0;

	for (; sscanf(texts, " %63s%n", text, &len) == 1; texts += len)
		prefixes[count++] = prefix_of(text);
	struct prefix_table *table = unit_own(prefix_table_new(prefixes, count), prefix_table_free);
	assert_non_null(table);
	return table;
}

static int find(const struct prefix_table *table, const char *text)
{
	struct addr addr;
	size_t index = 0;

	assert_int_equal(addr_parse(text, 53, &addr), 0);
	return prefix_table_find(table, &addr, &index) ? (int)index : -1;
}

/* --- tests --------------------------------------------------------------------------------- */

static void empty_table_covers_nothing(void **state)
{
	(void)state;
	const struct prefix_table *table = table_of("");

	assert_int_equal(find(table, "192.0.2.1"), -1);
	assert_int_equal(find(table, "::"), -1);
}

static void longest_prefix_wins_whatever_the_order(void **state)
{
	(void)state;
	const struct prefix_table *table = table_of("10.9.0.0/16 0.0.0.0/0 10.9.8.7 10.0.0.0/8");

	assert_int_equal(find(table, "10.9.8.7"), 2);
	assert_int_equal(find(table, "10.9.8.8"), 0);
	assert_int_equal(find(table, "10.8.0.0"), 3);
	assert_int_equal(find(table, "11.0.0.0"), 1);
	assert_int_equal(find(table, "2001:db8::1"), -1);
}

static void first_of_equal_prefixes_counts(void **state)
{
	(void)state;
	const struct prefix_table *table = table_of("10.1.0.0/16 10.0.0.0/8 10.0.0.0/8 10.0.0.0/8");

	assert_int_equal(find(table, "10.2.0.0"), 1);
}

static void AM_02_edges_of_prefixes_are_exact(void **state)
{
	(void)state;
	const struct prefix_table *v4 = table_of("192.0.2.4/32 192.0.2.6/31 198.51.100.64/26");
	assert_int_equal(find(v4, "192.0.2.3"), -1);
	assert_int_equal(find(v4, "192.0.2.4"), 0);
	assert_int_equal(find(v4, "192.0.2.5"), -1);
	assert_int_equal(find(v4, "192.0.2.6"), 1);
	assert_int_equal(find(v4, "192.0.2.7"), 1);
	assert_int_equal(find(v4, "192.0.2.8"), -1);
	assert_int_equal(find(v4, "198.51.100.63"), -1);
	assert_int_equal(find(v4, "198.51.100.64"), 2);
	assert_int_equal(find(v4, "198.51.100.127"), 2);
	assert_int_equal(find(v4, "198.51.100.128"), -1);

	const struct prefix_table *half = table_of("128.0.0.0/1 8000::/1");
	assert_int_equal(find(half, "127.255.255.255"), -1);
	assert_int_equal(find(half, "128.0.0.0"), 0);
	assert_int_equal(find(half, "255.255.255.255"), 0);
	assert_int_equal(find(half, "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), -1);
	assert_int_equal(find(half, "8000::"), 1);
	assert_int_equal(find(half, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1);

	const struct prefix_table *all = table_of("0.0.0.0/0 ::/0");
	assert_int_equal(find(all, "0.0.0.0"), 0);
	assert_int_equal(find(all, "255.255.255.255"), 0);
	assert_int_equal(find(all, "::"), 1);
	assert_int_equal(find(all, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1);

	const struct prefix_table *v6 =
		table_of("2001:db8:0:1::/64 2001:db8::2:2/127 2001:db8::2:5/128");
	assert_int_equal(find(v6, "2001:db8:0:0:ffff:ffff:ffff:ffff"), -1);
	assert_int_equal(find(v6, "2001:db8:0:1::"), 0);
	assert_int_equal(find(v6, "2001:db8:0:1:ffff:ffff:ffff:ffff"), 0);
	assert_int_equal(find(v6, "2001:db8:0:2::"), -1);
	assert_int_equal(find(v6, "2001:db8::2:1"), -1);
	assert_int_equal(find(v6, "2001:db8::2:2"), 1);
	assert_int_equal(find(v6, "2001:db8::2:3"), 1);
	assert_int_equal(find(v6, "2001:db8::2:4"), -1);
	assert_int_equal(find(v6, "2001:db8::2:5"), 2);
	assert_int_equal(find(v6, "2001:db8::2:6"), -1);
}

static void AM_02_mapped_addresses_are_the_ipv4_addresses_they_mean(void **state)
{
	(void)state;
	const struct prefix_table *table = table_of("192.0.2.0/24 ::/0");

	assert_int_equal(find(table, "::ffff:192.0.2.1"), 0);
	assert_int_equal(find(table, "::ffff:192.0.3.1"), -1);
	assert_int_equal(find(table, "::192.0.2.1"), 1);
}

static bool is_covered(const struct addr_prefix *prefix, const struct addr *addr)
{
	for (unsigned bit = 0; bit < prefix->bits; bit++) {
		const unsigned differ = prefix->net.bytes[bit / 8] ^ addr->bytes[bit / 8];
		if ((differ >> (7 - bit % 8) & 1) != 0)
			return false;
	}
	return prefix->net.family == addr->family;
}

static void random_address(uint64_t *seed, struct addr *addr)
{
	*addr = (struct addr){ .family = unit_random(seed) % 2 ? ADDR_IPV4 : ADDR_IPV6 };
	/* few different bytes, so that prefixes nest */
	for (size_t i = 0; i < (addr->family == ADDR_IPV4 ? 4 : 16); i++)
		addr->bytes[i] = unit_random(seed) % 4 == 0 ? 0x80 : 0;
}

#define PREFIXES 40

static void random_prefix(uint64_t *seed, struct addr_prefix *prefix)
{
	random_address(seed, &prefix->net);
	const unsigned max = prefix->net.family == ADDR_IPV4 ? 32 : 128;
	/* long ones too that differ in their last bits alone */
	prefix->bits = (uint8_t)(unit_random(seed) % 4 == 0 ? max - unit_random(seed) % 3
							    : unit_random(seed) % (max + 1));
	for (unsigned bit = prefix->bits; bit < max; bit++)
		prefix->net.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

/* Any, or one at the edge of a prefix. */
static void address_to_ask(uint64_t *seed, const struct addr_prefix *prefixes, struct addr *addr)
{
	random_address(seed, addr);
	if (unit_random(seed) % 2 == 0)
		return;
	*addr = prefixes[unit_random(seed) % PREFIXES].net;
	uint8_t *last = &addr->bytes[addr->family == ADDR_IPV4 ? 3 : 15];
	*last = (uint8_t)(*last + unit_random(seed) % 3 - 1);
}

static size_t search(const struct addr_prefix *prefixes, const struct addr *addr)
{
	size_t best = PREFIXES;

	for (size_t i = 0; i < PREFIXES; i++) {
		if (is_covered(&prefixes[i], addr) &&
		    (best == PREFIXES || prefixes[i].bits > prefixes[best].bits))
			best = i;
	}
	return best;
}

/* One after another: more than a test may own at a time. */
static struct current {
	struct prefix_table *table;
} current;

static void forget(struct current *of)
{
	prefix_table_free(of->table);
	of->table = NULL;
}

static void agrees_with_a_search_through_the_whole_list(void **state)
{
	(void)state;
	uint64_t seed = 20;
	static struct addr_prefix prefixes[PREFIXES];
	unsigned covered = 0;

	unit_own(&current, forget);
	for (unsigned round = 0; round < 100; round++) {
		forget(&current);
		for (size_t i = 0; i < PREFIXES; i++)
			random_prefix(&seed, &prefixes[i]);
		current.table = prefix_table_new(prefixes, PREFIXES);
		assert_non_null(current.table);
		for (unsigned i = 0; i < 300; i++) {
			struct addr addr;
			size_t index = 0;
			address_to_ask(&seed, prefixes, &addr);
			const size_t best = search(prefixes, &addr);
			assert_int_equal(prefix_table_find(current.table, &addr, &index),
					 best < PREFIXES);
			if (best < PREFIXES)
				assert_int_equal(index, best);
			covered += best < PREFIXES;
		}
	}
	assert_in_range(covered, 5000, 29000);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(empty_table_covers_nothing),
	cmocka_unit_test(longest_prefix_wins_whatever_the_order),
	cmocka_unit_test(first_of_equal_prefixes_counts),
	cmocka_unit_test(AM_02_edges_of_prefixes_are_exact),
	cmocka_unit_test(AM_02_mapped_addresses_are_the_ipv4_addresses_they_mean),
	cmocka_unit_test(agrees_with_a_search_through_the_whole_list),
};
UNIT_MAIN(tests)
