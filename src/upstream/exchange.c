#include "upstream/exchange.h"

#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "upstream/attempt.h"
#include "upstream/health.h"

/* A dead first server must cost well under a second, because Apple's client asks again after one; a
 * living one answers out of its cache in far less. */
#define NEXT_SERVER_US (400u * USEC_PER_MSEC)
/* The same server is asked again later than that: one that has to look the name up may take half a
 * second, and to ask it twice does not make it faster. Three sends fit into a group's two
 * seconds. */
#define SAME_SERVER_US (800u * USEC_PER_MSEC)
/* Servers an exchange may have asked at the same time, on the average. */
#define ATTEMPTS_PER_EXCHANGE 4u
/* A failure's reply is kept whole up to this, else its header and question. */
#define FAILURE_MAX 4096u

_Static_assert(EXCHANGE_SENDS_MAX == ATTEMPT_SENDS_MAX, "one bound");

struct upstream {
	struct loop *loop;
	struct stats *stats;
	struct slab *exchanges, *attempts;
	struct transport_stream *streams;
	struct health *health;
	struct list running; /* exchanges */
};

struct exchange {
	struct upstream *upstream;
	struct list running; /* in upstream->running */
	struct pool *pool;   /* a reference */
	struct attempt_question question;
	exchange_done_fn done;
	void *ctx;
	struct timer timer; /* the next turn, or the end */
	uint64_t end_us;
	uint64_t wait_us; /* of the present turn */
	unsigned turn;	  /* the next one, for pool_pick() */
	bool was_silent;  /* somebody let his time pass */
	struct attempt *attempts;
	struct attempt *current; /* whose turn it is; NULL for nobody's */
	/* The first failure reply: what is told when nobody does better. */
	struct attempt_reply failure; /* `wire` is ours; NULL for none */
	const struct server *failed_server;
};

static uint64_t now_us(const struct exchange *exchange)
{
	return loop_clock(exchange->upstream->loop)->now_us;
}

/* --- the end ------------------------------------------------------------------------------- */

static void exchange_free(struct exchange *exchange)
{
	struct upstream *upstream = exchange->upstream;

	while (exchange->attempts != NULL) {
		struct attempt *attempt = exchange->attempts;
		exchange->attempts = attempt->next;
		attempt_done(attempt);
		slab_give(upstream->attempts, attempt);
	}
	timer_stop(loop_timers(upstream->loop), &exchange->timer);
	list_remove(&exchange->running);
	mem_free(exchange->failure.wire);
	pool_unref(exchange->pool);
	slab_give(upstream->exchanges, exchange);
}

/* All is given back before the owner is told, so that what it starts has room; but for what the
 * result points to. */
static void finish(struct exchange *exchange, struct exchange_result *result)
{
	const exchange_done_fn done = exchange->done;
	void *ctx = exchange->ctx;
	uint8_t *failure = exchange->failure.wire;
	struct pool *pool = pool_ref(exchange->pool);

	exchange->failure.wire = NULL;
	exchange_free(exchange);
	done(ctx, result);
	mem_free(failure);
	pool_unref(pool);
}

static void finish_with(struct exchange *exchange, const struct attempt_reply *reply,
			const struct server *server)
{
	struct exchange_result result = { .outcome = EXCHANGE_REPLIED,
					  .wire = reply->wire,
					  .wire_len = reply->facts.wire_len,
					  .facts = reply->facts,
					  .quality = reply->quality,
					  .server = server };

	finish(exchange, &result);
}

static void finish_without_answer(struct exchange *exchange)
{
	struct exchange_result result = { .outcome = EXCHANGE_UNREACHABLE };
	const size_t size = pool_size(exchange->pool);

	if (exchange->failure.wire != NULL) {
		finish_with(exchange, &exchange->failure, exchange->failed_server);
		return;
	}
	bool was_late = exchange->was_silent || (exchange->attempts == NULL && size > 0);
	for (const struct attempt *a = exchange->attempts; a != NULL; a = a->next)
		was_late = was_late || a->has_spoken;
	if (was_late)
		result.outcome = EXCHANGE_TIMED_OUT;
	finish(exchange, &result);
}

/* --- whose turn it is ---------------------------------------------------------------------- */

static void wait_for(struct exchange *exchange, uint64_t wait_us)
{
	const uint64_t now = now_us(exchange);
	const uint64_t left_us = exchange->end_us > now ? exchange->end_us - now : 0;

	timer_start(loop_timers(exchange->upstream->loop), &exchange->timer,
		    wait_us < left_us ? wait_us : left_us);
}

/* What we have with that server, so far or from now on. NULL when there is no room. */
static struct attempt *attempt_with(struct exchange *exchange, struct server *server)
{
	struct attempt **end = &exchange->attempts;

	for (; *end != NULL; end = &(*end)->next) {
		if ((*end)->server == server)
			return *end;
	}
	struct attempt *attempt = slab_take(exchange->upstream->attempts);
	if (attempt == NULL)
		return NULL;
	attempt_init(attempt, &exchange->question, server);
	*end = attempt;
	return attempt;
}

/* Asks the next server that may be asked and can be; false when there is none. */
static bool ask_next(struct exchange *exchange)
{
	const size_t size = pool_size(exchange->pool);

	for (size_t tried = 0; tried < size; tried++) {
		struct attempt *attempt =
			attempt_with(exchange, pool_pick(exchange->pool, exchange->turn++));
		if (attempt == NULL || !attempt_is_askable(attempt) || attempt_send(attempt) != 0)
			continue;
		exchange->current = attempt;
		exchange->wait_us = exchange->turn < size ? NEXT_SERVER_US : SAME_SERVER_US;
		wait_for(exchange, exchange->wait_us);
		return true;
	}
	exchange->current = NULL;
	return false;
}

