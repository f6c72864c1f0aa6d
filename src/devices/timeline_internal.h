/* devices/timeline_internal.h: what timeline.c and timeline_walk.c share: devices in shards, each
 * with a lock, and in chains by their hash, each of which is of one shard. */
#pragma once

#include <stdatomic.h>

#include "base/lock.h"
#include "device_internal.h"

#define TENTH_US (USEC_PER_SEC / TENTHS_PER_SEC)
#define SHARDS_MAX 16u
#define KEYS 6u

struct shard {
	uint32_t latest;     /* moment that a worker's clock has told here */
	struct list devices; /* who asked last comes last */
	struct lock lock;    /* of all this, and of its chains */
};

struct shared {
	atomic_uint handles;
	atomic_uint known;	 /* devices, in all shards: so many of the array are in use */
	uint32_t limit;		 /* of known */
	uint32_t count;		 /* of shards in use, a power of two; 0 before there is a limit */
	uint32_t bucket_mask;	 /* buckets are no fewer than shards */
	struct device **buckets; /* in the same block as the devices */
	struct device *devices;
	bool has_workers; /* several */
	uint64_t start_us;
	uint64_t keys[KEYS];
	struct shard shards[SHARDS_MAX];
};

struct timeline {
	struct shared *shared;
	const struct clock *clock;
	struct stats *stats;
};

void timeline_take_all(const struct timeline *timeline);
void timeline_give_all(const struct timeline *timeline);
/** Now, and no earlier than anything that has been noted. All shards are locked. */
uint32_t timeline_tenths_of_all(const struct timeline *timeline);

/* Through all devices; who asked last comes first. The shards may get others meanwhile. */
struct walk {
	const struct shared *shared;
	uint32_t count;
	const struct list *at[SHARDS_MAX];
};

void timeline_walk_begin(struct walk *walk, const struct shared *shared);
/** NULL when all have been seen. */
const struct device *timeline_walk_next(struct walk *walk);
