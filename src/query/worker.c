#include "query/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "net/bell.h"
#include "query/answer.h"
#include "query/family.h"
#include "query/family_post.h"
#include "query/fastpath.h"
#include "query/fill.h"
#include "query/flight.h"
#include "query/gate.h"
#include "query/preresolve.h"
#include "query/preresolve_ask.h"
#include "query/query_log.h"
#include "query/recall.h"
#include "query/request.h"
#include "query/steps.h"
#include "request_internal.h"

/* Entries that are moved at a time: some tenths of a millisecond. */
#define CACHE_MOVES 512u

/* --- beginning and end --------------------------------------------------------------------- */

static void on_post(void *ctx)
{
	preresolve_take_post(ctx);
}

static uint32_t part_of(uint32_t limit, uint32_t workers)
{
	return limit / workers + (limit % workers != 0);
}

/* The first is one of several from here on. */
static int share(struct worker *first)
{
	const int err =
		first->bell != NULL ? 0 : bell_new(first->loop, on_post, first, &first->bell);

	return err != 0 ? err : commons_share(first->commons);
}

/* What the first makes and the others share. */
static int join(struct worker *worker, struct worker *first)
{
	const struct conf *conf = worker->plan->conf;
	const uint32_t workers = conf->workers > 0 ? conf->workers : 1;

	if (first != NULL) {
		if (share(first) != 0)
			return -ENOMEM;
		worker->commons = commons_ref(first->commons);
		worker->posted = mem_zalloc(FAMILY_POST_MEMOS * sizeof(*worker->posted));
		worker->rates = client_rate_share(first->rates, &worker->stats);
		worker->timeline = timeline_share(first->timeline, worker->clock, &worker->stats);
		worker->cache = cache_share(first->cache, worker->clock, &worker->stats);
		worker->squashers =
			squasher_table_share(first->squashers, worker->clock, &worker->stats);
	} else {
		worker->commons = commons_new(worker);
		if (worker->commons != NULL)
			worker->commons->workers = workers;
		worker->rates = client_rate_new(workers, &worker->stats);
		worker->timeline =
			timeline_new(conf->devices, workers, worker->clock, &worker->stats);
		worker->cache = cache_new(conf->cache_size, workers, worker->clock, &worker->stats);
		worker->squashers = squasher_table_new(worker->clock, &worker->stats);
	}
	if (worker->commons == NULL || worker->rates == NULL || worker->timeline == NULL ||
	    worker->cache == NULL || worker->squashers == NULL)
		return -ENOMEM;
	return first == NULL || worker->posted != NULL ? 0 : -ENOMEM;
}

/* Programs built for tests: the functional ones pass once more with this set. */
static void ask_for_the_way(struct worker *worker)
{
#ifdef COURIERDNS_TESTS
	if (getenv("COURIERDNS_LONG_WAY") == NULL)
		return;
	worker_take_long_way(worker);
	if (worker_is_first(worker))
		LOG(LEVEL_NOTICE, "repeats take the long way");
#else
	(void)worker;
#endif
}

int worker_new(struct loop *loop, struct plan *plan, struct worker *first,
	       struct worker **ret_worker)
{
	struct worker *worker = mem_zalloc(sizeof(*worker));

	if (worker == NULL)
		return -ENOMEM;
	worker->loop = loop;
	list_init(&worker->waiters);
	worker->clock = loop_clock(loop);
	worker->timers = loop_timers(loop);
	worker->plan = plan_ref(plan);
	const int err = join(worker, first);
	if (err != 0) {
		worker_free(worker);
		return err;
	}
	worker->max_waiting = worker_part(worker, plan->conf->inflight);
	worker->limits = (struct limits){ .stats = &worker->stats,
					  .clock = worker->clock,
					  .lines = &worker->commons->limit_lines };
	worker->shares = client_share_new(worker->max_waiting);
	/* One more than may wait: the one that is being looked at, which a full house must not stop
	 * from being answered out of the cache. */
	worker->requests = slab_new(sizeof(struct request), worker->max_waiting + 1);
	worker->flight = flight_new(worker->max_waiting);
	worker->gate = gate_new(worker->max_waiting);
	worker->families = family_table_new();
	worker->recall = recall_new();
	worker->upstream = exchange_upstream_new(loop, &worker->stats, worker->max_waiting,
						 first != NULL ? first->upstream : NULL);
	if (worker->shares == NULL || worker->requests == NULL || worker->flight == NULL ||
	    worker->gate == NULL || worker->families == NULL || worker->recall == NULL ||
	    worker->upstream == NULL || query_log_follow(worker) != 0 || fill_follow(worker) != 0) {
		worker_free(worker);
		return -ENOMEM;
	}
	preresolve_ask_init(worker);
	preresolve_follow(worker);
	ask_for_the_way(worker);
	*ret_worker = worker;
	return 0;
}

void worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	if (worker->families != NULL)
		worker_close(worker);
	for (struct list *link; (link = list_first(&worker->waiters)) != NULL;)
		request_free(LIST_ITEM(link, struct request, waiting));
	fill_free(worker);
	query_log_free(worker->query_log);
	family_table_free(worker->families);
	exchange_upstream_free(worker->upstream);
	squasher_table_free(worker->squashers);
	recall_free(worker->recall);
	gate_free(worker->gate);
	flight_free(worker->flight);
	slab_free(worker->requests);
	timeline_free(worker->timeline);
	client_rate_free(worker->rates);
	client_share_free(worker->shares);
	cache_free(worker->cache);
	mem_free(worker->posted);
	bell_free(worker->bell);
	commons_unref(worker->commons);
	plan_unref(worker->plan);
	mem_free(worker);
}

int worker_reserve(struct worker *worker, const struct conf *conf)
{
	const uint32_t max = part_of(conf->inflight, conf->workers);
	const bool has_room =
		slab_reserve(worker->requests, max + 1) &&
		client_share_reserve(worker->shares, max) && flight_reserve(&worker->flight, max) &&
		gate_reserve(worker->gate, max) && exchange_upstream_reserve(worker->upstream, max);

	return has_room ? 0 : -ENOMEM;
}

int worker_resize_cache(struct worker *worker, const struct conf *conf)
{
	return cache_resize(worker->cache, conf->cache_size, conf->workers);
}

bool worker_move_cache(struct worker *worker)
{
	return cache_move(worker->cache, CACHE_MOVES);
}

void worker_end_cache_move(struct worker *worker)
{
	cache_move_end(worker->cache);
}

void worker_set_plan(struct worker *worker, struct plan *plan)
{
	plan_ref(plan);
	plan_unref(worker->plan);
	worker->plan = plan;
	if (worker_is_first(worker))
		worker->commons->workers = plan->conf->workers > 0 ? plan->conf->workers : 1;
	worker->max_waiting = worker_part(worker, plan->conf->inflight);
	gate_set_limit(worker->gate, worker->max_waiting);
	preresolve_follow(worker);
	if (query_log_follow(worker) != 0)
		LOG(LEVEL_WARNING, "log.queries stays off: memory is short");
	if (fill_follow(worker) != 0)
		LOG(LEVEL_WARNING, "nft sets are not filled: memory is short");
	if (worker_is_first(worker) &&
	    timeline_set_limit(worker->timeline, plan->conf->devices) != 0)
		LOG(LEVEL_WARNING,
		    "limits.devices stays %" PRIu32 " instead of %" PRIu32 ": memory is short",
		    timeline_limit(worker->timeline), plan->conf->devices);
}

const struct plan *worker_plan(const struct worker *worker)
{
	return worker->plan;
}

void worker_network_changed(struct worker *worker)
{
	if (worker_is_first(worker))
		cache_forget_failures(worker->cache);
	exchange_upstream_network_changed(worker->upstream);
	preresolve_network_changed(worker);
}

bool worker_flush(struct worker *worker, enum cache_flush_what what, const uint8_t *name,
		  struct cache_flush *flush)
{
	if (cache_flush(worker->cache, what, name, flush))
		return true;
	if (flush->count > 0)
		preresolve_follow(worker);
	return false;
}

