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

/* With `unit` 0 an empty one. */
static uint32_t *find_in(struct index_bucket *bucket, uint32_t unit)
{
	for (unsigned i = 0; i < INDEX_SLOTS; i++)
		if (index_unit(index_slot(bucket, i)) == unit)
			return index_slot(bucket, i);
	return NULL;
}

uint32_t *index_find_unit(const struct index *index, uint32_t hash, uint32_t unit)
{
	const struct index_home home = index_home(index, hash);
	uint32_t *slot = find_in(home.bucket[0], unit);

	return slot != NULL ? slot : find_in(home.bucket[1], unit);
}

static void move_slot(uint32_t *from, uint32_t *to)
{
	*index_hash(to) = *index_hash(from);
	*to = *from;
	*from = *index_hash(from) = 0;
}

/* All eight at once, by a vector: of a crowded index many are full. */
static bool has_empty(const struct index_bucket *bucket)
{
	uint32_t is_there = 0;

	for (unsigned i = 0; i < INDEX_SLOTS; i++)
		is_there |= bucket->words[INDEX_SLOTS + i] == 0;
	return is_there != 0;
}

/* An empty slot there; where there is none, `depth` others may each move to its other bucket. */
static uint32_t *find_empty(const struct index *index, struct index_bucket *bucket, unsigned depth)
{
	if (has_empty(bucket))
		return find_in(bucket, 0);
	for (unsigned i = 0; depth > 0 && i < INDEX_SLOTS; i++) {
		uint32_t *slot = index_slot(bucket, i);
		const struct index_home its = index_home(index, *index_hash(slot));
		struct index_bucket *other = its.bucket[its.bucket[0] == bucket];
		uint32_t *empty = find_empty(index, other, depth - 1);

		if (empty != NULL && other != bucket) {
			move_slot(slot, empty);
			return slot;
		}
	}
	return NULL;
}

uint32_t *index_make_slot(const struct index *index, uint32_t hash)
{
	const struct index_home home = index_home(index, hash);
	uint32_t *slot = NULL;

	for (unsigned i = 0; slot == NULL && i < 2 * (1 + MOVES_MAX); i++)
		slot = find_empty(index, home.bucket[i % 2], i / 2);
	return slot;
}

bool index_remembers(const struct index *index, uint32_t hash)
{
	const struct index_home home = index_home(index, hash);

	for (unsigned i = 0; i < 2 * INDEX_SLOTS; i++) {
		uint32_t *slot = index_slot(home.bucket[i / INDEX_SLOTS], i % INDEX_SLOTS);

		if (*slot == 0 && *index_hash(slot) == hash)
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
	for (unsigned i = 0; i < INDEX_SLOTS; i++) {
		uint32_t *slot = index_slot(old, i);
		const struct index_home home = index_home(index, *index_hash(slot));

		if (*slot != 0 && home.bucket[0] != old && home.bucket[1] != old)
			move_slot(slot, index_slot(bucket, i));
	}
}
