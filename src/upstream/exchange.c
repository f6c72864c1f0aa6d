/* How one question is put to the servers of a group.
 *
 * Each send is a try. Tries stay open until the exchange ends, so that a slow server's reply to an early
 * one still counts; a failed one is closed. The exchange ends with the first reply that is not a failure
 * rcode, or when time is up, or when nobody is left to ask or to wait for. */
#include "upstream/exchange.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "upstream/packet_match.h"
#include "upstream/transport_stream.h"
#include "upstream/transport_udp.h"

/* A dead first server must cost well under a second, because Apple's client asks again after one; a
 * live one answers out of its cache in far less. */
#define NEXT_SERVER_US (400u * USEC_PER_MSEC)
/* The same server is asked again later than that: one that has to look the name up may take half a
 * second, and to ask it twice does not make it faster. Three sends fit into a group's two seconds. */
#define SAME_SERVER_US (800u * USEC_PER_MSEC)
/* All sends of an exchange. */
#define TRIES_MAX 12u
#define SERVERS_MAX 8u
/* To one server, all causes and transports together. */
#define SENDS_TO_SERVER_MAX 4u
#define QUERY_MAX 4096u
#define FAILURE_MAX 512u

struct try {
	struct exchange *exchange;
	struct asked *asked;
	struct transport_udp udp;
	struct transport_question *stream;
	uint16_t id; /* over UDP; a stream chooses its own */
	bool is_stream, with_edns;
};

/* What this exchange knows of one server. */
struct asked {
	struct server *server;
	uint8_t udp_sends, stream_sends;
	bool is_over;	  /* it failed with an rcode, or its socket did: not asked again */
	bool uses_stream; /* TC or a mismatched packet moved it to TCP */
	bool lacks_edns;  /* it said FORMERR or NOTIMP to EDNS */
};

struct exchange {
	struct upstream *upstream;
	struct exchange *next, *prev;
	struct exchange_ask ask; /* holds a reference of its pool */
	exchange_done_fn done;
	void *ctx;
	struct timer timer;
	uint64_t next_ask_us, end_us;
	unsigned turn;
	struct asked asked[SERVERS_MAX];
	unsigned asked_count;
	struct try tries[TRIES_MAX];
	unsigned try_count, open_count;
	bool was_silent; /* somebody was asked whose silence, not an error, ended it */
	/* The first failure reply: what is told when nobody does better. */
	const struct server *failed_server;
	struct message_facts failure_facts;
	enum message_quality failure_quality;
	size_t failure_len;
	uint8_t failure[FAILURE_MAX];
};

struct upstream {
	struct loop *loop;
	struct stats *stats;
	struct slab *exchanges;
	struct transport_stream *streams;
	struct exchange *first;
};

static void ask_next(struct exchange *exchange);

static uint64_t now_us(const struct exchange *exchange)
{
	return loop_clock(exchange->upstream->loop)->now_us;
}

/* --- the end --- */

static void close_try(struct try *try)
{
	if (try->udp.socket == NULL && try->stream == NULL)
		return;
	transport_udp_close(&try->udp);
	transport_stream_forget(try->stream);
	try->stream = NULL;
	try->exchange->open_count--;
}

static void exchange_free(struct exchange *exchange)
{
	struct upstream *upstream = exchange->upstream;

	for (unsigned i = 0; i < exchange->try_count; i++)
		close_try(&exchange->tries[i]);
	timer_stop(loop_timers(upstream->loop), &exchange->timer);
	*(exchange->prev != NULL ? &exchange->prev->next : &upstream->first) = exchange->next;
	if (exchange->next != NULL)
		exchange->next->prev = exchange->prev;
	pool_unref(exchange->ask.pool);
	slab_give(upstream->exchanges, exchange);
}

/* The owner may start other exchanges from its callback, but not see this one any more. */
static void finish(struct exchange *exchange, struct exchange_result *result)
{
	exchange->done(exchange->ctx, result);
	exchange_free(exchange);
}

static void finish_without_answer(struct exchange *exchange)
{
	struct exchange_result result = { .outcome = EXCHANGE_UNREACHABLE };

	if (exchange->failed_server != NULL) {
		result.outcome = EXCHANGE_REPLIED;
		result.wire = exchange->failure;
		result.wire_len = exchange->failure_len;
		result.facts = exchange->failure_facts;
		result.quality = exchange->failure_quality;
		result.server = exchange->failed_server;
	} else if (exchange->was_silent) {
		result.outcome = EXCHANGE_TIMED_OUT;
	}
	finish(exchange, &result);
}

