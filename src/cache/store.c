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

struct entry *store_entry(const struct store *store, const uint32_t *slot)
{
	return store_entry_at(store, index_unit(slot));
}

/* All eight at once, by a vector: most are asked for what is not there. */
static bool has_hash(const struct index_bucket *bucket, uint32_t hash)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < INDEX_SLOTS; i++)
		count += bucket->words[i] == hash;
	return count != 0;
}

uint32_t *store_find(const struct store *store, const struct cache_key *key, enum sort sort)
{
	const uint32_t hash = store_hash(key);
	const struct index_home home = index_home(&store->index, hash);

	for (unsigned i = 0; i < 2; i++) {
		if (!has_hash(home.bucket[i], hash))
			continue;
		for (unsigned j = 0; j < INDEX_SLOTS; j++) {
			uint32_t *slot = index_slot(home.bucket[i], j);

			if (*index_hash(slot) != hash || *slot == 0)
				continue;
			const struct entry *entry = store_entry(store, slot);
			if (entry_is_failure(entry) == (sort == SORT_FAILURE) &&
			    entry_matches(entry, key))
				return slot;
		}
	}
	return NULL;
}

bool store_may_have(const struct store *store, uint32_t hash)
{
	const struct index_home home = index_home(&store->index, hash);

	return has_hash(home.bucket[0], hash) || has_hash(home.bucket[1], hash);
}

bool store_remembers(const struct store *store, uint32_t hash)
{
	return index_remembers(&store->index, hash);
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
		for (unsigned j = 0; j < INDEX_SLOTS; j++) {
			uint32_t *slot = index_slot(home.bucket[i], j);

			if (*index_hash(slot) != hash)
				continue;
			const struct entry *entry = store_entry(store, slot);
			PREFETCH(entry);
			PREFETCH((const uint8_t *)entry + 64); /* most end there */
			return;
		}
	}
}

void store_drop(struct store *store, uint32_t *slot)
{
	index_drop(slot);
	store->entries--;
}

