#include "upstream/transport_udp.h"

#include "fake_net.h"
#include "upstream/server.h"
#include "wire/message.h"

#define QUESTIONS 260u
#define PLACES 64u /* of one socket */

struct asker {
	struct transport_datagram question;
	struct bench *bench;
	unsigned calls, strangers;
	int err;
	uint16_t id;
	uint8_t first; /* byte behind the header */
	bool closes, closes_all, asks_again, lets_go;
};

struct bench {
	struct loop *loop;
	struct stats stats;
	struct transport_udp *transport;
	struct server *server, *other;
	struct asker askers[QUESTIONS];
};

static int open_at(struct asker *asker, struct server *server)
{
	const int err = transport_udp_open(asker->bench->transport, server, &asker->question);

	asker->id = asker->question.id;
	return err;
}

static void close_all(struct bench *bench)
{
	for (unsigned i = 0; i < QUESTIONS; i++)
		transport_udp_close(&bench->askers[i].question);
}

static void on_datagram(struct transport_datagram *question, int err, uint8_t *wire,
			size_t wire_len)
{
	struct asker *asker = question->ctx;

	asker->err = err;
	asker->calls += err != 0 || wire != NULL;
	asker->strangers += err == 0 && wire == NULL;
	asker->first = wire != NULL && wire_len > 12 ? wire[12] : 0;
	if (asker->closes)
		transport_udp_close(question);
	if (asker->closes_all)
		close_all(asker->bench);
	if (asker->lets_go) {
		server_unref(asker->bench->server);
		asker->bench->server = NULL;
	}
	if (asker->asks_again && open_at(asker, asker->bench->server) != 0)
		asker->calls += 100;
}

static void free_bench(struct bench *bench)
{
	close_all(bench);
	transport_udp_free(bench->transport);
	server_unref(bench->server);
	server_unref(bench->other);
}

static struct bench *new_bench(void)
{
	struct bench *bench = unit_zalloc(sizeof(*bench));
	struct conf_server how = { .addr = fake_addr(1) };

	assert_int_equal(loop_new(&bench->loop), 0);
	unit_own(bench->loop, loop_free);
	unit_own(bench, free_bench);
	bench->transport = transport_udp_new(bench->loop, &bench->stats);
	assert_non_null(bench->transport);
	bench->server = server_new("default", &how);
	how.addr = fake_addr(2);
	bench->other = server_new("default", &how);
	assert_non_null(bench->server);
	assert_non_null(bench->other);
	for (unsigned i = 0; i < QUESTIONS; i++) {
		bench->askers[i].bench = bench;
		bench->askers[i].question.fn = on_datagram;
		bench->askers[i].question.ctx = &bench->askers[i];
	}
	return bench;
}

static void ask(struct bench *bench, unsigned at)
{
	uint8_t query[13] = { 0, 0, 1 };

	assert_int_equal(open_at(&bench->askers[at], bench->server), 0);
	assert_int_equal(transport_udp_send(&bench->askers[at].question, query, sizeof(query)), 0);
	assert_int_equal(message_id(query), bench->askers[at].id);
}

static void ask_first(struct bench *bench, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ask(bench, i);
}

/* The next turn has begun. */
static void turn(struct bench *bench)
{
	fake_pass(bench->loop, 1);
}

static unsigned socket_of(const struct bench *bench, unsigned sent)
{
	assert_true(sent < bench->loop->sent);
	return bench->loop->sends[sent].socket;
}

/* A message with that ID, and `first` behind its header. */
static void say(struct bench *bench, unsigned socket, uint16_t id, uint8_t first)
{
	uint8_t wire[13] = { 0 };

	message_set_id(wire, id);
	wire[12] = first;
	fake_deliver(bench->loop, socket, wire, sizeof(wire));
}

/* One that none of them has, at the place of the `at`-th. */
static uint16_t no_id(const struct bench *bench, unsigned at)
{
	return (uint16_t)(bench->askers[at].id ^ 0x4000);
}

/* --- sharing --- */

