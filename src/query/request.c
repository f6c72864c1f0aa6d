#include "query/request.h"

#include <errno.h>
#include <string.h>

#include "query/answer.h"
#include "query/flight.h"
#include "query/gate.h"
#include "request_internal.h"

/* Where all that a client has waiting is waited for by others too, another client that has as many
 * is looked at; so often. */
#define GIVE_WAY_TRIES 4u
/* One in so many of those that may wait may be a question for no client, while no more than half of
 * them do wait. */
#define PREFETCH_SHARE 8u

/* The packet is the listener's; what the request needs of it moves into its arena, and the view
 * with it. An opaque query travels whole, any other only needs its question and its options. */
static int keep_view(struct request *request, const struct query_view *view)
{
	uint8_t *copy = arena_dup(&request->arena, view->wire, view->wire_len);

	if (copy == NULL)
		return -ENOMEM;
	request->view = *view;
	request->view.wire = copy;
	request->view.name = copy + (view->name - view->wire);
	if (view->options_len > 0)
		request->view.options = copy + (view->options - view->wire);
	return 0;
}

/* Nobody can be answered from here on but those whose stale answer was waiting for this. */
static void on_stale_wait_over(void *ctx)
{
	struct request *request = ctx;

	request->is_late = true;
	if (!answer_stale(request))
		return;
	if (request->leader != NULL)
		request_free(request);
	else
		answer_forget_client(request);
}

struct request *request_new(struct worker *worker, const struct client *client,
			    const struct query_view *view, const struct cache_key *key)
{
	struct request *request = slab_take(worker->requests);

	if (request == NULL)
		return NULL;
	memset(&request->is_new, 0,
	       offsetof(struct request, client) - offsetof(struct request, is_new));
	arena_init(&request->arena, request->scratch, sizeof(request->scratch));
	if (keep_view(request, view) != 0) {
		arena_done(&request->arena);
		slab_give(worker->requests, request);
		return NULL;
	}
	request->worker = worker;
	request->plan = plan_ref(worker->plan);
	request->client = *client;
	client->ops->hold(client);
	list_init(&request->followers);
	request->deadline_us = worker->clock->now_us + REQUEST_DEADLINE_US;
	if (key != NULL)
		cache_key_copy(&request->key, key);
	else
		cache_key_init(&request->key, view, 0);
	return request;
}

/* Nobody else waits behind it, and it does wait: it is not being looked at further up the stack. */
static bool can_give_way(const struct request *request)
{
	return list_is_empty(&request->followers) &&
	       (request->leader != NULL || request->exchange != NULL ||
		list_has(&request->in_line));
}

/* Of the client that has most the oldest question that can: it has waited longest and is likeliest
 * to wait in vain. */
static struct request *find_one_to_give_way(struct worker *worker)
{
	struct client_share_hold *hold = client_share_oldest_of_most(worker->shares);

	while (hold != NULL && !can_give_way(LIST_ITEM(hold, struct request, hold)))
		hold = client_share_younger(hold);
	return hold == NULL ? NULL : LIST_ITEM(hold, struct request, hold);
}

RARELY static bool make_room(struct worker *worker, uint32_t have,
			     void (*on_giving_way)(void *request))
{
	struct request *request = NULL;

	if (client_share_most(worker->shares) < have + 2)
		return false;
	for (unsigned i = 0; i < GIVE_WAY_TRIES && request == NULL; i++)
		request = find_one_to_give_way(worker);
	if (request == NULL)
		return false;
	limit_hit(&worker->limits, LIMIT_INFLIGHT, &request->client.from);
	on_giving_way(request);
	return true;
}

/* Whoever has all that one client may have is told that, not that all together have too many. */
static bool find_room(struct request *request, void (*on_giving_way)(void *request))
{
	struct worker *worker = request->worker;
	const struct addr *client = &request->client.from;

	if (worker->waiting < worker->max_waiting)
		return true;
	const uint32_t have = client_share_count(worker->shares, client);
	if (have >= request->plan->conf->inflight_per_client ||
	    make_room(worker, have, on_giving_way))
		return true;
	limit_hit(&worker->limits, LIMIT_INFLIGHT, client);
	return false;
}

