#include "query/repair.h"

#include <stdio.h>
#include <string.h>

#include "query/answer.h"
#include "query/flight.h"
#include "query/gate.h"
#include "query/request.h"
#include "request_internal.h"
#include "rr/synth.h"

/* The good answers of a family that clients use are looked at so often, which the cache takes for
 * use. */
#define TOUCH_EVERY_US (60u * USEC_PER_SEC)
/* By all workers together, of which each sees so often whether it is time. */
#define TOUCH_LOOK_US (1u * USEC_PER_SEC)

/* What one server told that may be news. */
struct repair_news {
	struct repair_news *next;
	struct addr server;
	enum squash shape;
	struct squash_news news;
};

static const struct conf_courier *family_of(const struct request *request)
{
	return &request->plan->conf->couriers[request->courier.family];
}

static struct squash_family squash_family_of(const struct request *request)
{
	const struct conf_courier *family = family_of(request);

	return (struct squash_family){ .alias = family->alias.wire, .target = family->target.wire };
}

static const uint16_t watched_types[] = { TYPE_A, TYPE_AAAA, TYPE_HTTPS, TYPE_SVCB };
#define WATCHED_TYPES (sizeof(watched_types) / sizeof(watched_types[0]))

/* A question without RD asks what a server happens to know: no answer to it is wrong. */
bool repair_is_watched(const struct request *request)
{
	const struct query_view *view = &request->view;

	if (request->courier.role == COURIER_ALIAS && (view->flags & FLAG_RD) != 0) {
		for (size_t i = 0; i < WATCHED_TYPES; i++)
			if (view->type == watched_types[i])
				return true;
	}
	return false;
}

static bool may_repair(const struct request *request)
{
	return repair_is_watched(request) && !request->view.is_opaque &&
	       family_of(request)->repair != REPAIR_OFF;
}

bool repair_keeps_last_good(const struct request *request)
{
	return request->is_cached && may_repair(request);
}

static void tell(struct request *request, const char *so)
{
	squasher_tell(request->worker->squashers, family_of(request)->name, so);
}

static void count(struct request *request, enum repair_how how)
{
	repair_tally_count(request->worker->commons->repairs, family_of(request)->name, how);
}

static void count_and_tell(struct request *request, enum repair_how how)
{
	count(request, how);
	tell(request, repair_tally_phrase(how));
}

/* --- the last good answer ------------------------------------------------------------------ */

/* The length of the good answer of that route, however old; fresh ones too. It lies in worker->out,
 * which is free while nothing is being answered. */
static size_t find_good(struct worker *worker, const struct cache_key *key, uint64_t route)
{
	struct cache_hit hit;

	return cache_find(worker->cache, key, true, worker->out, sizeof(worker->out), &hit) &&
			       hit.note.kind < CACHE_FAILURE && hit.note.route == route
		       ? hit.wire_len
		       : 0;
}

/* That for another type. */
static size_t find_good_of(struct worker *worker, struct cache_key *key, uint16_t type,
			   uint64_t route)
{
	key->type = type;
	cache_key_rehash(key);
	return find_good(worker, key, route);
}

bool repair_has_good(const struct request *request)
{
	return repair_keeps_last_good(request) &&
	       find_good(request->worker, &request->key, request->decision.route) > 0;
}

static bool is_news(enum squash shape)
{
	return shape == SQUASH_FLATTENED || shape == SQUASH_REWRITTEN;
}

bool repair_was_news(const struct request *request)
{
	struct worker *worker = request->worker;
	struct message_facts facts;
	struct cache_hit hit;

	if (!repair_keeps_last_good(request) ||
	    !cache_look(worker->cache, &request->key, true, worker->out, sizeof(worker->out), &hit))
		return false;
	const struct squash_family family = squash_family_of(request);
	return message_read(worker->out, hit.wire_len, &facts) == MESSAGE_OK &&
	       is_news(squash_judge(&family, worker->out, &facts));
}

const char *repair_to_text(const struct request *request, struct repair_text *into)
{
	if (!request->repair.is_squashed)
		return NULL;
	(void)snprintf(into->text, sizeof(into->text), "squashed upstream: %s",
		       squash_text(request->repair.shape));
	return into->text;
}

/* Everybody who waits has waited long enough. Whatever upstream still says is for the cache. */
static void on_patience_over(void *ctx)
{
	struct request *request = ctx, *follower;
	bool is_for_nobody = request->client.ops == NULL;
	struct repair_text into;
	const char *text = repair_to_text(request, &into);

	request->is_late = true;
	if (!answer_stale_because(request, text))
		return;
	request->repair.is_told_last_good = true;
	answer_forget_client(request);
	while ((follower = flight_next_follower(request)) != NULL) {
		is_for_nobody = false;
		(void)answer_stale_because(follower, text);
		request_free(follower);
	}
	if (!is_for_nobody)
		count(request, REPAIR_HOW_LAST_GOOD);
}

