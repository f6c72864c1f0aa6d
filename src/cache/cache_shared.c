#include "cache_internal.h"

#include "base/mem.h"

/* No shard is so small that the largest message would not be kept in it. */
#define SHARD_MIN_BYTES (1u << 20)
#define SHARDS_MAX 64u
#define SHARDS_EACH 4u /* of a worker, so that two seldom meet in one */
/* So many sizes of before may still have something. */
#define BEFORE_MAX 4u

void cache_shared_free(struct shared *shared)
{
	if (shared == NULL)
		return;
	cache_shared_free(shared->before);
	for (uint32_t i = 0; i < shared->count; i++) {
		store_map_close(&shared->shards[i].store);
		lock_done(&shared->shards[i].lock);
	}
	mem_free(shared);
}

uint32_t cache_shared_count(uint64_t max_bytes, unsigned workers)
{
	uint32_t count = 1;

	while (workers > 1 && count < SHARDS_MAX && count < workers * SHARDS_EACH &&
	       max_bytes >= SHARD_MIN_BYTES * 2 * count)
		count *= 2;
	return count;
}

struct shared *cache_shared_new(uint64_t max_bytes, unsigned workers)
{
	const uint32_t count = cache_shared_count(max_bytes, workers);
	struct shared *shared = mem_zalloc(sizeof(*shared) + count * sizeof(struct shard));

	if (shared == NULL)
		return NULL;
	list_init(&shared->handles);
	shared->max_bytes = max_bytes;
	for (; shared->count < count; shared->count++) {
		struct shard *shard = &shared->shards[shared->count];

		if (!store_map_open(&shard->store, max_bytes / count)) {
			cache_shared_free(shared);
			return NULL;
		}
		lock_init(&shard->lock, workers > 1);
	}
	return shared;
}

/* As of all shards together: a few failures more may be forgotten than need be. */
void cache_shared_take_failures(struct shared *to, const struct shared *from)
{
	for (uint32_t i = 0; i < to->count * from->count; i++) {
		const struct shard *old = &from->shards[i / to->count];
		struct shard *shard = &to->shards[i % to->count];

		if (old->newest_failure_us > shard->newest_failure_us)
			shard->newest_failure_us = old->newest_failure_us;
		if (old->failures_from_us > shard->failures_from_us)
			shard->failures_from_us = old->failures_from_us;
	}
}

/* Those that are done with go. Of the others, too many are there only where one size follows
 * another faster than anything can be moved. */
void cache_shared_limit_before(struct shared *shared)
{
	unsigned count = 0;

	while (shared->before != NULL && shared->before->moved < shared->before->count) {
		shared = shared->before;
		count++;
		for (uint32_t i = 0; count >= BEFORE_MAX && i < shared->count; i++)
			shared->shards[i].is_left = true;
	}
	cache_shared_free(shared->before);
	shared->before = NULL;
}