static void what_is_asked_in_one_turn_shares_a_socket(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, PLACES);
	assert_int_equal(bench->loop->opened, 1);
	assert_int_equal(bench->loop->sent, PLACES);
	for (unsigned i = 0; i < PLACES; i++) {
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(bench->askers[i].id % PLACES,
					     bench->askers[j].id % PLACES);
	}
	for (unsigned i = 0; i < PLACES; i++)
		say(bench, 0, bench->askers[i].id, (uint8_t)i);
	for (unsigned i = 0; i < PLACES; i++) {
		assert_int_equal(bench->askers[i].calls, 1);
		assert_int_equal(bench->askers[i].first, i);
		assert_int_equal(bench->askers[i].strangers, 0);
	}
}

static void a_full_one_takes_no_more(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 2 * PLACES + 1);
	assert_int_equal(bench->loop->opened, 3);
	assert_int_equal(socket_of(bench, PLACES - 1), 0);
	assert_int_equal(socket_of(bench, PLACES), 1);
	assert_int_equal(socket_of(bench, 2 * PLACES), 2);
}

/* A place is used once, so one that has served so many is full, however few are out. */
static void one_that_has_served_enough_takes_no_more(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask(bench, 0);
	for (unsigned i = 1; i < PLACES; i++) {
		ask(bench, 1);
		transport_udp_close(&bench->askers[1].question);
	}
	assert_int_equal(bench->loop->opened, 1);
	ask(bench, 1);
	assert_int_equal(bench->loop->opened, 2);
	assert_int_equal(fake_open_count(bench->loop), 2);
}

static void SP_01_another_turn_has_another_port(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	for (unsigned i = 0; i < 5; i++) {
		ask(bench, 2 * i);
		ask(bench, 2 * i + 1);
		turn(bench);
	}
	assert_int_equal(bench->loop->opened, 5);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(socket_of(bench, i), i / 2);
}

static void another_server_has_another_socket(void **state)
{
	struct bench *bench = new_bench();
	const struct addr to = fake_addr(2);
	uint8_t query[13] = { 0 };
	(void)state;

	ask(bench, 0);
	assert_int_equal(open_at(&bench->askers[1], bench->other), 0);
	assert_int_equal(transport_udp_send(&bench->askers[1].question, query, sizeof(query)), 0);
	assert_true(addr_equal(&bench->loop->sends[1].to, &to));
	assert_int_equal(bench->loop->opened, 2);
}

static void D6_what_is_sent_again_goes_from_the_same_port_with_the_same_id(void **state)
{
	struct bench *bench = new_bench();
	uint8_t query[13] = { 0 };
	(void)state;

	ask(bench, 0);
	for (unsigned i = 1; i < 70; i++) {
		turn(bench);
		ask(bench, i);
	}
	assert_int_equal(transport_udp_send(&bench->askers[0].question, query, sizeof(query)), 0);
	assert_int_equal(socket_of(bench, 70), 0);
	assert_int_equal(message_id(bench->loop->sends[70].wire), bench->askers[0].id);
}

/* --- the end of a socket --- */

static void SP_10_the_port_is_closed_with_the_last_question(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 3);
	transport_udp_close(&bench->askers[1].question);
	transport_udp_close(&bench->askers[0].question);
	assert_true(fake_is_open(bench->loop, 0));
	bench->askers[2].closes = true;
	say(bench, 0, bench->askers[2].id, 7);
	assert_int_equal(bench->askers[2].first, 7);
	assert_false(fake_is_open(bench->loop, 0));
	assert_false(transport_udp_is_open(&bench->askers[2].question));
	transport_udp_close(&bench->askers[2].question); /* once more is fine */
	ask(bench, 0);
	assert_int_equal(bench->loop->opened, 2);
}

static void a_question_may_be_asked_anew_from_inside(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask(bench, 0);
	bench->askers[0].closes = bench->askers[0].asks_again = true;
	const uint16_t id = bench->askers[0].id;
	say(bench, 0, id, 1);
	assert_int_equal(bench->askers[0].calls, 1);
	assert_int_equal(bench->loop->opened, 2);
	assert_int_equal(fake_open_count(bench->loop), 1);
}

static void all_may_be_closed_from_inside(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 70);
	bench->askers[3].closes_all = true;
	say(bench, 0, bench->askers[3].id, 1);
	assert_int_equal(fake_open_count(bench->loop), 0);
}

static void the_server_may_go_with_its_last_question(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask(bench, 0);
	bench->askers[0].closes = bench->askers[0].lets_go = true;
	say(bench, 0, bench->askers[0].id, 1);
	assert_null(bench->server);
	assert_int_equal(fake_open_count(bench->loop), 0);
}