/* --- replies --- */

static enum message_quality read_again(struct exchange *exchange)
{
	return message_read(exchange->failure, exchange->failure_len, &exchange->failure_facts);
}

/* Kept whole where it is as short as failures are; else its header and question say enough. */
static void keep_failure(struct exchange *exchange, const struct try *try, const uint8_t *wire,
			 const struct message_facts *facts)
{
	if (exchange->failed_server != NULL)
		return;
	exchange->failed_server = try->asked->server;
	exchange->failure_len = facts->wire_len;
	if (exchange->failure_len > FAILURE_MAX)
		exchange->failure_len = MESSAGE_HEADER_LEN + facts->question_len;
	memcpy(exchange->failure, wire, exchange->failure_len);
	exchange->failure_quality = read_again(exchange);
	if (exchange->failure_quality == MESSAGE_BAD) { /* cut: its counts promise more */
		memset(exchange->failure + 6, 0, 6);
		exchange->failure_quality = read_again(exchange);
	}
}

static bool is_failure_rcode(unsigned rcode)
{
	return rcode == RCODE_SERVFAIL || rcode == RCODE_REFUSED || rcode == RCODE_NOTIMP ||
	       rcode == RCODE_FORMERR;
}

static bool may_send(const struct asked *asked, bool is_stream)
{
	const unsigned sends = is_stream ? asked->stream_sends : asked->udp_sends;

	return !asked->is_over && sends < EXCHANGE_SENDS_MAX &&
	       asked->udp_sends + asked->stream_sends < (int)SENDS_TO_SERVER_MAX;
}

static int send_try(struct exchange *exchange, struct asked *asked);

/* The same server again, in another way. False where it may not be asked any more. */
static bool ask_again(struct exchange *exchange, struct asked *asked)
{
	return may_send(asked, asked->uses_stream || exchange->ask.via_stream) &&
	       send_try(exchange, asked) == 0;
}

/* This server has had its chance: the next one, or, where nobody is left and nobody waited for, the end.
 * Closes the try. */
static void give_up(struct exchange *exchange, struct try *try)
{
	stats_add(exchange->upstream->stats, STAT_UPSTREAM_FAILURES, 1);
	try->asked->is_over = true;
	close_try(try);
	ask_next(exchange);
}

/* D13: it does not end the wait, but the question goes over TCP too. */
static void on_other_datagram(struct exchange *exchange, struct asked *asked)
{
	if (!asked->uses_stream) {
		asked->uses_stream = true;
		(void)ask_again(exchange, asked); /* if not: the wait goes on all the same */
	}
}

static void on_truncated(struct exchange *exchange, struct try *try)
{
	struct asked *asked = try->asked;

	if (try->is_stream) {
		give_up(exchange, try);
		return;
	}
	if (asked->uses_stream) { /* the question is on its way over TCP already */
		close_try(try);
		return;
	}
	asked->uses_stream = true;
	if (ask_again(exchange, asked))
		close_try(try);
	else
		give_up(exchange, try);
}

/* True where the server was asked again without EDNS, or has been already. */
static bool retried_without_edns(struct exchange *exchange, const struct try *try)
{
	struct asked *asked = try->asked;

	if (!try->with_edns)
		return false;
	if (asked->lacks_edns)
		return true;
	asked->lacks_edns = true;
	return ask_again(exchange, asked);
}

static void on_reply(struct exchange *exchange, struct try *try, uint8_t *wire,
		     const struct message_facts *facts, enum message_quality quality)
{
	const unsigned rcode = message_rcode(facts);

	if ((facts->flags & FLAG_TC) != 0) {
		on_truncated(exchange, try);
		return;
	}
	if (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP) {
		if (retried_without_edns(exchange, try)) {
			close_try(try);
			return;
		}
	}
	if (is_failure_rcode(rcode)) {
		keep_failure(exchange, try, wire, facts);
		give_up(exchange, try);
		return;
	}
	if (try->asked->lacks_edns && !try->with_edns)
		server_note_lacks_edns(try->asked->server, now_us(exchange));
	struct exchange_result result = { .outcome = EXCHANGE_REPLIED,
					  .wire = wire,
					  .wire_len = facts->wire_len,
					  .facts = *facts,
					  .quality = quality,
					  .server = try->asked->server };
	finish(exchange, &result);
}