bool request_wait(struct request *request, void (*on_giving_way)(void *request))
{
	struct worker *worker = request->worker;
	const struct addr *client = &request->client.from;

	if (list_has(&request->waiting))
		return true;
	if (!find_room(request, on_giving_way))
		return false;
	if (client_share_take(worker->shares, client, &request->hold) >=
	    request->plan->conf->inflight_per_client) {
		client_share_give(worker->shares, &request->hold);
		limit_hit(&worker->limits, LIMIT_INFLIGHT_PER_CLIENT, client);
		return false;
	}
	worker->waiting++;
	list_add(&worker->waiters, &request->waiting);
	return true;
}

bool request_prefetch(struct request *request)
{
	struct worker *worker = request->worker;

	answer_forget_client(request);
	request->client.is_stream = false;
	if (worker->prefetching >= worker->max_waiting / PREFETCH_SHARE ||
	    worker->waiting >= worker->max_waiting / 2)
		return false;
	request->is_prefetch = true;
	worker->prefetching++;
	worker->waiting++;
	list_add(&worker->waiters, &request->waiting); /* and in nobody's share */
	return true;
}

static void stop_waiting(struct request *request)
{
	if (!list_has(&request->waiting))
		return;
	list_remove(&request->waiting);
	request->worker->prefetching -= request->is_prefetch;
	request->worker->waiting--;
	client_share_give(request->worker->shares, &request->hold);
}

/* A leader may be ended with others behind it (the worker is being freed): they go too. */
void request_free(struct request *request)
{
	struct worker *worker = request->worker;

	if (timer_is_set(&request->stale_timer))
		timer_stop(worker->timers, &request->stale_timer);
	if (timer_is_set(&request->turn_timer))
		timer_stop(worker->timers, &request->turn_timer);
	if (request->exchange != NULL)
		exchange_cancel(request->exchange);
	while (!list_is_empty(&request->followers))
		request_free(flight_next_follower(request));
	flight_leave(request);
	(void)gate_leave(worker->gate, request);
	stop_waiting(request);
	answer_forget_client(request);
	arena_done(&request->arena);
	plan_unref(request->plan);
	slab_give(worker->requests, request);
}

void request_watch_stale(struct request *request)
{
	timer_init(&request->stale_timer, on_stale_wait_over, request);
	timer_start(request->worker->timers, &request->stale_timer,
		    (uint64_t)request->plan->conf->stale_wait_ms * USEC_PER_MSEC);
}

void request_watch_turn(struct request *request, void (*on_no_turn)(void *request))
{
	timer_init(&request->turn_timer, on_no_turn, request);
	timer_start_at(request->worker->timers, &request->turn_timer, request->deadline_us);
}

void request_set_result(struct request *request, size_t wire_len, enum verdict verdict)
{
	struct exchange_result *result = request->result;

	result->outcome = EXCHANGE_REPLIED;
	result->wire = request->worker->found;
	result->wire_len = wire_len;
	result->quality = message_read(result->wire, wire_len, &result->facts);
	request->verdict = verdict;
	request->is_held_back = false;
}

int request_ask(struct request *request, int group, exchange_done_fn done)
{
	const struct conf *conf = request->plan->conf;
	struct exchange_ask ask = {
		.view = &request->view,
		.pool = request->plan->pools[group],
		.via_stream = request->client.is_stream,
		.edns_size = conf->edns_size,
		.strip_ecs =
			plan_strips_subnet(request->plan, &request->view, &request->client.from),
		.deadline_us = request->deadline_us,
	};

	repair_prepare(request, group, &ask);
	request->asked_us = request->worker->clock->now_us;
	return exchange_start(request->worker->upstream, &ask, done, request, &request->exchange);
}
