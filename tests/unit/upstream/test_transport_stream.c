#include "upstream/transport_stream.h"

#include "fake_net.h"
#include "wire/message.h"

#define QUESTIONS 260u

struct asker {
	struct transport_question question;
	struct bench *bench;
	unsigned calls;
	int err;
	uint16_t id;
	uint8_t first; /* byte behind the header */
	bool hangs_up, forgets_all, asks_again;
};

struct bench {
	struct loop *loop;
	struct stats stats;
	struct transport_stream *transport;
	struct asker askers[QUESTIONS];
	struct conf_server server;
};

static int ask(struct asker *asker, bool anew)
{
	uint8_t query[13] = { 0, 0, 1 };
	int err = transport_stream_ask(asker->bench->transport, &asker->bench->server, anew,
				       &asker->question, query, sizeof(query));

	if (err == 0)
		asker->id = message_id(query);
	return err;
}

static void on_stream(struct transport_question *question, int err, uint8_t *wire, size_t wire_len)
{
	struct asker *asker = question->ctx;

	asker->calls++;
	asker->err = err;
	asker->first = err == 0 && wire_len > 12 ? wire[12] : 0;
	if (asker->hangs_up)
		transport_stream_hang_up(asker->bench->transport);
	for (unsigned i = 0; asker->forgets_all && i < QUESTIONS; i++)
		transport_stream_forget(&asker->bench->askers[i].question);
	if (asker->asks_again && ask(asker, false) != 0)
		asker->calls += 100;
}

static void free_bench(struct bench *bench)
{
	for (unsigned i = 0; i < QUESTIONS; i++)
		transport_stream_forget(&bench->askers[i].question);
	transport_stream_free(bench->transport);
}

static struct bench *new_bench(void)
{
	struct bench *bench = unit_zalloc(sizeof(*bench));

	assert_int_equal(loop_new(&bench->loop), 0);
	unit_own(bench->loop, loop_free);
	unit_own(bench, free_bench);
	bench->transport = transport_stream_new(bench->loop, &bench->stats);
	assert_non_null(bench->transport);
	bench->server.addr = fake_addr(1);
	for (unsigned i = 0; i < QUESTIONS; i++) {
		bench->askers[i].bench = bench;
		bench->askers[i].question.fn = on_stream;
		bench->askers[i].question.ctx = &bench->askers[i];
	}
	return bench;
}

static void ask_first(struct bench *bench, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(ask(&bench->askers[i], false), 0);
}

/* A message with that ID, and `first` behind its header. */
static void say(struct bench *bench, unsigned socket, uint16_t id, uint8_t first)
{
	uint8_t wire[13] = { 0 };

	message_set_id(wire, id);
	wire[12] = first;
	fake_deliver(bench->loop, socket, wire, sizeof(wire));
}

static void UT_10_answers_find_their_questions_in_any_order(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 3);
	assert_int_equal(bench->loop->opened, 1);
	for (unsigned i = 0; i < 3; i++) {
		const struct fake_sent *sent = &bench->loop->sends[i];
		assert_true(sent->is_stream);
		assert_int_equal(message_id(sent->wire), bench->askers[i].id);
		/* UT_11: each has its own */
		assert_int_not_equal(bench->askers[i].id, bench->askers[(i + 1) % 3].id);
	}
	for (unsigned i = 3; i-- > 0;) {
		say(bench, 0, bench->askers[i].id, (uint8_t)(i + 1));
		assert_int_equal(bench->askers[i].calls, 1);
		assert_int_equal(bench->askers[i].err, 0);
		assert_int_equal(bench->askers[i].first, i + 1);
		assert_false(transport_stream_is_out(&bench->askers[i].question));
	}
	assert_int_equal(bench->stats.count[STAT_UPSTREAM_MISMATCHED], 0);
}

static void a_connection_is_kept_for_ten_seconds(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 1);
	say(bench, 0, bench->askers[0].id, 1);
	fake_pass(bench->loop, 9 * USEC_PER_SEC);
	ask_first(bench, 1);
	assert_int_equal(bench->loop->opened, 1);
	fake_pass(bench->loop, 1500000);
	assert_true(fake_is_open(bench->loop, 0));
	say(bench, 0, bench->askers[0].id, 1);
	fake_pass(bench->loop, 10 * USEC_PER_SEC - 1);
	assert_true(fake_is_open(bench->loop, 0));
	fake_pass(bench->loop, 1);
	assert_false(fake_is_open(bench->loop, 0));
}