/* A bucket has so many tenths of entries, taken all together. */
static bool is_loaded(const struct store *store, uint32_t tenths)
{
	return store->entries * 10 >= index_count(&store->index) * tenths;
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

/* Where the index is crowded; while it is small, where there is no slot in it for this one. */
static void grow_index(struct store *store, uint32_t hash)
{
	const uint32_t count = index_count(&store->index);

	if (count >= store->index.max_count)
		return;
	if (is_loaded(store, count < INDEX_FEW ? INDEX_FULL_FEW : INDEX_FULL) && !add_bucket(store))
		plan_ceiling(store);
	while (index_count(&store->index) < INDEX_FEW &&
	       index_make_slot(&store->index, hash) == NULL && add_bucket(store))
		;
}

/* Smaller is older; newcomers come before those that are kept, and all that have not been found
 * lately before those that have. Entries are so far apart that a quarter of that tells them. */
static uint32_t age_rank(const struct store *store, const uint32_t *slot)
{
	const uint32_t unit = index_unit(slot);
	const bool is_new = unit < store->newcomers.end;
	const struct store_ring *ring = is_new ? &store->newcomers : &store->kept;
	const uint32_t age = unit - ring->tail + (unit < ring->tail ? ring->limit : 0);

	return age / 4 + (is_new ? 0 : INDEX_FOUND / 4) + (*slot & INDEX_FOUND) / 2;
}
_Static_assert(ENTRY_HEAD > 4 * ENTRY_UNIT, "entries are told apart by a quarter of their units");

/* Of two full buckets: an entry past its use, else the oldest not found lately, else the oldest. */
RARELY static uint32_t *least_of(const struct store *store, uint32_t hash, uint64_t now_us)
{
	const struct index_home home = index_home(&store->index, hash);
	uint32_t *least = NULL;

	for (unsigned i = 0; i < 2 * INDEX_SLOTS; i++) {
		uint32_t *slot = index_slot(home.bucket[i / INDEX_SLOTS], i % INDEX_SLOTS);

		if (!entry_is_showable(store_entry(store, slot), now_us))
			return slot;
		if (least == NULL || age_rank(store, slot) < age_rank(store, least))
			least = slot;
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

uint32_t *store_tail_slot(const struct store *store, const struct store_ring *ring)
{
	return index_find_unit(&store->index, store_entry_at(store, ring->tail)->hash, ring->tail);
}

static void put_out(struct store_putting *putting, uint32_t *slot)
{
	const struct entry *entry = store_entry(putting->store, slot);

	*putting->evictions += entry_is_showable(entry, putting->now_us);
	store_drop(putting->store, slot);
}

/* To the head of the ring of those kept, where there is room. */
static void move_to_head(struct store *store, uint32_t *slot)
{
	struct store_ring *kept = &store->kept;
	const struct entry *entry = store_entry(store, slot);
	const uint32_t units = entry->units;

	memmove(store_entry_at(store, kept->head), entry, (size_t)units * ENTRY_UNIT);
	*slot = take_head(kept, units); /* not found there so far */
}

static bool deserves_a_chance(const struct store_putting *putting, const uint32_t *slot)
{
	const struct entry *entry = store_entry(putting->store, slot);

	return index_is_marked(slot) && putting->chances >= entry->units &&
	       entry_is_showable(entry, putting->now_us);
}

static void make_room_kept(struct store_putting *putting, uint32_t units);

/* There is something at the ring's tail: that goes, or goes to the head of the ring of those kept,
 * which is wrapped if it is that one's own. */
static void pass(struct store_putting *putting, struct store_ring *ring)
{
	struct store *store = putting->store;
	const uint32_t units = store_entry_at(store, ring->tail)->units;
	uint32_t *slot = store_tail_slot(store, ring);

	if (slot != NULL && deserves_a_chance(putting, slot)) {
		putting->chances -= units;
		/* Of those kept, what it leaves behind the tail is as much as it needs, gap or no
		 * gap. */
		if (ring == &store->newcomers)
			make_room_kept(putting, units);
		move_to_head(store, slot);
	} else if (slot != NULL) {
		put_out(putting, slot);
	}
	store->passed++;
	store_leave_tail(ring, units);
}

/* Before the head comes to the ceiling, the tail is to be through with what lies above it: so it
 * goes ahead, by twice what is put in. */
static void keep_ahead(struct store_putting *putting, uint32_t units)
{
	struct store_ring *kept = &putting->store->kept;
	const uint32_t above = kept->end - kept->ceiling;

	for (uint32_t gone = 0; above > 0 && kept->is_wrapped && gone < 2 * units;) {
		if (kept->tail + above < kept->ceiling)
			return;
		gone += store_entry_at(putting->store, kept->tail)->units;
		pass(putting, kept);
	}
}

/* A put has found no slot, so the room is held by fewer entries than could be: the ring goes on
 * without anything being put in, until it has come round and the index can grow. */
RARELY static void bring_round(struct store_putting *putting)
{
	struct store_ring *kept = &putting->store->kept;

	for (uint32_t gone = 0; kept->is_wrapped && gone < 2 * putting->units;) {
		gone += store_entry_at(putting->store, kept->tail)->units;
		pass(putting, kept);
	}
	putting->store->is_short = false;
}

/* For `units`, by putting out what is in the way. */
static void make_room_kept(struct store_putting *putting, uint32_t units)
{
	struct store_ring *kept = &putting->store->kept;

	keep_ahead(putting, units);
	while (!has_room(kept, units))
		pass(putting, kept);
}

/* At the tail of those kept nothing is in anybody's way that is of use to anybody. */
static bool has_idle_room(struct store *store, uint32_t units, uint64_t now_us)
{
	struct store_ring *kept = &store->kept;

	while (!has_room(kept, units)) {
		const struct entry *entry = store_entry_at(store, kept->tail);
		const uint32_t freed = entry->units;
		uint32_t *slot = store_tail_slot(store, kept);

		if (slot != NULL && entry_is_showable(entry, now_us))
			return false;
		if (slot != NULL)
			store_drop(store, slot);
		store->passed++;
		store_leave_tail(kept, freed);
	}
	return true;
}

/* The ring that has room for it, in one piece at its head. */
static struct store_ring *make_room(struct store_putting *putting)
{
	struct store *store = putting->store;
	struct store_ring *newcomers = &store->newcomers;

	if (putting->rank != STORE_KNOWN && newcomers->end > newcomers->start &&
	    (putting->rank == STORE_NEWCOMER ||
	     !has_idle_room(store, putting->units, putting->now_us))) {
		while (!has_room(newcomers, putting->units))
			pass(putting, newcomers);
		return newcomers;
	}
	make_room_kept(putting, putting->units);
	return &store->kept;
}

static uint32_t *find_slot(struct store_putting *putting)
{
	struct store *store = putting->store;
	uint32_t *slot = index_make_slot(&store->index, putting->hash);

	if (slot == NULL) {
		slot = least_of(store, putting->hash, putting->now_us);
		put_out(putting, slot);
		store->is_short = index_count(&store->index) < store->index.max_count;
	}
	return slot;
}

struct entry *store_put(struct store_putting *putting)
{
	struct store *store = putting->store;

	assert(putting->units > 0 && putting->units <= store->max_units);
	putting->chances = SECOND_CHANCE_UNITS + 4 * putting->units;
	grow_index(store, putting->hash);
	if (store->is_short)
		bring_round(putting);
	struct store_ring *ring = make_room(putting);
	uint32_t *slot = find_slot(putting);
	*index_hash(slot) = putting->hash;
	*slot = take_head(ring, putting->units);
	store->entries++;
	struct entry *entry = store_entry(store, slot);
	entry->units = (uint16_t)putting->units;
	return entry;
}

uint64_t store_bytes(const struct store *store)
{
	const uint64_t used = (uint64_t)store->newcomers.used + store->kept.used;

	return used == 0 ? 0
			 : used * ENTRY_UNIT +
				   index_count(&store->index) * sizeof(struct index_bucket);
}
