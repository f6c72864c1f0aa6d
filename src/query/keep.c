#include "query/keep.h"

#include <inttypes.h>
#include <stdio.h>

#include "cache/lifetime.h"
#include "query/device_feed.h"
#include "query/fill.h"
#include "query/repair.h"
#include "request_internal.h"
#include "wire/option.h"

/* A cache section's bound below this default also changes the TTLs that clients see; at the default
 * it only bounds the lifetime, so that what upstream said goes out as it is. */
#define TTL_SHOWN_AS_IS 86400u

bool keep_is_shared(const struct plan *plan, const struct query_view *view, const struct addr *from)
{
	if (view->is_opaque || view->has_private_option)
		return false;
	if (view->has_ecs && !plan_strips_subnet(plan, view, from))
		return false;
	switch (view->type) {
	case TYPE_AXFR:
	case TYPE_MAILA:
	case TYPE_MAILB:
		return false;
	default:
		return true;
	}
}

static bool has_reply(const struct request *request)
{
	return request->result != NULL && request->result->outcome == EXCHANGE_REPLIED;
}

bool keep_is_cut_transfer(const struct request *request)
{
	const struct exchange_result *result = request->result;

	const uint16_t type = request->view.type;

	return (type == TYPE_AXFR || type == TYPE_IXFR) &&
	       !message_is_whole_transfer(result->wire, result->facts.wire_len, type);
}

/* An answer got without AD or DO does not know whether its data is authentic (RFC 6840
 * section 5.7). A failure is one for everybody (D6). */
static bool knows_enough(const struct request *request, const struct cache_note *note)
{
	return note->knows_ad || (request->view.flags & FLAG_AD) == 0 ||
	       note->kind >= CACHE_FAILURE;
}

/* Past the time in which it may be told for any failure, so that it only repairs what was squashed;
 * or kept by a rule that had it last longer. */
static bool is_past_use(const struct request *request, const struct cache_hit *hit)
{
	return hit->is_stale && hit->past_s >= request->decision.stale_s &&
	       !(hit->is_squashed && repair_keeps_last_good(request));
}

static bool look_up(struct request *request, struct cache_hit *ret_hit)
{
	struct worker *worker = request->worker;
	const bool stale_ok = request->decision.stale_s > 0 || repair_keeps_last_good(request);

	if (!cache_find(worker->cache, &request->key, stale_ok, worker->found,
			sizeof(worker->found), ret_hit))
		return false;
	if (!is_past_use(request, ret_hit) &&
	    !(ret_hit->is_stale && ret_hit->is_squashed && repair_was_news(request)))
		return true;
	return cache_find(worker->cache, &request->key, false, worker->found, sizeof(worker->found),
			  ret_hit);
}

/* The plan for which repeats are answered out of the cache and nothing else has to be done: none,
 * where something has. */
static uint32_t plan_of_repeats(const struct request *request)
{
	return fill_wants(request) ? 0 : request->plan->id;
}

/* The new plan may know other couriers. */
static void confirm(struct request *request, struct cache_note *note)
{
	note->plan_id = plan_of_repeats(request);
	note->is_watched = device_feed_watches(request);
	cache_confirm(request->worker->cache, &request->key, note);
}

enum found keep_find(struct request *request, struct cache_hit *ret_hit)
{
	if (!look_up(request, ret_hit))
		return FOUND_NOTHING;
	struct cache_note *note = &ret_hit->note;
	if (note->route != request->decision.route)
		return FOUND_NOTHING;
	if (!request->is_cached && note->kind < CACHE_FAILURE)
		return FOUND_NOTHING;
	if (note->plan_id != plan_of_repeats(request))
		confirm(request, note);
	if (!ret_hit->is_stale && knows_enough(request, note))
		return FOUND_FRESH;
	if (ret_hit->is_failing)
		return FOUND_FAILING;
	return ret_hit->is_stale ? FOUND_STALE : FOUND_UNSURE;
}

void keep_for_now(struct request *request, const struct cache_hit *hit)
{
	if (hit->note.knows_ad && !request->view.wants_dnssec)
		request->view.flags |= FLAG_AD;
	request->has_stale = request->is_unsure = true;
}

static bool is_negative(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_ANSWERED:
		return false;
	case VERDICT_NODATA:
	case VERDICT_NXDOMAIN:
	case VERDICT_DANGLING:
	case VERDICT_DANGLING_NXDOMAIN:
	case VERDICT_BARE:
	case VERDICT_FAILED:
		return true;
	}
	UNREACHABLE();
}

