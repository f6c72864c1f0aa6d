#include "upstream/exchange.h"

#include "exchange_bench.h"

/* --- asking in turn --- */

static void a_reply_is_handed_out(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	assert_asked(bench, 0, 1, false);
	reply_data(bench, 0);
	assert_replied(bench, 1, RCODE_NOERROR);
	assert_int_equal(bench->result.quality, MESSAGE_OK);
	assert_int_equal(bench->result.facts.records[SECTION_ANSWER], 1);
	assert_int_equal(fake_open_count(bench->loop), 0);
	assert_counted(bench, STAT_UPSTREAM_UDP, 1);
	assert_counted(bench, STAT_UPSTREAM_TIMEOUTS, 0);
	fake_pass(bench->loop, 5 * USEC_PER_SEC);
	assert_int_equal(bench->done, 1);
	assert_int_equal(bench->loop->sent, 1);
}

static void what_is_asked_is_the_clients_question(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	const struct fake_sent *sent = exchange_bench_sent(bench, 0);
	assert_int_equal(sent->len, bench->query_len + 11); /* and our OPT */
	assert_memory_equal(sent->wire + 12, EXCHANGE_BENCH_QUESTION, EXCHANGE_BENCH_QUESTION_LEN);
	assert_int_equal(message_flags(sent->wire), FLAG_RD);
}

static void FO_01_a_silent_first_server_costs_400_ms(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 399 * MSEC);
	assert_int_equal(bench->loop->sent, 1);
	fake_pass(bench->loop, 2 * MSEC);
	assert_sent(bench, 1, 2, false);
	assert_asked(bench, 2, 1, false); /* the packet may have been lost */
	reply_data(bench, 1);
	assert_replied(bench, 2, RCODE_NOERROR);
	assert_counted(bench, STAT_UPSTREAM_TIMEOUTS, 1);
	assert_int_equal(fake_open_count(bench->loop), 0);
}

static void UF_05_a_late_reply_to_an_early_send_counts(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 1500 * MSEC);
	assert_true(bench->loop->sent > 1);
	reply_data(bench, 0);
	assert_replied(bench, 1, RCODE_NOERROR);
}

/* UF_05: one that takes 1.5 s for every answer sees two. */
static void a_lone_server_is_asked_three_times_alike_and_over_tcp(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 1999 * MSEC);
	assert_asked(bench, EXCHANGE_SENDS_MAX, 1, true);
	assert_sent_at(bench, 1, 400);
	assert_sent_at(bench, 2, 1600);
	assert_sent_at(bench, 3, 1800);
	for (unsigned i = 1; i < EXCHANGE_SENDS_MAX; i++) {
		/* SP_04: a forger gains nothing by it */
		assert_int_equal(bench->loop->sends[i].socket, bench->loop->sends[0].socket);
		assert_int_equal(bench->loop->sends[i].len, bench->loop->sends[0].len);
		assert_memory_equal(bench->loop->sends[i].wire, bench->loop->sends[0].wire,
				    bench->loop->sends[0].len);
	}
	assert_int_equal(bench->done, 0);
	fake_pass(bench->loop, 2 * MSEC);
	assert_outcome(bench, EXCHANGE_TIMED_OUT);
	assert_counted(bench, STAT_UPSTREAM_TIMEOUTS, 1);
	assert_int_equal(fake_open_count(bench->loop), 0);
}

static void UF_08_what_loses_datagrams_may_not_lose_streams(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 1900 * MSEC);
	assert_asked(bench, 3, 1, true);
	reply_data(bench, 3);
	assert_replied(bench, 1, RCODE_NOERROR);
}

static void without_tcp_the_datagrams_are_waited_for_to_the_end(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 1850 * MSEC);
	fake_break(bench->loop, 1, -ECONNREFUSED);
	assert_int_equal(bench->done, 0);
	fake_pass(bench->loop, 100 * MSEC);
	assert_int_equal(bench->loop->sent, 4);
	reply_data(bench, 0);
	assert_replied(bench, 1, RCODE_NOERROR);
}

