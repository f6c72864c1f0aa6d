#include "upstream/server.h"

#include <errno.h>
#include <stdio.h>
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
	server_note_lacks_edns(pool_server(old, 0), 1);
	next = pool_new(table, &group);
	pool_unref(old);
	if (next == NULL && unit_is_starved())
		return;
	assert_non_null(next);
	assert_true(server_lacks_edns(pool_server(next, 0), 2));
	pool_unref(next);
	assert_false(server_lacks_edns(take(table, "corp", &how), 2));
}

/* --- what is learned --- */

#define MSEC ((uint64_t)USEC_PER_MSEC)
#define SEC ((uint64_t)USEC_PER_SEC)

static struct server *new_server(void)
{
	struct server *server = unit_own(server_new("corp", &how), server_unref);

	assert_non_null(server);
	return server;
}

static void note_answers(struct server *server, unsigned count, uint64_t took_us)
{
	for (unsigned i = 0; i < count; i++)
		server_note_reply(server, SEC, took_us, took_us, 1);
}

static void it_takes_three_silent_questions_in_a_row(void **state)
{
	struct server *server = new_server();
	(void)state;

	server_note_sent(server, false, SEC);
	for (unsigned i = 0; i < 10; i++) {
		server_note_silence(server, 10 * SEC);
		server_note_silence(server, 10 * SEC);
		assert_int_equal(server_state(server), SERVER_UP);
		server_note_reply(server, 2 * SEC, MSEC, MSEC, 1);
	}
	for (unsigned i = 0; i < 3; i++)
		server_note_silence(server, 10 * SEC);
	assert_int_equal(server_state(server), SERVER_SUSPECTED);
	server_note_reply(server, 10 * SEC, MSEC, MSEC, 1);
	assert_int_equal(server_state(server), SERVER_UP);
}

static void one_error_is_enough(void **state)
{
	struct server *server = new_server();
	(void)state;

	server_note_error(server, -ENETUNREACH, SEC);
	assert_int_equal(server_state(server), SERVER_SUSPECTED);
}

static void nobody_is_asked_beside_before_20_ms_or_after_400(void **state)
{
	struct server *server = new_server();
	(void)state;

	assert_int_equal(server_hedge_us(server), 400 * MSEC);
	note_answers(server, 100, MSEC);
	assert_int_equal(server_hedge_us(server), 20 * MSEC);
	note_answers(server, 100, 100 * MSEC);
	assert_in_range(server_hedge_us(server), 100 * MSEC, 125 * MSEC);
	note_answers(server, 100, 900 * MSEC);
	assert_int_equal(server_hedge_us(server), 400 * MSEC);
}

static void SP_04_answer_after_a_second_and_a_half_sees_two_sends(void **state)
{
	struct server *server = new_server();
	uint64_t sent_us = 0;
	unsigned sends = 1;
	(void)state;

	while ((sent_us += server_resend_us(server, sends)) < 1500 * MSEC)
		sends++;
	assert_int_equal(sends, 2);
	assert_int_equal(server_resend_us(server, 1), 400 * MSEC);
	assert_int_equal(server_resend_us(server, 2), 1200 * MSEC);
	assert_int_equal(server_resend_us(server, 3), 200 * MSEC);
}

static void resends_come_sooner_where_packets_are_lost(void **state)
{
	static const struct {
		uint64_t took_us, first_us;
	} cases[] = { { MSEC, 100 * MSEC },
		      { 100 * MSEC, 220 * MSEC },
		      { 300 * MSEC, 400 * MSEC } };
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server *server = new_server();
		const uint64_t took_us = cases[i].took_us;

		note_answers(server, 10, took_us);
		for (unsigned j = 0; j < 3; j++)
			server_note_reply(server, SEC, 800 * MSEC + took_us, took_us, 2);
		assert_true(server_is_lossy(server));
		const uint64_t first_us = server_resend_us(server, 1);
		assert_in_range(first_us, cases[i].first_us - cases[i].first_us / 8,
				cases[i].first_us + cases[i].first_us / 8);
		assert_int_equal(server_resend_us(server, 2), 2 * first_us);
		/* the third may have been sent when no loss was known: after 1.6 s, of 2 */
		assert_int_equal(server_resend_us(server, 3), 200 * MSEC);
	}
}

/* --- what is counted --- */

static void add_line(void *ctx, const char *text)
{
	char *all = ctx;
	const size_t len = strlen(all);

	snprintf(all + len, strlen(text) + 2, "%s\n", text);
}