/* Takes the OPT record of the hop behind us off; what of it concerns the client stays as options.
 * An opaque reply is signed as it is. */
static void take_opt_off(struct request *request, struct reply_source *ret_source)
{
	struct worker *worker = request->worker;
	struct exchange_result *result = request->result;
	struct message_facts *facts = &result->facts;

	*ret_source = (struct reply_source){ .wire = result->wire, .wire_len = facts->wire_len };
	if (request->view.is_opaque || !facts->has_opt)
		return;
	ret_source->opt_rcode = facts->opt_rcode;
	ret_source->options = worker->options;
	if (facts->options_len > 0)
		ret_source->options_len =
			option_relay(result->wire + facts->options_at, facts->options_len,
				     !request->is_shared, worker->options, sizeof(worker->options));
	ret_source->wire_len = message_cut_opt(result->wire, facts);
}

static void put_ede(struct request *request, struct reply_source *ret_source, enum ede ede,
		    const char *text)
{
	struct worker *worker = request->worker;

	ret_source->options = worker->options;
	ret_source->options_len =
		reply_put_ede(worker->options, sizeof(worker->options), ede, text);
}

/* What was asked under an older plan is told and forgotten: it must not take the place of what
 * others have learned by the routes of the present one. */
static bool may_keep(const struct request *request)
{
	return request->is_shared && request->plan == request->worker->plan;
}

static uint32_t lifetime_within(const struct request *request)
{
	const struct decision *decision = &request->decision;
	const struct lifetime_limits limits = {
		.ttl_min = decision->ttl_min,
		.ttl_max = decision->ttl_max,
		.negative_ttl_max = request->plan->conf->negative_ttl_max,
	};

	return lifetime_of(&request->result->facts, is_negative(request->verdict), &limits);
}

/* As it is to be sent: without OPT, TTLs within bounds. */
static void make_ready(struct request *request, struct reply_source *ret_source)
{
	const struct decision *decision = &request->decision;

	take_opt_off(request, ret_source);
	if (request->is_held_back)
		put_ede(request, ret_source, EDE_BLOCKED, "private address");
	if (request->result->quality == MESSAGE_OK && !request->view.is_opaque &&
	    (decision->ttl_min > 0 || decision->ttl_max < TTL_SHOWN_AS_IS))
		message_clamp_ttls(request->result->wire, ret_source->wire_len,
				   is_negative(request->verdict) ? 0 : decision->ttl_min,
				   decision->ttl_max);
}

static uint32_t stale_window(const struct request *request)
{
	const uint32_t stale_s = request->decision.stale_s;

	return repair_keeps_last_good(request) && stale_s < REPAIR_LAST_GOOD_S ? REPAIR_LAST_GOOD_S
									       : stale_s;
}

static void store(struct request *request, const struct reply_source *source, enum cache_kind kind,
		  uint32_t lifetime_s)
{
	const struct cache_item item = {
		.wire = source->wire,
		.wire_len = source->wire_len,
		.options = source->options,
		.options_len = source->options_len,
		.lifetime_s = lifetime_s,
		.stale_s = kind < CACHE_FAILURE ? stale_window(request) : 0,
		.is_silence = kind == CACHE_SQUASH || !has_reply(request),
		.note = {
			.kind = (uint8_t)kind,
			.verdict = (uint8_t)request->verdict,
			.knows_ad = request->view.wants_dnssec ||
				    (request->view.flags & FLAG_AD) != 0,
			.is_watched = device_feed_watches(request),
			.opt_rcode = source->opt_rcode,
			.route = request->decision.route,
			.plan_id = plan_of_repeats(request),
		},
	};
	cache_store(request->worker->cache, &request->key, &item);
}

void keep_reply(struct request *request, struct reply_source *ret_source)
{
	make_ready(request, ret_source);
	if (request->is_cached && may_keep(request) && request->result->quality == MESSAGE_OK)
		store(request, ret_source,
		      is_negative(request->verdict) ? CACHE_NEGATIVE : CACHE_POSITIVE,
		      lifetime_within(request));
}

bool keep_stale_may_stand_in(const struct request *request)
{
	return request->has_stale &&
	       (!has_reply(request) || message_rcode(&request->result->facts) == RCODE_SERVFAIL);
}

