#include "store_internal.h"

#include <assert.h>
#include <string.h>

#define BUCKET_UNITS (uint32_t)(sizeof(struct index_bucket) / ENTRY_UNIT)
/* The index grows when so many of a bucket's eight slots are in use; where it cannot, and is more
 * crowded than that, the ring makes room. */
#define INDEX_FULL 64u /* tenths */
/* Few buckets are filled unevenly: a full one among them would put out what was just put in. */
#define INDEX_FEW 64u
#define INDEX_FULL_FEW 45u
#define INDEX_CROWDED 68u
#define INDEX_LEAST 6u /* a part of that is left to it when the rings are full first */
/* What one put may move to the head: so much, and four times its own size. Then entries are put out
 * though they were found, so that no put takes long. */
#define SECOND_CHANCE_UNITS 512u

/* --- by the index ----------------------------------------------------------------------------- */

struct entry *store_entry(const struct store *store, struct index_place place)
{
	return store_entry_at(store, index_unit(place));
}

/* All eight at once, by a vector: most are asked for what is not there. */
static bool has_hash(const struct index_bucket *bucket, uint32_t hash)
{
	uint32_t is_there = 0;

	for (unsigned slot = 0; slot < INDEX_SLOTS; slot++)
		is_there |= bucket->hash[slot] == hash;
	return is_there != 0;
}

struct index_place store_find(const struct store *store, const struct cache_key *key, uint32_t hash,
			      bool is_failure)
{
	const struct index_home home = index_home(&store->index, hash);
	unsigned with_hash = 0;

	for (unsigned i = 0; i < 2; i++) {
		if (!has_hash(home.bucket[i], hash))
			continue;
		with_hash++;
		for (unsigned slot = 0; slot < INDEX_SLOTS; slot++) {
			const struct index_place place = { home.bucket[i], slot };

			if (place.bucket->hash[slot] != hash || place.bucket->unit[slot] == 0)
				continue;
			const struct entry *entry = store_entry(store, place);
			if (entry_is_failure(entry) == is_failure && entry_matches(entry, key))
				return place;
		}
	}
	return (struct index_place){ NULL, with_hash };
}

bool store_may_have(const struct store *store, uint32_t hash)
{
	const struct index_home home = index_home(&store->index, hash);

	return has_hash(home.bucket[0], hash) || has_hash(home.bucket[1], hash);
}

bool store_remembers(const struct store *store, uint32_t hash)
{
	const struct index_home home = index_home(&store->index, hash);

	return index_remembers(&home, hash);
}

void store_prefetch(const struct store *store, uint32_t hash)
{
	const struct index_home home = index_home(&store->index, hash);

	PREFETCH(home.bucket[0]);
	PREFETCH(home.bucket[1]);
}

void store_prefetch_entry(const struct store *store, uint32_t hash)
{
	const struct index_home home = index_home(&store->index, hash);

	for (unsigned i = 0; i < 2; i++) {
		if (!has_hash(home.bucket[i], hash))
			continue;
		for (unsigned slot = 0; slot < INDEX_SLOTS; slot++) {
			if (home.bucket[i]->hash[slot] != hash)
				continue;
			const struct entry *entry =
				store_entry(store, (struct index_place){ home.bucket[i], slot });
			PREFETCH(entry);
			PREFETCH((const uint8_t *)entry + 64); /* most end there */
			return;
		}
	}
}

void store_drop(struct store *store, struct index_place place)
{
	index_drop(place);
	store->entries--;
}

/* A bucket has so many tenths of entries, taken all together. */
static bool is_loaded(const struct store *store, uint32_t tenths)
{
	return (uint64_t)store->entries * 10 >= (uint64_t)index_count(&store->index) * tenths;
}

/* So much more of index there is to be room for: when the newcomers' ring is full too, of which the
 * first round of the other knows nothing yet; and for messages that are smaller than the first. */