/* --- packets --- */

static void UF_05_a_second_answer_is_told_while_the_question_is_out(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 2);
	say(bench, 0, bench->askers[0].id, 1);
	say(bench, 0, bench->askers[0].id, 2);
	assert_int_equal(bench->askers[0].calls, 2);
	assert_int_equal(bench->askers[0].first, 2);
}

static void SP_13_one_more_answer_to_what_is_settled_is_nobodys(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 2);
	bench->askers[0].closes = true;
	say(bench, 0, bench->askers[0].id, 1);
	say(bench, 0, bench->askers[0].id, 2);
	assert_int_equal(bench->askers[0].calls, 1);
	assert_int_equal(bench->askers[1].calls + bench->askers[1].strangers, 0);
	assert_int_equal(bench->stats.count[STAT_UPSTREAM_MISMATCHED], 0);
}

static void SP_09_an_id_of_nobody_is_told_to_all_and_counted_once(void **state)
{
	struct bench *bench = new_bench();
	struct server_sums sums;
	(void)state;

	ask_first(bench, PLACES);
	transport_udp_close(&bench->askers[5].question);
	say(bench, 0, no_id(bench, 0), 1); /* where a question is out */
	say(bench, 0, no_id(bench, 5), 1); /* where it is settled */
	fake_deliver(bench->loop, 0, (const uint8_t *)"short", 5);
	for (unsigned i = 0; i < PLACES; i++) {
		assert_int_equal(bench->askers[i].strangers, i == 5 ? 0 : 3);
		assert_int_equal(bench->askers[i].calls, 0);
	}
	assert_int_equal(bench->stats.count[STAT_UPSTREAM_MISMATCHED], 3);
	const struct server *const servers[] = { bench->server };
	server_sum(servers, 1, loop_clock(bench->loop)->now_us, &sums);
	assert_int_equal(sums.failed, 3);
}

static void SP_09_a_place_that_nobody_had_is_no_id(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 2);
	for (unsigned id = 0; id < 65536; id++) {
		if (id != bench->askers[0].id && id != bench->askers[1].id)
			say(bench, 0, (uint16_t)id, 1);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(bench->askers[i].strangers, 65534);
		assert_int_equal(bench->askers[i].calls, 0);
	}
}

static void SP_09_the_only_one_that_is_out_is_told_of_all(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask(bench, 0);
	say(bench, 0, no_id(bench, 0), 9);
	fake_deliver(bench->loop, 0, (const uint8_t *)"short", 5);
	assert_int_equal(bench->askers[0].calls, 2);
	assert_int_equal(bench->stats.count[STAT_UPSTREAM_MISMATCHED], 0); /* it counts */
}

/* Three questions; the first two are alike but for the type. */
static void SP_09_who_guesses_at_a_question_names_it(void **state)
{
	static const uint8_t queries[3][22] = {
		"\0\0\1\0\0\1\0\0\0\0\0\0\3one\0\0\1\0\1",
		"\0\0\1\0\0\1\0\0\0\0\0\0\3one\0\0\34\0\1",
		"\0\0\1\0\0\1\0\0\0\0\0\0\3two\0\0\1\0\1",
	};
	struct bench *bench = new_bench();
	struct query_view *views = unit_zalloc(3 * sizeof(*views));
	uint8_t wire[21];
	(void)state;

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(query_view_parse(&views[i], queries[i], sizeof(wire)), QUERY_OK);
		bench->askers[i].question.view = &views[i];
		ask(bench, i);
	}
	for (unsigned i = 0; i < 3; i++) {
		memcpy(wire, queries[i], sizeof(wire));
		message_set_id(wire, no_id(bench, i));
		wire[13] ^= 0x20; /* in whatever case */
		fake_deliver(bench->loop, 0, wire, sizeof(wire));
		assert_int_equal(bench->askers[i].calls, 1);
	}
	assert_int_equal(bench->stats.count[STAT_UPSTREAM_MISMATCHED], 0); /* they count */
	fake_deliver(bench->loop, 0, wire, sizeof(wire) - 1); /* of nothing that was asked */
	wire[14] = 'x';
	fake_deliver(bench->loop, 0, wire, sizeof(wire));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(bench->askers[i].calls, 1);
		assert_int_equal(bench->askers[i].strangers, 2);
	}
	assert_int_equal(bench->stats.count[STAT_UPSTREAM_MISMATCHED], 2);
}

