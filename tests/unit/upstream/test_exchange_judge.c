/* Exchanges whose owner judges what is said. */
#include "exchange_bench.h"

#include "upstream/pool.h"

#define SEEN_MAX 16u

struct sight {
	uint8_t server;
	bool is_silent;
	unsigned rcode;
};

struct judged {
	struct exchange_bench *bench;
	struct pool *reserves[EXCHANGE_RESERVES];
	bool is_picky, is_patient;
	struct sight seen[SEEN_MAX];
	unsigned count;
	/* of the servers' replies, by their last byte */
	enum exchange_worth worth[16];
	struct exchange *exchange;
	unsigned done;
	struct exchange_result result;
	uint8_t said_by;
	size_t reply_len;
};

static void drop_reserves(struct judged *judged)
{
	for (unsigned i = 0; i < EXCHANGE_RESERVES; i++)
		pool_unref(judged->reserves[i]);
}

static struct judged *new_judged(unsigned servers)
{
	struct judged *judged = unit_own(unit_zalloc(sizeof(*judged)), drop_reserves);

	judged->bench = exchange_bench_new(servers);
	judged->is_picky = true;
	for (unsigned i = 0; i < 16; i++)
		judged->worth[i] = EXCHANGE_WORSE;
	return judged;
}

/* A group of one. */
static void add_reserve(struct judged *judged, unsigned at, unsigned server)
{
	struct conf_server how = { .addr = fake_addr(server) };
	const struct conf_group group = {
		.name = "other", .servers = &how, .server_count = 1, .timeout_ms = 2000
	};

	judged->reserves[at] = pool_new(NULL, &group);
	assert_non_null(judged->reserves[at]);
}

static enum exchange_worth judge(void *ctx, const struct server *server, const uint8_t *wire,
				 const struct message_facts *facts)
{
	struct judged *judged = ctx;
	const uint8_t by = server_addr(server)->bytes[3];

	assert_true(judged->count < SEEN_MAX);
	assert_true((wire == NULL) == (facts == NULL));
	judged->seen[judged->count++] = (struct sight){ .server = by,
							.is_silent = wire == NULL,
							.rcode = wire ? message_rcode(facts) : 0 };
	return judged->worth[by];
}

static void on_done(void *ctx, struct exchange_result *result)
{
	struct judged *judged = ctx;

	judged->done++;
	judged->result = *result;
	if (result->outcome != EXCHANGE_REPLIED)
		return;
	judged->said_by = server_addr(result->server)->bytes[3];
	judged->reply_len = result->wire_len;
	memset(result->wire, 0xcc, result->wire_len); /* we may */
}

static void ask(struct judged *judged)
{
	struct exchange_bench *bench = judged->bench;
	struct exchange_ask how = { .view = &bench->view,
				    .pool = bench->pool,
				    .edns_size = 1232,
				    .deadline_us = bench->deadline_us,
				    .judge = judge,
				    .is_picky = judged->is_picky,
				    .is_patient = judged->is_patient };

	memcpy(how.reserves, judged->reserves, sizeof(how.reserves));
	assert_int_equal(exchange_start(bench->upstream, &how, on_done, judged, &judged->exchange),
			 0);
}

static void assert_told(const struct judged *judged, unsigned server, unsigned rcode,
			bool is_unwanted)
{
	assert_int_equal(judged->done, 1);
	assert_int_equal(judged->result.outcome, EXCHANGE_REPLIED);
	assert_int_equal(judged->said_by, server);
	assert_int_equal(message_rcode(&judged->result.facts), rcode);
	assert_int_equal(judged->result.is_unwanted, is_unwanted);
}

static void a_reply_that_is_wanted_ends_it_at_once(void **state)
{
	struct judged *judged = new_judged(3);
	(void)state;

	judged->worth[1] = EXCHANGE_WANTED;
	add_reserve(judged, 0, 9);
	ask(judged);
	reply_data(judged->bench, 0);
	assert_told(judged, 1, RCODE_NOERROR, false);
	assert_asked(judged->bench, 0, 1, false);
	assert_int_equal(judged->count, 1);
}

static void a_refused_reply_has_all_the_others_asked_at_once(void **state)
{
	struct judged *judged = new_judged(3);
	(void)state;

	judged->worth[9] = EXCHANGE_WANTED;
	add_reserve(judged, 0, 8);
	add_reserve(judged, 1, 9);
	ask(judged);
	fake_pass(judged->bench->loop, 30 * MSEC);
	reply_data(judged->bench, 0);
	assert_int_equal(judged->done, 0);
	assert_asked(judged->bench, 4, 9, false);
	for (unsigned i = 1; i < 5; i++)
		assert_sent_at(judged->bench, i, 30);
	assert_sent(judged->bench, 1, 2, false);
	assert_sent(judged->bench, 2, 3, false);
	assert_sent(judged->bench, 3, 8, false);
	reply_rcode(judged->bench, 1, RCODE_NXDOMAIN);
	reply_rcode(judged->bench, 3, RCODE_REFUSED);
	assert_int_equal(judged->done, 0);
	reply_data(judged->bench, 4);
	assert_told(judged, 9, RCODE_NOERROR, false);
	assert_int_equal(judged->count, 4);
	assert_int_equal(fake_open_count(judged->bench->loop), 0);
}

