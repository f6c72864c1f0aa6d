#include "query/preresolve.h"

#include "family_internal.h"
#include "net/bell.h"
#include "query/family.h"
#include "query/family_post.h"
#include "query/keep.h"
#include "request_internal.h"

#define GAP_US (USEC_PER_SEC / PRERESOLVE_PER_SECOND)
/* Clients go first, and then who is to be kept warm for them. */
#define START_US GAP_US
/* So many failures in a row are upstream's, not those of a name or a type that it dislikes. */
#define FAILURES_OF_UPSTREAM 4u
#define BACK_OFF_DOUBLINGS 6u /* 1 s, 2 s ... 64 s */

/* --- whose turn it is ---------------------------------------------------------------------- */

static struct ahead *find_free(struct families *families)
{
	for (size_t i = 0; i < PRERESOLVE_AT_ONCE; i++)
		if (families->ahead[i].request == NULL)
			return &families->ahead[i];
	return NULL;
}

/* Of one that fails one at a time tells whether it still does. */
static bool may_ask(const struct family *family)
{
	return family != NULL && family->warmth != NULL &&
	       family->asking < (family->failures > 0 ? 1 : PRERESOLVE_AT_ONCE);
}

bool preresolve_choose(const struct worker *worker, struct preresolve_turn *ret_turn)
{
	const uint64_t now_us = worker->clock->now_us;
	struct preresolve_turn first = { .turn = { .due_us = UINT64_MAX } };

	first.ahead = find_free(worker->families);
	if (first.ahead == NULL || now_us < worker->families->next_us)
		return false;
	for (size_t i = 0; i < worker->families->count; i++) {
		const struct family *family = family_at(worker, i);
		struct warmth_turn turn;

		if (!may_ask(family) || now_us < family->resume_us ||
		    !warmth_next(family->warmth, now_us, &turn) || !turn.is_due ||
		    !warmth_is_before(&turn, &first.turn))
			continue;
		first.family = i;
		first.turn = turn;
	}
	*ret_turn = first;
	return first.turn.is_due;
}

/* --- when ---------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* When it is in use no more, or its count holds no more. */
static uint64_t end_of(const struct worker *worker, size_t index)
{
	const struct family *family = family_at(worker, index);
	const uint64_t idle_us = family_idle_us(worker, index);

	if (family->learned_count == 0 || family->learned_until_us <= worker->clock->now_us)
		return idle_us;
	return earlier(idle_us, family->learned_until_us);
}

/* When there is something to be done for the family. */
static uint64_t next_of(const struct worker *worker, size_t index)
{
	const struct family *family = family_at(worker, index);
	const uint64_t next_us = worker->families->next_us, now_us = worker->clock->now_us;
	struct warmth_turn turn;

	if (family == NULL)
		return UINT64_MAX;
	if (!family_is_to_be_warm(worker, index))
		return family->warmth == NULL ? UINT64_MAX : now_us;
	if (family->warmth == NULL)
		return later(now_us + START_US, next_us);
	const uint64_t end_us = end_of(worker, index);
	if (!may_ask(family) || find_free(worker->families) == NULL ||
	    !warmth_next(family->warmth, now_us, &turn))
		return end_us;
	return earlier(end_us, later(turn.due_us, later(family->resume_us, next_us)));
}

void preresolve_schedule(struct worker *worker)
{
	struct families *families = worker->families;
	const uint64_t now_us = worker->clock->now_us;
	uint64_t next_us = UINT64_MAX;

	if (!worker_is_first(worker))
		return;
	if (families->is_news || families->plan_id != worker->plan->id)
		next_us = later(now_us, families->next_us);
	for (size_t i = 0; i < families->count; i++)
		next_us = earlier(next_us, next_of(worker, i));
	if (worker->is_closed || next_us == UINT64_MAX)
		timer_stop(worker->timers, &families->timer);
	else
		timer_start(worker->timers, &families->timer,
			    next_us > now_us ? next_us - now_us : 0);
}

/* --- post ---------------------------------------------------------------------------------- */

