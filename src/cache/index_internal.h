/* cache/index_internal.h: by a hash to where an entry lies.
 *
 * An entry is in either of two buckets, each one cache line, both given by its hash. The index
 * grows with the entries, bucket by bucket, each taking over its share from one that was there
 * before (Litwin, "Linear hashing", 1980): it costs no more for few names than for many, nor for
 * large messages than for small ones, and no call takes longer for it. Bucket 0 lies at the upper
 * end of the room it is given, the next below it, and so on. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_SLOTS 8u
#define INDEX_FOUND (UINT32_C(1) << 31) /* beside a unit: see index_mark() */
struct index_bucket {
	uint32_t words[2 * INDEX_SLOTS]; /* hashes, and as far behind each its unit; 0: empty */
};
_Static_assert(sizeof(struct index_bucket) == 64, "a bucket is a cache line");

struct index {
	struct index_bucket *top; /* bucket 0 is the one below */
	/* Changed only where nobody else is at the index, but read by index_home() at any time. */
	atomic_uint count, mask; /* of buckets; the power of two that is no less, less 1 */
	uint32_t max_count;
};

/** With one bucket, in room that is zeroed; the rest need not be. */
void index_init(struct index *index, struct index_bucket *top, uint32_t max_count);
/** One empty bucket again. */
void index_clear(struct index *index);

static inline uint32_t index_count(const struct index *index)
{
	return atomic_load_explicit(&index->count, memory_order_relaxed);
}
static inline struct index_bucket *index_bucket(const struct index *index, uint32_t i)
{
	return index->top - 1 - i;
}

/* The buckets of a hash; they may be one. */
struct index_home {
	struct index_bucket *bucket[2];
};

/* A bucket that is not there yet is stood for by the one it will be split from. */
static inline uint32_t index_split(uint32_t hash, uint32_t count, uint32_t mask)
{
	const uint32_t i = hash & mask;
	return i < count ? i : i & mask >> 1;
}

static inline struct index_home index_home(const struct index *index, uint32_t hash)
{
	const uint32_t count = index_count(index);
	const uint32_t mask = atomic_load_explicit(&index->mask, memory_order_relaxed);
	const uint32_t mixed = (hash ^ hash >> 15) * 0x9e3779b1u, other = mixed ^ mixed >> 16;

	return (struct index_home){ { index_bucket(index, index_split(hash, count, mask)),
				      index_bucket(index, index_split(other, count, mask)) } };
}

/* A slot is pointed to where its unit stands. NULL is none. Good until the index grows or
 * index_make_slot() is called. */
static inline uint32_t *index_slot(struct index_bucket *bucket, unsigned i)
{
	return &bucket->words[INDEX_SLOTS + i];
}
static inline uint32_t *index_hash(uint32_t *slot)
{
	return slot - INDEX_SLOTS;
}
static inline uint32_t index_unit(const uint32_t *slot)
{
	return *slot & ~INDEX_FOUND;
}

/** The one of this hash that holds `unit`. */
uint32_t *index_find_unit(const struct index *index, uint32_t hash, uint32_t unit);
/** An empty one for this hash, made by moving what lies in its buckets to their other one where
 * that is needed. None where those are full too, and so are those of what lies in them. */
uint32_t *index_make_slot(const struct index *index, uint32_t hash);

/** What lies there was found; forgotten when its unit changes. */
static inline bool index_is_marked(const uint32_t *slot)
{
	return (*slot & INDEX_FOUND) != 0;
}
static inline void index_mark(uint32_t *slot)
{
	if (!index_is_marked(slot)) /* a line only read stays shared */
		*slot |= INDEX_FOUND;
}

/** Empties the slot, which keeps the hash until it is used again. */
static inline void index_drop(uint32_t *slot)
{
	*slot = 0;
}
/** One of this hash has been dropped not long ago, or so it seems. */
bool index_remembers(const struct index *index, uint32_t hash);

/** One bucket more, below max_count. */
void index_grow(struct index *index);
