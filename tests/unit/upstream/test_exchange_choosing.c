/* Which server is asked first, which beside it, and what is learned from that. */
#include "exchange_bench.h"

static struct server *server_at(const struct exchange_bench *bench, unsigned number)
{
	return pool_server(bench->pool, number - 1);
}

/* It has answered so often, each time after so long. */
static void make_known(const struct exchange_bench *bench, unsigned number, unsigned ms)
{
	for (unsigned i = 0; i < 40; i++)
		server_note_reply(server_at(bench, number), loop_clock(bench->loop)->now_us,
				  ms * MSEC, ms * MSEC, 1);
}

/* Asks; the `at`-th message to leave is the first of it. */
static void ask_at(struct exchange_bench *bench, unsigned at)
{
	bench->done = 0;
	exchange_bench_ask(bench);
	assert_true(bench->loop->sent > at);
}

static void FO_01_a_late_server_is_late_by_its_own_measure(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	make_known(bench, 1, 50);
	const uint64_t late_us = server_hedge_us(server_at(bench, 1));
	assert_in_range(late_us, 50 * MSEC, 70 * MSEC);
	exchange_bench_ask(bench);
	fake_pass(bench->loop, late_us - 1 * MSEC);
	assert_int_equal(bench->loop->sent, 1);
	fake_pass(bench->loop, 2 * MSEC);
	assert_asked(bench, 1, 2, false);
	/* the late one still counts */
	reply_data(bench, 0);
	assert_replied(bench, 1, RCODE_NOERROR);
	assert_counted(bench, STAT_UPSTREAM_TIMEOUTS, 0);
}

static void a_quick_one_has_twenty_ms(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	make_known(bench, 1, 1);
	exchange_bench_ask(bench);
	fake_pass(bench->loop, 19 * MSEC);
	assert_int_equal(bench->loop->sent, 1);
	fake_pass(bench->loop, 2 * MSEC);
	assert_asked(bench, 1, 2, false);
	/* what it owed is noted when the other one has answered */
	reply_data(bench, 1);
	assert_replied(bench, 2, RCODE_NOERROR);
	assert_counted(bench, STAT_UPSTREAM_TIMEOUTS, 1);
}

static void the_fastest_is_asked_first(void **state)
{
	struct exchange_bench *bench = exchange_bench_new_as(3, ORDER_FASTEST, false);
	(void)state;

	make_known(bench, 1, 50);
	make_known(bench, 2, 10);
	ask_at(bench, 0); /* the third is unknown */
	assert_asked(bench, 0, 2, false);
	fake_break(bench->loop, 0, -ECONNREFUSED);
	assert_asked(bench, 1, 1, false);
	fake_break(bench->loop, 1, -ECONNREFUSED);
	assert_asked(bench, 2, 3, false);
}

static void another_one_is_tried_and_taken_where_it_is_faster(void **state)
{
	struct exchange_bench *bench = exchange_bench_new_as(2, ORDER_FASTEST, false);
	(void)state;

	make_known(bench, 1, 50);
	ask_at(bench, 0);
	assert_asked(bench, 0, 1, false);
	reply_data(bench, 0);
	ask_at(bench, 1); /* the second question explores */
	assert_sent(bench, 1, 1, false);
	assert_asked(bench, 2, 2, false);
	fake_pass(bench->loop, 5 * MSEC);
	reply_data(bench, 2);
	assert_replied(bench, 2, RCODE_NOERROR);
	assert_int_equal(fake_open_count(bench->loop), 0);
	reply_data(bench, 1); /* nobody's any more */
	assert_int_equal(bench->done, 1);
	ask_at(bench, 3);
	assert_sent(bench, 3, 2, false);
}

static void FO_07_two_race_and_the_first_answer_counts(void **state)
{
	struct exchange_bench *bench = exchange_bench_new_as(3, ORDER_RACE, false);
	(void)state;

	for (unsigned winner = 0; winner < 2; winner++) {
		const unsigned at = bench->loop->sent;
		ask_at(bench, at);
		assert_sent(bench, at, 1, false);
		assert_asked(bench, at + 1, 2, false);
		reply_data(bench, at + winner);
		assert_replied(bench, winner + 1, RCODE_NOERROR);
		assert_int_equal(fake_open_count(bench->loop), 0);
		reply_data(bench, at + 1 - winner);
		assert_int_equal(bench->done, 1);
	}
}

static void one_that_fails_in_a_race_leaves_it_to_the_other(void **state)
{
	struct exchange_bench *bench = exchange_bench_new_as(2, ORDER_RACE, false);
	(void)state;

	exchange_bench_ask(bench);
	reply_rcode(bench, 0, RCODE_REFUSED);
	assert_int_equal(bench->done, 0);
	reply_data(bench, 1);
	assert_replied(bench, 2, RCODE_NOERROR);
	assert_int_equal(bench->loop->sent, 2);
}

static void FO_03_one_that_fails_where_another_answers_is_not_the_fastest(void **state)
{
	struct exchange_bench *bench = exchange_bench_new_as(2, ORDER_FASTEST, false);
	(void)state;

	make_known(bench, 1, 1);
	make_known(bench, 2, 2);
	ask_at(bench, 0);
	reply_rcode(bench, 0, RCODE_REFUSED);
	assert_asked(bench, 1, 2, false);
	reply_data(bench, 1);
	assert_replied(bench, 2, RCODE_NOERROR);
	ask_at(bench, 2);
	assert_sent(bench, 2, 2, false);
	reply_data(bench, 2);
	/* for a while */
	fake_pass(bench->loop, 60 * USEC_PER_SEC);
	make_known(bench, 1, 1);
	make_known(bench, 2, 2);
	const unsigned at = bench->loop->sent;
	ask_at(bench, at);
	assert_sent(bench, at, 1, false);
}

