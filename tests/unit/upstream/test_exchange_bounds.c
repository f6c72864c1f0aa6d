/* What others do to an exchange has bounds: forgers, and exchanges that want much. */
#include "exchange_bench.h"

/* One wrong ID after the other, to whichever port is open; how many of them met one. */
static unsigned guess_all(struct exchange_bench *bench)
{
	unsigned met = 0;

	for (unsigned i = 1; i < 65536 && bench->done == 0; i++) {
		const struct answer wrong = { .has_data = true, .id_xor = (uint16_t)i };

		for (unsigned at = 0; at < bench->loop->sent; at++) {
			const struct fake_sent *sent = exchange_bench_sent(bench, at);

			if (sent->is_stream || !fake_is_open(bench->loop, sent->socket))
				continue;
			met++;
			reply_with(bench, at, &wrong);
		}
	}
	return met;
}

static void SP_09_nobody_tries_all_ids_where_there_is_no_tcp(void **state)
{
	const struct answer wrong = { .has_data = true, .id_xor = 0x5555 };
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &wrong);
	assert_asked(bench, 1, 1, true);
	fake_break(bench->loop, exchange_bench_sent(bench, 1)->socket, -ECONNREFUSED);
	assert_int_equal(bench->done, 0);
	assert_in_range(guess_all(bench), 1, 200);
	assert_outcome(bench, EXCHANGE_TIMED_OUT);
	assert_int_equal(bench->loop->sent, 4); /* each from a port of its own */
}

static void SP_09_some_strays_do_not_end_the_wait_where_there_is_no_tcp(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	for (unsigned i = 0; i < 60; i++) {
		const struct answer wrong = { .has_data = true, .id_xor = 0x5555 };

		reply_with(bench, 0, &wrong);
		if (i == 0)
			fake_break(bench->loop, exchange_bench_sent(bench, 1)->socket,
				   -ECONNREFUSED);
	}
	reply_data(bench, 0);
	assert_replied(bench, 1, RCODE_NOERROR);
}

/* The bench has room for three exchanges, and for twelve servers that are asked. */
static void who_asks_many_servers_leaves_room_for_others(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(20);
	(void)state;

	for (unsigned i = 0; i < 2; i++) {
		exchange_bench_start(bench);
		for (unsigned j = 0; j < 6; j++)
			fake_break(bench->loop, bench->loop->opened - 1, -EHOSTUNREACH);
		fake_pass(bench->loop, 1); /* the next has sockets of its own */
	}
	assert_int_equal(bench->done, 0);
	const unsigned sent = bench->loop->sent;
	exchange_bench_ask(bench);
	assert_int_equal(bench->loop->sent, sent + 1);
	/* and when that one fails, another one is asked in its place, as for all of them */
	for (unsigned i = 0; i < 13; i++)
		fake_break(bench->loop, bench->loop->opened - 1, -EHOSTUNREACH);
	assert_int_equal(bench->done, 0);
	assert_int_equal(bench->loop->sent, sent + 14);
	reply_data(bench, sent + 13);
	assert_int_equal(bench->done, 1);
	assert_int_equal(bench->result.outcome, EXCHANGE_REPLIED);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(SP_09_nobody_tries_all_ids_where_there_is_no_tcp),
	cmocka_unit_test(SP_09_some_strays_do_not_end_the_wait_where_there_is_no_tcp),
	cmocka_unit_test(who_asks_many_servers_leaves_room_for_others),
};
UNIT_MAIN(tests)
