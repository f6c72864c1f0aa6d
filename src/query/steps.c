/* The path of a query: policy, cache, forward, ask, classify, repair, respond.
 *
 *   policy    what the rules say of this name: forward it, answer it here, refuse it, drop it
 *
 *   cache     the answer is known: send it. Known but past its time: remember that it is there
 *
 *   forward   somebody asks the same already: follow them. Too many ask something like it: wait in
 *             line
 *
 *   ask       the servers of the rule's group
 *
 *   classify  is it an answer, and of what shape? A failure: ask the on_failure group, once
 *
 *   repair    an alias that dangles by design, squashed by whoever was asked: the last good answer,
 *             or one of our own making; else it goes on as it is, and is soon asked again
 *
 *   respond   keep it, and give it to whoever waits; of a failure, the last good answer where there
 *             is one, else what the servers said, else SERVFAIL
 *
 * A step returns a later step, STEP_WAIT or STEP_DONE; the one way back is forward_again(). */
#include "query/steps.h"

#include <assert.h>
#include <inttypes.h>

#include "query/answer.h"
#include "query/flight.h"
#include "query/gate.h"
#include "query/keep.h"
#include "query/preresolve.h"
#include "query/recall.h"
#include "query/repair.h"
#include "query/request.h"
#include "request_internal.h"

/* Where a request goes on that has waited. */
static void on_result(void *ctx, struct exchange_result *result)
{
	struct request *request = ctx;

	request->exchange = NULL;
	request->result = result;
	steps_run(request, STEP_CLASSIFY);
}

static enum step answer_locally(struct request *request)
{
	struct worker *worker = request->worker;
	size_t len = 0;

	stats_count(&worker->stats, STAT_LOCAL_ANSWERS);
	if (policy_answer(&request->decision, &request->view, worker->found, MESSAGE_MAX_LEN,
			  &len) != 0) {
		answer_error(request, RCODE_SERVFAIL, EDE_OTHER, "the local answer was too large");
		return STEP_DONE;
	}
	const struct reply_source source = { .wire = worker->found, .wire_len = len };
	answer_send(request, &source);
	return STEP_DONE;
}

static void count_refused(const struct request *request, enum stat reason)
{
	stats_count(&request->worker->stats, STAT_REFUSED);
	stats_count(&request->worker->stats, reason);
}

static enum step refuse(struct request *request, enum stat reason, const char *why)
{
	count_refused(request, reason);
	answer_error(request, RCODE_REFUSED, EDE_PROHIBITED, why);
	return STEP_DONE;
}

/* A signed reply cannot be changed, nor does a zone transfer lead anybody astray. */
static void guard(struct request *request)
{
	request->is_guarded = !request->view.is_opaque && request->view.type != TYPE_AXFR &&
			      rebinding_guards(request->plan->rebinding, &request->decision,
					       request->key.name, request->view.name_len);
	if (request->is_guarded)
		request->decision.route = request_guarded_route(request->decision.route);
}

/* Only what is asked in class IN is what it seems. */
static void note_courier(struct request *request)
{
	const struct cache_key *key = &request->key;

	if (key->class == CLASS_IN &&
	    courier_find(request->plan->courier, key->name, key->name_len, &request->courier)) {
		repair_touch(request->worker, &request->courier, key->view);
		if (request->ahead == NULL)
			preresolve_note_used(request->worker, &request->courier, key->type);
	}
}

static enum step step_policy(struct request *request)
{
	const struct query_view *view = &request->view;
	struct decision *decision = &request->decision;

	policy_judge(request->plan->policy, view, request->key.name, &request->client.from,
		     decision);
	if (request->ahead != NULL && !preresolve_is_allowed(request))
		return STEP_DONE;
	switch (decision->action) {
	case ZONE_FORWARD:
		if (view->type == TYPE_AXFR && !request->client.is_stream)
			return refuse(request, STAT_REFUSED_TRANSFER, "zone transfers need TCP");
		request->is_shared = keep_is_shared(request->plan, view, &request->client.from);
		request->is_cached = request->is_shared && !decision->no_cache;
		if (decision->view != 0)
			cache_key_set_view(&request->key, decision->view);
		note_courier(request);
		guard(request);
		return STEP_CACHE;
	case ZONE_ANSWER:
	case ZONE_NXDOMAIN:
	case ZONE_NODATA:
		return answer_locally(request);
	case ZONE_REFUSE:
		return refuse(request, STAT_REFUSED_RULE, "refused by a rule");
	case ZONE_DROP:
		count_refused(request, STAT_REFUSED_RULE);
		answer_drop(request);
		return STEP_DONE;
	}
	UNREACHABLE();
}