bool repair_tell_late(struct request *request, const struct request *leader)
{
	struct repair_text text;

	return leader->repair.is_told_last_good &&
	       answer_stale_because(request, repair_to_text(leader, &text));
}

/* From the first squash on nobody waits for longer than EXCHANGE_PATIENCE_US, or stale_wait if that
 * is sooner, where there is something to tell. */
static void limit_patience(struct request *request)
{
	struct worker *worker = request->worker;
	struct timer *timer = &request->stale_timer;
	uint64_t due_us = worker->clock->now_us + EXCHANGE_PATIENCE_US;

	if (request->is_late || !repair_has_good(request))
		return;
	if (timer_is_set(timer) && timer->due_us < due_us)
		due_us = timer->due_us;
	timer_stop(worker->timers, timer);
	timer_init(timer, on_patience_over, request);
	timer_start_at(worker->timers, timer, due_us);
}

/* --- what the servers say ------------------------------------------------------------------ */

/* Another server has told the same. */
static bool is_told_twice(struct repair_state *repair, struct repair_news *news)
{
	bool is_same = false;

	for (struct repair_news *told = repair->news; told != NULL; told = told->next) {
		if (addr_equal(&told->server, &news->server))
			return false;
		is_same |=
			told->shape == news->shape && squash_is_same_news(&told->news, &news->news);
	}
	news->next = repair->news;
	repair->news = news;
	return is_same;
}

/* Without memory for it, it counts as nothing. */
static enum exchange_worth weigh_news(struct request *request, const struct server *server,
				      enum squash shape, const uint8_t *wire,
				      const struct message_facts *facts)
{
	const struct squash_family family = squash_family_of(request);
	struct repair_news *news = arena_alloc(&request->arena, sizeof(*news));

	if (news == NULL)
		return EXCHANGE_WORSE;
	news->server = *server_addr(server);
	news->shape = shape;
	squash_read_news(&family, wire, facts, &news->news);
	if (!is_told_twice(&request->repair, news) || request->repair.is_believed)
		return EXCHANGE_WORSE;
	request->repair.shape = shape;
	request->repair.is_believed = true;
	return EXCHANGE_BETTER;
}

static enum exchange_worth judge(void *ctx, const struct server *server, const uint8_t *wire,
				 const struct message_facts *facts)
{
	struct request *request = ctx;
	const struct squash_family family = squash_family_of(request);
	const enum squash shape = wire == NULL ? SQUASH_SILENT : squash_judge(&family, wire, facts);
	const struct squasher_sight sight = {
		.family = family_of(request)->name,
		.alias = family.alias,
		.server = server,
		.type = request->view.type,
		.shape = shape,
	};
	const bool is_squash = squasher_note(request->worker->squashers, &sight);

	if (shape == SQUASH_NONE)
		return EXCHANGE_WANTED;
	if (!is_squash || !may_repair(request))
		return EXCHANGE_WORSE;
	if (!request->repair.is_squashed)
		request->repair.shape = shape;
	request->repair.is_squashed = true;
	if (is_news(shape))
		return weigh_news(request, server, shape, wire, facts);
	if (wire != NULL)
		limit_patience(request);
	return EXCHANGE_WORSE;
}

static void add_reserve(struct request *request, int group, int reserve, struct exchange_ask *ask)
{
	struct pool *pool = reserve == CONF_GROUP_NONE ? NULL : request->plan->pools[reserve];

	if (pool == NULL || reserve == group || pool == ask->reserves[0])
		return;
	ask->reserves[ask->reserves[0] == NULL ? 0 : 1] = pool;
}

/* What a client tells of itself is for its own group: questions that are not shared stay there, but
 * for what the rule says of failures. */
void repair_prepare(struct request *request, int group, struct exchange_ask *ask)
{
	const struct decision *decision = &request->decision;

	if (!repair_is_watched(request))
		return;
	ask->judge = judge;
	ask->is_patient = request->is_prefetch; /* so that silence is seen for what it is */
	ask->is_picky = may_repair(request);
	request->repair.is_squashed = request->repair.is_believed = false;
	if (!ask->is_picky || !request->is_shared)
		return;
	add_reserve(request, group, family_of(request)->repair_group, ask);
	if (decision->on_failure != CONF_GROUP_NONE && !request->asked_on_failure) {
		add_reserve(request, group, decision->on_failure, ask);
		request->asked_on_failure = true;
	}
}

/* --- what comes of it ---------------------------------------------------------------------- */

static enum squash shape_of_result(const struct request *request)
{
	const struct exchange_result *result = request->result;
	const struct squash_family family = squash_family_of(request);

	if (result->outcome != EXCHANGE_REPLIED)
		return SQUASH_SILENT;
	return squash_judge(&family, result->wire, &result->facts);
}