static void all_that_are_silent_are_asked_as_often_each(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 1999 * MSEC);
	unsigned to_first = 0;
	for (unsigned i = 0; i < bench->loop->sent; i++)
		to_first += bench->loop->sends[i].to.bytes[3] == 1;
	/* 0, 0.4, 1.6 and 1.8 s; the second 0.4 s later */
	assert_int_equal(to_first, 4);
	assert_int_equal(bench->loop->sent - to_first, 2);
	fake_pass(bench->loop, 1 * MSEC);
	assert_outcome(bench, EXCHANGE_TIMED_OUT);
	assert_counted(bench, STAT_UPSTREAM_TIMEOUTS, 2);
}

static void the_deadline_ends_it_sooner(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	bench->deadline_us = loop_clock(bench->loop)->now_us + 300 * MSEC;
	exchange_bench_ask(bench);
	fake_pass(bench->loop, 299 * MSEC);
	assert_int_equal(bench->done, 0);
	fake_pass(bench->loop, 1 * MSEC);
	assert_outcome(bench, EXCHANGE_TIMED_OUT);
	assert_int_equal(bench->loop->sent, 1);
}

static void after_the_deadline_nobody_is_asked(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	bench->deadline_us = loop_clock(bench->loop)->now_us;
	exchange_bench_ask(bench);
	fake_pass(bench->loop, 0);
	assert_outcome(bench, EXCHANGE_TIMED_OUT);
	assert_int_equal(bench->loop->sent, 0);
}

static void a_group_without_servers_is_unreachable(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(0);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 0);
	assert_outcome(bench, EXCHANGE_UNREACHABLE);
}

/* --- errors --- */

static void UF_31_a_closed_port_is_passed_over_at_once(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	fake_break(bench->loop, 0, -ECONNREFUSED);
	assert_asked(bench, 1, 2, false);
	assert_int_equal(bench->done, 0);
	fake_break(bench->loop, 1, -ECONNREFUSED);
	assert_outcome(bench, EXCHANGE_UNREACHABLE);
	assert_counted(bench, STAT_UPSTREAM_FAILURES, 2);
	assert_int_equal(bench->loop->sent, 2);
}

static void an_error_at_once_is_not_told_from_inside_the_start(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(3);
	(void)state;

	bench->loop->udp_new_fails = -ENETUNREACH;
	exchange_bench_ask(bench);
	fake_pass(bench->loop, 0);
	assert_outcome(bench, EXCHANGE_UNREACHABLE);
	assert_int_equal(bench->loop->sent, 0);
	bench->done = 0;
	bench->loop->udp_new_fails = 0;
	bench->loop->udp_send_fails = -EACCES;
	exchange_bench_ask(bench);
	fake_pass(bench->loop, 0);
	assert_outcome(bench, EXCHANGE_UNREACHABLE);
	assert_int_equal(bench->loop->opened, 3); /* each was tried once */
	assert_int_equal(fake_open_count(bench->loop), 0);
}

static void many_dead_servers_do_not_hide_a_living_one(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(12);
	(void)state;

	exchange_bench_ask(bench);
	for (unsigned i = 0; i < 11; i++)
		fake_break(bench->loop, i, -ECONNREFUSED);
	assert_asked(bench, 11, 12, false);
	reply_data(bench, 11);
	assert_replied(bench, 12, RCODE_NOERROR);
}

static void SP_16_no_descriptors_left_is_like_a_lost_packet(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	bench->loop->udp_new_fails = -EMFILE;
	exchange_bench_ask(bench);
	fake_pass(bench->loop, 300 * MSEC);
	assert_int_equal(bench->done, 0);
	bench->loop->udp_new_fails = 0;
	fake_pass(bench->loop, 200 * MSEC);
	assert_asked(bench, 0, 1, false);
	reply_data(bench, 0);
	assert_replied(bench, 1, RCODE_NOERROR);
}

