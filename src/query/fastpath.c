#include "query/fastpath.h"

#include "query/answer.h"
#include "query/keep.h"
#include "request_internal.h"

bool fastpath_answer(struct worker *worker, const struct client *client,
		     const struct query_view *view)
{
	const struct plan *plan = worker->plan;
	struct cache_key key;
	struct cache_hit hit;

	if (worker->takes_long_way || !keep_is_shared(view, plan->conf))
		return false;
	cache_key_init(&key, view, 0);
	if (!cache_repeat(worker->cache, &key, plan->id, (view->flags & FLAG_AD) != 0,
			  worker->found, sizeof(worker->found), &hit))
		return false;
	stats_add(&worker->stats, STAT_CACHE_HITS, 1);
	answer_repeat(worker, client, view, &hit);
	return true;
}
