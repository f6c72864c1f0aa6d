/* cache/store_internal.h: where entries lie: two rings of them and an index, in one mapping.
 *
 * Places are counted in units of 8 bytes from the start of the mapping. The index comes first, so
 * 0 is nobody's place and an untouched index, all zero, is an empty one: nothing is written, and no
 * memory used, before the first entry is.
 *
 *   |<- index ->|<-- newcomers -->|<----------------- kept ---------------------->|
 *   | buckets   |  (such a ring)  |   newer entries   | gap |   older entries |   |
 *   0                           start               head  tail              limit end   while
 *                                                                              wrapped, else
 *               |                 |  gap  |   entries, oldest first   |    gap    |
 *                               start   tail                        head    limit = end
 *
 * Entries leave a ring at its tail only. One that was found since it last came by there and may
 * still be shown goes to the head of the ring of those kept (a second chance); the others are gone.
 * What was dropped or replaced stays as a gap until the tail comes by.
 *
 * Newcomers have a quarter of the room, so that a flood of names that nobody asks for twice cannot
 * put out those that are asked for. Only good answers are kept from the start, while there is room
 * without putting out anything; what does not exist, and failures, never fill more than that
 * quarter before they are asked for again. Too small a store has one ring for all.
 *
 * An entry is indexed in either of two buckets, each one cache line, both given by its hash. Where
 * both are full the least of all in them gives way, wherever it lies.
 *
 * Always true (store_verify() checks it), of each ring:
 *   start <= tail, head, limit <= end, and the entries between them fill used units exactly
 * and of all:
 *   a slot is empty or names an entry of a ring by its first unit, in a bucket of its hash
 *   no entry has two slots, and no key has two entries of the same sort (answer, failure)
 *   entries is the number of slots that are not empty
 */
#pragma once

#include "entry_internal.h"

#define STORE_SLOTS 10u
struct store_bucket {
	uint32_t unit[STORE_SLOTS]; /* 0: empty */
	uint16_t tag[STORE_SLOTS];
	uint16_t found; /* a bit for each slot: its entry was found since it last came by a tail */
	uint16_t spare;
};
_Static_assert(sizeof(struct store_bucket) == 64, "a bucket is a cache line");

struct store_ring {
	uint32_t start, end, head, tail, limit; /* units */
	uint32_t used;
	bool is_wrapped;
};

struct store {
	uint64_t *map;		      /* NULL: keeps nothing */
	struct store_bucket *buckets; /* at its start */
	uint64_t max_bytes;
	uint32_t bucket_count;
	struct store_ring newcomers, kept; /* no room in the first: it is not used */
	uint32_t entries;
	uint32_t max_units; /* of one entry */
};

/** In use: the index, entries, and gaps between them; 0 when empty. */
uint64_t store_bytes(const struct store *store);

/** Index and ring together take no more than `max_bytes`; too few for an entry keeps nothing. False
 * when memory is short. */
bool store_open(struct store *store, uint64_t max_bytes);
void store_close(struct store *store);

/* A slot that names an entry; bucket is NULL for none. Good until the next store_put(). */
struct store_place {
	struct store_bucket *bucket;
	unsigned slot;
};
struct store_place store_find(const struct store *store, const struct probe *probe,
			      bool is_failure);
struct entry *store_entry(const struct store *store, struct store_place place);
/** The entry at this place was of use. */
void store_mark(struct store_place place);
void store_drop(struct store *store, struct store_place place);

enum store_rank {
	STORE_NEWCOMER,
	STORE_GOOD,  /* a newcomer that may be kept where there is room */
	STORE_KNOWN, /* in place of one that was there: kept */
};
/** Makes room for an entry of this size and hash, puts it in the index, and returns it to be filled
 * in at once. Adds to *evictions one for each entry put out that might still have been shown. */
struct entry *store_put(struct store *store, uint32_t hash, uint32_t units, enum store_rank rank,
			uint64_t now_us, uint64_t *evictions);

/** Aborts unless what is said above holds. */
void store_verify(const struct store *store);
