/* cache/store_internal.h: where entries lie: two rings of them and an index, in one mapping.
 *
 * Places are counted in units of 8 bytes from the start of the mapping; 0 is nobody's. Entries lie
 * from its start on, the index from its end down, and nothing is written, and no memory used,
 * before the first entry is.
 *
 *   |<- newcomers ->|<----------------- kept ---------------------->|   |<-- index ---|
 *   | (such a ring) |   newer entries   | gap |   older entries |   |   | newest first|
 *   1             start               head  tail              limit end  floor        top   while
 *                                                                              wrapped, else
 *   |               |  gap  |   entries, oldest first   |    gap    |   |             |
 *                 start   tail                        head    limit = end
 *
 * Entries leave a ring at its tail only. One that was found since it last came by there and may
 * still be shown goes to the head of the ring of those kept (a second chance); the others are gone.
 * What was dropped or replaced stays as a gap until the tail comes by.
 *
 * Newcomers have a part of the room, so that a flood of names that nobody asks for twice cannot put
 * out those that are asked for. Only good answers are kept from the start, while there is room
 * without putting out anything; what does not exist, and failures, never fill more than that part
 * before they are asked for again. Too small a store has one ring for all. An entry that comes
 * again while the index has not yet used the slot of the one before is no newcomer: it was put out
 * too early.
 *
 * The index grows with the entries; where a slot cannot be made in an entry's two buckets, the
 * least of all in them gives way, wherever it lies. The room for a bucket is taken from the end of
 * the ring of those kept. Once that is wrapped this can be done only when its tail has come round:
 * then it ends earlier by so much from the next round on (`ceiling`).
 *
 * Always true (store_check() checks it), of each ring:
 *   start <= tail, head, limit <= end, and the entries between them fill used units exactly
 * and of all:
 *   a slot is empty or names an entry of a ring by its first unit, in a bucket of its hash
 *   no entry has two slots, and no key has two entries of the same sort (answer, failure)
 *   entries is the number of slots that are not empty
 */
#pragma once

#include "entry_internal.h"
#include "index_internal.h"

struct store_ring {
	uint32_t start, end, head, tail, limit; /* units */
	uint32_t ceiling;			/* where it will end after this round */
	uint32_t used;
	bool is_wrapped;
	uint64_t left; /* units that have gone by the tail since it was empty and new */
};

struct store {
	uint64_t *map; /* NULL: keeps nothing */
	struct index index;
	uint64_t max_bytes;
	struct store_ring newcomers, kept; /* no room in the first: it is not used */
	uint32_t entries;
	uint32_t max_units; /* of one entry */
	bool is_short;	    /* of slots: the last put has found none */
	uint64_t passed;    /* entries and gaps that a tail has come by */
};

static inline struct entry *store_entry_at(const struct store *store, uint32_t unit)
{
	return (struct entry *)(store->map + unit);
}

/** Where the index has come to, in units. */
static inline uint32_t store_floor(const struct store *store)
{
	const struct index_bucket *last =
		index_bucket(&store->index, index_count(&store->index) - 1);

	return (uint32_t)((const uint64_t *)(const void *)last - store->map);
}

/** In use: the index, entries, and gaps between them; 0 when empty. */
uint64_t store_bytes(const struct store *store);

/** Index and rings together take no more than `max_bytes`; too few for an entry keeps nothing.
 * False when memory is short. */
bool store_map_open(struct store *store, uint64_t max_bytes);
void store_map_close(struct store *store);
/** As when it was opened. */
void store_map_clear(struct store *store);
/** Gives back so much of its memory, and returns how much that was; 0: none is left. From the first
 * time on it is for nothing else but this and store_map_close(). A multiple of what a page may
 * have. */
RARELY size_t store_map_close_some(struct store *store, size_t bytes);

/* A key may have two entries: the last answer, and beside it a failure that came after. */
enum sort { SORT_ANSWER, SORT_FAILURE };
#define SORTS 2

/* The half of a hash that is not used up by who chooses among stores. */
static inline uint32_t store_hash(const struct cache_key *key)
{
	return (uint32_t)(key->hash >> 32);
}

/** The slot of this key and sort, NULL for none. Good until the next store_put(). */
uint32_t *store_find(const struct store *store, const struct cache_key *key, enum sort sort);
/** False where there is nothing of this hash, of either sort, nor is one of it remembered. */
bool store_may_have(const struct store *store, uint32_t hash);
/** One of this hash has been put out not long ago, too early if it comes again. */
bool store_remembers(const struct store *store, uint32_t hash);
struct entry *store_entry(const struct store *store, const uint32_t *slot);
void store_drop(struct store *store, uint32_t *slot);

/** Has the processor fetch the buckets of this hash, or what they have under it. */
void store_prefetch(const struct store *store, uint32_t hash);
void store_prefetch_entry(const struct store *store, uint32_t hash);

enum store_rank {
	STORE_NEWCOMER,
	STORE_GOOD,  /* a newcomer that may be kept where there is room */
	STORE_KNOWN, /* in place of one that was there, or is remembered: kept */
};
struct store_putting {
	struct store *store;
	uint32_t hash, units;
	enum store_rank rank;
	uint32_t chances; /* the store's own: units that may still be moved for it */
	uint64_t now_us;
	uint64_t *evictions; /* to which is added each entry put out that might still be shown */
};
/** Makes room for an entry of this size and hash, puts it in the index, and returns it to be filled
 * in at once. */
struct entry *store_put(struct store_putting *putting);

/** The slot of the entry at the tail, none of a gap. There is something there. */
uint32_t *store_tail_slot(const struct store *store, const struct store_ring *ring);
/** So many units of what is there go. */
void store_leave_tail(struct store_ring *ring, uint32_t units);

/* How far store_sweep_named() has come; zeroed at first. */
struct store_sweep {
	uint64_t at; /* of the ring: as store_ring.left counts */
	bool is_in_kept;
};
/** Drops what is named so (entry_is_named()) among the next `units`, and adds to *dropped. True
 * while there may be more: entries that are put meanwhile may be met or not, but none that was
 * there before is missed, though it moves. */
bool store_sweep_named(struct store *store, struct store_sweep *sweep, uint32_t units,
		       const uint8_t *name, bool below, uint64_t *dropped);

/** The ring at whose tail is what goes next, for who empties it with no more ado; NULL: nothing is
 * left. */
RARELY struct store_ring *store_sweep_oldest(struct store *store);
/** What is there goes, and gives its memory back. It has no slot any more. */
RARELY void store_sweep_leave(struct store *store, struct store_ring *ring);

/** Aborts unless what is said above holds. */
void store_check(const struct store *store);
