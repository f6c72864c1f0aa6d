/* exchange_bench.h: an exchange between a client's query and servers that a test plays. */
#pragma once

#include "base/log.h"
#include "fake_net.h"
#include "upstream/exchange.h"
#include "wire/query_view.h"

#define MSEC ((uint64_t)USEC_PER_MSEC)

struct exchange_bench {
	struct loop *loop;
	struct stats stats;
	struct upstream *upstream;
	struct pool *pool;
	uint8_t query[8192];
	size_t query_len;
	struct query_view view;
	bool via_stream, strip_ecs;
	uint64_t deadline_us;
	struct exchange *exchange;
	/* what came of it */
	unsigned done;
	struct exchange_result result;
	struct addr said_by;
	uint8_t reply[65536];
	bool asks_again; /* in on_done(), once */
	int err;
};

static const uint8_t exchange_bench_query[] =
	"\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7Example\3org\0\0\1\0\1";
#define EXCHANGE_BENCH_QUESTION (exchange_bench_query + 12)
#define EXCHANGE_BENCH_QUESTION_LEN (sizeof(exchange_bench_query) - 1 - 12)

static inline void exchange_bench_start(struct exchange_bench *bench);

static inline void exchange_bench_on_done(void *ctx, struct exchange_result *result)
{
	struct exchange_bench *bench = ctx;

	bench->done++;
	bench->exchange = NULL;
	bench->result = *result;
	if (result->outcome == EXCHANGE_REPLIED) {
		bench->said_by = *server_addr(result->server);
		memcpy(bench->reply, result->wire, result->wire_len);
		memset(result->wire, 0xcc, result->wire_len); /* we may */
	}
	if (bench->asks_again) {
		bench->asks_again = false;
		exchange_bench_start(bench);
	}
}

static inline void exchange_bench_start(struct exchange_bench *bench)
{
	const struct exchange_ask ask = { .view = &bench->view,
					  .pool = bench->pool,
					  .via_stream = bench->via_stream,
					  .edns_size = 1232,
					  .strip_ecs = bench->strip_ecs,
					  .deadline_us = bench->deadline_us };

	bench->err = exchange_start(bench->upstream, &ask, exchange_bench_on_done, bench,
				    &bench->exchange);
}

static inline void exchange_bench_set_query(struct exchange_bench *bench, const void *wire,
					    size_t len)
{
	memcpy(bench->query, wire, len);
	bench->query_len = len;
	assert_int_equal(query_view_parse(&bench->view, bench->query, len), QUERY_OK);
}

/* What is said of servers is no matter here. */
static inline void exchange_bench_no_line(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)text;
}

static inline void exchange_bench_free(struct exchange_bench *bench)
{
	exchange_upstream_free(bench->upstream);
	pool_unref(bench->pool);
}

/* Servers are 192.0.2.1, .2, ...; the group's timeout is 2 s, the deadline far away. */
static inline struct exchange_bench *exchange_bench_new_as(unsigned servers, enum group_order order,
							   bool randomize_case)
{
	struct exchange_bench *bench = unit_zalloc(sizeof(*bench));
	struct conf_server hows[POOL_SERVERS_MAX] = { 0 };
	const struct conf_group group = {
		.name = "default",
		.servers = hows,
		.server_count = servers,
		.order = order,
		.randomize_case = randomize_case,
		.timeout_ms = 2000,
	};

	log_tap(exchange_bench_no_line, NULL);
	assert_int_equal(loop_new(&bench->loop), 0);
	unit_own(bench->loop, loop_free);
	unit_own(bench, exchange_bench_free);
	for (unsigned i = 0; i < servers; i++)
		hows[i].addr = fake_addr(i + 1);
	bench->pool = pool_new(NULL, &group);
	assert_non_null(bench->pool);
	bench->upstream = exchange_upstream_new(bench->loop, &bench->stats, 3, NULL);
	assert_non_null(bench->upstream);
	bench->deadline_us = loop_clock(bench->loop)->now_us + 1000 * USEC_PER_SEC;
	exchange_bench_set_query(bench, exchange_bench_query, sizeof(exchange_bench_query) - 1);
	return bench;
}

static inline struct exchange_bench *exchange_bench_new(unsigned servers)
{
	return exchange_bench_new_as(servers, ORDER_LISTED, false);
}

/* Begins, and nothing may have come of it yet. */
static inline void exchange_bench_ask(struct exchange_bench *bench)
{
	const unsigned before = bench->done;

	exchange_bench_start(bench);
	assert_int_equal(bench->err, 0);
	assert_non_null(bench->exchange);
	assert_int_equal(bench->done, before);
}

static inline const struct fake_sent *exchange_bench_sent(const struct exchange_bench *bench,
							  unsigned at)
{
	assert_true(at < bench->loop->sent);
	return &bench->loop->sends[at];
}

