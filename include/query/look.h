/* query/look.h: what would be done with a question, and what is known of it, without asking anybody
 * and without leaving a trace. */
#pragma once

#include "cache/cache.h"
#include "policy/courier.h"
#include "policy/policy.h"
#include "query/recall.h"
#include "query/worker.h"

#define LOOK_ENTRIES_MAX 16u

struct look_entry {
	uint8_t flags; /* CACHE_KEY_*, of those who are answered by it */
	bool is_used;  /* it was made by the route that is taken now */
	unsigned rcode;
	struct cache_hit hit;
};

struct look {
	struct decision decision; /* apex points into the view's name */
	bool is_guarded;	  /* against private addresses */
	bool has_exchange;
	struct courier_match courier;
	struct recall_entry exchange;
	size_t entry_count;
	struct look_entry entries[LOOK_ENTRIES_MAX]; /* answers before failures */
};

/** What a plan alone tells: nothing is known then. */
void look_at_plan(const struct plan *plan, const struct query_view *view, const struct addr *client,
		  struct look *ret_look);
void look_at(struct worker *worker, const struct query_view *view, const struct addr *client,
	     struct look *ret_look);
/** After look_at() of one worker, another: it may have asked last. */
void look_beside(const struct worker *worker, const struct query_view *view, struct look *look);
