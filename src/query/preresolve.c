#include "query/preresolve.h"

#include "family_internal.h"
#include "net/bell.h"
#include "query/family.h"
#include "query/family_post.h"
#include "query/keep.h"
#include "request_internal.h"

#define GAP_US (USEC_PER_SEC / PRERESOLVE_PER_SECOND)
/* Clients go first, and with the next tick who is to be kept warm for them. */
#define START 1u
#define BACK_OFF_DOUBLINGS 6u /* 1 s, 2 s ... 64 s */
/* Nothing is to be done. */
#define NEVER FAMILY_NO_END

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

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
	struct families *families = worker->families;
	const uint32_t now = family_now(worker);

	ret_turn->turn = WARMTH_NOBODY;
	ret_turn->ahead = find_free(families);
	if (ret_turn->ahead == NULL || worker->clock->now_us < families->next_us)
		return false;
	for (size_t i = 0; i < families->count; i++) {
		const struct family *family = family_at(worker, i);

		if (may_ask(family) && family_waits_for(family, now) == 0 &&
		    warmth_next(family->warmth, now, &ret_turn->turn))
			ret_turn->family = i;
	}
	return ret_turn->turn.left <= 0;
}

/* --- when ---------------------------------------------------------------------------------- */

static uint32_t earlier(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* When it is in use no more, or its count holds no more. */
static uint32_t end_of(const struct worker *worker, size_t index)
{
	const uint32_t learned = family_learned_for(worker, family_at(worker, index));

	return earlier(family_in_use_for(worker, index), learned > 0 ? learned : NEVER);
}

/* In so many ticks there is something to be done for the family. */
static uint32_t next_of(const struct worker *worker, size_t index, uint32_t now)
{
	const struct family *family = family_at(worker, index);
	struct warmth_turn turn = WARMTH_NOBODY;

	if (family == NULL)
		return NEVER;
	if (!family_is_to_be_warm(worker, index))
		return family->warmth == NULL ? NEVER : 0;
	if (family->warmth == NULL)
		return START;
	const uint32_t end = end_of(worker, index), waits = family_waits_for(family, now);
	if (!may_ask(family) || find_free(worker->families) == NULL ||
	    !warmth_next(family->warmth, now, &turn))
		return end;
	return earlier(end, turn.left > (int32_t)waits ? (uint32_t)turn.left : waits);
}

void preresolve_schedule(struct worker *worker)
{
	struct families *families = worker->families;
	const uint32_t now = family_now(worker);
	uint32_t next = NEVER;

	if (!worker_is_first(worker))
		return;
	if (families->is_news || families->plan_id != worker->plan->id)
		next = 0;
	for (size_t i = 0; i < families->count; i++)
		next = earlier(next, next_of(worker, i, now));
	if (worker->is_closed || next == NEVER) {
		timer_stop(worker->timers, &families->timer);
		return;
	}
	const uint64_t now_us = worker->clock->now_us, tick_us = now_us - now_us % WARMTH_TICK_US;
	timer_start_at(worker->timers, &families->timer,
		       later(tick_us + (uint64_t)next * WARMTH_TICK_US, families->next_us));
}

/* --- post ---------------------------------------------------------------------------------- */

/* The first worker keeps families warm, and it alone knows anything of them. True where that is to
 * be done otherwise now. */
static bool read_letter(struct worker *worker, const struct family_letter *letter)
{
	if (letter->plan_id != worker->plan->id)
		return false;
	if (letter->count == 0)
		return family_note_used(worker, letter);
	family_learn(worker, letter);
	worker->families->is_news = true;
	return true;
}

static void hand_over(struct worker *worker, const struct family_letter *letter)
{
	struct commons *commons = worker->commons;

	if (worker_is_first(worker)) {
		if (read_letter(worker, letter))
			preresolve_schedule(worker);
	} else if (family_post_is_new(worker->posted, letter, family_now(worker)) &&
		   family_post_put(commons->post, letter)) {
		bell_ring(commons->first->bell);
	}
}

void preresolve_take_post(struct worker *worker)
{
	struct family_letter letter;
	bool is_news = false;

	while (family_post_take(worker->commons->post, &letter))
		is_news |= read_letter(worker, &letter);
	if (is_news)
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

	hand_over(worker, &letter);
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
					   family_now(request->worker)))
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
	stats_count(&worker->stats, STAT_PRERESOLVES);
}

/* A server answers. */
static bool has_come_back(struct request *request)
{
	struct family *family = family_at(request->worker, request->courier.family);

	if (request->verdict == VERDICT_FAILED || request->plan != request->worker->plan ||
	    family == NULL || family->failures == 0)
		return false;
	family->failures = 0;
	return true;
}

void preresolve_note_result(struct request *request)
{
	struct worker *worker = request->worker;
	struct family_letter letter = { .plan_id = request->plan->id,
					.match = request->courier,
					.type = request->view.type };

	if (request->courier.role == COURIER_NONE)
		return;
	if (request->ahead != NULL)
		request->ahead->outcome =
			request->verdict == VERDICT_FAILED ? AHEAD_FAILED : AHEAD_KEPT;
	if (worker_is_first(worker) && has_come_back(request))
		preresolve_schedule(worker);
	if (family_read_count(request, &letter))
		hand_over(worker, &letter);
}

void preresolve_note_squash(struct request *request)
{
	if (request->ahead != NULL)
		request->ahead->outcome = AHEAD_POOR;
}

/* One that was asked before the last back-off began says nothing new; nor does a question that has
 * failed before, as long as others do not. */
static void back_off(struct family *family, bool is_news, uint32_t now)
{
	if (family_waits_for(family, now) > 0 ||
	    (!is_news && family->failures < FAMILY_FAILURES_OF_UPSTREAM))
		return;
	if (++family->failures < FAMILY_FAILURES_OF_UPSTREAM)
		return;
	uint32_t doublings = family->failures - FAMILY_FAILURES_OF_UPSTREAM;
	if (doublings > BACK_OFF_DOUBLINGS)
		doublings = BACK_OFF_DOUBLINGS;
	family->resume = now + (WARMTH_TICKS_PER_S << doublings);
}

static void take_outcome(struct request *request, const struct ahead *ahead)
{
	struct family *family = ahead->family;
	struct warmth *warmth = family->warmth;
	const uint32_t now = family_now(request->worker);
	uint32_t remaining_s = 0;

	switch (ahead->outcome) {
	case AHEAD_NOT_NOW:
		warmth_delay(warmth, ahead->item, now);
		break;
	case AHEAD_SKIPPED:
		warmth_skip(warmth, ahead->item);
		break;
	case AHEAD_KNOWN:
		warmth_keep(warmth, ahead->item, ahead->remaining_s, false, now);
		break;
	case AHEAD_KEPT:
		remaining_s = keep_good_for_s(request);
		if (remaining_s > 0)
			warmth_keep(warmth, ahead->item, remaining_s, true, now);
		else
			warmth_miss(warmth, ahead->item, now);
		break;
	case AHEAD_FAILED:
		back_off(family, warmth_fail(warmth, ahead->item, now), now);
		break;
	case AHEAD_POOR:
		warmth_fail(warmth, ahead->item, now);
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
		struct family *family = family_at(worker, i);

		if (family == NULL)
			continue;
		family->failures = 0;
		if (family->warmth != NULL)
			warmth_hurry(family->warmth, family_now(worker));
	}
	preresolve_schedule(worker);
}
