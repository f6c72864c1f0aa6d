/* query/worker.h: one event loop's worth of courierdns: what listeners hand queries to.
 *
 * Has an upstream side and requests in flight of its own. Cache, devices, client rates and who
 * squashes are shared by all workers of the program, and each part of these sees to itself. All
 * else belongs to the loop's thread, or to another while that one is held (app/crew.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stats.h"
#include "cache/cache.h"
#include "devices/timeline.h"
#include "net/client.h"
#include "net/loop.h"
#include "query/limit.h"
#include "query/plan.h"

struct traffic;
struct worker;

/** Takes a reference of the plan; borrows the loop. `first` is NULL for the first of them; else it
 * has another worker's loop and a plan that shares its rules (plan_share()), and all threads are
 * held. -ENOMEM, or -errno of the system. */
MUST_CHECK RARELY int worker_new(struct loop *loop, struct plan *plan, struct worker *first,
				 struct worker **ret_worker);
/** Cancels what is in flight: nobody is answered any more. The first goes last, and all threads are
 * held or gone. NULL is fine. */
RARELY void worker_free(struct worker *worker);

/** Makes room for as many questions as `conf` lets wait, with its number of workers; how many may
 * is as before until worker_set_plan(). -ENOMEM. */
MUST_CHECK RARELY int worker_reserve(struct worker *worker, const struct conf *conf);
/** Has the cache of all be of the size that `conf` wants; of the first, with the others held. What
 * is kept is to be moved there by worker_move_cache(), until that says no, and then
 * worker_end_cache_move() with the others held. -ENOMEM. */
MUST_CHECK RARELY int worker_resize_cache(struct worker *worker, const struct conf *conf);
RARELY bool worker_move_cache(struct worker *worker);
RARELY void worker_end_cache_move(struct worker *worker);

/** What the next query will be decided by; there is room for its questions. The first's is set
 * first. What the cache holds stays, and is used as far as the
 * new plan takes the same route to it. */
RARELY void worker_set_plan(struct worker *worker, struct plan *plan);
const struct plan *worker_plan(const struct worker *worker);

/** Addresses, routes or name servers are others than before: what failed may work now. Failures
 * are forgotten, and what waits for upstream is asked anew. */
void worker_network_changed(struct worker *worker);

/** A step of cache_flush(), for the first of them; after the last, what is kept warm is looked at
 * once more. */
RARELY bool worker_flush(struct worker *worker, enum cache_flush_what what, const uint8_t *name,
			 struct cache_flush *flush);

/** From here on no query is taken any more, which looks like silence; what is in flight goes on. */
void worker_close(struct worker *worker);

/** Tests only: repeats go through the steps too, which must say the same (query/fastpath.h). */
void worker_take_long_way(struct worker *worker);

/** One packet; `client` is copied, the bytes are free again on return. The answer goes to
 * client->ops, at once or later, or silence where silence is due. Before anything is looked at, the
 * client must be one whom `access` lets ask, and within limits.rate_per_client. */
void worker_take_query(struct worker *worker, const struct client *client, const uint8_t *wire,
		       size_t wire_len);

/** The same of several that came together, in their order, and at less cost each. */
void worker_take_messages(struct worker *worker, const struct client_message *messages,
			  unsigned count);

/** Where listeners count what their own limits turn away. */
struct limits *worker_limits(struct worker *worker);
/** Up to date when it returns: queries are counted by kind, and here together. */
struct stats *worker_stats(struct worker *worker);
const struct traffic *worker_traffic(const struct worker *worker);
void worker_cache_report(const struct worker *worker, struct cache_report *ret_report);
/** What devices were told; remembers nobody where limits.devices is 0. */
const struct timeline *worker_timeline(const struct worker *worker);
const struct clock *worker_clock(const struct worker *worker);
/** Questions waiting for an upstream, or with their answer for an nft set. */
uint32_t worker_waiting(const struct worker *worker);
/** So many may: this worker's part of limits.inflight. */
uint32_t worker_max_waiting(const struct worker *worker);
/** One worker's part of what all may have together, rounded up. */
uint32_t worker_part(const struct worker *worker, uint32_t limit);