static void an_error_after_silence_is_a_timeout(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 900 * MSEC);
	fake_break(bench->loop, 0, -ECONNREFUSED);
	assert_outcome(bench, EXCHANGE_TIMED_OUT);
}

/* --- failure rcodes --- */

static void FO_03_a_failure_is_passed_over_at_once(void **state)
{
	static const enum rcode rcodes[] = { RCODE_SERVFAIL, RCODE_REFUSED };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct exchange_bench *bench = exchange_bench_new(2);
		exchange_bench_ask(bench);
		reply_rcode(bench, 0, rcodes[i]);
		assert_asked(bench, 1, 2, false);
		reply_data(bench, 1);
		assert_replied(bench, 2, RCODE_NOERROR);
		assert_counted(bench, STAT_UPSTREAM_FAILURES, 1);
	}
}

static void UF_33_when_all_fail_the_most_telling_failure_is_told(void **state)
{
	static const struct {
		enum rcode first, second;
		unsigned told;
	} pairs[] = {
		{ RCODE_SERVFAIL, RCODE_REFUSED, 1 },  { RCODE_REFUSED, RCODE_SERVFAIL, 2 },
		{ RCODE_REFUSED, RCODE_NOTIMP, 1 },    { RCODE_NOTIMP, RCODE_REFUSED, 2 },
		{ RCODE_NOTIMP, RCODE_FORMERR, 1 },    { RCODE_FORMERR, RCODE_NOTIMP, 2 },
		{ RCODE_SERVFAIL, RCODE_SERVFAIL, 1 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct exchange_bench *bench = exchange_bench_new(2);

		for (unsigned j = 0; j < 2; j++) /* so that it is not asked again without */
			server_note_lacks_edns(pool_server(bench->pool, j), bench->deadline_us);
		exchange_bench_ask(bench);
		reply_rcode(bench, 0, pairs[i].first);
		assert_int_equal(bench->done, 0);
		reply_rcode(bench, 1, pairs[i].second);
		assert_replied(bench, pairs[i].told,
			       pairs[i].told == 1 ? pairs[i].first : pairs[i].second);
		assert_true(bench->result.facts.has_opt);
		assert_int_equal(bench->loop->sent, 2);
	}
}

static void a_failure_waits_for_those_who_are_silent(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 500 * MSEC);
	reply_rcode(bench, 0, RCODE_SERVFAIL);
	fake_pass(bench->loop, 1499 * MSEC);
	assert_int_equal(bench->done, 0);
	/* who failed is not asked again, who is silent is */
	assert_asked(bench, 3, 2, false);
	assert_sent_at(bench, 3, 800);
	fake_pass(bench->loop, 2 * MSEC);
	assert_replied(bench, 1, RCODE_SERVFAIL);
}

static void FO_05_no_such_name_is_an_answer(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	reply_rcode(bench, 0, RCODE_NXDOMAIN);
	assert_replied(bench, 1, RCODE_NXDOMAIN);
	assert_int_equal(bench->loop->sent, 1);
}

static void TR_29_so_is_an_rcode_nobody_knows(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	reply_rcode(bench, 0, (enum rcode)12);
	assert_replied(bench, 1, 12);
}

static void a_long_failure_is_kept_as_header_and_question(void **state)
{
	const struct answer how = { .flags = RCODE_REFUSED, .padding = 4096 };
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &how);
	assert_replied(bench, 1, RCODE_REFUSED);
	assert_int_equal(bench->result.wire_len, 12 + EXCHANGE_BENCH_QUESTION_LEN);
	assert_int_equal(bench->result.facts.records[SECTION_ADDITIONAL], 0);
	assert_memory_equal(bench->reply + 6, "\0\0\0\0\0\0", 6);
}

/* --- packets that do not match --- */

