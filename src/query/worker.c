#include "query/worker.h"

#include <errno.h>

#include "query/answer.h"
#include "query/flight.h"
#include "query/gate.h"
#include "query/request.h"
#include "query/steps.h"
#include "request_internal.h"

int worker_new(struct loop *loop, struct plan *plan, struct worker **ret_worker)
{
	struct worker *worker = mem_zalloc(sizeof(*worker));

	if (worker == NULL)
		return -ENOMEM;
	worker->loop = loop;
	list_init(&worker->waiters);
	worker->clock = loop_clock(loop);
	worker->timers = loop_timers(loop);
	worker->plan = plan_ref(plan);
	worker->max_waiting = plan->conf->inflight;
	worker->cache = cache_new(plan->conf->cache_size, worker->clock, &worker->stats);
	/* One more than may wait: the one that is being looked at, which a full house must not stop
	 * from being answered out of the cache. */
	worker->requests = slab_new(sizeof(struct request), worker->max_waiting + 1);
	worker->flight = flight_new(worker->max_waiting);
	worker->gate = gate_new(worker->max_waiting);
	worker->upstream = exchange_upstream_new(loop, &worker->stats, worker->max_waiting);
	if (worker->cache == NULL || worker->requests == NULL || worker->flight == NULL ||
	    worker->gate == NULL || worker->upstream == NULL) {
		worker_free(worker);
		return -ENOMEM;
	}
	*ret_worker = worker;
	return 0;
}

void worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	for (struct list *link; (link = list_first(&worker->waiters)) != NULL;)
		request_free(LIST_ITEM(link, struct request, waiting));
	exchange_upstream_free(worker->upstream);
	gate_free(worker->gate);
	flight_free(worker->flight);
	slab_free(worker->requests);
	cache_free(worker->cache);
	plan_unref(worker->plan);
	mem_free(worker);
}

void worker_set_plan(struct worker *worker, struct plan *plan)
{
	plan_ref(plan);
	plan_unref(worker->plan);
	worker->plan = plan;
}

const struct plan *worker_plan(const struct worker *worker)
{
	return worker->plan;
}

void worker_network_changed(struct worker *worker)
{
	cache_forget_failures(worker->cache);
}

void worker_close(struct worker *worker)
{
	worker->is_closed = true;
}

enum access_action worker_admit(struct worker *worker, const struct addr *from)
{
	enum access_action action = access_judge(worker->plan->access, from);

	if (action != ACCESS_ALLOW)
		stats_add(&worker->stats, STAT_REFUSED, 1);
	return action;
}

static void tell_fault(struct worker *worker, const struct client *client,
		       const struct query_view *view, unsigned rcode)
{
	stats_add(&worker->stats, STAT_MALFORMED, 1);
	answer_fault(worker, client, view, rcode);
}

static void start_request(struct worker *worker, const struct client *client,
			  const struct query_view *view)
{
	struct request *request = request_new(worker, client, view);

	if (request != NULL) {
		steps_run(request, STEP_POLICY);
		return;
	}
	stats_add(&worker->stats, STAT_LIMIT_MEMORY, 1);
	answer_fault(worker, client, view, RCODE_SERVFAIL);
}

void worker_take_query(struct worker *worker, const struct client *client, const uint8_t *wire,
		       size_t wire_len)
{
	struct query_view view;

	if (worker->is_closed)
		return;
	stats_add(&worker->stats, client->is_stream ? STAT_QUERIES_TCP : STAT_QUERIES_UDP, 1);
	switch (query_view_parse(&view, wire, wire_len)) {
	case QUERY_OK:
		start_request(worker, client, &view);
		return;
	case QUERY_IGNORE:
		stats_add(&worker->stats, STAT_IGNORED, 1);
		return;
	case QUERY_FORMERR:
		tell_fault(worker, client, &view, RCODE_FORMERR);
		return;
	case QUERY_NOTIMP:
		tell_fault(worker, client, &view, RCODE_NOTIMP);
		return;
	case QUERY_BADVERS:
		tell_fault(worker, client, &view, RCODE_BADVERS);
		return;
	}
	UNREACHABLE();
}

void worker_refuse_query(struct worker *worker, const struct client *client, const uint8_t *wire,
			 size_t wire_len)
{
	struct query_view view;

	if (!worker->is_closed && query_view_parse(&view, wire, wire_len) == QUERY_OK)
		answer_fault(worker, client, &view, RCODE_REFUSED);
}

struct stats *worker_stats(struct worker *worker)
{
	return &worker->stats;
}

void worker_cache_report(const struct worker *worker, struct cache_report *ret_report)
{
	cache_report(worker->cache, ret_report);
}

uint32_t worker_waiting(const struct worker *worker)
{
	return worker->waiting;
}
