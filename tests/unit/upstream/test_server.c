#include "upstream/server.h"

#include <string.h>

#include "base/clock.h"
#include "unit.h"
#include "upstream/pool.h"

static const struct conf_server how = {
	.addr = { .bytes = { 192, 0, 2, 1 }, .port = 53, .family = ADDR_IPV4 }
};

static void ED_22_that_a_server_lacks_edns_is_forgotten_after_an_hour(void **state)
{
	struct server *server = unit_own(server_new("corp", &how), server_unref);
	const uint64_t now_us = 5 * USEC_PER_SEC, hour_us = UINT64_C(3600) * USEC_PER_SEC;
	(void)state;

	assert_non_null(server);
	assert_false(server_lacks_edns(server, now_us));
	server_note_lacks_edns(server, now_us);
	assert_true(server_lacks_edns(server, now_us));
	assert_true(server_lacks_edns(server, now_us + hour_us - 1));
	assert_false(server_lacks_edns(server, now_us + hour_us));
}

static struct server_table *new_table(void)
{
	struct server_table *table = unit_own(server_table_new(), server_table_free);

	assert_non_null(table);
	return table;
}

static struct server *take(struct server_table *table, const char *group,
			   const struct conf_server *of)
{
	struct server *server = unit_own(server_table_take(table, group, of), server_unref);

	assert_non_null(server);
	return server;
}

static void a_table_knows_each_server_once(void **state)
{
	struct server_table *table = new_table();
	struct server *server = take(table, "corp", &how);
	(void)state;

	assert_ptr_equal(take(table, "corp", &how), server);
	assert_string_equal(server_group(server), "corp");
	assert_true(addr_equal(server_addr(server), &how.addr));
}

static void group_port_source_and_interface_tell_servers_apart(void **state)
{
	struct server_table *table = new_table();
	struct conf_server others[3] = { how, how, how };
	const struct server *server = take(table, "corp", &how);
	(void)state;

	others[0].addr.port = 5353;
	others[1].source = (struct addr){ .bytes = { 10, 0, 0, 5 }, .family = ADDR_IPV4 };
	memcpy(others[2].interface, "wan", 4);
	assert_ptr_not_equal(take(table, "isp", &how), server);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_not_equal(take(table, "corp", &others[i]), server);
	assert_string_equal(server_how(take(table, "corp", &others[2]))->interface, "wan");
}

static void what_was_learned_outlives_a_pool_if_the_next_one_lists_the_server(void **state)
{
	struct server_table *table = new_table();
	struct conf_server hows[] = { how };
	const struct conf_group group = { .name = "corp", .servers = hows, .server_count = 1 };
	struct pool *old = pool_new(table, &group), *next;
	(void)state;

	assert_non_null(old);
	server_note_lacks_edns(pool_pick(old, 0), 1);
	next = pool_new(table, &group);
	pool_unref(old);
	if (next == NULL && unit_is_starved())
		return;
	assert_non_null(next);
	assert_true(server_lacks_edns(pool_pick(next, 0), 2));
	pool_unref(next);
	assert_false(server_lacks_edns(take(table, "corp", &how), 2));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(ED_22_that_a_server_lacks_edns_is_forgotten_after_an_hour),
	cmocka_unit_test(a_table_knows_each_server_once),
	cmocka_unit_test(group_port_source_and_interface_tell_servers_apart),
	cmocka_unit_test(what_was_learned_outlives_a_pool_if_the_next_one_lists_the_server),
};
UNIT_MAIN(tests)
