#include "upstream/pool.h"

#include "unit.h"

#define NOW (UINT64_C(1000) * 1000000)

static struct conf_server hows[] = {
	{ .addr = { .bytes = { 192, 0, 2, 1 }, .port = 53, .family = ADDR_IPV4 } },
	{ .addr = { .bytes = { 192, 0, 2, 2 }, .port = 5353, .family = ADDR_IPV4 } },
	{ .addr = { .bytes = { 0x20, 1, 0xd, 0xb8 }, .port = 53, .family = ADDR_IPV6 } },
};

static struct conf_group group_of(size_t count, enum group_order order)
{
	return (struct conf_group){ .name = "corp",
				    .servers = hows,
				    .server_count = count,
				    .order = order,
				    .timeout_ms = 1500 };
}

static struct pool *new_pool(size_t count, enum group_order order)
{
	const struct conf_group group = group_of(count, order);
	struct pool *pool = unit_own(pool_new(NULL, &group), pool_unref);

	assert_non_null(pool);
	return pool;
}

static const enum group_order orders[] = { ORDER_FASTEST, ORDER_LISTED, ORDER_RACE };

/* The next one is the server of that number in the list. */
static void assert_next(const struct pool *pool, uint64_t *asked, size_t number)
{
	assert_ptr_equal(pool_next(pool, NOW, false, asked), pool_server(pool, number));
}

static void assert_no_more(const struct pool *pool, uint64_t *asked)
{
	const uint64_t before = *asked;

	assert_null(pool_next(pool, NOW, false, asked));
	assert_true(*asked == before);
}

/* --- the group ----------------------------------------------------------------------------- */

static void it_knows_what_the_group_says(void **state)
{
	struct pool *pool = new_pool(3, ORDER_LISTED);
	(void)state;

	assert_int_equal(pool_size(pool), 3);
	assert_string_equal(pool_name(pool), "corp");
	assert_int_equal(pool_timeout_ms(pool), 1500);
	for (unsigned i = 0; i < 3; i++)
		assert_true(addr_equal(server_addr(pool_server(pool, i)), &hows[i].addr));
}

static void its_successors_are_found_from_the_first(void **state)
{
	struct pool *first = new_pool(1, ORDER_LISTED);
	struct pool *second = new_pool(2, ORDER_LISTED), *third = new_pool(3, ORDER_LISTED);
	(void)state;

	assert_ptr_equal(pool_latest(first), first);
	pool_set_successor(first, second);
	pool_set_successor(second, third);
	assert_ptr_equal(pool_latest(first), third);
	assert_ptr_equal(pool_latest(third), third);
}

static void there_may_be_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pool *pool = new_pool(0, orders[i]);
		uint64_t asked = 0;

		assert_no_more(pool, &asked);
		assert_null(pool_beside(pool, &asked));
	}
}

static void more_than_fit_are_left_out(void **state)
{
	struct conf_server many[POOL_SERVERS_MAX + 1];
	const struct conf_group group = { .name = "many",
					  .servers = many,
					  .server_count = POOL_SERVERS_MAX + 1,
					  .order = ORDER_LISTED };
	uint64_t asked = 0;
	(void)state;

	for (unsigned i = 0; i <= POOL_SERVERS_MAX; i++)
		many[i] = (struct conf_server){ .addr = { .bytes = { 192, 0, 2, (uint8_t)i },
							  .port = 53,
							  .family = ADDR_IPV4 } };
	struct pool *pool = unit_own(pool_new(NULL, &group), pool_unref);
	assert_non_null(pool);
	assert_int_equal(pool_size(pool), POOL_SERVERS_MAX);
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++)
		assert_next(pool, &asked, i);
	assert_no_more(pool, &asked);
	assert_true(asked == UINT64_MAX);
}

static void it_lives_until_the_last_lets_go(void **state)
{
	const struct conf_group group = group_of(1, ORDER_LISTED);
	struct pool *pool = pool_new(NULL, &group);
	(void)state;

	assert_non_null(pool);
	assert_ptr_equal(pool_ref(pool), pool);
	pool_unref(pool);
	assert_true(addr_equal(server_addr(pool_server(pool, 0)), &hows[0].addr));
	pool_unref(pool);
	pool_unref(NULL);
}

/* --- choosing ------------------------------------------------------------------------------ */

static void each_is_chosen_once_and_as_listed_while_nothing_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pool *pool = new_pool(3, orders[i]);
		uint64_t asked = 0;

		assert_next(pool, &asked, 0);
		assert_next(pool, &asked, 1);
		assert_next(pool, &asked, 2);
		assert_no_more(pool, &asked);
	}
}

static void who_was_asked_already_is_passed_over(void **state)
{
	struct pool *pool = new_pool(3, ORDER_LISTED);
	uint64_t asked = 2;
	(void)state;

	assert_next(pool, &asked, 0);
	assert_next(pool, &asked, 2);
	assert_no_more(pool, &asked);
}

static void the_first_two_race(void **state)
{
	struct pool *pool = new_pool(3, ORDER_RACE);
	(void)state;

	for (unsigned i = 0; i < 40; i++) {
		uint64_t asked = 0;
		assert_next(pool, &asked, 0);
		assert_ptr_equal(pool_beside(pool, &asked), pool_server(pool, 1));
		assert_next(pool, &asked, 2);
	}
}

static void in_a_list_nobody_is_asked_beside_the_first(void **state)
{
	struct pool *pool = new_pool(3, ORDER_LISTED);
	(void)state;

	for (unsigned i = 0; i < 100; i++) {
		uint64_t asked = 1;
		assert_null(pool_beside(pool, &asked));
		assert_true(asked == 1);
	}
}

/* Early on more often; each of the others in turn. */
static void now_and_then_another_one_may_show_that_it_is_faster(void **state)
{
	static const struct {
		unsigned question;
		size_t server;
	} expected[] = { { 1, 1 }, { 2, 2 }, { 4, 1 }, { 8, 2 }, { 16, 1 }, { 32, 2 }, { 64, 1 } };
	struct pool *pool = new_pool(3, ORDER_FASTEST);
	size_t explored = 0;
	(void)state;

	for (unsigned question = 0; question < 96; question++) {
		uint64_t asked = 1;
		const struct server *beside = pool_beside(pool, &asked);

		if (question != expected[explored].question) {
			assert_null(beside);
			continue;
		}
		assert_ptr_equal(beside, pool_server(pool, expected[explored].server));
		assert_true(asked == (1u | 1u << expected[explored].server));
		if (explored < 6)
			explored++;
	}
	assert_int_equal(explored, 6);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(it_knows_what_the_group_says),
	cmocka_unit_test(its_successors_are_found_from_the_first),
	cmocka_unit_test(there_may_be_none),
	cmocka_unit_test(more_than_fit_are_left_out),
	cmocka_unit_test(it_lives_until_the_last_lets_go),
	cmocka_unit_test(each_is_chosen_once_and_as_listed_while_nothing_is_known),
	cmocka_unit_test(who_was_asked_already_is_passed_over),
	cmocka_unit_test(the_first_two_race),
	cmocka_unit_test(in_a_list_nobody_is_asked_beside_the_first),
	cmocka_unit_test(now_and_then_another_one_may_show_that_it_is_faster),
};
UNIT_MAIN(tests)
