#include "index_internal.h"

#include <string.h>

/* At four fifths of the slots in use, one in some thousands would find none without moving two. */
#define MOVES_MAX 2u

void index_init(struct index *index, struct index_bucket *top, uint32_t max_count)
{
	index->top = top;
	index->max_count = max_count;
	atomic_init(&index->count, 1);
	atomic_init(&index->mask, 0);
}

void index_clear(struct index *index)
{
	memset(index_bucket(index, 0), 0, sizeof(struct index_bucket));
	atomic_store_explicit(&index->mask, 0, memory_order_relaxed);
	atomic_store_explicit(&index->count, 1, memory_order_relaxed);
}

static struct index_place find_in(struct index_bucket *bucket, uint32_t unit)
{
	for (unsigned slot = 0; slot < INDEX_SLOTS; slot++)
		if ((bucket->unit[slot] & ~INDEX_FOUND) == unit)
			return (struct index_place){ bucket, slot };
	return (struct index_place){ NULL, 0 };
}

struct index_place index_find_unit(const struct index_home *home, uint32_t unit)
{
	const struct index_place place = find_in(home->bucket[0], unit);

	return place.bucket != NULL ? place : find_in(home->bucket[1], unit);
}

static void move_slot(struct index_place from, struct index_place to)
{
	to.bucket->hash[to.slot] = from.bucket->hash[from.slot];
	to.bucket->unit[to.slot] = from.bucket->unit[from.slot];
	from.bucket->unit[from.slot] = from.bucket->hash[from.slot] = 0;
}

/* All eight at once, by a vector: of a crowded index many are full. */
static bool has_empty(const struct index_bucket *bucket)
{
	uint32_t is_there = 0;

	for (unsigned slot = 0; slot < INDEX_SLOTS; slot++)
		is_there |= bucket->unit[slot] == 0;
	return is_there != 0;
}

/* An empty slot there; where there is none, `depth` others may each move to its other bucket. */
static struct index_place find_empty(const struct index *index, struct index_bucket *bucket,
				     unsigned depth)
{
	struct index_place place = { NULL, 0 };

	if (has_empty(bucket))
		return find_in(bucket, 0);
	for (unsigned slot = 0; place.bucket == NULL && depth > 0 && slot < INDEX_SLOTS; slot++) {
		const struct index_home its = index_home(index, bucket->hash[slot]);
		struct index_bucket *other = its.bucket[its.bucket[0] == bucket];
		const struct index_place empty = find_empty(index, other, depth - 1);

		if (empty.bucket != NULL && other != bucket) {
			place = (struct index_place){ bucket, slot };
			move_slot(place, empty);
		}
	}
	return place;
}

struct index_place index_make_slot(const struct index *index, const struct index_home *home)
{
	struct index_place place = { NULL, 0 };

	for (unsigned depth = 0; place.bucket == NULL && depth <= MOVES_MAX; depth++) {
		place = find_empty(index, home->bucket[0], depth);
		if (place.bucket == NULL)
			place = find_empty(index, home->bucket[1], depth);
	}
	return place;
}

bool index_remembers(const struct index_home *home, uint32_t hash)
{
	for (unsigned i = 0; i < 2 * INDEX_SLOTS; i++) {
		const struct index_bucket *bucket = home->bucket[i / INDEX_SLOTS];
		const unsigned slot = i % INDEX_SLOTS;

		if (bucket->unit[slot] == 0 && bucket->hash[slot] == hash)
			return true;
	}
	return false;
}

void index_grow(struct index *index)
{
	const uint32_t count = index_count(index) + 1;
	uint32_t mask = atomic_load_explicit(&index->mask, memory_order_relaxed);

	if (count > mask + 1)
		mask = mask << 1 | 1;
	struct index_bucket *bucket = index_bucket(index, count - 1);
	struct index_bucket *old = index_bucket(index, (count - 1) & mask >> 1);
	memset(bucket, 0, sizeof(*bucket));
	atomic_store_explicit(&index->mask, mask, memory_order_relaxed);
	atomic_store_explicit(&index->count, count, memory_order_relaxed);
	/* What no longer belongs into the bucket that stood for this one so far. */
	for (unsigned slot = 0; slot < INDEX_SLOTS; slot++) {
		const struct index_place place = { old, slot };
		const struct index_home home = index_home(index, old->hash[slot]);

		if (old->unit[slot] != 0 && home.bucket[0] != old && home.bucket[1] != old)
			move_slot(place, (struct index_place){ bucket, slot });
	}
}
