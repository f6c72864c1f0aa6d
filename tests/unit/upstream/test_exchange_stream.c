#include "exchange_bench.h"

/* --- from UDP to TCP --- */

static const struct answer truncated = { .flags = FLAG_TC, .has_data = true };

static void UF_40_a_truncated_reply_is_fetched_over_tcp(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &truncated);
	assert_asked(bench, 1, 1, true);
	assert_false(fake_is_open(bench->loop, 0)); /* UDP has nothing more to say */
	reply_data(bench, 1);
	assert_replied(bench, 1, RCODE_NOERROR);
	assert_int_equal(bench->result.facts.flags & FLAG_TC, 0);
	assert_counted(bench, STAT_UPSTREAM_TCP, 1);
}

static void the_wait_begins_anew_with_tcp(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 300 * MSEC);
	reply_with(bench, 0, &truncated);
	fake_pass(bench->loop, 399 * MSEC);
	assert_int_equal(bench->loop->sent, 2);
	fake_pass(bench->loop, 1 * MSEC);
	assert_asked(bench, 2, 2, false);
}

static void UF_40_never_told_when_tcp_is_refused(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &truncated);
	fake_break(bench->loop, 1, -ECONNREFUSED);
	assert_asked(bench, 2, 2, false);
	reply_with(bench, 2, &truncated);
	assert_int_equal(bench->done, 0);
	fake_break(bench->loop, 3, -ECONNREFUSED);
	assert_int_equal(bench->done, 1);
	assert_int_not_equal(bench->result.outcome, EXCHANGE_REPLIED);
	assert_int_equal(bench->loop->sent, 4);
}

static void UF_41_nor_when_tcp_is_silent(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &truncated);
	fake_pass(bench->loop, 1999 * MSEC);
	assert_int_equal(bench->done, 0);
	fake_pass(bench->loop, 1 * MSEC);
	assert_outcome(bench, EXCHANGE_TIMED_OUT);
	assert_int_equal(fake_open_count(bench->loop), 0);
}

static void a_truncated_reply_over_tcp_is_none(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	bench->via_stream = true;
	exchange_bench_ask(bench);
	reply_with(bench, 0, &truncated);
	assert_int_equal(bench->done, 0);
	reply_with(bench, 1, &truncated);
	assert_outcome(bench, EXCHANGE_TIMED_OUT);
	assert_int_equal(bench->loop->sent, 2);
	assert_int_equal(fake_open_count(bench->loop), 0);
}

static void truncated_while_tcp_is_asked_already(void **state)
{
	static const struct answer stranger = { .has_data = true, .id_xor = 1 };
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &stranger);
	reply_with(bench, 0, &truncated);
	assert_int_equal(bench->loop->sent, 2);
	reply_data(bench, 1);
	assert_replied(bench, 1, RCODE_NOERROR);
}

/* --- TCP from the start --- */

static struct exchange_bench *new_stream_bench(unsigned servers)
{
	struct exchange_bench *bench = exchange_bench_new(servers);

	bench->via_stream = true;
	return bench;
}

static void UT_01_who_came_over_tcp_is_asked_for_over_tcp(void **state)
{
	struct exchange_bench *bench = new_stream_bench(2);
	(void)state;

	exchange_bench_ask(bench);
	assert_asked(bench, 0, 1, true);
	fake_pass(bench->loop, 400 * MSEC);
	assert_asked(bench, 1, 2, true);
	reply_data(bench, 1);
	assert_replied(bench, 2, RCODE_NOERROR);
	assert_counted(bench, STAT_UPSTREAM_UDP, 0);
}

static void FO_03_a_failure_over_tcp_is_passed_over(void **state)
{
	struct exchange_bench *bench = new_stream_bench(2);
	(void)state;

	exchange_bench_ask(bench);
	reply_rcode(bench, 0, RCODE_SERVFAIL);
	reply_rcode(bench, 1, RCODE_REFUSED);
	assert_replied(bench, 1, RCODE_SERVFAIL);
	/* the connections are good still */
	assert_int_equal(fake_open_count(bench->loop), 2);
}

static void ED_22_over_tcp_too(void **state)
{
	struct exchange_bench *bench = new_stream_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &(struct answer){ .flags = RCODE_FORMERR });
	assert_asked(bench, 1, 1, true);
	assert_int_equal(exchange_bench_sent(bench, 1)->len, bench->query_len);
	reply_with(bench, 1, &(struct answer){ .has_data = true });
	assert_replied(bench, 1, RCODE_NOERROR);
}

static void UT_07_a_kept_connection_that_ended_is_replaced_without_a_word(void **state)
{
	struct exchange_bench *bench = new_stream_bench(2);
	(void)state;

	exchange_bench_ask(bench);
	fake_connected(bench->loop, 0);
	reply_data(bench, 0);
	assert_int_equal(bench->done, 1);
	exchange_bench_ask(bench);
	fake_end(bench->loop, 0);
	assert_int_equal(bench->done, 1);
	assert_asked(bench, 2, 1, true); /* the same server */
	assert_int_equal(exchange_bench_sent(bench, 2)->socket, 1);
	reply_data(bench, 2);
	assert_int_equal(bench->done, 2);
	assert_int_equal(bench->result.outcome, EXCHANGE_REPLIED);
}

static void UT_07_a_new_one_that_breaks_is_passed_over(void **state)
{
	struct exchange_bench *bench = new_stream_bench(2);
	(void)state;

	exchange_bench_ask(bench);
	fake_connected(bench->loop, 0);
	fake_end(bench->loop, 0);
	assert_asked(bench, 1, 2, true);
	reply_data(bench, 1);
	assert_replied(bench, 2, RCODE_NOERROR);
}

