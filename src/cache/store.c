#include "store_internal.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

/* One byte in so many is the index's: a slot to some 70 bytes of ring, so that a cache full of the
 * smallest replies (100 bytes) fills its buckets to two thirds. */
#define INDEX_SHARE 12u
/* What one put may move to the head: so much, and four times its own size. Then entries are put out
 * though they were found, so that no put takes long. */
#define SECOND_CHANCE_UNITS 512u
/* A store below this, the smallest that can be configured, is not divided. */
#define TWO_RINGS_BYTES (UINT64_C(64) << 10)

static struct entry *entry_at(const struct store *store, uint32_t unit)
{
	return (struct entry *)(store->map + unit);
}

/* --- the index -------------------------------------------------------------------------------- */

struct home {
	struct store_bucket *bucket[2];
	uint16_t tag;
};

/* The upper bits choose the bucket (no power of two needed), the lower are the tag. */
static struct home home_of(const struct store *store, uint32_t hash)
{
	const uint32_t other = (hash ^ hash >> 15) * 0x9e3779b1u;
	const uint64_t count = store->bucket_count;

	return (struct home){
		.bucket = { &store->buckets[(hash * count) >> 32],
			    &store->buckets[(other * count) >> 32] },
		.tag = (uint16_t)hash,
	};
}

struct store_place store_find(const struct store *store, const struct probe *probe, bool is_failure)
{
	const struct home home = home_of(store, probe->hash);

	for (unsigned i = 0; i < 2; i++) {
		struct store_bucket *bucket = home.bucket[i];

		for (unsigned slot = 0; slot < STORE_SLOTS; slot++) {
			if (bucket->tag[slot] != home.tag || bucket->unit[slot] == 0)
				continue;
			const struct entry *entry = entry_at(store, bucket->unit[slot]);
			if (entry->hash == probe->hash && entry_is_failure(entry) == is_failure &&
			    entry_matches(entry, probe))
				return (struct store_place){ bucket, slot };
		}
	}
	return (struct store_place){ NULL, 0 };
}

/* The slot that holds `unit`, or with `unit` 0 an empty one. */
static struct store_place find_unit(const struct home *home, uint32_t unit)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned slot = 0; slot < STORE_SLOTS; slot++)
			if (home->bucket[i]->unit[slot] == unit)
				return (struct store_place){ home->bucket[i], slot };
	return (struct store_place){ NULL, 0 };
}

struct entry *store_entry(const struct store *store, struct store_place place)
{
	return entry_at(store, place.bucket->unit[place.slot]);
}

static bool is_marked(struct store_place place)
{
	return (place.bucket->found >> place.slot & 1) != 0;
}

void store_mark(struct store_place place)
{
	if (!is_marked(place)) /* a line only read stays shared */
		place.bucket->found |= (uint16_t)(1u << place.slot);
}

static void clear_mark(struct store_place place)
{
	place.bucket->found &= (uint16_t) ~(1u << place.slot);
}

void store_drop(struct store *store, struct store_place place)
{
	place.bucket->unit[place.slot] = 0;
	clear_mark(place);
	store->entries--;
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
	const uint64_t age = unit >= ring->tail ? unit : (uint64_t)unit + ring->end;

	return is_new ? age : age + (UINT64_C(1) << 33);
}

