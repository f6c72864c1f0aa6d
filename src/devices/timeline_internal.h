/* devices/timeline_internal.h: what timeline.c and timeline_walk.c share: devices in shards, each
 * with a lock. */
#pragma once

#include <stdatomic.h>

#include "base/lock.h"
#include "table_internal.h"

#define TENTH_US (USEC_PER_SEC / TENTHS_PER_SEC)
#define SHARDS_MAX 16u
#define KEYS 6u

struct shard {
	struct lock lock; /* of all that follows */
	uint32_t latest;  /* moment that a worker's clock has told here */
	struct table table;
};

struct shared {
	atomic_uint handles;
	atomic_uint known; /* devices, in all shards: so many of the array are in use */
	bool has_workers;  /* several */
	uint32_t limit;	   /* of known */
	uint32_t count;	   /* of shards in use, a power of two */
	uint64_t start_us;
	uint64_t keys[KEYS];
	struct device *devices; /* of the shard in whose table each is */
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

/* Through all devices, in the order in which they asked last. */
struct walk {
	struct shared *shared;
	bool is_backwards; /* who asked last first */
	uint32_t at[SHARDS_MAX];
};

struct walk timeline_walk_from(struct shared *shared, bool is_backwards);
/** NULL when all have been seen. */
const struct device *timeline_walk_next(struct walk *walk);