#define OF "{group=\"corp\",server=\"192.0.2.1@53\""
#define WHAT(what) "courierdns_upstream_" what OF
#define SENT(proto) WHAT("queries_total") ",proto=\"" proto "\"} "
#define FAILED(reason) WHAT("failures_total") ",reason=\"" reason "\"} 1\n"
#define TOOK(le, count) WHAT("duration_seconds_bucket") ",le=\"" le "\"} " count "\n"

static void report_has_the_names_of_the_metrics(void **state)
{
	struct server_table *table = new_table();
	struct server *server = take(table, "corp", &how);
	char *all = unit_zalloc(4096);
	(void)state;

	server_note_sent(server, false, SEC);
	server_note_sent(server, false, SEC);
	server_note_sent(server, true, SEC);
	server_note_silence(server, SEC);
	server_note_error(server, -ECONNREFUSED, SEC);
	server_count_failure(server, SERVER_FAILED_SERVFAIL);
	server_note_reply(server, SEC, 500, 500, 1);
	server_note_reply(server, SEC, 1500 * MSEC, 1500 * MSEC, 1);
	server_note_reply(server, SEC, 9 * SEC, 9 * SEC, 1);
	const struct server_table *const tables[] = { table };
	server_table_report(tables, 1, add_line, all);
	assert_string_equal(
		all,
		WHAT("up") "} 1\n" SENT("udp") "2\n" SENT("tcp") "1\n" FAILED("timeout") FAILED(
			"unreachable") FAILED("servfail") TOOK("0.001", "1") TOOK("0.002", "1")
			TOOK("0.004", "1") TOOK("0.008", "1") TOOK("0.016", "1") TOOK("0.032", "1")
				TOOK("0.064", "1") TOOK("0.128", "1") TOOK("0.256", "1") TOOK(
					"0.512", "1") TOOK("1.024", "1") TOOK("2.048", "2")
					TOOK("4.096", "2") TOOK("+Inf", "3")
						WHAT("duration_seconds_sum") "} 10.500500\n" WHAT(
							"duration_seconds_count") "} 3\n");
}

/* The labels would be the same, and who reads them takes a number that comes twice for a mistake.
 */
static void ways_to_one_server_are_reported_together(void **state)
{
	struct server_table *tables[] = { new_table(), new_table() };
	struct conf_server by_wan = how, other = how;
	char *all = unit_zalloc(8192);
	unsigned lines = 0;
	(void)state;

	memcpy(by_wan.interface, "wan", 4);
	other.addr.port = 5353;
	server_note_sent(take(tables[0], "corp", &how), false, SEC);
	server_note_sent(take(tables[0], "corp", &other), false, SEC);
	server_note_sent(take(tables[0], "corp", &by_wan), false, SEC);
	server_note_sent(take(tables[1], "corp", &by_wan), false, SEC);
	server_note_sent(take(tables[1], "isp", &how), true, SEC);
	const struct server_table *const read[] = { tables[0], tables[1] };
	server_table_report(read, 2, add_line, all);
	assert_non_null(strstr(all, SENT("udp") "3\n"));
	assert_null(strstr(all, "isp"));
	for (const char *at = all; (at = strstr(at, "_up{")) != NULL; at++)
		lines++;
	assert_int_equal(lines, 2);
}

static void a_group_with_an_endless_name_leaves_its_line_whole(void **state)
{
	char *name = unit_zalloc(2000), *all = unit_zalloc(16384);
	(void)state;

	memset(name, 'g', 1999);
	struct server *server = unit_own(server_new(name, &how), server_unref);
	assert_non_null(server);
	const struct server *const servers[] = { server };
	server_report(servers, 1, add_line, all);
	assert_non_null(strstr(all, "ggg\",server=\"192.0.2.1@53\",proto=\"udp\"} 0\n"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(ED_22_that_a_server_lacks_edns_is_forgotten_after_an_hour),
	cmocka_unit_test(a_table_knows_each_server_once),
	cmocka_unit_test(group_port_source_and_interface_tell_servers_apart),
	cmocka_unit_test(what_was_learned_outlives_a_pool_if_the_next_one_lists_the_server),
	cmocka_unit_test(it_takes_three_silent_questions_in_a_row),
	cmocka_unit_test(one_error_is_enough),
	cmocka_unit_test(nobody_is_asked_beside_before_20_ms_or_after_400),
	cmocka_unit_test(SP_04_answer_after_a_second_and_a_half_sees_two_sends),
	cmocka_unit_test(resends_come_sooner_where_packets_are_lost),
	cmocka_unit_test(report_has_the_names_of_the_metrics),
	cmocka_unit_test(ways_to_one_server_are_reported_together),
	cmocka_unit_test(a_group_with_an_endless_name_leaves_its_line_whole),
};
UNIT_MAIN(tests)