/* The first worker keeps families warm, and it alone knows anything of them. */
static void post(struct worker *worker, const struct family_letter *letter)
{
	struct commons *commons = worker->commons;

	if (family_post_put(commons->post, letter))
		bell_ring(commons->first->bell);
}

void preresolve_take_post(struct worker *worker)
{
	struct family_letter letter;
	bool is_news = false;

	while (family_post_take(worker->commons->post, &letter)) {
		if (letter.plan_id != worker->plan->id)
			continue;
		if (letter.count > 0)
			family_learn(worker, &letter.match, letter.count, letter.ttl);
		else
			is_news |= family_note_used(worker, &letter.match, letter.type);
		worker->families->is_news |= letter.count > 0;
	}
	if (is_news || worker->families->is_news)
		preresolve_schedule(worker);
}

/* --- the plan, and clients ----------------------------------------------------------------- */

void preresolve_follow(struct worker *worker)
{
	if (!worker_is_first(worker))
		return;
	if (!family_follow(worker)) /* again later */
		worker->families->next_us = worker->clock->now_us + PRERESOLVE_NO_ROOM_US;
	preresolve_schedule(worker);
}

void preresolve_note_used(struct worker *worker, const struct courier_match *courier, uint16_t type)
{
	const struct family_letter letter = { .plan_id = worker->plan->id,
					      .match = *courier,
					      .type = type };

	if (!worker_is_first(worker)) {
		if (family_post_is_new(worker->posted, &letter, worker->clock->now_us))
			post(worker, &letter);
	} else if (family_note_used(worker, courier, type)) {
		preresolve_schedule(worker);
	}
}

/* --- what becomes of it -------------------------------------------------------------------- */

bool preresolve_is_allowed(struct request *request)
{
	if (request->decision.action == ZONE_FORWARD && !request->decision.no_cache)
		return true;
	request->ahead->outcome = AHEAD_SKIPPED;
	return false;
}

/* What was found is not to be asked for anew. */
static bool is_enough(struct request *request, const struct cache_hit *hit)
{
	struct ahead *ahead = request->ahead;

	if (hit->note.kind >= CACHE_FAILURE || hit->is_failing) {
		ahead->outcome = AHEAD_POOR;
		return true;
	}
	if (hit->is_stale || warmth_is_due(ahead->family->warmth, ahead->item, hit->remaining_s,
					   request->worker->clock->now_us))
		return false;
	ahead->outcome = AHEAD_KNOWN;
	ahead->remaining_s = hit->remaining_s;
	return true;
}

bool preresolve_wants(struct request *request)
{
	struct cache_hit hit;

	switch (keep_find(request, &hit)) {
	case FOUND_FRESH:
	case FOUND_UNSURE:
		keep_for_now(request, &hit);
		return !is_enough(request, &hit);
	case FOUND_FAILING:
	case FOUND_STALE:
		request->has_stale = true;
		return !is_enough(request, &hit);
	case FOUND_NOTHING:
		return true;
	}
	UNREACHABLE();
}

void preresolve_note_asked(struct request *request)
{
	struct worker *worker = request->worker;

	request->ahead->is_asked = true;
	request->ahead->family->questions++;
	worker->families->next_us = worker->clock->now_us + GAP_US;
	stats_add(&worker->stats, STAT_PRERESOLVES, 1);
}

/* A server answers. */
static bool has_come_back(struct request *request)
{
	struct family *family = family_at(request->worker, request->courier.family);

	if (request->verdict == VERDICT_FAILED || request->plan != request->worker->plan ||
	    family == NULL || family->failures == 0)
		return false;
	family->failures = 0;
	family->resume_us = 0;
	return true;
}