static void UT_08_a_lone_server_is_tried_once_more(void **state)
{
	struct exchange_bench *bench = new_stream_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_connected(bench->loop, 0);
	fake_break(bench->loop, 0, -ECONNRESET);
	assert_asked(bench, 1, 1, true);
	fake_connected(bench->loop, 1);
	fake_break(bench->loop, 1, -ECONNRESET);
	assert_outcome(bench, EXCHANGE_UNREACHABLE);
	assert_int_equal(bench->loop->sent, 2);
}

static void a_refused_connection_is_not_tried_again(void **state)
{
	struct exchange_bench *bench = new_stream_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_break(bench->loop, 0, -ECONNREFUSED);
	assert_outcome(bench, EXCHANGE_UNREACHABLE);
	assert_int_equal(bench->loop->sent, 1);
}

static void UT_12_another_question_on_tcp_ends_the_connection(void **state)
{
	static const struct answer other = { .has_data = true,
					     .question = "\3www\7eXampla\3org\0\0\1\0\1" };
	struct exchange_bench *bench = new_stream_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &other);
	assert_int_equal(bench->done, 0);
	assert_false(fake_is_open(bench->loop, 0));
	assert_asked(bench, 1, 1, true);
	reply_data(bench, 1);
	assert_replied(bench, 1, RCODE_NOERROR);
	assert_counted(bench, STAT_UPSTREAM_MISMATCHED, 1);
}

static void UT_13_another_id_on_tcp_does_not_end_the_wait(void **state)
{
	static const struct answer other = { .has_data = true, .id_xor = 1 };
	struct exchange_bench *bench = new_stream_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &other);
	assert_int_equal(bench->loop->sent, 1);
	reply_data(bench, 0);
	assert_replied(bench, 1, RCODE_NOERROR);
}

static void UT_14_a_silent_connection_is_tried_beside(void **state)
{
	struct exchange_bench *bench = new_stream_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_connected(bench->loop, 0);
	reply_data(bench, 0);
	bench->done = 0;
	exchange_bench_ask(bench);
	fake_pass(bench->loop, 801 * MSEC);
	assert_asked(bench, 2, 1, true);
	assert_int_equal(exchange_bench_sent(bench, 2)->socket, 1);
	/* the slow one may still be first */
	reply_data(bench, 1);
	assert_replied(bench, 1, RCODE_NOERROR);
	assert_false(fake_is_open(bench->loop, 1));
}

static void UT_19_the_rest_of_a_transfer_is_not_waited_for(void **state)
{
	static const uint8_t query[] =
		"\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7Example\3org\0\0\xfc\0\1";
	struct exchange_bench *bench = new_stream_bench(1);
	(void)state;

	exchange_bench_set_query(bench, query, sizeof(query) - 1);
	exchange_bench_ask(bench);
	reply_with(bench, 0,
		   &(struct answer){ .has_data = true,
				     .question = "\3www\7Example\3org\0\0\xfc\0\1" });
	assert_outcome(bench, EXCHANGE_REPLIED);
	assert_int_equal(fake_open_count(bench->loop), 0);
}

static void two_exchanges_share_a_connection(void **state)
{
	struct exchange_bench *bench = new_stream_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	exchange_bench_ask(bench);
	assert_int_equal(bench->loop->opened, 1);
	reply_data(bench, 1);
	assert_int_equal(bench->done, 1);
	reply_data(bench, 0);
	assert_int_equal(bench->done, 2);
	assert_int_equal(bench->result.outcome, EXCHANGE_REPLIED);
}

static void cancelled_from_another_ones_end(void **state)
{
	struct exchange_bench *bench = new_stream_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	struct exchange *first = bench->exchange;
	exchange_bench_ask(bench);
	exchange_cancel(first);
	assert_true(fake_is_open(bench->loop, 0));
	reply_data(bench, 0); /* nobody's any more */
	assert_int_equal(bench->done, 0);
	assert_counted(bench, STAT_UPSTREAM_MISMATCHED, 0);
	reply_data(bench, 1);
	assert_replied(bench, 1, RCODE_NOERROR);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(UF_40_a_truncated_reply_is_fetched_over_tcp),
	cmocka_unit_test(the_wait_begins_anew_with_tcp),
	cmocka_unit_test(UF_40_never_told_when_tcp_is_refused),
	cmocka_unit_test(UF_41_nor_when_tcp_is_silent),
	cmocka_unit_test(a_truncated_reply_over_tcp_is_none),
	cmocka_unit_test(truncated_while_tcp_is_asked_already),
	cmocka_unit_test(UT_01_who_came_over_tcp_is_asked_for_over_tcp),
	cmocka_unit_test(FO_03_a_failure_over_tcp_is_passed_over),
	cmocka_unit_test(ED_22_over_tcp_too),
	cmocka_unit_test(UT_07_a_kept_connection_that_ended_is_replaced_without_a_word),
	cmocka_unit_test(UT_07_a_new_one_that_breaks_is_passed_over),
	cmocka_unit_test(UT_08_a_lone_server_is_tried_once_more),
	cmocka_unit_test(a_refused_connection_is_not_tried_again),
	cmocka_unit_test(UT_12_another_question_on_tcp_ends_the_connection),
	cmocka_unit_test(UT_13_another_id_on_tcp_does_not_end_the_wait),
	cmocka_unit_test(UT_14_a_silent_connection_is_tried_beside),
	cmocka_unit_test(UT_19_the_rest_of_a_transfer_is_not_waited_for),
	cmocka_unit_test(two_exchanges_share_a_connection),
	cmocka_unit_test(cancelled_from_another_ones_end),
};
UNIT_MAIN(tests)
