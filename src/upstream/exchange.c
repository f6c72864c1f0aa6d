#include "upstream/exchange.h"

#include <assert.h>

#include "base/mem.h"
#include "exchange_internal.h"

/* When none is known to be well all are asked, soon after one another: 64 of them within a group's
 * two seconds. */
#define NEXT_UNWELL_US (25u * USEC_PER_MSEC)
/* A failure that is known already is not held back for longer. */
#define CONFIRM_US (400u * USEC_PER_MSEC)
/* Where there is no room for another one it is looked for again so much later. */
#define NO_ROOM_US (100u * USEC_PER_MSEC)

_Static_assert(EXCHANGE_SENDS_MAX == ATTEMPT_SENDS_MAX, "one bound");

static uint64_t now_us(const struct exchange *exchange)
{
	return loop_clock(exchange->upstream->loop)->now_us;
}

/* --- the end ------------------------------------------------------------------------------- */

static void note_silences(struct exchange *exchange)
{
	for (struct attempt *a = exchange->attempts; a != NULL; a = a->next) {
		if (exchange->judge != NULL && server_state(a->server) == SERVER_UP &&
		    attempt_is_unheard(a, server_silence_us(a->server)))
			(void)exchange->judge(exchange->end.ctx, a->server, NULL, NULL);
		attempt_note_silence(a);
	}
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

static void stop(struct exchange *exchange)
{
	forget_attempts(exchange);
	timer_stop(loop_timers(exchange->upstream->loop), &exchange->timer);
	list_remove(&exchange->running);
}

/* What a result may point to. */
static void drop(struct exchange_end *end)
{
	exchange_kept_forget(&end->failure);
	exchange_kept_forget(&end->unwanted);
	pool_unref(end->pool);
	exchange_reserve_drop(end->reserves);
}

/* All is given back before the owner is told, so that what it starts has room; but for what the
 * result points to. */
static void finish(struct exchange *exchange, struct exchange_result *result)
{
	note_silences(exchange);
	stop(exchange);
	struct exchange_end end = exchange->end;
	slab_give(exchange->upstream->exchanges, exchange);
	end.done(end.ctx, result);
	drop(&end);
}

static void finish_with(struct exchange *exchange, const struct attempt_reply *reply,
			const struct server *server, bool is_unwanted)
{
	struct exchange_result result = { .outcome = EXCHANGE_REPLIED,
					  .wire = reply->wire,
					  .wire_len = reply->facts.wire_len,
					  .facts = reply->facts,
					  .quality = reply->quality,
					  .server = server,
					  .is_unwanted = is_unwanted };

	finish(exchange, &result);
}

static void finish_without_answer(struct exchange *exchange)
{
	struct exchange_result result = { .outcome = EXCHANGE_UNREACHABLE };
	const struct exchange_kept *unwanted = exchange->end.unwanted;
	const struct exchange_kept *failure = exchange->end.failure;
	const size_t size = pool_size(exchange->end.pool);

	if (unwanted != NULL) {
		finish_with(exchange, &unwanted->reply, unwanted->server, true);
		return;
	}
	if (failure != NULL) {
		finish_with(exchange, &failure->reply, failure->server, false);
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
	uint64_t due_us = exchange->end_us;

	if (due_us > exchange->next_us)
		due_us = exchange->next_us;
	if (due_us > exchange->all_us)
		due_us = exchange->all_us;
	for (const struct attempt *a = exchange->attempts; a != NULL; a = a->next) {
		if (attempt_is_askable(a) && due_us > a->due_us)
			due_us = a->due_us;
	}
	timer_start_at(loop_timers(exchange->upstream->loop), &exchange->timer, due_us);
}

/* Where there is something to tell already, nobody is waited for who is down. */
static bool is_waited_for(const struct exchange *exchange, const struct attempt *attempt)
{
	const bool can_tell = exchange->end.unwanted != NULL ||
			      (exchange->is_picky && exchange->end.failure != NULL);
	return attempt_has_hope(attempt) &&
	       !(can_tell && server_state(attempt->server) == SERVER_DOWN);
}

static bool has_hope(const struct exchange *exchange)
{
	const struct attempt *attempt = exchange->attempts;

	while (attempt != NULL && !is_waited_for(exchange, attempt))
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
static struct attempt *ask(struct exchange *exchange, const struct pool *pool,
			   struct server *server)
{
	struct attempt **end = &exchange->attempts;
	struct attempt *attempt = slab_take(exchange->upstream->attempts);

	assert(attempt != NULL);
	attempt_init(attempt, &exchange->question, server, pool_randomizes_case(pool));
	exchange->upstream->more_attempts += exchange->attempts != NULL;
	while (*end != NULL)
		end = &(*end)->next;
	*end = attempt;
	return attempt_send(attempt) == 0 ? attempt : NULL;
}

static bool all_are_asked(const struct exchange *exchange)
{
	const size_t size = pool_size(exchange->end.pool);

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
	else if (exchange->is_patient)
		exchange->next_us = now_us(exchange) + EXCHANGE_PATIENCE_US;
}

/* Asks the next server that has not been; false when there is none. */
static bool ask_next(struct exchange *exchange, bool down_too)
{
	const uint64_t now = now_us(exchange);

	for (make_room(exchange); has_room(exchange); make_room(exchange)) {
		struct server *server =
			pool_next(exchange->end.pool, now, down_too, &exchange->asked);
		if (server == NULL) {
			exchange->next_us = UINT64_MAX;
			return false;
		}
		struct attempt *attempt = ask(exchange, exchange->end.pool, server);

		if (attempt == NULL)
			continue;
		exchange->latest = attempt;
		plan_next(exchange, attempt);
		return true;
	}
	exchange->next_us = now + NO_ROOM_US;
	return false;
}

/* False where there is no room for all of them. */
static bool ask_reserve(struct exchange *exchange, struct exchange_reserve *reserve)
{
	for (make_room(exchange); has_room(exchange); make_room(exchange)) {
		struct server *server =
			pool_next(reserve->pool, now_us(exchange), false, &reserve->asked);

		if (server == NULL)
			return true;
		health_note_asked(exchange->upstream->health, server, exchange->question.view);
		(void)ask(exchange, reserve->pool, server);
		exchange_reserve_give_time(exchange, reserve);
	}
	return false;
}

/* Whoever has not been asked yet, at once. */
static void ask_all(struct exchange *exchange)
{
	exchange->all_us = UINT64_MAX;
	while (ask_next(exchange, false))
		;
	for (unsigned i = 0; i < EXCHANGE_RESERVES && exchange->end.reserves[i].pool != NULL; i++) {
		if (!ask_reserve(exchange, &exchange->end.reserves[i]))
			exchange->all_us = now_us(exchange) + NO_ROOM_US;
	}
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
 * where nobody can, other groups are asked, then again those who may be, and at last those who are
 * down: unless one has said, at least, that it cannot tell. False: there is nothing left to do. */
static bool go_on(struct exchange *exchange)
{
	if (now_us(exchange) >= exchange->end_us)
		return false;
	if (!ask_next(exchange, false) && !has_hope(exchange)) {
		ask_all(exchange);
		if (!has_hope(exchange))
			send_again(exchange, UINT64_MAX);
		if (!has_hope(exchange) && exchange->end.failure == NULL &&
		    exchange->end.unwanted == NULL)
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
		if (now >= exchange->all_us)
			ask_all(exchange);
		else if (now >= exchange->next_us)
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

static void end_within(struct exchange *exchange, uint64_t us)
{
	if (exchange->end_us > now_us(exchange) + us)
		exchange->end_us = now_us(exchange) + us;
}

/* A SERVFAIL of the only server there is may have been a moment's trouble, or somebody else's
 * datagram: it is believed when TCP says so too, or says nothing. */
static bool ask_for_confirmation(struct exchange *exchange, struct attempt *attempt,
				 const struct attempt_reply *reply)
{
	if (pool_size(exchange->end.pool) != 1 || message_rcode(&reply->facts) != RCODE_SERVFAIL ||
	    !attempt_ask_again_by_stream(attempt))
		return false;
	if (exchange->end.reserves[0].pool == NULL) /* else others are waited for, longer */
		end_within(exchange, CONFIRM_US);
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

static void take_answer(struct exchange *exchange, struct attempt *attempt,
			const struct attempt_reply *reply)
{
	enum exchange_worth worth = EXCHANGE_WANTED;

	if (exchange->judge != NULL)
		worth = exchange->judge(exchange->end.ctx, attempt->server, reply->wire,
					&reply->facts);
	if (!exchange->is_picky || worth == EXCHANGE_WANTED) {
		note_worse(exchange);
		finish_with(exchange, reply, attempt->server, false);
		return;
	}
	exchange_kept_put(&exchange->end.unwanted, reply, attempt->server,
			  worth == EXCHANGE_BETTER);
	attempt->is_refused = true;
	attempt_done(attempt);
	ask_all(exchange);
	if (worth == EXCHANGE_BETTER)
		end_within(exchange, EXCHANGE_PATIENCE_US);
	if (!go_on(exchange))
		finish_without_answer(exchange);
}

static void take_failure(struct exchange *exchange, struct attempt *attempt,
			 const struct attempt_reply *reply)
{
	exchange_kept_put_failure(&exchange->end.failure, reply, attempt->server);
	if (exchange->judge != NULL && !attempt->is_judged)
		(void)exchange->judge(exchange->end.ctx, attempt->server, reply->wire,
				      &reply->facts);
	attempt->is_judged = true;
	const bool is_last = attempt == exchange->latest;
	const bool is_asked_again = ask_for_confirmation(exchange, attempt, reply);
	if (exchange->is_picky)
		ask_all(exchange);
	if (is_asked_again || (!is_last && has_hope(exchange)))
		set_timer(exchange);
	else if (!go_on(exchange))
		finish_without_answer(exchange);
}

static void on_news(void *ctx, struct attempt *attempt, enum attempt_news news,
		    const struct attempt_reply *reply)
{
	struct exchange *exchange = ctx;

	switch (news) {
	case ATTEMPT_ANSWERED:
		take_answer(exchange, attempt, reply);
		return;
	case ATTEMPT_RESENT:
		if (attempt == exchange->latest && exchange->next_us != UINT64_MAX)
			plan_next(exchange, attempt);
		set_timer(exchange);
		return;
	case ATTEMPT_FAILED:
		take_failure(exchange, attempt, reply);
		return;
	case ATTEMPT_STUCK:
		if (attempt != exchange->latest && has_hope(exchange))
			set_timer(exchange);
		else if (!go_on(exchange))
			finish_without_answer(exchange);
		return;
	}
}

/* --- beginning and end --------------------------------------------------------------------- */

struct pool *exchange_pool_ref(struct pool *pool)
{
	return pool_ref(pool_latest(pool));
}

void exchange_pool_renew(struct pool **pool)
{
	struct pool *latest = exchange_pool_ref(*pool);

	pool_unref(*pool);
	*pool = latest;
}

/* Nobody is told of an end from inside this call. */
static void begin(struct exchange *exchange)
{
	exchange->end_us = exchange->deadline_us;
	exchange->next_us = UINT64_MAX;
	exchange->all_us = exchange_reserve_due_us(exchange);
	if (!go_on(exchange)) {
		timer_start(loop_timers(exchange->upstream->loop), &exchange->timer, 0);
		return;
	}
	if (exchange->latest != NULL && server_state(exchange->latest->server) == SERVER_DOWN) {
		exchange->end_us -= exchange->end_us % ATTEMPT_TOGETHER_US;
		set_timer(exchange);
	}
	struct server *beside =
		has_room(exchange) ? pool_beside(exchange->end.pool, &exchange->asked) : NULL;
	if (beside != NULL && ask(exchange, exchange->end.pool, beside) != NULL)
		set_timer(exchange);
}

static void note_asked(const struct exchange *exchange)
{
	for (size_t i = 0; i < pool_size(exchange->end.pool); i++)
		health_note_asked(exchange->upstream->health, pool_server(exchange->end.pool, i),
				  exchange->question.view);
}

int exchange_start(struct upstream *upstream, const struct exchange_ask *ask, exchange_done_fn done,
		   void *ctx, struct exchange **ret_exchange)
{
	struct exchange *exchange = slab_take(upstream->exchanges);

	if (exchange == NULL)
		return ERR_LIMIT;
	*exchange = (struct exchange){ .upstream = upstream };
	exchange->judge = ask->judge;
	exchange->is_picky = ask->is_picky;
	exchange->is_patient = ask->is_patient;
	exchange->end.done = done;
	exchange->end.ctx = ctx;
	exchange->end.pool = exchange_pool_ref(ask->pool);
	exchange->question.loop = upstream->loop;
	exchange->question.stats = upstream->stats;
	exchange->question.datagrams = upstream->datagrams;
	exchange->question.streams = upstream->streams;
	exchange->question.view = ask->view;
	exchange->question.via_stream = ask->via_stream;
	exchange->question.strip_ecs = ask->strip_ecs;
	exchange->question.edns_size = ask->edns_size;
	exchange->question.on_news = on_news;
	exchange->question.ctx = exchange;
	exchange_reserve_take(exchange->end.reserves, ask);
	list_add(&upstream->running, &exchange->running);
	timer_init(&exchange->timer, on_timer, exchange);
	exchange->deadline_us =
		now_us(exchange) + (uint64_t)pool_timeout_ms(ask->pool) * USEC_PER_MSEC;
	exchange->limit_us = ask->deadline_us;
	if (exchange->deadline_us > exchange->limit_us)
		exchange->deadline_us = exchange->limit_us;
	note_asked(exchange);
	begin(exchange);
	*ret_exchange = exchange;
	return 0;
}

void exchange_cancel(struct exchange *exchange)
{
	stop(exchange);
	drop(&exchange->end);
	slab_give(exchange->upstream->exchanges, exchange);
}

/* --- another network ----------------------------------------------------------------------- */

void exchange_suspend(struct exchange *exchange)
{
	forget_attempts(exchange);
	exchange_kept_forget(&exchange->end.failure);
	exchange_kept_forget(&exchange->end.unwanted);
}

void exchange_resume(struct exchange *exchange)
{
	exchange_pool_renew(&exchange->end.pool);
	exchange->asked = 0;
	exchange_reserve_renew(exchange->end.reserves);
	note_asked(exchange);
	begin(exchange);
}
