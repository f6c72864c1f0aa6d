#include "upstream/exchange.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "exchange_internal.h"

/* When none is known to be well all are asked, soon after one another: 64 of them within a group's
 * two seconds. */
#define NEXT_UNWELL_US (25u * USEC_PER_MSEC)
/* A failure that is known already is not held back for longer. */
#define CONFIRM_US (400u * USEC_PER_MSEC)
/* Where there is no room for another one it is looked for again so much later. */
#define NO_ROOM_US (100u * USEC_PER_MSEC)
/* A failure's reply is kept whole up to this, else its header and question. */
#define FAILURE_MAX 4096u

_Static_assert(EXCHANGE_SENDS_MAX == ATTEMPT_SENDS_MAX, "one bound");

static uint64_t now_us(const struct exchange *exchange)
{
	return loop_clock(exchange->upstream->loop)->now_us;
}

/* --- the end ------------------------------------------------------------------------------- */

static void note_silences(struct exchange *exchange)
{
	for (struct attempt *a = exchange->attempts; a != NULL; a = a->next)
		attempt_note_silence(a);
}

static void forget_attempts(struct exchange *exchange)
{
	while (exchange->attempts != NULL) {
		struct attempt *attempt = exchange->attempts;
		exchange->attempts = attempt->next;
		exchange->upstream->more_attempts -= attempt->next != NULL;
		attempt_done(attempt);
		slab_give(exchange->upstream->attempts, attempt);
	}
	exchange->latest = NULL;
}