void worker_take_long_way(struct worker *worker)
{
	worker->takes_long_way = true;
}

void worker_close(struct worker *worker)
{
	worker->is_closed = true;
	preresolve_ask_close(worker);
}

static void tell_fault(struct worker *worker, const struct client *client,
		       const struct query_view *view, unsigned rcode)
{
	stats_count(&worker->stats, STAT_MALFORMED);
	answer_fault(worker, client, view, rcode);
}

static void start_request(struct worker *worker, const struct client *client,
			  const struct query_view *view, const struct cache_key *key, bool is_new)
{
	struct request *request = request_new(worker, client, view, key);

	if (request != NULL) {
		request->is_new = is_new;
		steps_run(request, STEP_POLICY);
		return;
	}
	limit_hit(&worker->limits, LIMIT_MEMORY, &client->from);
	answer_fault(worker, client, view, RCODE_SERVFAIL);
}

/* What is known of a message before anybody is asked anything. Several are got ready together, so
 * that what one waits for comes while the next is read. */
struct intake {
	enum access_action action;
	bool is_plain; /* there is a view */
	bool has_key;  /* the fast path may know it */
	struct query_view view;
	struct cache_key key;
};
#define INTAKES 16u

static void start_intake(struct worker *worker, const struct client *client, const uint8_t *wire,
			 size_t wire_len, struct intake *intake)
{
	intake->action = access_judge(worker->plan->access, &client->from);
	intake->is_plain = intake->action == ACCESS_ALLOW &&
			   query_view_parse_plain(&intake->view, wire, wire_len);
	intake->has_key = intake->is_plain &&
			  fastpath_prepare(worker, &client->from, &intake->view, &intake->key);
}

static void take_plain(struct worker *worker, const struct client *client,
		       const struct intake *intake)
{
	bool is_new = false;

	if (!intake->has_key)
		start_request(worker, client, &intake->view, NULL, false);
	else if (!fastpath_answer(worker, client, &intake->view, &intake->key, &is_new))
		start_request(worker, client, &intake->view, &intake->key, is_new);
}

static void take_query(struct worker *worker, const struct client *client, const uint8_t *wire,
		       size_t wire_len, struct intake *intake)
{
	struct query_view *view = &intake->view;

	if (intake->is_plain) {
		traffic_count_query(&worker->traffic, client, view->type);
		take_plain(worker, client, intake);
		return;
	}
	const enum query_fault fault = query_view_parse(view, wire, wire_len);
	traffic_count_query(&worker->traffic, client, fault == QUERY_OK ? view->type : 0);
	switch (fault) {
	case QUERY_OK:
		intake->has_key = fastpath_prepare(worker, &client->from, view, &intake->key);
		take_plain(worker, client, intake);
		return;
	case QUERY_IGNORE:
		stats_count(&worker->stats, STAT_IGNORED);
		return;
	case QUERY_FORMERR:
		tell_fault(worker, client, view, RCODE_FORMERR);
		return;
	case QUERY_NOTIMP:
		tell_fault(worker, client, view, RCODE_NOTIMP);
		return;
	case QUERY_BADVERS:
		tell_fault(worker, client, view, RCODE_BADVERS);
		return;
	}
	UNREACHABLE();
}

/* --- who may ask --------------------------------------------------------------------------- */

static bool is_within_rate(struct worker *worker, const struct client *client, bool *ret_is_told)
{
	const struct client_rate_limit limit = { worker->plan->conf->rate_per_client,
						 worker->plan->conf->rate_burst };

	if (limit.per_second == 0)
		return true;
	const enum client_rate rate = client_rate_take(
		worker->rates, &client->from, client->is_stream, &limit, worker->clock->now_us);
	if (rate == CLIENT_RATE_WITHIN)
		return true;
	limit_hit(&worker->limits, LIMIT_RATE_PER_CLIENT, &client->from);
	*ret_is_told = rate == CLIENT_RATE_SLIP || client->is_stream;
	return false;
}