/* For no client, unless somebody does already or that would be in anybody's way. */
static enum step ask_ahead(struct request *request)
{
	struct worker *worker = request->worker;

	if (!request_prefetch(request) || flight_join(worker->flight, request) != NULL ||
	    gate_enter(worker->gate, request) != GATE_OPEN)
		return STEP_DONE;
	if (request->ahead != NULL)
		preresolve_note_asked(request);
	else
		stats_count(&worker->stats, STAT_PREFETCHES);
	return STEP_ASK;
}

/* The client has its answer. The next ones shall find another before this one's time is over: one
 * that knows AD if the old one does. */
static enum step prefetch(struct request *request, const struct cache_hit *hit)
{
	if (!hit->is_due || hit->is_failing || !request->plan->conf->prefetch)
		return STEP_DONE;
	keep_for_now(request, hit);
	return ask_ahead(request);
}

static enum step step_cache(struct request *request)
{
	struct stats *stats = &request->worker->stats;
	struct cache_hit hit;

	if (!request->is_shared)
		return STEP_FORWARD;
	if (request->ahead != NULL)
		return preresolve_wants(request) ? ask_ahead(request) : STEP_DONE;
	const bool is_new = request->is_new && request->key.view == 0;
	switch (is_new ? FOUND_NOTHING : keep_find(request, &hit)) {
	case FOUND_FRESH:
		stats_count(stats, STAT_CACHE_HITS);
		answer_found(request, &hit);
		return prefetch(request, &hit);
	case FOUND_FAILING: /* RFC 8767 section 5: upstream failed a moment ago, so don't ask */
		if (answer_stale(request))
			return STEP_DONE;
		break;
	case FOUND_UNSURE:
		request->is_unsure = true;
		request->has_stale = true;
		break;
	case FOUND_STALE:
		request->has_stale = true;
		break;
	case FOUND_NOTHING:
		break;
	}
	stats_count(stats, STAT_CACHE_MISSES);
	return STEP_FORWARD;
}

static bool send_stale_to_all(struct request *request)
{
	struct repair_text text;
	const char *why = repair_to_text(request, &text);
	struct request *follower;

	if (!answer_stale_because(request, why))
		return false;
	while ((follower = flight_next_follower(request)) != NULL) {
		(void)answer_stale_because(follower, why);
		request_free(follower);
	}
	return true;
}

static void send_error_to_all(struct request *request, unsigned rcode, enum ede ede,
			      const char *text)
{
	struct request *follower;

	answer_error(request, rcode, ede, text);
	while ((follower = flight_next_follower(request)) != NULL) {
		answer_error(follower, rcode, ede, text);
		request_free(follower);
	}
}

/* In line until its time was over. */
static void tell_no_turn(struct request *request)
{
	if (!request->has_stale || !send_stale_to_all(request))
		send_error_to_all(request, RCODE_SERVFAIL, EDE_OTHER,
				  "too many questions for this name");
}

static void on_no_turn(void *ctx)
{
	struct request *request = ctx;

	tell_no_turn(request);
	steps_run(request, STEP_DONE);
}

/* A limit is reached: what there is, at once. */
static void tell_full(struct request *request, const char *why)
{
	if (!request->has_stale || !answer_stale(request))
		answer_error(request, RCODE_SERVFAIL, EDE_OTHER, why);
}

static void on_giving_way(void *ctx)
{
	struct request *request = ctx;

	tell_full(request, "too many questions in flight");
	steps_run(request, STEP_DONE);
}

