#include "cache_internal.h"

/* So much is gone through while a lock is held, some hundreds of entries. */
#define FLUSH_UNITS (65536u / ENTRY_UNIT)
#define FLUSH_MOVES 500u

static bool flush_shard(struct shard *shard, enum cache_flush_what what, const uint8_t *name,
			struct cache_flush *flush)
{
	struct store_sweep sweep = { .at = flush->at, .is_in_kept = flush->is_in_kept };

	if (what == CACHE_FLUSH_ALL) {
		flush->count += shard->store.entries;
		store_map_clear(&shard->store);
		return false;
	}
	const bool has_more = store_sweep_named(&shard->store, &sweep, FLUSH_UNITS, name,
						what == CACHE_FLUSH_ZONE, &flush->count);
	flush->at = has_more ? sweep.at : 0;
	flush->is_in_kept = has_more && sweep.is_in_kept;
	return has_more;
}

bool cache_flush(struct cache *cache, enum cache_flush_what what, const uint8_t *name,
		 struct cache_flush *flush)
{
	struct shared *shared = cache->shared;

	if (flush->of != shared) /* or it has another size by now */
		*flush = (struct cache_flush){ .of = shared, .count = flush->count };
	if (cache_move(cache, FLUSH_MOVES)) /* into where it is looked for */
		return true;
	if (flush->shard >= shared->count)
		return false;
	struct shard *shard = &shared->shards[flush->shard];
	lock_take(&shard->lock);
	const bool has_more = flush_shard(shard, what, name, flush);
	lock_give(&shard->lock);
	if (!has_more)
		flush->shard++;
	return flush->shard < shared->count;
}