/* False for what is no answer to the question. */
static bool on_packet(struct try *try, uint16_t id, uint8_t *wire, size_t wire_len)
{
	struct exchange *exchange = try->exchange;
	struct message_facts facts;
	enum message_quality quality = MESSAGE_BAD;

	switch (packet_match(exchange->ask.view, id, wire, wire_len, &facts, &quality)) {
	case PACKET_OTHER:
		break;
	case PACKET_BARE_ERROR:
		if (!try->with_edns)
			break;
		(void)retried_without_edns(exchange, try);
		return true;
	case PACKET_REPLY:
		on_reply(exchange, try, wire, &facts, quality);
		return true;
	}
	stats_add(exchange->upstream->stats, STAT_UPSTREAM_MISMATCHED, 1);
	return false;
}

static void on_datagram(void *ctx, int err, uint8_t *wire, size_t wire_len)
{
	struct try *try = ctx;

	if (err != 0)
		give_up(try->exchange, try);
	else if (!on_packet(try, try->id, wire, wire_len))
		on_other_datagram(try->exchange, try->asked);
}

/* The connection of a message that is no answer ends, and the question comes back in one way or another:
 * its try stays open. */
static bool on_stream_message(void *ctx, int err, uint8_t *wire, size_t wire_len)
{
	struct try *try = ctx;
	struct exchange *exchange = try->exchange;
	struct transport_question *question = try->stream;

	try->stream = NULL; /* gone when this returns */
	exchange->open_count--;
	if (err != 0) {
		give_up(exchange, try);
		return true;
	}
	if (on_packet(try, message_id(wire), wire, wire_len))
		return true;
	try->stream = question;
	exchange->open_count++;
	return false;
}

/* --- asking --- */

static int send_over_udp(struct exchange *exchange, struct try *try, uint8_t *query, size_t len)
{
	stats_add(exchange->upstream->stats, STAT_UPSTREAM_UDP, 1);
	try->asked->udp_sends++;
	return transport_udp_ask(exchange->upstream->loop, server_addr(try->asked->server), query,
				 len, on_datagram, try, &try->udp);
}

static int send_over_stream(struct exchange *exchange, struct try *try, uint8_t *query, size_t len)
{
	stats_add(exchange->upstream->stats, STAT_UPSTREAM_TCP, 1);
	try->asked->stream_sends++;
	return transport_stream_ask(exchange->upstream->streams, server_addr(try->asked->server),
				    query, len, on_stream_message, try, &try->stream);
}

static size_t write_query(const struct exchange *exchange, struct try *try,
			  uint8_t query[QUERY_MAX])
{
	const struct query_out how = {
		.id = try->id,
		.with_edns = try->with_edns,
		.edns_size = exchange->ask.edns_size,
		.strip_ecs = exchange->ask.strip_ecs,
	};

	return query_view_write(query, QUERY_MAX, exchange->ask.view, &how);
}

static int send_try(struct exchange *exchange, struct asked *asked)
{
	uint8_t query[QUERY_MAX];

	if (exchange->try_count == TRIES_MAX)
		return ERR_LIMIT;
	struct try *try = &exchange->tries[exchange->try_count++];
	*try = (struct try){
		.exchange = exchange,
		.asked = asked,
		.id = random_u16(),
		.is_stream = exchange->ask.via_stream || asked->uses_stream,
		.with_edns = !asked->lacks_edns && !exchange->ask.view->is_opaque &&
			     !server_lacks_edns(asked->server, now_us(exchange)),
	};
	size_t len = write_query(exchange, try, query);
	if (len == 0) /* options beyond reason */
		return ERR_NO_SPACE;
	int err = try->is_stream ? send_over_stream(exchange, try, query, len)
				 : send_over_udp(exchange, try, query, len);
	if (err == 0)
		exchange->open_count++;
	return err;
}

static struct asked *asked_of(struct exchange *exchange, struct server *server)
{
	for (unsigned i = 0; i < exchange->asked_count; i++) {
		if (exchange->asked[i].server == server)
			return &exchange->asked[i];
	}
	if (exchange->asked_count == SERVERS_MAX)
		return NULL;
	struct asked *asked = &exchange->asked[exchange->asked_count++];
	*asked = (struct asked){ .server = server };
	return asked;
}