static uint32_t reserve_of(const struct store *store)
{
	const struct store_ring *newcomers = &store->newcomers;
	const uint32_t count = index_count(&store->index);
	const uint32_t least = store->index.max_count / INDEX_LEAST;
	const uint32_t idle = newcomers->end - newcomers->start - newcomers->used;
	const uint32_t rest = store->kept.end - newcomers->start - idle;
	uint32_t more = (uint32_t)((uint64_t)count * idle / rest);

	if (count + more < least)
		more = least - count;
	return more * BUCKET_UNITS;
}

/* Where the index is too crowded by now, the ring is to end earlier after this round, if there is
 * time enough for keep_ahead(). */
RARELY static void plan_ceiling(struct store *store)
{
	struct store_ring *kept = &store->kept;
	const uint32_t count = index_count(&store->index), left = store->index.max_count - count;
	const uint32_t most = (kept->end - kept->start) / 8;
	uint32_t above = (count < left ? count : left) * BUCKET_UNITS;

	if (above > most)
		above = most;
	if (kept->is_wrapped && kept->ceiling == kept->end && is_loaded(store, INDEX_CROWDED) &&
	    kept->tail + 2 * above < kept->end)
		kept->ceiling = kept->end - above;
}

/* A bucket more. False where there is no room for it. */
static bool add_bucket(struct store *store)
{
	struct store_ring *kept = &store->kept;
	const uint32_t floor = store_floor(store),
		       last = kept->is_wrapped ? kept->limit : kept->head;

	if (index_count(&store->index) >= store->index.max_count || floor - last < BUCKET_UNITS)
		return false;
	index_grow(&store->index);
	uint32_t end = floor - BUCKET_UNITS;
	if (!kept->is_wrapped)
		end = end - last > reserve_of(store) ? end - reserve_of(store) : last;
	if (end < kept->end)
		kept->end = end;
	if (kept->ceiling > kept->end)
		kept->ceiling = kept->end;
	if (!kept->is_wrapped)
		kept->limit = kept->end;
	return true;
}

static bool has_slot(const struct store *store, uint32_t hash)
{
	const struct index_home home = index_home(&store->index, hash);

	return index_make_slot(&store->index, &home).bucket != NULL;
}

/* Where the index is crowded; while it is small, where there is no slot in it for this one. */
static void grow_index(struct store *store, uint32_t hash)
{
	const uint32_t count = index_count(&store->index);

	if (count >= store->index.max_count)
		return;
	if (is_loaded(store, count < INDEX_FEW ? INDEX_FULL_FEW : INDEX_FULL) && !add_bucket(store))
		plan_ceiling(store);
	while (index_count(&store->index) < INDEX_FEW && !has_slot(store, hash) &&
	       add_bucket(store))
		;
}

static bool is_newcomer(const struct store *store, uint32_t unit)
{
	return unit < store->newcomers.end;
}

/* Smaller is older; newcomers come before those that are kept. */
static uint64_t age_rank(const struct store *store, uint32_t unit)
{
	const bool is_new = is_newcomer(store, unit);
	const struct store_ring *ring = is_new ? &store->newcomers : &store->kept;
	const uint64_t age = unit >= ring->tail ? unit : (uint64_t)unit + UINT32_MAX;

	return is_new ? age : age + (UINT64_C(1) << 33);
}

/* Of two full buckets: an entry past its use, else the oldest not found lately, else the oldest. */
RARELY static struct index_place least_of(const struct store *store, const struct index_home *home,
					  uint64_t now_us)
{
	struct index_place least = { NULL, 0 };
	uint64_t least_rank = UINT64_MAX;

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned slot = 0; slot < INDEX_SLOTS; slot++) {
			const struct index_place place = { home->bucket[i], slot };
			uint64_t rank = age_rank(store, index_unit(place));

			if (!entry_is_showable(store_entry(store, place), now_us))
				return place;
			if (index_is_marked(place))
				rank += UINT64_C(1) << 34; /* behind all that are not */
			if (rank < least_rank) {
				least_rank = rank;
				least = place;
			}
		}
	}
	return least;
}

/* --- the rings ------------------------------------------------------------------------------- */

