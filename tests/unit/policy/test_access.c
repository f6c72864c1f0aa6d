#include "policy/access.h"

#include "unit.h"

static enum access_action judge(const struct conf_access *rows, size_t count, const char *client)
{
	const struct conf conf = { .access = (struct conf_access *)rows, .access_count = count };
	const struct access *access = unit_own(access_new(&conf), access_free);
	struct addr addr;

	assert_non_null(access);
	assert_int_equal(addr_parse(client, 5353, &addr), 0);
	return access_judge(access, &addr);
}

static struct conf_access row(const char *net, enum access_action action)
{
	struct conf_access row = { .action = action };
	assert_int_equal(addr_prefix_parse(net, &row.net), 0);
	return row;
}

static void nobody_is_allowed_by_an_empty_list(void **state)
{
	(void)state;
	assert_int_equal(judge(NULL, 0, "127.0.0.1"), ACCESS_REFUSE);
	assert_int_equal(judge(NULL, 0, "::1"), ACCESS_REFUSE);
}

static void longest_prefix_decides_whatever_the_order(void **state)
{
	(void)state;
	const struct conf_access rows[] = {
		row("10.9.9.0/24", ACCESS_DROP),   row("10.0.0.0/8", ACCESS_ALLOW),
		row("10.9.0.0/16", ACCESS_REFUSE), row("10.9.9.9/32", ACCESS_ALLOW),
		row("fd00::/8", ACCESS_ALLOW),
	};

	assert_int_equal(judge(rows, 5, "10.1.2.3"), ACCESS_ALLOW);
	assert_int_equal(judge(rows, 5, "10.9.1.1"), ACCESS_REFUSE);
	assert_int_equal(judge(rows, 5, "10.9.9.8"), ACCESS_DROP);
	assert_int_equal(judge(rows, 5, "10.9.9.9"), ACCESS_ALLOW);
	assert_int_equal(judge(rows, 5, "fdff::1"), ACCESS_ALLOW);
	assert_int_equal(judge(rows, 5, "fe00::1"), ACCESS_REFUSE);
}

static void AM_02_nothing_matching_is_refused(void **state)
{
	(void)state;
	const struct conf_access rows[] = { row("192.0.2.0/31", ACCESS_ALLOW),
					    row("::1/128", ACCESS_ALLOW) };

	assert_int_equal(judge(rows, 2, "192.0.2.1"), ACCESS_ALLOW);
	assert_int_equal(judge(rows, 2, "192.0.2.2"), ACCESS_REFUSE);
	assert_int_equal(judge(rows, 2, "192.0.1.255"), ACCESS_REFUSE);
	assert_int_equal(judge(rows, 2, "::ffff:192.0.2.0"), ACCESS_ALLOW);
	assert_int_equal(judge(rows, 2, "::1"), ACCESS_ALLOW);
	assert_int_equal(judge(rows, 2, "::2"), ACCESS_REFUSE);
}

static bool trusts(const struct addr_prefix *nets, size_t count, const char *client)
{
	const struct conf conf = { .trusted = (struct addr_prefix *)nets, .trusted_count = count };
	const struct access *access = unit_own(access_new(&conf), access_free);
	struct addr addr;

	assert_non_null(access);
	assert_int_equal(addr_parse(client, 5353, &addr), 0);
	return access_trusts(access, &addr);
}

static void who_is_trusted_is_told_apart_from_who_may_ask(void **state)
{
	(void)state;
	const struct addr_prefix nets[] = { row("10.0.0.0/30", ACCESS_DROP).net,
					    row("::1/128", ACCESS_DROP).net };

	assert_true(trusts(nets, 2, "10.0.0.3"));
	assert_false(trusts(nets, 2, "10.0.0.4"));
	assert_true(trusts(nets, 2, "::ffff:10.0.0.1"));
	assert_true(trusts(nets, 2, "::1"));
	assert_false(trusts(nets, 2, "127.0.0.1"));
	assert_false(trusts(NULL, 0, "127.0.0.1"));
	/* and none of them may ask */
	assert_int_equal(judge(NULL, 0, "10.0.0.3"), ACCESS_REFUSE);
}

/* By the definition: the longest that covers it, the first of equals. */
static enum access_action judge_slowly(const struct conf *conf, const struct addr *client)
{
	const struct conf_access *best = NULL;

	for (size_t i = 0; i < conf->access_count; i++) {
		const struct conf_access *row = &conf->access[i];

		if (addr_prefix_covers(&row->net, client) &&
		    (best == NULL || row->net.bits > best->net.bits))
			best = row;
	}
	return best == NULL ? ACCESS_REFUSE : best->action;
}

static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*seed >> 32) * below >> 32);
}

/* Few values, so that networks and addresses meet. */
static struct addr any_address(uint64_t *seed)
{
	static const uint8_t bytes[] = { 0, 1, 10, 127, 128, 192, 254, 255 };
	struct addr addr = { .family = draw(seed, 2) == 0 ? ADDR_IPV4 : ADDR_IPV6 };

	for (unsigned i = 0; i < (addr.family == ADDR_IPV4 ? 4u : 16u); i++)
		addr.bytes[i] = bytes[draw(seed, sizeof(bytes))];
	return addr;
}

static struct conf_access any_row(uint64_t *seed)
{
	struct conf_access row = { .net.net = any_address(seed),
				   .action = (enum access_action)draw(seed, 3) };
	const unsigned len = row.net.net.family == ADDR_IPV4 ? 4 : 16;

	row.net.bits = (uint8_t)draw(seed, draw(seed, 2) == 0 ? 25 : 8 * len + 1);
	for (unsigned i = 0; i < len; i++) {
		const unsigned kept = row.net.bits >= 8 * i + 8 ? 8
				      : row.net.bits > 8 * i	? row.net.bits - 8 * i
								: 0;
		row.net.net.bytes[i] &= (uint8_t)(0xff00u >> kept);
	}
	return row;
}

static void whatever_the_networks_each_address_has_its_longest(void **state)
{
	(void)state;
	struct conf_access rows[12];
	uint64_t seed = 1;

	for (unsigned round = 0; round < 200; round++) {
		const struct conf conf = { .access = rows, .access_count = draw(&seed, 13) };

		for (size_t i = 0; i < conf.access_count; i++)
			rows[i] = any_row(&seed);
		struct access *access = access_new(&conf);
		assert_non_null(access);
		for (unsigned i = 0; i < 500; i++) {
			const struct addr addr = any_address(&seed);
			const enum access_action right = judge_slowly(&conf, &addr);

			if (access_judge(access, &addr) != right) {
				access_free(access);
				fail_msg("round %u, address %u", round, i);
			}
		}
		access_free(access);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nobody_is_allowed_by_an_empty_list),
	cmocka_unit_test(longest_prefix_decides_whatever_the_order),
	cmocka_unit_test(AM_02_nothing_matching_is_refused),
	cmocka_unit_test(who_is_trusted_is_told_apart_from_who_may_ask),
	cmocka_unit_test(whatever_the_networks_each_address_has_its_longest),
};
UNIT_MAIN(tests)
