/* Address and route change while questions wait. */
#include "exchange_bench.h"

static void change(struct exchange_bench *bench)
{
	exchange_upstream_network_changed(bench->upstream);
	fake_pass(bench->loop, 0);
}

static void what_waits_is_asked_anew_at_once_from_other_sockets(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 500 * MSEC); /* both, and the first again */
	assert_int_equal(bench->loop->sent, 3);
	change(bench);
	assert_asked(bench, 3, 1, false);
	assert_int_equal(fake_open_count(bench->loop), 1);
	assert_int_not_equal(bench->loop->sends[3].socket, bench->loop->sends[0].socket);
	reply_data(bench, 3);
	assert_replied(bench, 1, RCODE_NOERROR);
}

static void as_if_for_the_first_time_but_for_the_deadline(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 1900 * MSEC); /* all its packets have been sent */
	assert_int_equal(bench->loop->sent, 4);
	change(bench);
	assert_asked(bench, 4, 1, false);
	fake_pass(bench->loop, 101 * MSEC);
	assert_outcome(bench, EXCHANGE_TIMED_OUT);
}

static void UT_14_connections_are_made_anew(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	bench->via_stream = true;
	exchange_bench_ask(bench);
	fake_connected(bench->loop, 0);
	reply_data(bench, 0);
	bench->done = 0;
	exchange_bench_ask(bench);
	assert_int_equal(bench->loop->opened, 1);
	change(bench);
	assert_false(fake_is_open(bench->loop, 0));
	assert_asked(bench, 2, 1, true);
	reply_data(bench, 2);
	assert_replied(bench, 1, RCODE_NOERROR);
	/* an idle one goes, too */
	assert_true(fake_is_open(bench->loop, 1));
	fake_pass(bench->loop, 1000 * MSEC);
	change(bench);
	assert_int_equal(fake_open_count(bench->loop), 0);
}

static void a_swarm_of_changes_is_met_once_a_second(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	for (unsigned i = 0; i < 10; i++) {
		change(bench);
		fake_pass(bench->loop, 10 * MSEC);
	}
	assert_int_equal(bench->loop->sent, 2);
	fake_pass(bench->loop, 299 * MSEC);
	/* the last of them is not forgotten */
	fake_pass(bench->loop, 602 * MSEC);
	unsigned sockets = 0;
	for (unsigned i = 0; i < bench->loop->opened; i++)
		sockets += bench->loop->sockets[i] == NULL;
	assert_int_equal(sockets, 2);
	assert_int_equal(bench->loop->opened, 3);
	assert_int_equal(bench->done, 0);
}

static void without_any_network_the_end_is_told_later(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	bench->loop->udp_new_fails = -ENETUNREACH;
	bench->asks_again = true; /* and its owner may ask again then */
	exchange_upstream_network_changed(bench->upstream);
	assert_int_equal(bench->done, 0);
	fake_pass(bench->loop, 1 * MSEC);
	assert_int_equal(bench->done, 2);
	assert_int_equal(bench->result.outcome, EXCHANGE_UNREACHABLE);
}

/* What it failed with in the other network is forgotten, and so is that the end was near. */
static void a_failure_that_was_to_be_confirmed_does_not_hasten_the_end(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_rcode(bench, 0, RCODE_SERVFAIL);
	assert_asked(bench, 1, 1, true);
	change(bench);
	assert_asked(bench, 2, 1, false);
	fake_pass(bench->loop, 1000 * MSEC);
	assert_int_equal(bench->done, 0);
	reply_data(bench, 2);
	assert_replied(bench, 1, RCODE_NOERROR);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_waits_is_asked_anew_at_once_from_other_sockets),
	cmocka_unit_test(as_if_for_the_first_time_but_for_the_deadline),
	cmocka_unit_test(UT_14_connections_are_made_anew),
	cmocka_unit_test(a_swarm_of_changes_is_met_once_a_second),
	cmocka_unit_test(without_any_network_the_end_is_told_later),
	cmocka_unit_test(a_failure_that_was_to_be_confirmed_does_not_hasten_the_end),
};
UNIT_MAIN(tests)