/* There are `units` in one piece at the head. Goes round where they are not at the end. */
static bool has_room(struct store_ring *ring, uint32_t units)
{
	if (ring->used == 0) {
		ring->head = ring->tail = ring->start;
		ring->limit = ring->end;
		ring->is_wrapped = false;
	}
	if (!ring->is_wrapped) {
		if (ring->end - ring->head >= units)
			return true;
		ring->limit = ring->head;
		ring->head = ring->start;
		ring->is_wrapped = true;
	}
	return ring->tail - ring->head >= units;
}

/* Of the room at the head. */
static uint32_t take_head(struct store_ring *ring, uint32_t units)
{
	const uint32_t at = ring->head;

	ring->head += units;
	ring->used += units;
	if (ring->head > ring->ceiling) /* the tail came too late for it */
		ring->ceiling = ring->end;
	return at;
}

void store_leave_tail(struct store_ring *ring, uint32_t units)
{
	ring->tail += units;
	ring->used -= units;
	ring->left += units;
	if (ring->tail == ring->limit) {
		ring->tail = ring->start;
		ring->end = ring->limit = ring->ceiling;
		ring->is_wrapped = false;
	}
}

/* What one put may do: how much it may still move, what it has put out. */
struct putting {
	struct store *store;
	uint64_t now_us;
	uint32_t chances; /* units */
	uint64_t *evictions;
};

struct index_place store_tail_place(const struct store *store, const struct store_ring *ring)
{
	const struct index_home home =
		index_home(&store->index, store_entry_at(store, ring->tail)->hash);

	return index_find_unit(&home, ring->tail);
}

static void put_out(struct putting *putting, struct index_place place)
{
	const struct entry *entry = store_entry(putting->store, place);

	*putting->evictions += entry_is_showable(entry, putting->now_us);
	store_drop(putting->store, place);
}

/* To the head of the ring of those kept, where there is room. */
static void move_to_head(struct store *store, struct index_place place)
{
	struct store_ring *kept = &store->kept;
	const struct entry *entry = store_entry(store, place);
	const uint32_t units = entry->units;

	memmove(store_entry_at(store, kept->head), entry, (size_t)units * ENTRY_UNIT);
	place.bucket->unit[place.slot] = take_head(kept, units); /* not found there so far */
}

static bool deserves_a_chance(const struct putting *putting, struct index_place place)
{
	const struct entry *entry = store_entry(putting->store, place);

	return index_is_marked(place) && putting->chances >= entry->units &&
	       entry_is_showable(entry, putting->now_us);
}

/* The ring is wrapped and has something at its tail: that goes, or goes to the head. */
static void pass_kept(struct putting *putting)
{
	struct store *store = putting->store;
	struct store_ring *kept = &store->kept;
	const uint32_t units = store_entry_at(store, kept->tail)->units;
	const struct index_place place = store_tail_place(store, kept);

	if (place.bucket != NULL && deserves_a_chance(putting, place)) {
		putting->chances -= units;
		/* What it leaves behind the tail is as much as it needs, gap or no gap. */
		move_to_head(store, place);
	} else if (place.bucket != NULL) {
		put_out(putting, place);
	}
	store->passed++;
	store_leave_tail(kept, units);
}

/* Before the head comes to the ceiling, the tail is to be through with what lies above it: so it
 * goes ahead, by twice what is put in. */
static void keep_ahead(struct putting *putting, uint32_t units)
{
	struct store_ring *kept = &putting->store->kept;
	const uint32_t above = kept->end - kept->ceiling;

	for (uint32_t gone = 0; above > 0 && kept->is_wrapped && gone < 2 * units;) {
		if (kept->tail + above < kept->ceiling)
			return;
		gone += store_entry_at(putting->store, kept->tail)->units;
		pass_kept(putting);
	}
}

/* A put has found no slot, so the room is held by fewer entries than could be: the ring goes on
 * without anything being put in, until it has come round and the index can grow. */