static const struct answer strangers[] = {
	{ .has_data = true, .id_xor = 0x5555 },					/* UF-10 */
	{ .has_data = true, .question = "\3www\7eXampla\3org\0\0\1\0\1" },	/* UF-11 */
	{ .has_data = true, .question = "\3www\7example\3org\0\0\x1c\0\1" },	/* UF-12 */
	{ .has_data = true, .question = "\3www\7example\3org\0\0\1\0\3" },	/* UF-12 */
	{ .is_bare = true },							/* UF-13 */
	{ .is_bare = true, .flags = RCODE_SERVFAIL },				/* UF-17 */
	{ .has_data = true, .flags = FLAG_QR },					/* UF-15: no QR */
	{ .has_data = true, .flags = 0x2000 },					/* opcode 4 */
	{ .has_data = true, .question = "\x40ww\7Example\3org\0\0\1\0\1" },	/* UF-26 */
	{ .has_data = true, .question = "\3www\xc0\x0cxample\3org\0\0\1\0\1" }, /* UF-18 */
};
#define STRANGERS (sizeof(strangers) / sizeof(strangers[0]))

static void D13_a_packet_that_does_not_match_does_not_end_the_wait(void **state)
{
	(void)state;
	for (size_t i = 0; i < STRANGERS; i++) {
		struct exchange_bench *bench = exchange_bench_new(2);
		exchange_bench_ask(bench);
		reply_with(bench, 0, &strangers[i]);
		assert_int_equal(bench->done, 0);
		assert_counted(bench, STAT_UPSTREAM_MISMATCHED, 1);
		/* the question goes over TCP too, once */
		assert_asked(bench, 1, 1, true);
		reply_with(bench, 0, &strangers[i]);
		assert_int_equal(bench->loop->sent, 2);
		/* whichever comes first is the answer */
		reply_data(bench, i % 2);
		assert_replied(bench, 1, RCODE_NOERROR);
		assert_counted(bench, STAT_UPSTREAM_MISMATCHED, 2);
	}
}

static void UF_16_nor_does_an_empty_one(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_deliver(bench->loop, 0, NULL, 0);
	assert_int_equal(bench->done, 0);
	reply_data(bench, 0);
	assert_replied(bench, 1, RCODE_NOERROR);
}

static void UF_10_without_tcp_the_wait_goes_on_too(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &strangers[0]);
	fake_break(bench->loop, 1, -ECONNREFUSED);
	assert_int_equal(bench->done, 0);
	fake_pass(bench->loop, 900 * MSEC);
	assert_asked(bench, 2, 1, false);
	reply_data(bench, 0);
	assert_replied(bench, 1, RCODE_NOERROR);
}

static void UF_36_letter_case_is_no_mismatch(void **state)
{
	const struct answer how = { .has_data = true, .question = "\3WWW\7example\3org\0\0\1\0\1" };
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &how);
	assert_outcome(bench, EXCHANGE_REPLIED);
}

static void UF_23_what_trails_a_message_is_left_out(void **state)
{
	const struct answer how = { .has_data = true };
	struct exchange_bench *bench = exchange_bench_new(1);
	uint8_t wire[FAKE_WIRE];
	(void)state;

	exchange_bench_ask(bench);
	const size_t len = make_reply(exchange_bench_sent(bench, 0), &how, wire);
	memcpy(wire + len, "junk", 4);
	fake_deliver(bench->loop, 0, wire, len + 4);
	assert_replied(bench, 1, RCODE_NOERROR);
	assert_int_equal(bench->result.wire_len, len);
}

/* --- EDNS --- */

static bool has_opt(const struct exchange_bench *bench, unsigned at)
{
	const struct fake_sent *sent = exchange_bench_sent(bench, at);

	assert_true(sent->len == bench->query_len || sent->len == bench->query_len + 11);
	return sent->len != bench->query_len;
}

static bool lacks_edns(const struct exchange_bench *bench)
{
	return server_lacks_edns(pool_server(bench->pool, 0), loop_clock(bench->loop)->now_us);
}

static const struct answer refusals[] = {
	{ .is_bare = true, .flags = RCODE_FORMERR },
	{ .flags = RCODE_FORMERR },
	{ .flags = RCODE_NOTIMP },
};