/* The result is not what is wanted, nor what two servers agree on. */
static bool is_squash(const struct request *request)
{
	const struct exchange_result *result = request->result;
	const struct repair_state *repair = &request->repair;

	if (!repair->is_squashed)
		return false;
	if (result->outcome != EXCHANGE_REPLIED || request->verdict == VERDICT_FAILED)
		return true;
	return result->is_unwanted &&
	       !(repair->is_believed && shape_of_result(request) == repair->shape);
}

static enum repair_how how_it_was_known(const struct request *request)
{
	const struct conf *conf = request->plan->conf;
	const char *group = server_group(request->result->server);
	const int reserve = family_of(request)->repair_group;

	if (request->result->is_unwanted) /* but two tell it */
		return REPAIR_HOW_BELIEVED;
	if (strcmp(group, conf->groups[request->decision.group].name) == 0)
		return REPAIR_HOW_REASK;
	return reserve != CONF_GROUP_NONE && strcmp(group, conf->groups[reserve].name) == 0
		       ? REPAIR_HOW_UPSTREAM
		       : REPAIR_HOW_ON_FAILURE;
}

/* The length of a good answer in worker->out: that for another type, which has the SOA too. */
static size_t find_like(struct request *request)
{
	struct cache_key key = request->key;
	size_t len = 0;

	for (size_t i = 0; i < WATCHED_TYPES && len == 0; i++)
		len = find_good_of(request->worker, &key, watched_types[i],
				   request->decision.route);
	return len;
}

/* In the place of the result. False where it does not work. */
static bool make(struct request *request)
{
	const uint8_t *target = family_of(request)->target.wire;
	struct worker *worker = request->worker;
	struct synth_dangle how = { .target = target, .zone = gate_zone(target) };
	size_t len = 0;

	how.like_len = find_like(request);
	if (how.like_len > 0)
		how.like = worker->out;
	if (synth_dangling(&request->view, &how, worker->found, MESSAGE_MAX_LEN, &len) != 0)
		return false;
	request_set_result(request, len, VERDICT_DANGLING);
	return true;
}

/* News is for all to hear, but that of one server alone not to be relied on. */
static enum repair_way choose(struct request *request)
{
	if (is_news(shape_of_result(request)))
		return REPAIR_PASSED_ON;
	if (repair_has_good(request))
		return REPAIR_LAST_GOOD;
	if (family_of(request)->repair == REPAIR_SYNTHESIZE && make(request))
		return REPAIR_MADE;
	return REPAIR_PASSED_ON;
}

enum repair_way repair_choose(struct request *request)
{
	if (!repair_is_watched(request) || request->view.is_opaque)
		return REPAIR_NONE;
	if (!may_repair(request)) {
		tell(request, "clients are told so (repair = \"off\")");
		return REPAIR_NONE;
	}
	if (!is_squash(request)) {
		if (request->repair.is_squashed)
			count_and_tell(request, how_it_was_known(request));
		else
			tell(request, NULL);
		return REPAIR_NONE;
	}
	const enum repair_way way = choose(request);
	switch (way) {
	case REPAIR_NONE:
		break;
	case REPAIR_LAST_GOOD:
		if (request->repair.is_told_last_good) /* and counted */
			tell(request, repair_tally_phrase(REPAIR_HOW_LAST_GOOD));
		else
			count_and_tell(request, REPAIR_HOW_LAST_GOOD);
		break;
	case REPAIR_MADE:
		count_and_tell(request, REPAIR_HOW_SYNTHESIZE);
		break;
	case REPAIR_PASSED_ON:
		count_and_tell(request, REPAIR_HOW_PASSED_ON);
		break;
	}
	return way;
}

/* --- while the family is in use ------------------------------------------------------------ */

void repair_touch(struct worker *worker, const struct courier_match *courier, uint64_t view)
{
	const struct conf_courier *family = &worker->plan->conf->couriers[courier->family];
	const struct conf_name *alias = &family->alias;

	if (worker->clock->now_us < worker->touched_until_us &&
	    worker->touched_family == courier->family)
		return;
	worker->touched_until_us = worker->clock->now_us + TOUCH_LOOK_US;
	worker->touched_family = courier->family;
	if (!repair_tally_is_due(worker->commons->repairs, family->name, worker->clock->now_us,
				 TOUCH_EVERY_US))
		return;
	struct cache_key key = {
		.name_len = alias->len, .class = CLASS_IN, .flags = CACHE_KEY_RD, .view = view
	};
	memcpy(key.name, alias->wire, alias->len);
	for (size_t i = 0; i < WATCHED_TYPES; i++)
		(void)find_good_of(worker, &key, watched_types[i], 0);
}

void repair_report(struct worker *worker, server_line_fn line, void *ctx)
{
	squasher_report(worker->squashers, line, ctx);
	repair_tally_report(worker->commons->repairs, line, ctx);
}

void repair_each_squasher(struct worker *worker, squasher_fn fn, void *ctx)
{
	squasher_each(worker->squashers, fn, ctx);
}