RARELY static void bring_round(struct putting *putting, uint32_t units)
{
	struct store_ring *kept = &putting->store->kept;

	for (uint32_t gone = 0; kept->is_wrapped && gone < 2 * units;) {
		gone += store_entry_at(putting->store, kept->tail)->units;
		pass_kept(putting);
	}
	putting->store->is_short = false;
}

/* For `units`, by putting out what is in the way. */
static void make_room_kept(struct putting *putting, uint32_t units)
{
	keep_ahead(putting, units);
	while (!has_room(&putting->store->kept, units))
		pass_kept(putting);
}

/* The same of newcomers: that goes, or to those that are kept. */
static void pass_newcomer(struct putting *putting)
{
	struct store *store = putting->store;
	const uint32_t tail = store->newcomers.tail, units = store_entry_at(store, tail)->units;
	struct index_place place = store_tail_place(store, &store->newcomers);

	if (place.bucket != NULL && deserves_a_chance(putting, place)) {
		putting->chances -= units;
		make_room_kept(putting, units);
		move_to_head(store, place);
	} else if (place.bucket != NULL) {
		put_out(putting, place);
	}
	store->passed++;
	store_leave_tail(&store->newcomers, units);
}

/* At the tail of those kept nothing is in anybody's way that is of use to anybody. */
static bool has_idle_room(struct store *store, uint32_t units, uint64_t now_us)
{
	struct store_ring *kept = &store->kept;

	while (!has_room(kept, units)) {
		const struct entry *entry = store_entry_at(store, kept->tail);
		const uint32_t freed = entry->units;
		const struct index_place place = store_tail_place(store, kept);

		if (place.bucket != NULL && entry_is_showable(entry, now_us))
			return false;
		if (place.bucket != NULL)
			store_drop(store, place);
		store->passed++;
		store_leave_tail(kept, freed);
	}
	return true;
}

/* The ring that has room for it, with `units` in one piece at its head. */
static struct store_ring *make_room(struct putting *putting, uint32_t units, enum store_rank rank)
{
	struct store *store = putting->store;
	struct store_ring *newcomers = &store->newcomers;

	if (rank != STORE_KNOWN && newcomers->end > newcomers->start &&
	    (rank == STORE_NEWCOMER || !has_idle_room(store, units, putting->now_us))) {
		while (!has_room(newcomers, units))
			pass_newcomer(putting);
		return newcomers;
	}
	make_room_kept(putting, units);
	return &store->kept;
}

static struct index_place find_slot(struct putting *putting, uint32_t hash)
{
	struct store *store = putting->store;
	const struct index_home home = index_home(&store->index, hash);
	struct index_place place = index_make_slot(&store->index, &home);

	if (place.bucket == NULL) {
		place = least_of(store, &home, putting->now_us);
		put_out(putting, place);
		store->is_short = index_count(&store->index) < store->index.max_count;
	}
	return place;
}

struct entry *store_put(struct store *store, uint32_t hash, uint32_t units, enum store_rank rank,
			uint64_t now_us, uint64_t *evictions)
{
	struct putting putting = { .store = store,
				   .now_us = now_us,
				   .chances = SECOND_CHANCE_UNITS + 4 * units,
				   .evictions = evictions };

	assert(units > 0 && units <= store->max_units);
	grow_index(store, hash);
	if (store->is_short)
		bring_round(&putting, units);
	struct store_ring *ring = make_room(&putting, units, rank);
	const struct index_place place = find_slot(&putting, hash);
	const uint32_t unit = take_head(ring, units);
	struct entry *entry = store_entry_at(store, unit);
	entry->units = (uint16_t)units;
	place.bucket->hash[place.slot] = hash;
	place.bucket->unit[place.slot] = unit;
	store->entries++;
	return entry;
}

uint64_t store_bytes(const struct store *store)
{
	const uint64_t used = (uint64_t)store->newcomers.used + store->kept.used;

	return used == 0 ? 0
			 : used * ENTRY_UNIT +
				   index_count(&store->index) * sizeof(struct index_bucket);
}
