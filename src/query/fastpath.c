#include "query/fastpath.h"

#include "query/answer.h"
#include "query/device_feed.h"
#include "query/keep.h"
#include "query/preresolve.h"
#include "query/query_log.h"
#include "query/repair.h"
#include "request_internal.h"

bool fastpath_prepare(struct worker *worker, const struct addr *from, const struct query_view *view,
		      struct cache_key *ret_key)
{
	if (worker->takes_long_way || !keep_is_shared(worker->plan, view, from))
		return false;
	cache_key_init(ret_key, view, 0);
	return true;
}

/* What the name is, for it is asked for again soon if it was once: a memo by the name's hash. */
static const struct watched_name *find_watched(struct worker *worker, const struct cache_key *key)
{
	const struct plan *plan = worker->plan;
	struct watched_name *watched = worker->watched + (key->name_hash % WATCHED_NAMES);

	if (watched->plan_id != plan->id || watched->name_hash != key->name_hash) {
		watched->plan_id = plan->id;
		watched->name_hash = key->name_hash;
		(void)courier_find(plan->courier, key->name, key->name_len, &watched->courier);
		(void)device_feed_stage(&watched->courier, key->name, key->name_len,
					&watched->stage);
	}
	return watched;
}

/* In the order of the steps: step_policy, step_cache. */
static void note_watched(struct worker *worker, const struct client *client,
			 const struct query_view *view, const struct cache_key *key,
			 const struct reply_source *source, enum verdict verdict)
{
	const struct watched_name *watched = find_watched(worker, key);
	const struct device_feed_known known = { .stage = watched->stage,
						 .name = key->name,
						 .verdict = verdict };

	if (watched->courier.role != COURIER_NONE) {
		repair_touch(worker, &watched->courier, key->view);
		preresolve_note_used(worker, &watched->courier, key->type);
	}
	device_feed_repeat(worker, client, view, &known, source);
}

bool fastpath_answer(struct worker *worker, const struct client *client,
		     const struct query_view *view, const struct cache_key *key, bool *ret_is_new)
{
	size_t max = sizeof(worker->found);
	uint8_t *out = worker->found;
	struct cache_copy copy;

	if (client->ops->reserve != NULL)
		out = client->ops->reserve(client, &max);
	if (!cache_repeat(worker->cache, key, worker->plan->id, (view->flags & FLAG_AD) != 0, out,
			  max, &copy)) {
		*ret_is_new = copy.is_new;
		return false;
	}
	const struct reply_source source = { .wire = out,
					     .wire_len = copy.wire_len,
					     .opt_rcode = copy.opt_rcode,
					     .options = out + copy.wire_len,
					     .options_len = copy.options_len };
	stats_count(&worker->stats, STAT_CACHE_HITS);
	if (copy.is_watched)
		note_watched(worker, client, view, key, &source, (enum verdict)copy.verdict);
	if (worker->query_log != NULL)
		query_log_repeat(worker, client, view, &source, (enum verdict)copy.verdict);
	answer_repeat(worker, client, view, &source, out, max);
	return true;
}