/* Of two full buckets: an entry past its use, else the oldest not found lately, else the oldest. */
static struct store_place least_of(const struct store *store, const struct home *home,
				   uint64_t now_us)
{
	struct store_place least = { NULL, 0 };
	uint64_t least_rank = UINT64_MAX;

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned slot = 0; slot < STORE_SLOTS; slot++) {
			const struct store_place place = { home->bucket[i], slot };
			uint64_t rank = age_rank(store, place.bucket->unit[slot]);

			if (!entry_is_showable(store_entry(store, place), now_us))
				return place;
			if (is_marked(place))
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

static void leave_tail(struct store_ring *ring, uint32_t units)
{
	ring->tail += units;
	ring->used -= units;
	if (ring->tail == ring->limit) {
		ring->tail = ring->start;
		ring->limit = ring->end;
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

/* The slot of the entry at the tail, none of a gap. There is something there. */
static struct store_place tail_place(const struct store *store, const struct store_ring *ring)
{
	const struct home home = home_of(store, entry_at(store, ring->tail)->hash);

	return find_unit(&home, ring->tail);
}

static void put_out(struct putting *putting, struct store_place place)
{
	const struct entry *entry = store_entry(putting->store, place);

	*putting->evictions += entry_is_showable(entry, putting->now_us);
	store_drop(putting->store, place);
}

/* To the head of the ring of those kept, where there is room. */
static void move_to_head(struct store *store, struct store_place place)
{
	struct store_ring *kept = &store->kept;
	const struct entry *entry = store_entry(store, place);
	const uint32_t units = entry->units;

	memmove(entry_at(store, kept->head), entry, (size_t)units * ENTRY_UNIT);
	place.bucket->unit[place.slot] = kept->head;
	clear_mark(place);
	kept->head += units;
	kept->used += units;
}

static bool deserves_a_chance(const struct putting *putting, struct store_place place)
{
	const struct entry *entry = store_entry(putting->store, place);

	return is_marked(place) && putting->chances >= entry->units &&
	       entry_is_showable(entry, putting->now_us);
}

/* The ring is wrapped and has something at its tail: that goes, or goes to the head. */
static void pass_kept(struct putting *putting)
{
	struct store *store = putting->store;
	struct store_ring *kept = &store->kept;
	const uint32_t units = entry_at(store, kept->tail)->units;
	const struct store_place place = tail_place(store, kept);

	if (place.bucket != NULL && deserves_a_chance(putting, place)) {
		putting->chances -= units;
		/* What it leaves behind the tail is as much as it needs, gap or no gap. */
		move_to_head(store, place);
	} else if (place.bucket != NULL) {
		put_out(putting, place);
	}
	leave_tail(kept, units);
}

/* The same of newcomers: that goes, or to those that are kept. */
static void pass_newcomer(struct putting *putting)
{
	struct store *store = putting->store;
	const uint32_t tail = store->newcomers.tail, units = entry_at(store, tail)->units;
	struct store_place place = tail_place(store, &store->newcomers);

	if (place.bucket != NULL && deserves_a_chance(putting, place)) {
		putting->chances -= units;
		while (!has_room(&store->kept, units))
			pass_kept(putting);
		move_to_head(store, place);
	} else if (place.bucket != NULL) {
		put_out(putting, place);
	}
	leave_tail(&store->newcomers, units);
}

/* At the tail of those kept nothing is in anybody's way that is of use to anybody. */
static bool has_idle_room(struct store *store, uint32_t units, uint64_t now_us)
{
	struct store_ring *kept = &store->kept;

	while (!has_room(kept, units)) {
		const struct entry *entry = entry_at(store, kept->tail);
		const uint32_t freed = entry->units;
		const struct store_place place = tail_place(store, kept);

		if (place.bucket != NULL && entry_is_showable(entry, now_us))
			return false;
		if (place.bucket != NULL)
			store_drop(store, place);
		leave_tail(kept, freed);
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
	while (!has_room(&store->kept, units))
		pass_kept(putting);
	return &store->kept;
}

struct entry *store_put(struct store *store, uint32_t hash, uint32_t units, enum store_rank rank,
			uint64_t now_us, uint64_t *evictions)
{
	const struct home home = home_of(store, hash);
	struct putting putting = { .store = store,
				   .now_us = now_us,
				   .chances = SECOND_CHANCE_UNITS + 4 * units,
				   .evictions = evictions };

	assert(units > 0 && units <= store->max_units);
	struct store_ring *ring = make_room(&putting, units, rank);
	struct store_place place = find_unit(&home, 0);
	if (place.bucket == NULL) {
		place = least_of(store, &home, now_us);
		put_out(&putting, place);
	}
	struct entry *entry = entry_at(store, ring->head);
	entry->units = (uint16_t)units;
	place.bucket->unit[place.slot] = ring->head;
	place.bucket->tag[place.slot] = home.tag;
	store->entries++;
	ring->head += units;
	ring->used += units;
	return entry;
}

uint64_t store_bytes(const struct store *store)
{
	const uint64_t used = (uint64_t)store->newcomers.used + store->kept.used;

	return used == 0 ? 0
			 : used * ENTRY_UNIT + store->bucket_count * sizeof(struct store_bucket);
}

/* --- the mapping ------------------------------------------------------------------------------ */

static struct store_ring empty_ring(uint32_t start, uint32_t end)
{
	return (struct store_ring){
		.start = start, .end = end, .head = start, .tail = start, .limit = end
	};
}

bool store_open(struct store *store, uint64_t max_bytes)
{
	const uint64_t addressable = (uint64_t)UINT32_MAX * ENTRY_UNIT;
	const uint64_t bytes = (max_bytes < addressable ? max_bytes : addressable) & ~7ull;
	const uint64_t index_bytes =
		bytes / INDEX_SHARE & ~(uint64_t)(sizeof(struct store_bucket) - 1);

	*store = (struct store){ .max_bytes = max_bytes };
	if (index_bytes == 0)
		return true;
	if (bytes > SIZE_MAX)
		return false;
	void *map = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return false;
	/* Memory use is to grow with the entries, not by huge pages. No matter if there are
	 * none. */
	(void)madvise(map, (size_t)bytes, MADV_NOHUGEPAGE);

	store->map = map;
	store->buckets = map;
	store->bucket_count = (uint32_t)(index_bytes / sizeof(struct store_bucket));
	const uint32_t start = (uint32_t)(index_bytes / ENTRY_UNIT);
	const uint32_t end = (uint32_t)(bytes / ENTRY_UNIT);
	const uint32_t middle = bytes < TWO_RINGS_BYTES ? start : start + (end - start) / 4;
	store->newcomers = empty_ring(start, middle);
	store->kept = empty_ring(middle, end);
	store->max_units = (end - start) / 8; /* half of the smaller ring */
	if (store->max_units > ENTRY_MAX_UNITS)
		store->max_units = ENTRY_MAX_UNITS;
	return true;
}

void store_close(struct store *store)
{
	if (store->map != NULL)
		munmap(store->map, (size_t)store->kept.end * ENTRY_UNIT);
	store->map = NULL;
}

/* --- checks ----------------------------------------------------------------------------------- */

static void must(bool holds)
{
	if (!holds)
		UNREACHABLE();
}

/* Slots that name `unit`, in the buckets its entry may be found in. */
static unsigned slots_of(const struct store *store, uint32_t unit)
{
	const struct entry *entry = entry_at(store, unit);
	const struct home home = home_of(store, entry->hash);
	unsigned count = 0;

	for (unsigned i = 0; i < 2; i++) {
		if (i == 1 && home.bucket[1] == home.bucket[0])
			break;
		for (unsigned slot = 0; slot < STORE_SLOTS; slot++) {
			if (home.bucket[i]->unit[slot] != unit)
				continue;
			must(home.bucket[i]->tag[slot] == home.tag);
			count++;
		}
	}
	return count;
}

/* No other entry that can be found has its key. */
static bool is_sole(const struct store *store, const struct entry *entry)
{
	const struct home home = home_of(store, entry->hash);

	for (unsigned i = 0; i < 2 * STORE_SLOTS; i++) {
		const uint32_t unit = home.bucket[i / STORE_SLOTS]->unit[i % STORE_SLOTS];

		if (unit != 0 && entry_at(store, unit) != entry &&
		    entry_is_rival(entry_at(store, unit), entry))
			return false;
	}
	return true;
}

/* Walks [from, to); returns the entries in use and adds the units. */
static uint32_t verify_run(const struct store *store, uint32_t from, uint32_t to, uint64_t *units)
{
	uint32_t in_use = 0;

	while (from < to) {
		const struct entry *entry = entry_at(store, from);
		const unsigned slots = slots_of(store, from);

		must((size_t)entry->units * ENTRY_UNIT >= sizeof(*entry) &&
		     entry->units <= to - from);
		must(slots <= 1);
		if (slots == 1) {
			entry_verify(entry);
			must(is_sole(store, entry));
		}
		in_use += slots;
		*units += entry->units;
		from += entry->units;
	}
	must(from == to);
	return in_use;
}

/* Returns the entries in use. */
static uint32_t verify_ring(const struct store *store, const struct store_ring *ring)
{
	uint64_t units = 0;
	uint32_t in_use = 0;

	must(ring->start <= ring->head && ring->start <= ring->tail);
	must(ring->head <= ring->limit && ring->tail <= ring->limit);
	must(ring->limit <= ring->end);
	if (ring->is_wrapped) {
		must(ring->head <= ring->tail);
		in_use = verify_run(store, ring->tail, ring->limit, &units);
		in_use += verify_run(store, ring->start, ring->head, &units);
	} else {
		must(ring->tail <= ring->head && ring->limit == ring->end);
		in_use = verify_run(store, ring->tail, ring->head, &units);
	}
	must(units == ring->used);
	return in_use;
}

void store_verify(const struct store *store)
{
	uint32_t slots = 0;

	if (store->map == NULL)
		return;
	must(store->newcomers.end == store->kept.start);
	must((uint64_t)store->kept.end * ENTRY_UNIT <= store->max_bytes);
	const uint32_t in_use =
		verify_ring(store, &store->newcomers) + verify_ring(store, &store->kept);
	must(in_use == store->entries);
	for (uint32_t i = 0; i < store->bucket_count; i++) {
		const struct store_bucket *bucket = &store->buckets[i];

		for (unsigned slot = 0; slot < STORE_SLOTS; slot++) {
			must(bucket->unit[slot] != 0 || (bucket->found >> slot & 1) == 0);
			slots += bucket->unit[slot] != 0;
		}
	}
	must(slots == in_use);
}