static void exchange_free(struct exchange *exchange)
{
	struct upstream *upstream = exchange->upstream;

	forget_attempts(exchange);
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
	note_silences(exchange);
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

static void set_timer(struct exchange *exchange)
{
	const uint64_t now = now_us(exchange);
	uint64_t due_us = exchange->end_us;

	if (due_us > exchange->next_us)
		due_us = exchange->next_us;
	for (const struct attempt *a = exchange->attempts; a != NULL; a = a->next) {
		if (attempt_is_askable(a) && due_us > a->due_us)
			due_us = a->due_us;
	}
	timer_start(loop_timers(exchange->upstream->loop), &exchange->timer,
		    due_us > now ? due_us - now : 0);
}

static bool has_hope(const struct exchange *exchange)
{
	const struct attempt *attempt = exchange->attempts;

	while (attempt != NULL && !attempt_has_hope(attempt))
		attempt = attempt->next;
	return attempt != NULL;
}

static bool has_room(const struct exchange *exchange)
{
	return exchange->attempts == NULL ||
	       exchange->upstream->more_attempts < exchange->upstream->max_more;
}

/* Of whom nothing is to be hoped gives its room to the next. */
static void make_room(struct exchange *exchange)
{
	if (has_room(exchange) || has_hope(exchange))
		return;
	for (const struct attempt *a = exchange->attempts; a != NULL; a = a->next)
		exchange->was_silent = exchange->was_silent || a->has_spoken;
	forget_attempts(exchange);
}

/* There must be room. NULL where nothing could be sent. */
static struct attempt *ask(struct exchange *exchange, struct server *server)
{
	struct attempt **end = &exchange->attempts;
	struct attempt *attempt = slab_take(exchange->upstream->attempts);

	assert(attempt != NULL);
	attempt_init(attempt, &exchange->question, server);
	exchange->upstream->more_attempts += exchange->attempts != NULL;
	while (*end != NULL)
		end = &(*end)->next;
	*end = attempt;
	return attempt_send(attempt) == 0 ? attempt : NULL;
}

static bool all_are_asked(const struct exchange *exchange)
{
	const size_t size = pool_size(exchange->pool);

	return size == 0 || exchange->asked == UINT64_MAX >> (POOL_SERVERS_MAX - size);
}

/* When the next one is asked beside this one. */
static void plan_next(struct exchange *exchange, const struct attempt *attempt)
{
	exchange->next_us = attempt->late_us;
	if (all_are_asked(exchange)) /* a lone server, mostly: one wake less for each question */
		exchange->next_us = UINT64_MAX;
	else if (server_state(attempt->server) != SERVER_UP)
		exchange->next_us = now_us(exchange) + NEXT_UNWELL_US;
}

/* Asks the next server that has not been; false when there is none. */
static bool ask_next(struct exchange *exchange, bool down_too)
{
	const uint64_t now = now_us(exchange);

	for (make_room(exchange); has_room(exchange); make_room(exchange)) {
		struct server *server = pool_next(exchange->pool, now, down_too, &exchange->asked);
		if (server == NULL) {
			exchange->next_us = UINT64_MAX;
			return false;
		}
		struct attempt *attempt = ask(exchange, server);

		if (attempt == NULL)
			continue;
		exchange->latest = attempt;
		plan_next(exchange, attempt);
		return true;
	}
	exchange->next_us = now + NO_ROOM_US;
	return false;
}

/* Sends again what may be, now or where it is due. */
static void send_again(struct exchange *exchange, uint64_t due_us)
{
	for (struct attempt *a = exchange->attempts; a != NULL; a = a->next) {
		if (a->due_us > due_us)
			continue;
		attempt_note_silence(a);
		if (due_us != UINT64_MAX && attempt_postpone(a))
			continue;
		/* what fails leaves no hope, and that is looked at */
		if (attempt_is_askable(a) && attempt_send(a) != 0)
			continue;
	}
}

/* The next server's turn has come. Where there is none, whoever may still answer is waited for;
 * where nobody can, those are asked again who may be, and at last those who are down: unless one
 * has said, at least, that it cannot tell. False: there is nothing left to do but to finish. */
static bool go_on(struct exchange *exchange)
{
	if (now_us(exchange) >= exchange->end_us)
		return false;
	if (!ask_next(exchange, false) && !has_hope(exchange)) {
		send_again(exchange, UINT64_MAX);
		if (!has_hope(exchange) && exchange->failure.wire == NULL)
			ask_next(exchange, true);
	}
	if (!has_hope(exchange))
		return false;
	set_timer(exchange);
	return true;
}

static void on_timer(void *ctx)
{
	struct exchange *exchange = ctx;
	const uint64_t now = now_us(exchange);

	exchange->was_silent = exchange->was_silent || has_hope(exchange);
	if (now < exchange->end_us) {
		if (now >= exchange->next_us)
			ask_next(exchange, false);
		send_again(exchange, now);
		if (has_hope(exchange)) {
			set_timer(exchange);
			return;
		}
		if (go_on(exchange))
			return;
	}
	finish_without_answer(exchange);
}

/* --- what a server says -------------------------------------------------------------------- */

/* What tells the client most, if all fail. SERVFAIL comes from a server that has tried: the name
 * may be at fault, another try may do better, and the last good answer may stand in (RFC 8767).
 * REFUSED says only that this server will not, to us; NOTIMP and FORMERR that it does not
 * understand what others may. */
static unsigned worth(const struct attempt_reply *reply)
{
	switch (message_rcode(&reply->facts)) {
	case RCODE_SERVFAIL:
		return 3;
	case RCODE_REFUSED:
		return 2;
	case RCODE_NOTIMP:
		return 1;
	default:
		return 0;
	}
}

/* Of equals the first. Without memory for it, it is as if that server had said nothing. */
static void keep_failure(struct exchange *exchange, const struct attempt *attempt,
			 const struct attempt_reply *reply)
{
	size_t len = reply->facts.wire_len;
	const bool is_whole = len <= FAILURE_MAX;

	if (exchange->failure.wire != NULL && worth(reply) <= worth(&exchange->failure))
		return;
	if (!is_whole)
		len = MESSAGE_HEADER_LEN + reply->facts.question_len;
	uint8_t *wire = mem_dup(reply->wire, len);
	if (wire == NULL)
		return;
	mem_free(exchange->failure.wire);
	exchange->failure = *reply;
	exchange->failure.wire = wire;
	exchange->failed_server = attempt->server;
	if (is_whole)
		return;
	memset(wire + 6, 0, 6); /* the counts of the records that are gone */
	exchange->failure.quality = message_read(wire, len, &exchange->failure.facts);
}

/* A SERVFAIL of the only server there is may have been a moment's trouble, or somebody else's
 * datagram: it is believed when TCP says so too, or says nothing. */
static bool ask_for_confirmation(struct exchange *exchange, struct attempt *attempt,
				 const struct attempt_reply *reply)
{
	if (pool_size(exchange->pool) != 1 || message_rcode(&reply->facts) != RCODE_SERVFAIL ||
	    !attempt_ask_again_by_stream(attempt))
		return false;
	if (exchange->end_us > now_us(exchange) + CONFIRM_US)
		exchange->end_us = now_us(exchange) + CONFIRM_US;
	set_timer(exchange);
	return true;
}

/* Whoever failed where another one has answered now. */
static void note_worse(const struct exchange *exchange)
{
	for (const struct attempt *a = exchange->attempts; a != NULL; a = a->next) {
		if (a->has_failed)
			server_note_worse(a->server, now_us(exchange));
	}
}

static void on_news(void *ctx, struct attempt *attempt, enum attempt_news news,
		    const struct attempt_reply *reply)
{
	struct exchange *exchange = ctx;

	switch (news) {
	case ATTEMPT_ANSWERED:
		note_worse(exchange);
		finish_with(exchange, reply, attempt->server);
		return;
	case ATTEMPT_RESENT:
		if (attempt == exchange->latest && exchange->next_us != UINT64_MAX)
			plan_next(exchange, attempt);
		set_timer(exchange);
		return;
	case ATTEMPT_FAILED:
		keep_failure(exchange, attempt, reply);
		if (ask_for_confirmation(exchange, attempt, reply))
			return;
		break;
	case ATTEMPT_STUCK:
		break;
	}
	if (attempt != exchange->latest && has_hope(exchange))
		set_timer(exchange);
	else if (!go_on(exchange))
		finish_without_answer(exchange);
}

/* --- beginning and end --------------------------------------------------------------------- */

/* Nobody is told of an end from inside this call. */
static void begin(struct exchange *exchange)
{
	exchange->end_us = exchange->deadline_us;
	exchange->next_us = UINT64_MAX;
	if (!go_on(exchange)) {
		timer_start(loop_timers(exchange->upstream->loop), &exchange->timer, 0);
		return;
	}
	if (exchange->latest != NULL && server_state(exchange->latest->server) == SERVER_DOWN) {
		exchange->end_us -= exchange->end_us % ATTEMPT_TOGETHER_US;
		set_timer(exchange);
	}
	struct server *beside =
		has_room(exchange) ? pool_beside(exchange->pool, &exchange->asked) : NULL;
	if (beside != NULL && ask(exchange, beside) != NULL)
		set_timer(exchange);
}

static void note_asked(const struct exchange *exchange)
{
	for (size_t i = 0; i < pool_size(exchange->pool); i++)
		health_note_asked(exchange->upstream->health, pool_server(exchange->pool, i),
				  exchange->question.view);
}

int exchange_start(struct upstream *upstream, const struct exchange_ask *ask, exchange_done_fn done,
		   void *ctx, struct exchange **ret_exchange)
{
	struct exchange *exchange = slab_take(upstream->exchanges);

	if (exchange == NULL)
		return ERR_LIMIT;
	*exchange = (struct exchange){
		.upstream = upstream,
		.pool = pool_ref(pool_latest(ask->pool)),
		.question = { .loop = upstream->loop,
			      .stats = upstream->stats,
			      .streams = upstream->streams,
			      .view = ask->view,
			      .via_stream = ask->via_stream,
			      .strip_ecs = ask->strip_ecs,
			      .randomize_case = pool_randomizes_case(ask->pool),
			      .edns_size = ask->edns_size,
			      .on_news = on_news,
			      .ctx = exchange },
		.done = done,
		.ctx = ctx,
	};
	list_add(&upstream->running, &exchange->running);
	timer_init(&exchange->timer, on_timer, exchange);
	exchange->deadline_us =
		now_us(exchange) + (uint64_t)pool_timeout_ms(ask->pool) * USEC_PER_MSEC;
	if (exchange->deadline_us > ask->deadline_us)
		exchange->deadline_us = ask->deadline_us;
	note_asked(exchange);
	begin(exchange);
	*ret_exchange = exchange;
	return 0;
}

void exchange_cancel(struct exchange *exchange)
{
	exchange_free(exchange);
}

/* --- another network ----------------------------------------------------------------------- */

void exchange_suspend(struct exchange *exchange)
{
	forget_attempts(exchange);
	mem_free(exchange->failure.wire);
	exchange->failure.wire = NULL;
}

void exchange_resume(struct exchange *exchange)
{
	struct pool *latest = pool_ref(pool_latest(exchange->pool));

	pool_unref(exchange->pool);
	exchange->pool = latest;
	exchange->asked = 0;
	note_asked(exchange);
	begin(exchange);
}
