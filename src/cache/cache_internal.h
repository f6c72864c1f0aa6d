/* cache/cache_internal.h: what cache.c and its parts share: the shards, each with a lock and a
 * store. */
#pragma once

#include "base/list.h"
#include "base/lock.h"
#include "cache/cache.h"
#include "store_internal.h"

/* A part of the keys. */
struct shard {
	struct lock lock; /* of all that follows */
	struct store store;
	uint64_t newest_failure_us; /* as clocks differ a little, it may be ahead of ours */
	uint64_t failures_from_us;  /* those up to then are forgotten; 0 for none */
	bool is_left; /* of one before: what was in it is elsewhere or forgotten, and its store is
		       * being closed */
};

struct shared {
	struct shared *before; /* what is being moved here, or on to where this is; or NULL */
	struct list handles;
	uint64_t max_bytes;
	uint32_t count; /* a power of two */
	uint32_t moved; /* of one before: shards that are closed; the oldest one's are it first */
	struct shard shards[];
};

struct cache {
	struct list link; /* in shared->handles, which changes only while other threads are held */
	struct shared *shared;
	const struct clock *clock;
	struct stats *stats;
};

static inline struct shard *cache_shard_of(const struct cache *cache, uint64_t hash)
{
	struct shared *shared = cache->shared;

	return &shared->shards[hash & (shared->count - 1)];
}

/** So many shards are right for so much. */
uint32_t cache_shared_count(uint64_t max_bytes, unsigned workers);
/** With no handles. NULL when memory is short. */
struct shared *cache_shared_new(uint64_t max_bytes, unsigned workers);
/** And those before it. NULL is fine. */
void cache_shared_free(struct shared *shared);
/** `to` knows which failures are forgotten, as `from` does. */
RARELY void cache_shared_take_failures(struct shared *to, const struct shared *from);
/** Before it becomes one of before itself: there are not too many of them. */
RARELY void cache_shared_limit_before(struct shared *shared);

/** Of this key, from where it was before the size was another: it is in one place alone. */
RARELY void cache_move_fetch(const struct cache *cache, const struct cache_key *key);
