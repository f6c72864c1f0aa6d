#include "cache_internal.h"

#include <string.h>

/* So many units are as much work to move as an entry is by itself. */
#define MOVE_UNITS 64u
/* So much memory is given back at once, which is as much work as so many entries. */
#define LEAVE_BYTES (UINT64_C(1) << 20)
#define LEAVE_WORK 64u

/* Where there is none of its key and sort, which would be newer. The store's shard is locked. */
static void adopt(const struct cache *cache, struct store *store, const struct cache_key *key,
		  const struct entry *entry, enum store_rank rank)
{
	const enum sort sort = entry_is_failure(entry) ? SORT_FAILURE : SORT_ANSWER;

	if (store->map == NULL || entry->units > store->max_units ||
	    store_find(store, key, sort) != NULL)
		return;
	struct store_putting putting = {
		.store = store,
		.hash = entry->hash,
		.units = entry->units,
		.rank = rank,
		.now_us = cache->clock->now_us,
		.evictions = &cache->stats->count[STAT_CACHE_EVICTIONS],
	};
	memcpy(store_put(&putting), entry, (size_t)entry->units * ENTRY_UNIT);
}

/* The lock of the old shard is held while that of the new one is taken, never the other way. */
static void move_one(const struct cache *cache, const struct cache_key *key,
		     const struct entry *entry, enum store_rank rank)
{
	struct shard *to = cache_shard_of(cache, key->hash);

	lock_take(&to->lock);
	adopt(cache, &to->store, key, entry, rank);
	lock_give(&to->lock);
}

static void fetch_from(const struct cache *cache, struct store *from, const struct cache_key *key)
{
	for (enum sort sort = 0; sort < SORTS; sort++) {
		uint32_t *slot = store_find(from, key, sort);

		if (slot == NULL)
			continue;
		move_one(cache, key, store_entry(from, slot), STORE_KNOWN);
		store_drop(from, slot);
	}
}

/* Of this key, from where it was before the size was another: it is in one place alone. */
void cache_move_fetch(const struct cache *cache, const struct cache_key *key)
{
	for (struct shared *before = cache->shared->before; before != NULL;
	     before = before->before) {
		struct shard *from = &before->shards[key->hash & (before->count - 1)];

		lock_take(&from->lock);
		if (!from->is_left && from->store.map != NULL)
			fetch_from(cache, &from->store, key);
		lock_give(&from->lock);
	}
}

/* An entry or a gap. Returns what work that was; 0 where none is left. */
static unsigned move_oldest(const struct cache *cache, struct store *from)
{
	struct store_ring *ring = store_sweep_oldest(from);
	enum store_rank rank = STORE_NEWCOMER;
	struct cache_key key;

	if (ring == NULL)
		return 0;
	const struct entry *entry = store_entry_at(from, ring->tail);
	const unsigned work = 1 + entry->units / MOVE_UNITS;
	uint32_t *slot = store_tail_slot(from, ring);
	if (slot != NULL) {
		if (ring == &from->kept || index_is_marked(slot))
			rank = STORE_KNOWN;
		else if (entry_kind(entry) == CACHE_POSITIVE)
			rank = STORE_GOOD;
		entry_key(entry, &key);
		if (entry_is_showable(entry, cache->clock->now_us))
			move_one(cache, &key, entry, rank);
		store_drop(from, slot);
	}
	store_sweep_leave(from, ring);
	return work;
}

/* Returns what work that was; 0 where the shard is closed. */
static unsigned move_some(const struct cache *cache, struct shard *from)
{
	unsigned work = 0;

	lock_take(&from->lock);
	if (!from->is_left)
		work = move_oldest(cache, &from->store);
	if (work == 0) {
		from->is_left = true;
		work = store_map_close_some(&from->store, LEAVE_BYTES) > 0 ? LEAVE_WORK : 0;
	}
	lock_give(&from->lock);
	return work;
}

/* The oldest size that is not done with; NULL for none. */
static struct shared *oldest_before(const struct cache *cache)
{
	struct shared *oldest = NULL;

	for (struct shared *before = cache->shared->before; before != NULL; before = before->before)
		if (before->moved < before->count)
			oldest = before;
	return oldest;
}

bool cache_move(struct cache *cache, unsigned entries)
{
	struct shared *from;
	unsigned done = 0;

	while ((from = oldest_before(cache)) != NULL && done < entries) {
		const unsigned work = move_some(cache, &from->shards[from->moved]);

		from->moved += work == 0;
		done += work == 0 ? 1 : work;
	}
	return from != NULL;
}

void cache_move_end(struct cache *cache)
{
	cache_shared_free(cache->shared->before);
	cache->shared->before = NULL;
}