static void so_has_a_failure_which_is_told_only_once(void **state)
{
	struct judged *judged = new_judged(1);
	(void)state;

	judged->worth[9] = EXCHANGE_WANTED;
	add_reserve(judged, 0, 9);
	ask(judged);
	reply_rcode(judged->bench, 0, RCODE_SERVFAIL);
	assert_sent(judged->bench, 1, 1, true); /* that it means it is confirmed over TCP */
	assert_asked(judged->bench, 2, 9, false);
	reply_rcode(judged->bench, 1, RCODE_SERVFAIL);
	assert_int_equal(judged->count, 1);
	assert_int_equal(judged->seen[0].rcode, RCODE_SERVFAIL);
	fake_pass(judged->bench->loop, 700 * MSEC);
	assert_int_equal(judged->done, 0);
	reply_data(judged->bench, 2);
	assert_told(judged, 9, RCODE_NOERROR, false);
}

static void and_so_have_400_ms(void **state)
{
	struct judged *judged = new_judged(2);
	(void)state;

	judged->worth[9] = EXCHANGE_WANTED;
	add_reserve(judged, 0, 9);
	ask(judged);
	fake_pass(judged->bench->loop, 399 * MSEC);
	assert_asked(judged->bench, 0, 1, false);
	fake_pass(judged->bench->loop, 1 * MSEC);
	assert_sent(judged->bench, 1, 2, false);
	assert_sent(judged->bench, 2, 9, false);
	reply_data(judged->bench, 2);
	assert_told(judged, 9, RCODE_NOERROR, false);
}

static void with_nothing_better_the_first_refused_reply_is_told(void **state)
{
	struct judged *judged = new_judged(4);
	(void)state;

	ask(judged);
	reply_rcode(judged->bench, 0, RCODE_SERVFAIL);
	reply_rcode(judged->bench, 3, RCODE_NXDOMAIN);
	reply_data(judged->bench, 1);
	reply_rcode(judged->bench, 2, RCODE_REFUSED);
	assert_told(judged, 4, RCODE_NXDOMAIN, true);
}

static void failures_alone_are_told_as_ever(void **state)
{
	struct judged *judged = new_judged(2);
	(void)state;

	ask(judged);
	reply_rcode(judged->bench, 0, RCODE_REFUSED);
	reply_rcode(judged->bench, 1, RCODE_SERVFAIL);
	assert_told(judged, 2, RCODE_SERVFAIL, false);
	assert_int_equal(judged->count, 2);
}

static void a_better_one_takes_its_place_and_ends_the_wait_soon(void **state)
{
	struct judged *judged = new_judged(4);
	(void)state;

	judged->worth[2] = EXCHANGE_BETTER;
	ask(judged);
	reply_data(judged->bench, 0);
	reply_rcode(judged->bench, 1, RCODE_NXDOMAIN);
	reply_data(judged->bench, 2);
	assert_int_equal(judged->done, 0);
	fake_pass(judged->bench->loop, 399 * MSEC);
	assert_int_equal(judged->done, 0);
	fake_pass(judged->bench->loop, 1 * MSEC);
	assert_told(judged, 2, RCODE_NXDOMAIN, true);
}

static void unless_a_wanted_one_comes(void **state)
{
	struct judged *judged = new_judged(3);
	(void)state;

	judged->worth[2] = EXCHANGE_BETTER;
	judged->worth[3] = EXCHANGE_WANTED;
	ask(judged);
	reply_data(judged->bench, 0);
	reply_data(judged->bench, 1);
	fake_pass(judged->bench->loop, 300 * MSEC);
	reply_data(judged->bench, 2);
	assert_told(judged, 3, RCODE_NOERROR, false);
}

static void a_refused_reply_is_kept_whole(void **state)
{
	const struct answer long_one = { .has_data = true, .padding = 6000 };
	struct judged *judged = new_judged(1);
	(void)state;

	judged->bench->via_stream = false;
	ask(judged);
	reply_with(judged->bench, 0, &long_one);
	assert_told(judged, 1, RCODE_NOERROR, true);
	assert_true(judged->reply_len > 6000);
}

static void who_is_not_picky_is_told_and_gets_what_comes(void **state)
{
	struct judged *judged = new_judged(3);
	(void)state;

	judged->is_picky = false;
	ask(judged);
	reply_rcode(judged->bench, 0, RCODE_SERVFAIL);
	assert_asked(judged->bench, 1, 2, false);
	reply_rcode(judged->bench, 1, RCODE_NXDOMAIN);
	assert_told(judged, 2, RCODE_NXDOMAIN, false);
	assert_int_equal(judged->count, 2);
}

static void silence_of_a_server_that_is_up_is_told_at_the_end(void **state)
{
	struct judged *judged = new_judged(2);
	(void)state;

	judged->worth[2] = EXCHANGE_WANTED;
	ask(judged);
	fake_pass(judged->bench->loop, 400 * MSEC);
	reply_data(judged->bench, 1);
	assert_told(judged, 2, RCODE_NOERROR, false);
	assert_int_equal(judged->count, 2);
	assert_false(judged->seen[0].is_silent);
	assert_true(judged->seen[1].is_silent);
	assert_int_equal(judged->seen[1].server, 1);
}