static void ED_22_a_server_without_edns_is_asked_without(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct exchange_bench *bench = exchange_bench_new(2);
		exchange_bench_ask(bench);
		assert_true(has_opt(bench, 0));
		reply_with(bench, 0, &refusals[i]);
		assert_asked(bench, 1, 1, false);
		assert_false(has_opt(bench, 1));
		assert_false(lacks_edns(bench));
		reply_with(bench, 1, &(struct answer){ .has_data = true });
		assert_replied(bench, 1, RCODE_NOERROR);
		assert_counted(bench, STAT_UPSTREAM_MISMATCHED, 0);
		/* remembered, for an hour */
		assert_true(lacks_edns(bench));
		exchange_bench_start(bench);
		assert_false(has_opt(bench, 2));
		reply_with(bench, 2, &(struct answer){ .has_data = true });
		fake_pass(bench->loop, 3600 * USEC_PER_SEC);
		bench->deadline_us += 3600 * USEC_PER_SEC;
		exchange_bench_start(bench);
		assert_true(has_opt(bench, 3));
	}
}

static void what_was_sent_with_edns_is_not_waited_for_any_more(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 801 * MSEC);
	assert_asked(bench, 1, 1, false);
	reply_with(bench, 0, &refusals[1]);
	assert_false(has_opt(bench, 2));
	reply_with(bench, 1, &refusals[1]); /* to the second send, with EDNS too */
	assert_int_equal(bench->done, 0);
	reply_with(bench, 2, &(struct answer){ .has_data = true });
	assert_replied(bench, 1, RCODE_NOERROR);
}

static void a_server_that_dislikes_the_question_itself_has_failed(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &refusals[0]);
	reply_with(bench, 1, &refusals[1]);
	assert_replied(bench, 1, RCODE_FORMERR);
	assert_false(lacks_edns(bench));
	assert_int_equal(bench->loop->sent, 2);
}

static void a_bare_refusal_of_no_edns_is_no_reply(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_with(bench, 0, &refusals[0]);
	reply_with(bench, 1, &refusals[0]);
	assert_int_equal(bench->done, 0);
	assert_counted(bench, STAT_UPSTREAM_MISMATCHED, 1);
}

static void a_refusal_with_an_opt_record_is_not_remembered(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_rcode(bench, 0, RCODE_FORMERR);
	assert_false(has_opt(bench, 1));
	reply_data(bench, 1);
	assert_replied(bench, 1, RCODE_NOERROR);
	assert_false(lacks_edns(bench));
}

/* The query with an OPT record of `len` bytes of options. */
static void set_options(struct exchange_bench *bench, const uint8_t *options, size_t len)
{
	static uint8_t query[8192];
	size_t used = sizeof(exchange_bench_query) - 1;

	memcpy(query, exchange_bench_query, used);
	query[11] = 1;
	memcpy(query + used, "\0\0\x29\x10\0\0\0\0\0", 9);
	query[used + 9] = (uint8_t)(len >> 8);
	query[used + 10] = (uint8_t)len;
	memcpy(query + used + 11, options, len);
	exchange_bench_set_query(bench, query, used + 11 + len);
	bench->query_len = used;
}

static void a_clients_option_is_no_reason_to_remember_it(void **state)
{
	static const uint8_t odd[] = "\xfd\xea\0\2ab";
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	set_options(bench, odd, sizeof(odd) - 1);
	exchange_bench_ask(bench);
	assert_int_equal(exchange_bench_sent(bench, 0)->len, bench->query_len + 11 + 6);
	reply_with(bench, 0, &refusals[0]);
	assert_int_equal(exchange_bench_sent(bench, 1)->len, bench->query_len);
	reply_with(bench, 1, &(struct answer){ .has_data = true });
	assert_replied(bench, 1, RCODE_NOERROR);
	assert_false(lacks_edns(bench));
}

