#include "upstream/pool.h"

#include "base/clock.h"
#include "unit.h"

static const struct addr addrs[] = {
	{ .bytes = { 192, 0, 2, 1 }, .port = 53, .family = ADDR_IPV4 },
	{ .bytes = { 192, 0, 2, 2 }, .port = 5353, .family = ADDR_IPV4 },
	{ .bytes = { 0x20, 1, 0xd, 0xb8 }, .port = 53, .family = ADDR_IPV6 },
};

static struct pool *new_pool(size_t count)
{
	struct pool *pool = unit_own(pool_new("corp", addrs, count, 1500), pool_unref);

	assert_non_null(pool);
	return pool;
}

static void servers_take_turns_as_listed(void **state)
{
	struct pool *pool = new_pool(3);
	(void)state;

	assert_int_equal(pool_size(pool), 3);
	assert_string_equal(pool_name(pool), "corp");
	assert_int_equal(pool_timeout_ms(pool), 1500);
	for (unsigned turn = 0; turn < 7; turn++) {
		assert_true(addr_equal(server_addr(pool_pick(pool, turn)), &addrs[turn % 3]));
		assert_ptr_equal(pool_pick(pool, turn), pool_pick(pool, turn + 3));
	}
}

static void there_may_be_none(void **state)
{
	(void)state;
	assert_null(pool_pick(new_pool(0), 0));
}

static void it_lives_until_the_last_lets_go(void **state)
{
	struct pool *pool = pool_new("corp", addrs, 1, 1500);
	(void)state;

	assert_non_null(pool);
	assert_ptr_equal(pool_ref(pool), pool);
	pool_unref(pool);
	assert_true(addr_equal(server_addr(pool_pick(pool, 0)), &addrs[0]));
	pool_unref(pool);
	pool_unref(NULL);
}

static void ED_22_that_a_server_lacks_edns_is_forgotten_after_an_hour(void **state)
{
	struct server *server = unit_own(server_new(&addrs[0]), server_free);
	const uint64_t now_us = 5 * USEC_PER_SEC, hour_us = UINT64_C(3600) * USEC_PER_SEC;
	(void)state;

	assert_non_null(server);
	assert_false(server_lacks_edns(server, now_us));
	server_note_lacks_edns(server, now_us);
	assert_true(server_lacks_edns(server, now_us));
	assert_true(server_lacks_edns(server, now_us + hour_us - 1));
	assert_false(server_lacks_edns(server, now_us + hour_us));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(servers_take_turns_as_listed),
	cmocka_unit_test(there_may_be_none),
	cmocka_unit_test(it_lives_until_the_last_lets_go),
	cmocka_unit_test(ED_22_that_a_server_lacks_edns_is_forgotten_after_an_hour),
};
UNIT_MAIN(tests)