static void log_full_zone(const struct request *request)
{
	struct worker *worker = request->worker;
	uint64_t more = 0;
	struct name_text zone;

	if (!commons_may_warn(worker->commons, &worker->commons->zone_told, worker->clock, &more))
		return;
	log_write(LEVEL_WARNING,
		  "%" PRIu32 " questions for names in %s wait for upstream, a quarter of "
		  "limits.inflight and all that one zone may have: more of them have a stale "
		  "answer or SERVFAIL at once; %" PRIu64 " did since the last such line",
		  gate_per_zone(worker->gate), name_to_text(gate_zone(request->view.name), &zone),
		  more);
}

/* A question that nobody else asks upstream. */
static enum step pass_gate(struct request *request)
{
	struct worker *worker = request->worker;

	switch (gate_enter(worker->gate, request)) {
	case GATE_OPEN:
		return STEP_ASK;
	case GATE_WAIT:
		stats_count(&worker->stats, STAT_LIMIT_NAME);
		request_watch_turn(request, on_no_turn);
		return STEP_WAIT;
	case GATE_FULL:
		stats_count(&worker->stats, STAT_LIMIT_ZONE);
		log_full_zone(request);
		tell_full(request, "too many questions for this zone");
		return STEP_DONE;
	}
	UNREACHABLE();
}

/* Behind one for whom upstream has been too slow already, nobody waits that long again. */
static enum step follow(struct request *request, const struct request *leader)
{
	stats_add(&request->worker->stats, STAT_COALESCED, request->is_shared);
	if (leader->is_late && request->has_stale && !request->is_unsure && answer_stale(request))
		return STEP_DONE;
	return repair_tell_late(request, leader) ? STEP_DONE : STEP_WAIT;
}

static enum step step_forward(struct request *request)
{
	struct worker *worker = request->worker;

	if (!request_wait(request, on_giving_way)) {
		tell_full(request, "too many questions in flight");
		return STEP_DONE;
	}
	if (request->has_stale && !request->is_unsure)
		request_watch_stale(request);
	const struct request *leader = flight_join(worker->flight, request);
	if (leader != NULL)
		return follow(request, leader);
	return pass_gate(request);
}

static enum step step_ask(struct request *request)
{
	const struct worker *worker = request->worker;

	timer_stop(worker->timers, &request->turn_timer);
	if (worker->clock->now_us >= request->deadline_us) {
		tell_no_turn(request);
		return STEP_DONE;
	}
	if (request_ask(request, request->decision.group, on_result) == 0)
		return STEP_WAIT;
	limit_hit(&request->worker->limits, LIMIT_MEMORY,
		  request->ahead == NULL ? &request->client.from : NULL);
	send_error_to_all(request, RCODE_SERVFAIL, EDE_OTHER, "out of memory");
	return STEP_DONE;
}

/* The one way back: the rule's group has failed and the rule names another one to ask. */
static bool forward_again(struct request *request)
{
	if (request->decision.on_failure == CONF_GROUP_NONE || request->asked_on_failure)
		return false;
	request->asked_on_failure = true;
	request->result = NULL;
	return request_ask(request, request->decision.on_failure, on_result) == 0;
}

static bool is_failure(const struct exchange_result *result)
{
	if (result->outcome != EXCHANGE_REPLIED)
		return true;
	switch (message_rcode(&result->facts)) {
	case RCODE_NOERROR:
	case RCODE_NXDOMAIN:
		return false;
	default:
		return true;
	}
}

static void log_held_back(const struct request *request, const struct addr *address)
{
	struct worker *worker = request->worker;
	uint64_t more = 0;
	struct name_text name;
	struct addr_text text;

	if (!commons_may_warn(worker->commons, &worker->commons->rebinding_told, worker->clock,
			      &more))
		return;
	log_write(LEVEL_WARNING,
		  "group %s gives %s the private address %s: clients are told that there is no "
		  "data (rebinding.protect); a name of your own belongs in rebinding.allow; "
		  "%" PRIu64 " more like this since the last such line",
		  server_group(request->result->server), name_to_text(request->view.name, &name),
		  addr_to_text(address, &text), more);
}

/* Where the answer holds private addresses, another takes its place, for all and for the cache.
 * False when memory is short. */