static void options_too_long_to_pass_on_are_left_out(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	uint8_t *options = unit_zalloc(6000);
	(void)state;

	options[0] = options[1] = 0xfd;
	options[2] = (5996 >> 8);
	options[3] = (uint8_t)5996;
	set_options(bench, options, 6000);
	exchange_bench_ask(bench);
	assert_int_equal(exchange_bench_sent(bench, 0)->len, bench->query_len + 11);
}

static void TR_25_a_signed_question_goes_as_it_is(void **state)
{
	static const uint8_t tsig[] =
		"\3key\0\0\xfa\0\xff\0\0\0\0\0\x10\1a\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0";
	static uint8_t query[128];
	struct exchange_bench *bench = exchange_bench_new(1);
	size_t len = sizeof(exchange_bench_query) - 1;
	(void)state;

	memcpy(query, exchange_bench_query, len);
	query[11] = 1;
	memcpy(query + len, tsig, sizeof(tsig) - 1);
	len += sizeof(tsig) - 1;
	query[len - sizeof(tsig) + 1 + 14] = sizeof(tsig) - 1 - 15;
	exchange_bench_set_query(bench, query, len);
	assert_true(bench->view.is_opaque);
	exchange_bench_ask(bench);
	assert_int_equal(exchange_bench_sent(bench, 0)->len, len);
	assert_memory_equal(exchange_bench_sent(bench, 0)->wire + 2, query + 2, len - 2);
	/* there is no way to ask it otherwise */
	reply_with(bench, 0, &refusals[1]);
	assert_replied(bench, 1, RCODE_FORMERR);
}

/* --- bounds, ends --- */

static void AM_07_no_server_gets_more_than_four_packets(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 1700 * MSEC);
	assert_asked(bench, 2, 1, false);
	reply_with(bench, 0, &(struct answer){ .flags = FLAG_TC });
	assert_asked(bench, 3, 1, true);
	fake_connected(bench->loop, 1);
	fake_break(bench->loop, 1, -ECONNRESET); /* elsewhere a reason to try once more */
	assert_outcome(bench, EXCHANGE_TIMED_OUT);
	assert_int_equal(bench->loop->sent, 4);
}

static void cancelled_it_is_heard_of_no_more(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 500 * MSEC);
	reply_with(bench, 0, &strangers[0]); /* a stream too */
	exchange_cancel(bench->exchange);
	assert_int_equal(fake_open_count(bench->loop), 0);
	fake_pass(bench->loop, 5 * USEC_PER_SEC);
	assert_int_equal(bench->done, 0);
}

static void what_still_runs_ends_with_the_upstream_side(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	exchange_bench_ask(bench);
	bench->via_stream = true;
	exchange_bench_start(bench);
	exchange_upstream_free(bench->upstream);
	bench->upstream = NULL;
	assert_int_equal(fake_open_count(bench->loop), 0);
	fake_pass(bench->loop, 5 * USEC_PER_SEC);
	assert_int_equal(bench->done, 0);
}

static void beyond_the_limit_none_is_begun(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	(void)state;

	for (unsigned i = 0; i < 3; i++)
		exchange_bench_ask(bench);
	exchange_bench_start(bench);
	assert_int_equal(bench->err, ERR_LIMIT);
	assert_int_equal(bench->loop->sent, 3);
	/* and a finished one makes room for what its owner does next */
	bench->asks_again = true;
	reply_data(bench, 0);
	assert_int_equal(bench->done, 1);
	assert_int_equal(bench->err, 0);
	assert_int_equal(bench->loop->sent, 4);
}

static void the_group_lives_as_long_as_its_exchange(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(2);
	(void)state;

	exchange_bench_ask(bench);
	pool_unref(bench->pool);
	bench->pool = NULL;
	fake_break(bench->loop, 0, -ECONNREFUSED);
	assert_asked(bench, 1, 2, false);
	reply_data(bench, 1);
	assert_outcome(bench, EXCHANGE_REPLIED);
}