static void SP_09_where_somebody_guesses_nothing_new_is_asked(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask(bench, 0);
	say(bench, 0, no_id(bench, 0), 1);
	ask(bench, 1);
	assert_int_equal(socket_of(bench, 1), 1);
	assert_true(fake_is_open(bench->loop, 0));
}

static void strangers_may_be_met_by_closing_everything(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, PLACES);
	for (unsigned i = 0; i < PLACES; i++)
		bench->askers[i].closes_all = true;
	say(bench, 0, no_id(bench, 0), 1);
	unsigned told = 0;
	for (unsigned i = 0; i < PLACES; i++)
		told += bench->askers[i].strangers;
	assert_int_equal(told, 1);
	assert_int_equal(fake_open_count(bench->loop), 0);
}

static void strangers_may_be_met_by_asking_anew(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, PLACES);
	for (unsigned i = 0; i < PLACES; i++)
		bench->askers[i].closes = bench->askers[i].asks_again = true;
	say(bench, 0, no_id(bench, 0), 1);
	for (unsigned i = 0; i < PLACES; i++)
		assert_int_equal(bench->askers[i].strangers, 1);
	assert_false(fake_is_open(bench->loop, 0));
	assert_int_equal(fake_open_count(bench->loop), 1);
}

/* --- errors --- */

static void UF_31_a_closed_port_is_told_to_all(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 10);
	transport_udp_close(&bench->askers[4].question);
	fake_break(bench->loop, 0, -ECONNREFUSED);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(bench->askers[i].calls, i != 4);
		assert_int_equal(bench->askers[i].err, i == 4 ? 0 : -ECONNREFUSED);
		assert_false(transport_udp_is_open(&bench->askers[i].question));
	}
	assert_int_equal(fake_open_count(bench->loop), 0);
}

static void what_is_refused_may_be_asked_anew(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 10);
	for (unsigned i = 0; i < 10; i++)
		bench->askers[i].asks_again = true;
	fake_break(bench->loop, 0, -ECONNREFUSED);
	assert_int_equal(bench->loop->opened, 2);
	assert_true(fake_is_open(bench->loop, 1));
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(bench->askers[i].calls, 1);
}

static void one_that_is_refused_may_close_all(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask_first(bench, 10);
	for (unsigned i = 0; i < 10; i++)
		bench->askers[i].closes_all = true;
	fake_break(bench->loop, 0, -ECONNREFUSED);
	unsigned told = 0;
	for (unsigned i = 0; i < 10; i++)
		told += bench->askers[i].calls;
	assert_int_equal(told, 1);
	assert_int_equal(fake_open_count(bench->loop), 0);
}

/* --- where there are no more --- */

static void RX_16_without_descriptors_those_that_are_open_are_shared(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask(bench, 0);
	turn(bench);
	ask(bench, 1);
	bench->loop->udp_new_fails = -EMFILE;
	unsigned on_first = 0;
	for (unsigned i = 2; i < 2 * PLACES; i++) {
		turn(bench);
		ask(bench, i);
		on_first += socket_of(bench, i) == 0;
	}
	assert_int_equal(on_first, PLACES - 1); /* both are full */
	turn(bench);
	assert_int_equal(open_at(&bench->askers[200], bench->server), -EMFILE);
	assert_false(transport_udp_is_open(&bench->askers[200].question));
	bench->loop->udp_new_fails = 0;
	ask(bench, 200);
	assert_int_equal(bench->loop->opened, 3);
}

static void RX_16_whichever_is_taken_is_chance(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask(bench, 0);
	turn(bench);
	ask(bench, 1);
	bench->loop->udp_new_fails = -EMFILE;
	unsigned on_first = 0;
	for (unsigned i = 2; i < 62; i++) {
		turn(bench);
		ask(bench, i);
		on_first += socket_of(bench, i) == 0;
	}
	assert_in_range(on_first, 7, 53); /* once in 10^9 it is not */
}

static void no_way_is_told_even_where_sockets_are_open(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask(bench, 0);
	turn(bench);
	bench->loop->udp_new_fails = -ENETUNREACH;
	assert_int_equal(open_at(&bench->askers[1], bench->server), -ENETUNREACH);
}

