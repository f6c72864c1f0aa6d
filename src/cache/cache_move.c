#include "cache_internal.h"

#include <string.h>

/* So many units are as much work to move as an entry is by itself. */
#define MOVE_UNITS 64u
/* So much memory is given back at once, which is as much work as so many entries. */
#define LEAVE_BYTES (UINT64_C(1) << 20)
#define LEAVE_WORK 64u

/* Where there is none of its key and sort, which would be newer. The shard is locked. */
static void adopt(const struct cache *cache, struct shard *shard, const struct cache_key *key,
		  const struct store_oldest *old)
{
	const struct entry *entry = old->entry;
	const uint32_t hash = cache_hash_in_shard(key->hash);
	const enum store_rank rank = old->is_known			   ? STORE_KNOWN
				     : entry_kind(entry) == CACHE_POSITIVE ? STORE_GOOD
									   : STORE_NEWCOMER;

	if (shard->store.map == NULL || entry->units > shard->store.max_units ||
	    cache_find_sort(shard, key, entry_is_failure(entry) ? SORT_FAILURE : SORT_ANSWER)
			    .bucket != NULL)
		return;
	struct entry *copy =
		store_put(&shard->store, hash, entry->units, rank, cache->clock->now_us,
			  &cache->stats->count[STAT_CACHE_EVICTIONS]);
	memcpy(copy, entry, (size_t)entry->units * ENTRY_UNIT);
}

/* The lock of the old shard is held while that of the new one is taken, never the other way. */
static void move_one(const struct cache *cache, struct shard *from, const struct cache_key *key,
		     const struct store_oldest *old)
{
	struct shard *to = cache_shard_of(cache, key->hash);

	lock_take(&to->lock);
	adopt(cache, to, key, old);
	lock_give(&to->lock);
	store_drop(&from->store, old->place);
}

static void fetch_from(const struct cache *cache, struct shard *from, const struct cache_key *key)
{
	static const enum sort sorts[] = { SORT_ANSWER, SORT_FAILURE };

	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
		const struct index_place place = cache_find_sort(from, key, sorts[i]);

		if (place.bucket == NULL)
			continue;
		const struct store_oldest old = { .entry = store_entry(&from->store, place),
						  .is_known = true,
						  .place = place };
		move_one(cache, from, key, &old);
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
			fetch_from(cache, from, key);
		lock_give(&from->lock);
	}
}

/* An entry or a gap. Returns what work that was; 0 where none is left. */
static unsigned move_oldest(const struct cache *cache, struct shard *from)
{
	const struct store_oldest old = store_sweep_oldest(&from->store);
	struct cache_key key;

	if (old.units == 0)
		return 0;
	if (old.entry != NULL && entry_is_showable(old.entry, cache->clock->now_us)) {
		entry_key(old.entry, &key);
		struct shard *to = cache_shard_of(cache, key.hash);
		lock_take(&to->lock);
		adopt(cache, to, &key, &old);
		lock_give(&to->lock);
	}
	store_sweep_leave(&from->store, &old);
	return 1 + old.units / MOVE_UNITS;
}

/* Returns what work that was; 0 where the shard is closed. */
static unsigned move_some(const struct cache *cache, struct shard *from)
{
	unsigned work = 0;

	lock_take(&from->lock);
	if (!from->is_left)
		work = move_oldest(cache, from);
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
