/* query/fastpath.h: a question that has been answered before, answered again from the bytes that
 * are kept.
 *
 * A memo of the steps, not a second opinion: only the steps store, after policy has spoken, and an
 * entry says under which plan that was confirmed last. Of no partition, it is what every client is
 * told by that plan. What else the steps would do for a name by which devices are known, or for a
 * family of couriers, is done here too. Whatever wants more than the bytes (an answer that is due,
 * past its time, of an older plan, of a view) goes the long way. No allocation, no log, no request;
 * the one copy of the answer is made into the place it leaves from. */
#pragma once

#include <stdbool.h>

#include "cache/cache_key.h"
#include "net/client.h"
#include "wire/query_view.h"

struct worker;

/** The question might be answered here: `ret_key` is its key then. */
bool fastpath_prepare(struct worker *worker, const struct addr *from, const struct query_view *view,
		      struct cache_key *ret_key);
/** True where the client has been sent the reply that the steps would have sent it; else nothing
 * has been done, and *ret_is_new says that the cache has nothing under this key at all. The client
 * may ask (access, rate). */
bool fastpath_answer(struct worker *worker, const struct client *client,
		     const struct query_view *view, const struct cache_key *key, bool *ret_is_new);