void preresolve_note_result(struct request *request)
{
	if (request->courier.role == COURIER_NONE)
		return;
	if (request->ahead != NULL)
		request->ahead->outcome =
			request->verdict == VERDICT_FAILED ? AHEAD_FAILED : AHEAD_KEPT;
	struct worker *worker = request->worker;
	uint32_t count = 0, ttl = 0;
	const bool has_count = family_read_count(request, &count, &ttl);
	if (!worker_is_first(worker)) {
		const struct family_letter letter = { .plan_id = request->plan->id,
						      .match = request->courier,
						      .type = request->view.type,
						      .count = count,
						      .ttl = ttl };
		if (has_count)
			post(worker, &letter);
		return;
	}
	if (has_count)
		family_learn(worker, &request->courier, count, ttl);
	worker->families->is_news |= has_count;
	if (has_come_back(request) || has_count)
		preresolve_schedule(worker);
}

void preresolve_note_squash(struct request *request)
{
	if (request->ahead != NULL)
		request->ahead->outcome = AHEAD_POOR;
}

/* For so long the cache has it; false where it has not. Where the reply to a client is made is
 * free: none is being made. */
static bool look_up(struct request *request, uint32_t *ret_remaining_s)
{
	struct worker *worker = request->worker;
	struct cache_hit hit;

	if (!cache_find(worker->cache, &request->key, false, worker->out, sizeof(worker->out),
			&hit) ||
	    hit.note.kind >= CACHE_FAILURE)
		return false;
	*ret_remaining_s = hit.remaining_s;
	return true;
}

/* One that was asked before the last back-off began says nothing new; nor does a question that has
 * failed before, as long as others do not. */
static void back_off(struct family *family, bool is_news, uint64_t now_us)
{
	if (now_us < family->resume_us || (!is_news && family->failures < FAILURES_OF_UPSTREAM))
		return;
	if (++family->failures < FAILURES_OF_UPSTREAM)
		return;
	uint32_t doublings = family->failures - FAILURES_OF_UPSTREAM;
	if (doublings > BACK_OFF_DOUBLINGS)
		doublings = BACK_OFF_DOUBLINGS;
	family->resume_us = now_us + (UINT64_C(1) << doublings) * USEC_PER_SEC;
}

static void take_outcome(struct request *request, const struct ahead *ahead)
{
	struct family *family = ahead->family;
	struct warmth *warmth = family->warmth;
	const uint64_t now_us = request->worker->clock->now_us;
	uint32_t remaining_s;

	switch (ahead->outcome) {
	case AHEAD_NOT_NOW:
		warmth_delay(warmth, ahead->item, now_us);
		break;
	case AHEAD_SKIPPED:
		warmth_skip(warmth, ahead->item);
		break;
	case AHEAD_KNOWN:
		warmth_keep(warmth, ahead->item, ahead->remaining_s, false, now_us);
		break;
	case AHEAD_KEPT:
		if (look_up(request, &remaining_s))
			warmth_keep(warmth, ahead->item, remaining_s, true, now_us);
		else
			warmth_miss(warmth, ahead->item, now_us);
		break;
	case AHEAD_FAILED:
		back_off(family, warmth_fail(warmth, ahead->item, now_us), now_us);
		break;
	case AHEAD_POOR:
		warmth_fail(warmth, ahead->item, now_us);
		break;
	}
}

void preresolve_done(struct request *request)
{
	struct worker *worker = request->worker;
	struct families *families = worker->families;
	const struct ahead ahead = *request->ahead;

	*request->ahead = (struct ahead){ 0 };
	request->ahead = NULL;
	if (ahead.family != NULL) {
		ahead.family->asking--;
		if (warmth_has(ahead.family->warmth, ahead.item))
			take_outcome(request, &ahead);
	}
	if (ahead.outcome == AHEAD_NOT_NOW)
		families->next_us = later(families->next_us, worker->clock->now_us + GAP_US);
	preresolve_schedule(worker);
}

void preresolve_network_changed(struct worker *worker)
{
	struct families *families = worker->families;

	for (size_t i = 0; i < families->count; i++) {
		struct family *family = families->of[i];

		family->failures = 0;
		family->resume_us = 0;
		if (family->warmth != NULL)
			warmth_hurry(family->warmth, worker->clock->now_us);
	}
	preresolve_schedule(worker);
}