static void what_the_socket_does_not_send_is_told(void **state)
{
	struct bench *bench = new_bench();
	uint8_t query[13] = { 0 };
	(void)state;

	ask(bench, 0);
	bench->loop->udp_send_fails = -EMSGSIZE;
	assert_int_equal(transport_udp_send(&bench->askers[0].question, query, sizeof(query)),
			 -EMSGSIZE);
}

/* --- alone --- */

static void one_that_is_alone_shares_with_nobody(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	ask(bench, 0);
	bench->askers[1].question.is_alone = true;
	ask(bench, 1);
	ask(bench, 2);
	assert_int_equal(socket_of(bench, 0), 0);
	assert_int_equal(socket_of(bench, 1), 1);
	assert_int_equal(socket_of(bench, 2), 0);
	say(bench, 1, no_id(bench, 1), 9); /* it judges by itself */
	assert_int_equal(bench->askers[1].first, 9);
	assert_int_equal(bench->stats.count[STAT_UPSTREAM_MISMATCHED], 0);
	fake_break(bench->loop, 1, -ECONNREFUSED);
	assert_int_equal(bench->askers[1].err, -ECONNREFUSED);
	assert_false(fake_is_open(bench->loop, 1));
}

/* --- numbers --- */

/* Where places are few, too: the last of 64 has one left. */
static void SP_02_all_ids_are_as_likely_whatever_the_place(void **state)
{
	struct bench *bench = new_bench();
	static unsigned places[PLACES], highs[PLACES];
	(void)state;

	memset(places, 0, sizeof(places));
	memset(highs, 0, sizeof(highs));
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < PLACES; i++) {
			if (open_at(&bench->askers[i], bench->server) != 0)
				return;
			highs[bench->askers[i].id >> 10]++;
			if (i == PLACES / 2)
				places[bench->askers[i].id % PLACES]++;
		}
		close_all(bench);
	}
	/* 100 expected in each, deviation 10; of a hundred places no one comes 15 times */
	for (unsigned i = 0; i < PLACES; i++) {
		assert_in_range(highs[i], 35, 165);
		assert_in_range(places[i], 0, 15);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_asked_in_one_turn_shares_a_socket),
	cmocka_unit_test(a_full_one_takes_no_more),
	cmocka_unit_test(one_that_has_served_enough_takes_no_more),
	cmocka_unit_test(SP_01_another_turn_has_another_port),
	cmocka_unit_test(another_server_has_another_socket),
	cmocka_unit_test(D6_what_is_sent_again_goes_from_the_same_port_with_the_same_id),
	cmocka_unit_test(SP_10_the_port_is_closed_with_the_last_question),
	cmocka_unit_test(a_question_may_be_asked_anew_from_inside),
	cmocka_unit_test(all_may_be_closed_from_inside),
	cmocka_unit_test(the_server_may_go_with_its_last_question),
	cmocka_unit_test(UF_05_a_second_answer_is_told_while_the_question_is_out),
	cmocka_unit_test(SP_13_one_more_answer_to_what_is_settled_is_nobodys),
	cmocka_unit_test(SP_09_an_id_of_nobody_is_told_to_all_and_counted_once),
	cmocka_unit_test(SP_09_a_place_that_nobody_had_is_no_id),
	cmocka_unit_test(SP_09_the_only_one_that_is_out_is_told_of_all),
	cmocka_unit_test(SP_09_who_guesses_at_a_question_names_it),
	cmocka_unit_test(SP_09_where_somebody_guesses_nothing_new_is_asked),
	cmocka_unit_test(strangers_may_be_met_by_closing_everything),
	cmocka_unit_test(strangers_may_be_met_by_asking_anew),
	cmocka_unit_test(UF_31_a_closed_port_is_told_to_all),
	cmocka_unit_test(what_is_refused_may_be_asked_anew),
	cmocka_unit_test(one_that_is_refused_may_close_all),
	cmocka_unit_test(RX_16_without_descriptors_those_that_are_open_are_shared),
	cmocka_unit_test(RX_16_whichever_is_taken_is_chance),
	cmocka_unit_test(no_way_is_told_even_where_sockets_are_open),
	cmocka_unit_test(what_the_socket_does_not_send_is_told),
	cmocka_unit_test(one_that_is_alone_shares_with_nobody),
	cmocka_unit_test(SP_02_all_ids_are_as_likely_whatever_the_place),
};
UNIT_MAIN(tests)