static void a_moments_silence_is_none(void **state)
{
	struct judged *judged = new_judged(2);
	(void)state;

	ask(judged);
	fake_pass(judged->bench->loop, 100 * MSEC);
	fake_break(judged->bench->loop, 0, -ECONNREFUSED);
	fake_pass(judged->bench->loop, 300 * MSEC);
	judged->worth[2] = EXCHANGE_WANTED;
	reply_data(judged->bench, 1);
	assert_told(judged, 2, RCODE_NOERROR, false);
	assert_int_equal(judged->count, 1);
}

static void nobody_who_is_down_is_waited_for_when_there_is_something_to_tell(void **state)
{
	struct judged *judged = new_judged(2);
	struct server *second = pool_server(judged->bench->pool, 1);
	(void)state;

	ask(judged);
	reply_data(judged->bench, 0);
	assert_int_equal(judged->done, 0);
	/* not a word from it, nor to the probes */
	for (unsigned i = 0; i < 40 && judged->done == 0; i++) {
		server_note_silence(second, loop_clock(judged->bench->loop)->now_us);
		fake_pass(judged->bench->loop, 25 * MSEC);
	}
	fake_pass(judged->bench->loop, 2000 * MSEC);
	assert_told(judged, 1, RCODE_NOERROR, true);
}

static void who_has_time_gives_a_late_server_400_ms(void **state)
{
	struct judged *judged = new_judged(2);
	struct server *first = pool_server(judged->bench->pool, 0);
	const uint64_t now = loop_clock(judged->bench->loop)->now_us;
	(void)state;

	for (unsigned i = 0; i < 8; i++)
		server_note_reply(first, now, 5 * MSEC, 5 * MSEC, 1);
	judged->worth[1] = judged->worth[2] = EXCHANGE_WANTED;
	ask(judged);
	fake_pass(judged->bench->loop, 25 * MSEC); /* the first is late */
	assert_asked(judged->bench, 1, 2, false);
	reply_data(judged->bench, 1);
	assert_told(judged, 2, RCODE_NOERROR, false);
	judged->done = 0;
	judged->is_patient = true;
	ask(judged);
	fake_pass(judged->bench->loop, 390 * MSEC);
	assert_asked(judged->bench, 2, 1, false);
	reply_data(judged->bench, 2);
	assert_told(judged, 1, RCODE_NOERROR, false);
}

static void another_network_has_all_of_it_begin_anew(void **state)
{
	struct judged *judged = new_judged(2);
	(void)state;

	add_reserve(judged, 0, 9);
	judged->worth[9] = EXCHANGE_WANTED;
	ask(judged);
	reply_data(judged->bench, 0);
	assert_asked(judged->bench, 2, 9, false);
	exchange_upstream_network_changed(judged->bench->upstream);
	fake_pass(judged->bench->loop, 1 * MSEC);
	assert_asked(judged->bench, 3, 1, false);
	reply_rcode(judged->bench, 3, RCODE_NXDOMAIN);
	assert_sent(judged->bench, 4, 2, false);
	assert_asked(judged->bench, 5, 9, false);
	reply_data(judged->bench, 5);
	assert_told(judged, 9, RCODE_NOERROR, false);
}

static void one_that_is_cancelled_leaves_nothing(void **state)
{
	struct judged *judged = new_judged(2);
	(void)state;

	add_reserve(judged, 0, 9);
	ask(judged);
	reply_data(judged->bench, 0);
	exchange_cancel(judged->exchange);
	assert_int_equal(judged->done, 0);
	assert_int_equal(fake_open_count(judged->bench->loop), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_reply_that_is_wanted_ends_it_at_once),
	cmocka_unit_test(a_refused_reply_has_all_the_others_asked_at_once),
	cmocka_unit_test(so_has_a_failure_which_is_told_only_once),
	cmocka_unit_test(and_so_have_400_ms),
	cmocka_unit_test(with_nothing_better_the_first_refused_reply_is_told),
	cmocka_unit_test(failures_alone_are_told_as_ever),
	cmocka_unit_test(a_better_one_takes_its_place_and_ends_the_wait_soon),
	cmocka_unit_test(unless_a_wanted_one_comes),
	cmocka_unit_test(a_refused_reply_is_kept_whole),
	cmocka_unit_test(who_is_not_picky_is_told_and_gets_what_comes),
	cmocka_unit_test(silence_of_a_server_that_is_up_is_told_at_the_end),
	cmocka_unit_test(a_moments_silence_is_none),
	cmocka_unit_test(nobody_who_is_down_is_waited_for_when_there_is_something_to_tell),
	cmocka_unit_test(who_has_time_gives_a_late_server_400_ms),
	cmocka_unit_test(another_network_has_all_of_it_begin_anew),
	cmocka_unit_test(one_that_is_cancelled_leaves_nothing),
};
UNIT_MAIN(tests)
