#include "upstream/pool.h"

#include "unit.h"

static struct conf_server hows[] = {
	{ .addr = { .bytes = { 192, 0, 2, 1 }, .port = 53, .family = ADDR_IPV4 } },
	{ .addr = { .bytes = { 192, 0, 2, 2 }, .port = 5353, .family = ADDR_IPV4 } },
	{ .addr = { .bytes = { 0x20, 1, 0xd, 0xb8 }, .port = 53, .family = ADDR_IPV6 } },
};

static struct conf_group group_of(size_t count)
{
	return (struct conf_group){
		.name = "corp", .servers = hows, .server_count = count, .timeout_ms = 1500
	};
}

static struct pool *new_pool(size_t count)
{
	const struct conf_group group = group_of(count);
	struct pool *pool = unit_own(pool_new(NULL, &group), pool_unref);

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
		assert_true(addr_equal(server_addr(pool_pick(pool, turn)), &hows[turn % 3].addr));
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
	const struct conf_group group = group_of(1);
	struct pool *pool = pool_new(NULL, &group);
	(void)state;

	assert_non_null(pool);
	assert_ptr_equal(pool_ref(pool), pool);
	pool_unref(pool);
	assert_true(addr_equal(server_addr(pool_pick(pool, 0)), &hows[0].addr));
	pool_unref(pool);
	pool_unref(NULL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(servers_take_turns_as_listed),
	cmocka_unit_test(there_may_be_none),
	cmocka_unit_test(it_lives_until_the_last_lets_go),
};
UNIT_MAIN(tests)