static void each_server_has_connections_of_its_own(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 1);
	bench->server.addr = fake_addr(2);
	assert_int_equal(ask(&bench->askers[1], false), 0);
	bench->server.addr.port++;
	assert_int_equal(ask(&bench->askers[2], false), 0);
	bench->server.source = fake_addr(99);
	assert_int_equal(ask(&bench->askers[3], false), 0);
	memcpy(bench->server.interface, "wan", sizeof("wan"));
	assert_int_equal(ask(&bench->askers[4], false), 0);
	assert_int_equal(bench->loop->opened, 5);
	assert_true(conf_server_equal(&bench->loop->sockets[4]->how, &bench->server));
	/* the same ID on another connection is another question */
	say(bench, 1, bench->askers[0].id, 1);
	assert_int_equal(bench->askers[0].calls, 0);
}

static void UT_17_two_connections_are_enough(void **state)
{
	struct bench *bench = new_bench();
	unsigned on_first = 0;
	(void)state;

	ask_first(bench, 100);
	assert_int_equal(bench->loop->opened, 1);
	for (unsigned i = 100; i < QUESTIONS; i++)
		assert_int_equal(ask(&bench->askers[i], i % 2 == 0), 0);
	assert_int_equal(bench->loop->opened, 2);
	for (unsigned i = 0; i < QUESTIONS; i++)
		on_first += bench->loop->sends[i].socket == 0;
	assert_int_equal(on_first, QUESTIONS / 2);
}

static void UT_18_a_server_that_reads_nothing_is_told_nothing_more(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 1);
	bench->loop->stream_send_fails = ERR_LIMIT;
	assert_int_equal(ask(&bench->askers[1], false), ERR_LIMIT);
	assert_false(transport_stream_is_out(&bench->askers[1].question));
	assert_int_equal(bench->askers[1].calls, 0);
}

static void UT_14_a_silent_connection_gets_no_more_questions(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 1);
	fake_connected(bench->loop, 0);
	say(bench, 0, bench->askers[0].id, 1);
	fake_pass(bench->loop, 5 * USEC_PER_SEC);
	/* its other end has vanished without a word */
	ask_first(bench, 1);
	fake_pass(bench->loop, USEC_PER_SEC - 1);
	assert_int_equal(ask(&bench->askers[1], false), 0);
	assert_int_equal(bench->loop->opened, 1);
	fake_pass(bench->loop, 1);
	assert_int_equal(ask(&bench->askers[2], false), 0);
	assert_int_equal(bench->loop->opened, 2);
	/* it is heard of again */
	say(bench, 0, bench->askers[0].id, 1);
	assert_int_equal(ask(&bench->askers[3], true), 0);
	assert_int_equal(bench->loop->opened, 2);
}

static void even_silent_ones_are_few(void **state)
{
	struct bench *bench = new_bench();
	int err = 0;
	(void)state;

	for (unsigned i = 0; i < 6 && err == 0; i++) {
		err = ask(&bench->askers[i], false);
		fake_pass(bench->loop, USEC_PER_SEC);
	}
	assert_int_equal(err, ERR_LIMIT);
	assert_int_equal(bench->loop->opened, 4);
}

static void UT_04_a_connection_given_up_on_is_closed(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 2);
	fake_connected(bench->loop, 0);
	transport_stream_forget(&bench->askers[0].question);
	transport_stream_forget(&bench->askers[0].question);
	assert_true(fake_is_open(bench->loop, 0));
	transport_stream_forget(&bench->askers[1].question);
	assert_false(fake_is_open(bench->loop, 0));
	assert_int_equal(bench->askers[0].calls + bench->askers[1].calls, 0);
}

static void one_that_has_answered_since_is_kept(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 2);
	fake_pass(bench->loop, 1000);
	say(bench, 0, bench->askers[0].id, 1);
	transport_stream_forget(&bench->askers[1].question);
	assert_true(fake_is_open(bench->loop, 0));
	/* the answer that nobody wants any more is no nonsense */
	say(bench, 0, bench->askers[1].id, 1);
	assert_int_equal(bench->stats.count[STAT_UPSTREAM_MISMATCHED], 0);
	/* unless half a message has come */
	ask_first(bench, 2);
	fake_pass(bench->loop, 1000);
	say(bench, 0, bench->askers[0].id, 1);
	bench->loop->partial_since_us = 1;
	transport_stream_forget(&bench->askers[1].question);
	assert_false(fake_is_open(bench->loop, 0));
}

static void UT_06_nonsense_is_counted_and_borne_for_a_while(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 1);
	fake_deliver(bench->loop, 0, NULL, 0);
	fake_deliver(bench->loop, 0, (const uint8_t *)"short", 5);
	for (unsigned i = 2; i < 15; i++)
		say(bench, 0, bench->askers[0].id ^ 1, 1);
	assert_int_equal(bench->askers[0].calls, 0);
	assert_int_equal(bench->stats.count[STAT_UPSTREAM_MISMATCHED], 15);
	say(bench, 0, bench->askers[0].id ^ 1, 1);
	assert_int_equal(bench->askers[0].calls, 1);
	assert_int_equal(bench->askers[0].err, ERR_MALFORMED);
	assert_false(fake_is_open(bench->loop, 0));
}