/* The next server in turn that may still be asked; NULL when there is none. */
static struct asked *pick(struct exchange *exchange)
{
	struct pool *pool = exchange->ask.pool;

	for (size_t i = 0; i < pool_size(pool); i++) {
		struct asked *asked = asked_of(exchange, pool_pick(pool, exchange->turn++));

		if (asked != NULL &&
		    may_send(asked, asked->uses_stream || exchange->ask.via_stream))
			return asked;
	}
	return NULL;
}

static uint64_t wait_us(const struct exchange *exchange)
{
	return exchange->turn < pool_size(exchange->ask.pool) ? NEXT_SERVER_US : SAME_SERVER_US;
}

/* Sets the timer for whichever comes first: the next server's turn or the end. */
static void arm(struct exchange *exchange)
{
	const uint64_t due = exchange->next_ask_us < exchange->end_us ? exchange->next_ask_us
								      : exchange->end_us;
	const uint64_t now = now_us(exchange);

	timer_start(loop_timers(exchange->upstream->loop), &exchange->timer,
		    due > now ? due - now : 0);
}

/* Asks the next one; those whose socket fails at once are passed over. When nobody can be asked the open
 * tries are waited for, and where there are none the exchange ends on the next turn of the loop: what
 * called us may be exchange_start(). */
static void ask_next(struct exchange *exchange)
{
	struct asked *asked;

	while ((asked = pick(exchange)) != NULL) {
		if (send_try(exchange, asked) == 0) {
			exchange->next_ask_us = now_us(exchange) + wait_us(exchange);
			arm(exchange);
			return;
		}
		asked->is_over = true;
	}
	exchange->next_ask_us = UINT64_MAX;
	if (exchange->open_count == 0)
		exchange->end_us = now_us(exchange);
	arm(exchange);
}

static void on_timer(void *ctx)
{
	struct exchange *exchange = ctx;

	if (exchange->open_count > 0) {
		stats_add(exchange->upstream->stats, STAT_UPSTREAM_TIMEOUTS, 1);
		exchange->was_silent = true;
	}
	if (now_us(exchange) >= exchange->end_us)
		finish_without_answer(exchange);
	else
		ask_next(exchange);
}

int exchange_start(struct upstream *upstream, const struct exchange_ask *ask,
		   exchange_done_fn done, void *ctx, struct exchange **ret_exchange)
{
	struct exchange *exchange = slab_take(upstream->exchanges);

	if (exchange == NULL)
		return ERR_LIMIT;
	memset(exchange, 0, offsetof(struct exchange, failure));
	exchange->upstream = upstream;
	exchange->ask = *ask;
	pool_ref(ask->pool);
	exchange->done = done;
	exchange->ctx = ctx;
	exchange->next = upstream->first;
	if (exchange->next != NULL)
		exchange->next->prev = exchange;
	upstream->first = exchange;
	timer_init(&exchange->timer, on_timer, exchange);
	exchange->end_us =
		now_us(exchange) + (uint64_t)pool_timeout_ms(ask->pool) * USEC_PER_MSEC;
	if (exchange->end_us > ask->deadline_us)
		exchange->end_us = ask->deadline_us;
	*ret_exchange = exchange;
	ask_next(exchange);
	return 0;
}

void exchange_cancel(struct exchange *exchange)
{
	exchange_free(exchange);
}

struct upstream *exchange_upstream_new(struct loop *loop, struct stats *stats,
				       uint32_t max_exchanges)
{
	struct upstream *upstream = mem_zalloc(sizeof(*upstream));

	if (upstream == NULL)
		return NULL;
	upstream->loop = loop;
	upstream->stats = stats;
	upstream->exchanges = slab_new(sizeof(struct exchange), max_exchanges);
	upstream->streams = transport_stream_new(loop);
	if (upstream->exchanges == NULL || upstream->streams == NULL) {
		exchange_upstream_free(upstream);
		return NULL;
	}
	return upstream;
}

void exchange_upstream_free(struct upstream *upstream)
{
	if (upstream == NULL)
		return;
	while (upstream->first != NULL)
		exchange_free(upstream->first);
	transport_stream_free(upstream->streams);
	slab_free(upstream->exchanges);
	mem_free(upstream);
}