/* SERVFAIL of our own as a message that can be stored and sent to many: no OPT in it. */
static void make_servfail(struct request *request, struct reply_source *ret_source)
{
	struct worker *worker = request->worker;
	const struct exchange_result *result = request->result;
	const enum ede ede = result != NULL && result->outcome == EXCHANGE_TIMED_OUT
				     ? EDE_NO_REACHABLE
				     : EDE_NETWORK;
	const struct reply_error error = { .rcode = RCODE_SERVFAIL, .ede = EDE_NONE };
	struct query_view plain = request->view;

	plain.has_edns = false;
	stats_count(&worker->stats, STAT_SERVFAILS);
	*ret_source = (struct reply_source){
		.wire = worker->failure,
		.wire_len =
			reply_error(worker->failure, sizeof(worker->failure), &plain, &error, 0),
		.options = worker->options,
		.options_len = reply_put_ede(worker->options, sizeof(worker->options), ede, NULL),
	};
}

static void log_failure(struct request *request)
{
	const struct exchange_result *result = request->result;
	struct commons *commons = request->worker->commons;
	struct name_text name;
	struct type_text type, rcode;
	const char *what = "no server could be reached";
	char how_often[48] = "";
	uint64_t more;

	if (request->ahead != NULL && list_is_empty(&request->followers))
		return; /* nobody waits for it */
	if (!commons_may_warn(commons, &commons->failures_told, request->worker->clock, &more))
		return;
	if (more > 0)
		snprintf(how_often, sizeof(how_often), "; %" PRIu64 " more since the last line",
			 more);
	if (has_reply(request))
		what = type_rcode_to_text(message_rcode(&result->facts), &rcode);
	else if (result != NULL && result->outcome == EXCHANGE_TIMED_OUT)
		what = "no server answered in time";
	log_write(LEVEL_WARNING, "group %s: %s %s: %s; %s%s", request_asked_group(request),
		  name_to_text(request->view.name, &name), type_to_text(request->view.type, &type),
		  what,
		  keep_stale_may_stand_in(request) ? "the last good answer stands in"
						   : "the client is told so",
		  how_often);
}

uint32_t keep_good_for_s(const struct request *request)
{
	struct worker *worker = request->worker;
	struct cache_hit hit;

	return cache_find(worker->cache, &request->key, false, worker->out, sizeof(worker->out),
			  &hit) &&
			       hit.note.kind < CACHE_FAILURE
		       ? hit.remaining_s
		       : 0;
}

/* News puts an end to an answer that is past its time, and to one that is not when its time comes:
 * then the failure is over too, or that answer would be told for it. */
static uint32_t lifetime_of_news(const struct request *request, uint32_t lifetime_s)
{
	const uint32_t fresh_s = keep_good_for_s(request);

	if (fresh_s == 0)
		cache_drop(request->worker->cache, &request->key);
	return fresh_s == 0 || fresh_s > lifetime_s ? lifetime_s : fresh_s;
}

void keep_failure(struct request *request, struct reply_source *ret_source)
{
	uint32_t lifetime_s = LIFETIME_OF_SILENCE_S;

	log_failure(request);
	if (has_reply(request))
		take_opt_off(request, ret_source);
	else
		make_servfail(request, ret_source);
	if (!may_keep(request))
		return;
	if (has_reply(request))
		lifetime_s =
			lifetime_of_failure(cache_failures(request->worker->cache, &request->key));
	if (request->has_stale && !keep_stale_may_stand_in(request))
		lifetime_s = lifetime_of_news(request, lifetime_s);
	store(request, ret_source, CACHE_FAILURE, lifetime_s);
}

/* Where the last good answer stands in it is told without asking for as long as may be; else what
 * was squashed lives by its own TTLs too. */
static uint32_t lifetime_of_squash(const struct request *request, bool is_good_told)
{
	if (is_good_told)
		return REPAIR_KEEP_S;
	if (!has_reply(request))
		return LIFETIME_OF_SILENCE_S;
	if (request->verdict == VERDICT_FAILED)
		return REPAIR_KEEP_S;
	const uint32_t lifetime_s = lifetime_within(request);
	return lifetime_s < REPAIR_KEEP_S ? lifetime_s : REPAIR_KEEP_S;
}

void keep_squash(struct request *request, enum repair_way way, struct reply_source *ret_source)
{
	if (has_reply(request))
		make_ready(request, ret_source);
	else
		make_servfail(request, ret_source);
	if (way == REPAIR_MADE)
		put_ede(request, ret_source, EDE_FORGED, "made from the configuration");
	if (!may_keep(request) || (!request->is_cached && request->verdict != VERDICT_FAILED) ||
	    (has_reply(request) && request->result->quality != MESSAGE_OK))
		return;
	store(request, ret_source, CACHE_SQUASH,
	      lifetime_of_squash(request, way == REPAIR_LAST_GOOD));
}