static bool has_hope(const struct exchange *exchange)
{
	const struct attempt *attempt = exchange->attempts;

	while (attempt != NULL && !attempt_has_hope(attempt))
		attempt = attempt->next;
	return attempt != NULL;
}

/* The next server's turn has come. Where there is none, whoever may still answer is waited for.
 * False: there is nothing left to do but to finish. */
static bool go_on(struct exchange *exchange)
{
	if (now_us(exchange) >= exchange->end_us)
		return false;
	if (ask_next(exchange))
		return true;
	wait_for(exchange, UINT64_MAX);
	return has_hope(exchange);
}

static void on_timer(void *ctx)
{
	struct exchange *exchange = ctx;

	if (has_hope(exchange)) {
		exchange->was_silent = true;
		stats_add(exchange->upstream->stats, STAT_UPSTREAM_TIMEOUTS, 1);
	}
	if (!go_on(exchange))
		finish_without_answer(exchange);
}

/* --- what a server says -------------------------------------------------------------------- */

/* Without memory for it, it is as if that server had said nothing. */
static void keep_failure(struct exchange *exchange, const struct attempt *attempt,
			 const struct attempt_reply *reply)
{
	size_t len = reply->facts.wire_len;
	const bool is_whole = len <= FAILURE_MAX;

	if (exchange->failure.wire != NULL)
		return;
	if (!is_whole)
		len = MESSAGE_HEADER_LEN + reply->facts.question_len;
	uint8_t *wire = mem_dup(reply->wire, len);
	if (wire == NULL)
		return;
	exchange->failure = *reply;
	exchange->failure.wire = wire;
	exchange->failed_server = attempt->server;
	if (is_whole)
		return;
	memset(wire + 6, 0, 6); /* the counts of the records that are gone */
	exchange->failure.quality = message_read(wire, len, &exchange->failure.facts);
}

static void on_news(void *ctx, struct attempt *attempt, enum attempt_news news,
		    const struct attempt_reply *reply)
{
	struct exchange *exchange = ctx;

	switch (news) {
	case ATTEMPT_ANSWERED:
		finish_with(exchange, reply, attempt->server);
		return;
	case ATTEMPT_RESENT:
		if (attempt == exchange->current)
			wait_for(exchange, exchange->wait_us);
		return;
	case ATTEMPT_FAILED:
		keep_failure(exchange, attempt, reply);
		break;
	case ATTEMPT_STUCK:
		break;
	}
	if (exchange->current != NULL && attempt_has_hope(exchange->current))
		return;
	if (!go_on(exchange))
		finish_without_answer(exchange);
}

/* --- beginning and end --------------------------------------------------------------------- */

int exchange_start(struct upstream *upstream, const struct exchange_ask *ask, exchange_done_fn done,
		   void *ctx, struct exchange **ret_exchange)
{
	struct exchange *exchange = slab_take(upstream->exchanges);

	if (exchange == NULL)
		return ERR_LIMIT;
	*exchange = (struct exchange){
		.upstream = upstream,
		.pool = pool_ref(ask->pool),
		.question = { .loop = upstream->loop,
			      .stats = upstream->stats,
			      .streams = upstream->streams,
			      .view = ask->view,
			      .via_stream = ask->via_stream,
			      .strip_ecs = ask->strip_ecs,
			      .edns_size = ask->edns_size,
			      .on_news = on_news,
			      .ctx = exchange },
		.done = done,
		.ctx = ctx,
	};
	list_add(&upstream->running, &exchange->running);
	timer_init(&exchange->timer, on_timer, exchange);
	exchange->end_us = now_us(exchange) + (uint64_t)pool_timeout_ms(ask->pool) * USEC_PER_MSEC;
	if (exchange->end_us > ask->deadline_us)
		exchange->end_us = ask->deadline_us;
	for (size_t i = 0; i < pool_size(ask->pool); i++)
		health_note_asked(upstream->health, pool_pick(ask->pool, (unsigned)i));
	if (!go_on(exchange))
		wait_for(exchange, 0); /* not from inside this call */
	*ret_exchange = exchange;
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
	const uint32_t max_attempts = max_exchanges < UINT32_MAX / ATTEMPTS_PER_EXCHANGE
					      ? max_exchanges * ATTEMPTS_PER_EXCHANGE
					      : UINT32_MAX;
	list_init(&upstream->running);
	upstream->loop = loop;
	upstream->stats = stats;
	upstream->exchanges = slab_new(sizeof(struct exchange), max_exchanges);
	upstream->attempts = slab_new(sizeof(struct attempt), max_attempts);
	upstream->streams = transport_stream_new(loop, stats);
	if (upstream->streams != NULL)
		upstream->health = health_new(loop, stats, upstream->streams);
	if (upstream->exchanges == NULL || upstream->attempts == NULL || upstream->health == NULL) {
		exchange_upstream_free(upstream);
		return NULL;
	}
	return upstream;
}

void exchange_upstream_free(struct upstream *upstream)
{
	if (upstream == NULL)
		return;
	for (struct list *link; (link = list_first(&upstream->running)) != NULL;)
		exchange_free(LIST_ITEM(link, struct exchange, running));
	health_free(upstream->health);
	transport_stream_free(upstream->streams);
	slab_free(upstream->attempts);
	slab_free(upstream->exchanges);
	mem_free(upstream);
}