/* The `at`-th message to leave (0, 1, ...) went to that server. */
static inline void assert_sent(const struct exchange_bench *bench, unsigned at, unsigned server,
			       bool via_stream)
{
	const struct addr to = fake_addr(server);
	const struct fake_sent *sent = exchange_bench_sent(bench, at);

	assert_true(addr_equal(&sent->to, &to));
	assert_int_equal(sent->is_stream, via_stream);
}

/* And so far it is the last. */
static inline void assert_asked(const struct exchange_bench *bench, unsigned at, unsigned server,
				bool via_stream)
{
	assert_int_equal(bench->loop->sent, at + 1);
	assert_sent(bench, at, server, via_stream);
}

/* It left so many ms after the first one. */
static inline void assert_sent_at(const struct exchange_bench *bench, unsigned at, unsigned ms)
{
	assert_int_equal(exchange_bench_sent(bench, at)->at_us - bench->loop->sends[0].at_us,
			 ms * MSEC);
}

/* --- replies to what was sent, by its number --- */

struct answer {
	uint16_t flags; /* beside QR, RD and RA; the rcode */
	bool has_data, has_opt, is_bare;
	uint16_t id_xor;
	const char *question; /* other than ours */
	size_t padding;	      /* bytes of a record more */
};

static inline size_t make_reply(const struct fake_sent *sent, const struct answer *how,
				uint8_t *wire)
{
	static const uint8_t data[] = "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1";
	static const uint8_t opt[] = "\0\0\x29\x04\xd0\0\0\0\0\0\0";
	static const uint8_t padding[] = "\0\xff\xf0\0\1\0\0\0\1";
	size_t len = 12;

	memset(wire, 0, len);
	message_set_id(wire, message_id(sent->wire) ^ how->id_xor);
	message_set_flags(wire, (FLAG_QR | FLAG_RD | FLAG_RA) ^ how->flags);
	if (how->is_bare)
		return len;
	wire[5] = 1;
	memcpy(wire + len,
	       how->question != NULL ? (const uint8_t *)how->question : EXCHANGE_BENCH_QUESTION,
	       EXCHANGE_BENCH_QUESTION_LEN);
	len += EXCHANGE_BENCH_QUESTION_LEN;
	if (how->has_data) {
		wire[7]++;
		memcpy(wire + len, data, sizeof(data) - 1);
		len += sizeof(data) - 1;
	}
	if (how->padding > 0) {
		wire[11]++;
		memcpy(wire + len, padding, sizeof(padding) - 1);
		wire[len + 9] = (uint8_t)(how->padding >> 8);
		wire[len + 10] = (uint8_t)how->padding;
		memset(wire + len + 11, 'x', how->padding);
		len += 11 + how->padding;
	}
	if (how->has_opt) {
		wire[11]++;
		memcpy(wire + len, opt, sizeof(opt) - 1);
		len += sizeof(opt) - 1;
	}
	return len;
}

static inline void reply_with(struct exchange_bench *bench, unsigned at, const struct answer *how)
{
	static uint8_t wire[65536];
	const struct fake_sent *sent = exchange_bench_sent(bench, at);
	const size_t len = make_reply(sent, how, wire);

	fake_deliver(bench->loop, sent->socket, wire, len);
}

static inline void reply_rcode(struct exchange_bench *bench, unsigned at, enum rcode rcode)
{
	const struct answer how = { .flags = (uint16_t)rcode, .has_opt = true };

	reply_with(bench, at, &how);
}

static inline void reply_data(struct exchange_bench *bench, unsigned at)
{
	const struct answer how = { .has_data = true, .has_opt = true };

	reply_with(bench, at, &how);
}

static inline void assert_replied(const struct exchange_bench *bench, unsigned server,
				  unsigned rcode)
{
	const struct addr said_by = fake_addr(server);

	assert_int_equal(bench->done, 1);
	assert_int_equal(bench->result.outcome, EXCHANGE_REPLIED);
	assert_true(addr_equal(&bench->said_by, &said_by));
	assert_int_equal(message_rcode(&bench->result.facts), rcode);
	assert_int_equal(message_flags(bench->reply) & 15u, rcode);
	assert_memory_equal(bench->reply + 12, EXCHANGE_BENCH_QUESTION,
			    EXCHANGE_BENCH_QUESTION_LEN);
}

static inline void assert_outcome(const struct exchange_bench *bench, enum exchange_outcome outcome)
{
	assert_int_equal(bench->done, 1);
	assert_int_equal(bench->result.outcome, outcome);
}

static inline void assert_counted(const struct exchange_bench *bench, enum stat stat, uint64_t n)
{
	assert_int_equal(bench->stats.count[stat], n);
}