static bool hold_back_private(struct request *request)
{
	struct worker *worker = request->worker;
	struct exchange_result *result = request->result;
	struct addr address;
	size_t len = 0;

	if (!rebinding_find(result->wire, result->facts.wire_len, &address))
		return true;
	if (rebinding_reply(&request->view, worker->found, MESSAGE_MAX_LEN, &len) != 0)
		return false;
	stats_count(&worker->stats, STAT_REBINDING_BLOCKED);
	log_held_back(request, &address);
	request_set_result(request, len, VERDICT_NODATA);
	request->is_held_back = true;
	return true;
}

static enum step step_classify(struct request *request)
{
	const struct exchange_result *result = request->result;

	if (is_failure(result)) {
		request->verdict = VERDICT_FAILED;
		stats_add(&request->worker->stats, STAT_VERDICT_FAILED,
			  result->outcome == EXCHANGE_REPLIED);
		if (forward_again(request))
			return STEP_WAIT;
		return STEP_REPAIR;
	}
	if (keep_is_cut_transfer(request)) {
		count_refused(request, STAT_REFUSED_TRANSFER);
		send_error_to_all(request, RCODE_REFUSED, EDE_OTHER,
				  "transfers of more than one message are not passed on");
		return STEP_DONE;
	}
	request->verdict = classify_reply(result->wire, &result->facts);
	stats_count(&request->worker->stats, STAT_VERDICT_ANSWERED + request->verdict);
	if (request->is_guarded && !hold_back_private(request)) {
		send_error_to_all(request, RCODE_SERVFAIL, EDE_OTHER, "out of memory");
		return STEP_DONE;
	}
	return STEP_REPAIR;
}

/* To the one who asked and to all who followed, each in their own way. A private answer is for one
 * alone, so the others ask then. Its failure is for all: a question that servers send round in a
 * circle comes back behind itself, and asked again would never end. */
static void send_to_all(struct request *request, const struct reply_source *source)
{
	struct request *follower;

	answer_send(request, source);
	while ((follower = flight_next_follower(request)) != NULL) {
		if (!follower->is_shared && request->verdict != VERDICT_FAILED) {
			steps_run(follower, pass_gate(follower));
			continue;
		}
		follower->verdict = request->verdict;
		follower->result = request->result;
		answer_send(follower, source);
		request_free(follower);
	}
}

static enum step step_repair(struct request *request)
{
	struct reply_source source;

	recall_note_result(request);
	const enum repair_way way = repair_choose(request);
	if (way == REPAIR_NONE)
		return STEP_RESPOND;
	keep_squash(request, way, &source);
	preresolve_note_squash(request);
	if (way != REPAIR_LAST_GOOD || !send_stale_to_all(request))
		send_to_all(request, &source);
	return STEP_DONE;
}

static enum step step_respond(struct request *request)
{
	struct reply_source source;

	if (request->verdict == VERDICT_FAILED) {
		keep_failure(request, &source);
		preresolve_note_result(request);
		if (!keep_stale_may_stand_in(request) || !send_stale_to_all(request))
			send_to_all(request, &source);
		return STEP_DONE;
	}
	keep_reply(request, &source);
	preresolve_note_result(request);
	send_to_all(request, &source);
	return STEP_DONE;
}

static enum step (*const steps[STEP_COUNT])(struct request *) = {
	[STEP_POLICY] = step_policy,	 [STEP_CACHE] = step_cache,
	[STEP_FORWARD] = step_forward,	 [STEP_ASK] = step_ask,
	[STEP_CLASSIFY] = step_classify, [STEP_REPAIR] = step_repair,
	[STEP_RESPOND] = step_respond,
};

void steps_run(struct request *request, enum step step)
{
	for (;;) {
		while (step < STEP_COUNT) {
			enum step next = steps[step](request);

			assert(next > step);
			step = next;
		}
		if (step != STEP_DONE)
			return;
		if (request->ahead != NULL)
			preresolve_done(request);
		struct request *next_in_line = gate_leave(request->worker->gate, request);
		request_free(request);
		if (next_in_line == NULL)
			return;
		request = next_in_line;
		step = STEP_ASK;
	}
}