static void SP_02_ids_are_the_clients_only_by_chance(void **state)
{
	struct exchange_bench *bench = exchange_bench_new(1);
	unsigned same = 0, as_asked = 0;
	(void)state;

	for (unsigned i = 0; i < 200; i++) {
		exchange_bench_start(bench);
		const uint16_t id = message_id(exchange_bench_sent(bench, i)->wire);
		for (unsigned j = 0; j < i; j++)
			same += message_id(exchange_bench_sent(bench, j)->wire) == id;
		as_asked += id == bench->view.id;
		reply_data(bench, i);
	}
	/* 0.3 and 0.003 expected */
	assert_true(same < 8 && as_asked < 3);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_reply_is_handed_out),
	cmocka_unit_test(what_is_asked_is_the_clients_question),
	cmocka_unit_test(FO_01_a_silent_first_server_costs_400_ms),
	cmocka_unit_test(UF_05_a_late_reply_to_an_early_send_counts),
	cmocka_unit_test(a_lone_server_is_asked_three_times_alike_and_over_tcp),
	cmocka_unit_test(UF_08_what_loses_datagrams_may_not_lose_streams),
	cmocka_unit_test(without_tcp_the_datagrams_are_waited_for_to_the_end),
	cmocka_unit_test(all_that_are_silent_are_asked_as_often_each),
	cmocka_unit_test(the_deadline_ends_it_sooner),
	cmocka_unit_test(after_the_deadline_nobody_is_asked),
	cmocka_unit_test(a_group_without_servers_is_unreachable),
	cmocka_unit_test(UF_31_a_closed_port_is_passed_over_at_once),
	cmocka_unit_test(an_error_at_once_is_not_told_from_inside_the_start),
	cmocka_unit_test(many_dead_servers_do_not_hide_a_living_one),
	cmocka_unit_test(SP_16_no_descriptors_left_is_like_a_lost_packet),
	cmocka_unit_test(an_error_after_silence_is_a_timeout),
	cmocka_unit_test(FO_03_a_failure_is_passed_over_at_once),
	cmocka_unit_test(UF_33_when_all_fail_the_most_telling_failure_is_told),
	cmocka_unit_test(a_failure_waits_for_those_who_are_silent),
	cmocka_unit_test(FO_05_no_such_name_is_an_answer),
	cmocka_unit_test(TR_29_so_is_an_rcode_nobody_knows),
	cmocka_unit_test(a_long_failure_is_kept_as_header_and_question),
	cmocka_unit_test(D13_a_packet_that_does_not_match_does_not_end_the_wait),
	cmocka_unit_test(UF_16_nor_does_an_empty_one),
	cmocka_unit_test(UF_10_without_tcp_the_wait_goes_on_too),
	cmocka_unit_test(UF_36_letter_case_is_no_mismatch),
	cmocka_unit_test(UF_23_what_trails_a_message_is_left_out),
	cmocka_unit_test(ED_22_a_server_without_edns_is_asked_without),
	cmocka_unit_test(what_was_sent_with_edns_is_not_waited_for_any_more),
	cmocka_unit_test(a_server_that_dislikes_the_question_itself_has_failed),
	cmocka_unit_test(a_bare_refusal_of_no_edns_is_no_reply),
	cmocka_unit_test(a_refusal_with_an_opt_record_is_not_remembered),
	cmocka_unit_test(a_clients_option_is_no_reason_to_remember_it),
	cmocka_unit_test(options_too_long_to_pass_on_are_left_out),
	cmocka_unit_test(TR_25_a_signed_question_goes_as_it_is),
	cmocka_unit_test(AM_07_no_server_gets_more_than_four_packets),
	cmocka_unit_test(cancelled_it_is_heard_of_no_more),
	cmocka_unit_test(what_still_runs_ends_with_the_upstream_side),
	cmocka_unit_test(beyond_the_limit_none_is_begun),
	cmocka_unit_test(the_group_lives_as_long_as_its_exchange),
	cmocka_unit_test(SP_02_ids_are_the_clients_only_by_chance),
};
UNIT_MAIN(tests)