static void UT_07_all_that_is_out_is_told_of_the_end(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 2);
	fake_end(bench->loop, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(bench->askers[i].calls, 1);
		assert_int_equal(bench->askers[i].err, -ECONNRESET);
		assert_false(bench->askers[i].question.was_reused);
	}
	assert_false(fake_is_open(bench->loop, 0));
	ask_first(bench, 1);
	fake_break(bench->loop, 1, -ECONNREFUSED);
	assert_int_equal(bench->askers[0].err, -ECONNREFUSED);
}

static void UT_07_and_whether_it_was_in_use_before(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	/* asked before it was connected, but it has answered others */
	ask_first(bench, 2);
	fake_connected(bench->loop, 0);
	say(bench, 0, bench->askers[0].id, 1);
	fake_end(bench->loop, 0);
	assert_true(bench->askers[1].question.was_reused);
	/* asked on one that was there already */
	ask_first(bench, 1);
	fake_connected(bench->loop, 1);
	assert_int_equal(ask(&bench->askers[1], false), 0);
	fake_end(bench->loop, 1);
	assert_false(bench->askers[0].question.was_reused);
	assert_true(bench->askers[1].question.was_reused);
}

static void the_lost_may_be_asked_anew_at_once(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 3);
	for (unsigned i = 0; i < 3; i++)
		bench->askers[i].asks_again = true;
	fake_break(bench->loop, 0, -ECONNRESET);
	assert_int_equal(bench->loop->opened, 2);
	assert_int_equal(bench->loop->sent, 6);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(bench->askers[i].calls, 1);
		assert_true(transport_stream_is_out(&bench->askers[i].question));
	}
}

static void one_callback_may_forget_the_others(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 5);
	for (unsigned i = 0; i < 5; i++)
		bench->askers[i].forgets_all = true;
	say(bench, 0, bench->askers[2].id, 1);
	assert_int_equal(bench->askers[2].calls, 1);
	assert_true(fake_is_open(bench->loop, 0));
	ask_first(bench, 5);
	fake_break(bench->loop, 0, -ECONNRESET);
	unsigned calls = 0;
	for (unsigned i = 0; i < 5; i++)
		calls += bench->askers[i].calls;
	assert_int_equal(calls, 2);
}

static void UT_12_a_distrusted_connection_is_left(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 3);
	bench->askers[1].hangs_up = true;
	bench->askers[1].asks_again = true;
	say(bench, 0, bench->askers[1].id, 1);
	assert_false(fake_is_open(bench->loop, 0));
	/* asked anew from inside it went elsewhere; the others were told */
	assert_int_equal(bench->loop->opened, 2);
	assert_int_equal(bench->loop->sends[3].socket, 1);
	assert_true(transport_stream_is_out(&bench->askers[1].question));
	assert_int_equal(bench->askers[1].calls, 1);
	assert_int_equal(bench->askers[0].err, ERR_MALFORMED);
	assert_int_equal(bench->askers[2].err, ERR_MALFORMED);
	assert_true(bench->askers[2].question.was_reused);
}

static void no_connection_no_question(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	bench->loop->connect_fails = -EMFILE;
	assert_int_equal(ask(&bench->askers[0], false), -EMFILE);
	bench->loop->connect_fails = 0;
	bench->loop->stream_send_fails = -ENOMEM;
	assert_int_equal(ask(&bench->askers[0], false), -ENOMEM);
	/* what was opened for it does not stay for ever */
	fake_pass(bench->loop, 11 * USEC_PER_SEC);
	assert_int_equal(fake_open_count(bench->loop), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(UT_10_answers_find_their_questions_in_any_order),
	cmocka_unit_test(a_connection_is_kept_for_ten_seconds),
	cmocka_unit_test(each_server_has_connections_of_its_own),
	cmocka_unit_test(UT_17_two_connections_are_enough),
	cmocka_unit_test(UT_18_a_server_that_reads_nothing_is_told_nothing_more),
	cmocka_unit_test(UT_14_a_silent_connection_gets_no_more_questions),
	cmocka_unit_test(even_silent_ones_are_few),
	cmocka_unit_test(UT_04_a_connection_given_up_on_is_closed),
	cmocka_unit_test(one_that_has_answered_since_is_kept),
	cmocka_unit_test(UT_06_nonsense_is_counted_and_borne_for_a_while),
	cmocka_unit_test(UT_07_all_that_is_out_is_told_of_the_end),
	cmocka_unit_test(UT_07_and_whether_it_was_in_use_before),
	cmocka_unit_test(the_lost_may_be_asked_anew_at_once),
	cmocka_unit_test(one_callback_may_forget_the_others),
	cmocka_unit_test(UT_12_a_distrusted_connection_is_left),
	cmocka_unit_test(no_connection_no_question),
};
UNIT_MAIN(tests)