static void where_all_fail_nobody_is_the_worse(void **state)
{
	struct exchange_bench *bench = exchange_bench_new_as(2, ORDER_FASTEST, false);
	(void)state;

	exchange_bench_ask(bench);
	reply_rcode(bench, 0, RCODE_SERVFAIL);
	reply_rcode(bench, 1, RCODE_SERVFAIL);
	assert_replied(bench, 1, RCODE_SERVFAIL);
	for (unsigned i = 1; i <= 2; i++)
		assert_int_equal(
			server_penalty_us(server_at(bench, i), loop_clock(bench->loop)->now_us), 0);
}

/* The system says that there is no way to it, and its probe says so too. */
static void make_down(struct exchange_bench *bench, unsigned number)
{
	bench->loop->udp_new_fails = -ENETUNREACH;
	server_note_error(server_at(bench, number), -ENETUNREACH, loop_clock(bench->loop)->now_us);
	fake_pass(bench->loop, 0);
	bench->loop->udp_new_fails = 0;
	assert_int_equal(server_state(server_at(bench, number)), SERVER_DOWN);
}

/* Whoever is looked after has been asked for. */
static struct exchange_bench *new_bench_looked_after(unsigned servers)
{
	struct exchange_bench *bench = exchange_bench_new(servers);

	exchange_bench_ask(bench);
	reply_data(bench, 0);
	bench->loop->sent = 0;
	return bench;
}

static void one_that_is_down_is_left_out_while_another_is_not(void **state)
{
	struct exchange_bench *bench = new_bench_looked_after(2);
	(void)state;

	make_down(bench, 1);
	ask_at(bench, 0);
	assert_asked(bench, 0, 2, false);
	/* nor does a failure wait for it */
	reply_rcode(bench, 0, RCODE_SERVFAIL);
	assert_replied(bench, 2, RCODE_SERVFAIL);
}

static void unless_there_is_no_other_way(void **state)
{
	struct exchange_bench *bench = new_bench_looked_after(2);
	(void)state;

	make_down(bench, 1);
	ask_at(bench, 0);
	fake_break(bench->loop, bench->loop->sends[0].socket, -ECONNREFUSED);
	assert_asked(bench, 1, 1, false);
	reply_data(bench, 1);
	assert_replied(bench, 1, RCODE_NOERROR);
}

static void FO_08_all_that_are_down_are_asked_soon_after_one_another(void **state)
{
	struct exchange_bench *bench = new_bench_looked_after(3);
	(void)state;

	for (unsigned i = 1; i <= 3; i++)
		make_down(bench, i);
	ask_at(bench, 0);
	assert_asked(bench, 0, 1, false);
	fake_pass(bench->loop, 60 * MSEC);
	assert_asked(bench, 2, 3, false);
	assert_sent(bench, 1, 2, false);
	reply_data(bench, 2);
	assert_replied(bench, 3, RCODE_NOERROR);
	assert_int_equal(server_state(server_at(bench, 3)), SERVER_UP);
}

/* Fifty questions a second must not be fifty wakings a second while nobody is there. */
static void those_that_wait_for_one_that_is_down_end_together_and_in_time(void **state)
{
	struct exchange_bench *bench = new_bench_looked_after(1);
	(void)state;

	bench->done = 0;
	make_down(bench, 1);
	const uint64_t now = loop_clock(bench->loop)->now_us;
	fake_pass(bench->loop, 50 * MSEC - now % (50 * MSEC));
	const uint64_t begin = loop_clock(bench->loop)->now_us;
	exchange_bench_ask(bench);
	fake_pass(bench->loop, 30 * MSEC);
	exchange_bench_ask(bench);
	while (bench->done == 0)
		fake_pass(bench->loop, 1 * MSEC);
	assert_int_equal(bench->done, 2);
	assert_in_range(loop_clock(bench->loop)->now_us - begin, 1980 * MSEC, 2000 * MSEC);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(FO_01_a_late_server_is_late_by_its_own_measure),
	cmocka_unit_test(a_quick_one_has_twenty_ms),
	cmocka_unit_test(the_fastest_is_asked_first),
	cmocka_unit_test(another_one_is_tried_and_taken_where_it_is_faster),
	cmocka_unit_test(FO_07_two_race_and_the_first_answer_counts),
	cmocka_unit_test(one_that_fails_in_a_race_leaves_it_to_the_other),
	cmocka_unit_test(FO_03_one_that_fails_where_another_answers_is_not_the_fastest),
	cmocka_unit_test(where_all_fail_nobody_is_the_worse),
	cmocka_unit_test(one_that_is_down_is_left_out_while_another_is_not),
	cmocka_unit_test(unless_there_is_no_other_way),
	cmocka_unit_test(FO_08_all_that_are_down_are_asked_soon_after_one_another),
	cmocka_unit_test(those_that_wait_for_one_that_is_down_end_together_and_in_time),
};
UNIT_MAIN(tests)