static void count_refused(struct worker *worker)
{
	stats_count(&worker->stats, STAT_REFUSED);
	stats_count(&worker->stats, STAT_REFUSED_ACCESS);
}

static void take_message(struct worker *worker, const struct client *client, const uint8_t *wire,
			 size_t wire_len, struct intake *intake)
{
	const enum access_action action = intake->action;
	struct query_view *view = &intake->view;
	bool is_told = false;

	if (action != ACCESS_ALLOW)
		count_refused(worker);
	if (action == ACCESS_DROP) {
		if (worker->query_log != NULL)
			query_log_ignored(worker, client, wire, wire_len, QUERY_LOG_ACCESS);
		client->ops->drop(client);
	} else if (is_within_rate(worker, client, &is_told)) {
		if (action == ACCESS_ALLOW)
			take_query(worker, client, wire, wire_len, intake);
		else if (query_view_parse(view, wire, wire_len) == QUERY_OK)
			answer_fault(worker, client, view, RCODE_REFUSED);
	} else {
		if (action == ACCESS_ALLOW)
			traffic_count_query(&worker->traffic, client,
					    intake->is_plain ? view->type : 0);
		if (!is_told || action != ACCESS_ALLOW) {
			if (worker->query_log != NULL)
				query_log_ignored(worker, client, wire, wire_len, QUERY_LOG_LIMIT);
		} else if (query_view_parse(view, wire, wire_len) == QUERY_OK) {
			answer_too_fast(worker, client, view);
		}
	}
}

void worker_take_query(struct worker *worker, const struct client *client, const uint8_t *wire,
		       size_t wire_len)
{
	struct intake intake;

	if (worker->is_closed)
		return;
	start_intake(worker, client, wire, wire_len, &intake);
	take_message(worker, client, wire, wire_len, &intake);
}

/* What of the cache will be looked at. The first of it has come by the time that the last is asked
 * for. */
static void fetch_ahead(const struct worker *worker, const struct intake *intakes, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (intakes[i].has_key)
			cache_prefetch(worker->cache, intakes[i].key.hash);
	for (unsigned i = 0; i < count; i++)
		if (intakes[i].has_key)
			cache_prefetch_entry(worker->cache, intakes[i].key.hash);
}

void worker_take_messages(struct worker *worker, const struct client_message *messages,
			  unsigned count)
{
	struct intake intakes[INTAKES];

	if (worker->is_closed)
		return;
	for (unsigned some; count > 0; messages += some, count -= some) {
		some = count < INTAKES ? count : INTAKES;
		for (unsigned i = 0; i < some; i++)
			start_intake(worker, &messages[i].client, messages[i].wire,
				     messages[i].wire_len, &intakes[i]);
		if (some > 1)
			fetch_ahead(worker, intakes, some);
		for (unsigned i = 0; i < some; i++)
			take_message(worker, &messages[i].client, messages[i].wire,
				     messages[i].wire_len, &intakes[i]);
	}
}

struct limits *worker_limits(struct worker *worker)
{
	return &worker->limits;
}

struct stats *worker_stats(struct worker *worker)
{
	uint64_t *count = worker->stats.count;

	count[STAT_QUERIES_UDP] = traffic_queries(&worker->traffic, false);
	count[STAT_QUERIES_TCP] = traffic_queries(&worker->traffic, true);
	return &worker->stats;
}

const struct traffic *worker_traffic(const struct worker *worker)
{
	return &worker->traffic;
}

const struct timeline *worker_timeline(const struct worker *worker)
{
	return worker->timeline;
}

void worker_cache_report(const struct worker *worker, struct cache_report *ret_report)
{
	cache_report(worker->cache, ret_report);
}

const struct clock *worker_clock(const struct worker *worker)
{
	return worker->clock;
}

uint32_t worker_waiting(const struct worker *worker)
{
	return worker->waiting + fill_waiting(worker);
}

uint32_t worker_max_waiting(const struct worker *worker)
{
	return worker->max_waiting;
}

uint32_t worker_part(const struct worker *worker, uint32_t limit)
{
	return part_of(limit, worker->commons->workers);
}
