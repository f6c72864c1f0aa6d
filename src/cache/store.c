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

/* Smaller is older. */
static uint64_t age_rank(const struct store *store, uint32_t unit)
{
	return unit >= store->tail ? unit : (uint64_t)unit + store->end;
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

/* --- the ring --------------------------------------------------------------------------------- */

/* Wrapped, and at least one entry there: the oldest goes, or goes to the head. */
static void pass_tail(struct store *store, uint64_t now_us, uint32_t *chances, uint64_t *evictions)
{
	const struct entry *entry = entry_at(store, store->tail);
	const uint32_t units = entry->units;
	const struct home home = home_of(store, entry->hash);
	const struct store_place place = find_unit(&home, store->tail);

	if (place.bucket != NULL) {
		const bool is_showable = entry_is_showable(entry, now_us);

		if (is_showable && is_marked(place) && *chances >= units) {
			*chances -= units;
			/* What it leaves behind the tail is as much as it needs, gap or no gap. */
			memmove(entry_at(store, store->head), entry, (size_t)units * ENTRY_UNIT);
			place.bucket->unit[place.slot] = store->head;
			clear_mark(place);
			store->head += units;
			store->used += units;
		} else {
			store_drop(store, place);
			*evictions += is_showable;
		}
	}
	store->tail += units;
	store->used -= units;
	if (store->tail == store->limit) {
		store->tail = store->start;
		store->limit = store->end;
		store->is_wrapped = false;
	}
}

/* Until there are `units` in one piece at the head. */
static void make_room(struct store *store, uint32_t units, uint64_t now_us, uint64_t *evictions)
{
	uint32_t chances = SECOND_CHANCE_UNITS + 4 * units;

	for (;;) {
		if (store->used == 0) {
			store->head = store->tail = store->start;
			store->limit = store->end;
			store->is_wrapped = false;
		}
		if (!store->is_wrapped) {
			if (store->end - store->head >= units)
				return;
			store->limit = store->head;
			store->head = store->start;
			store->is_wrapped = true;
		}
		if (store->tail - store->head >= units)
			return;
		pass_tail(store, now_us, &chances, evictions);
	}
}

struct entry *store_put(struct store *store, uint32_t hash, uint32_t units, uint64_t now_us,
			uint64_t *evictions)
{
	const struct home home = home_of(store, hash);

	assert(units > 0 && units <= store->max_units);
	make_room(store, units, now_us, evictions);
	struct store_place place = find_unit(&home, 0);
	if (place.bucket == NULL) {
		place = least_of(store, &home, now_us);
		*evictions += entry_is_showable(store_entry(store, place), now_us);
		store_drop(store, place);
	}
	struct entry *entry = entry_at(store, store->head);
	entry->units = (uint16_t)units;
	place.bucket->unit[place.slot] = store->head;
	place.bucket->tag[place.slot] = home.tag;
	store->entries++;
	store->head += units;
	store->used += units;
	return entry;
}

/* --- the mapping ------------------------------------------------------------------------------ */

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
	store->start = (uint32_t)(index_bytes / ENTRY_UNIT);
	store->end = (uint32_t)(bytes / ENTRY_UNIT);
	store->head = store->tail = store->start;
	store->limit = store->end;
	store->max_units = (store->end - store->start) / 8;
	if (store->max_units > ENTRY_MAX_UNITS)
		store->max_units = ENTRY_MAX_UNITS;
	return true;
}

void store_close(struct store *store)
{
	if (store->map != NULL)
		munmap(store->map, (size_t)store->end * ENTRY_UNIT);
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

void store_verify(const struct store *store)
{
	uint64_t units = 0;
	uint32_t in_use = 0, slots = 0;

	if (store->map == NULL)
		return;
	must(store->start <= store->head && store->start <= store->tail);
	must(store->head <= store->limit && store->tail <= store->limit);
	must(store->limit <= store->end);
	must((uint64_t)store->end * ENTRY_UNIT <= store->max_bytes);
	if (store->is_wrapped) {
		must(store->head <= store->tail);
		in_use = verify_run(store, store->tail, store->limit, &units);
		in_use += verify_run(store, store->start, store->head, &units);
	} else {
		must(store->tail <= store->head && store->limit == store->end);
		in_use = verify_run(store, store->tail, store->head, &units);
	}
	must(units == store->used && in_use == store->entries);
	for (uint32_t i = 0; i < store->bucket_count; i++) {
		const struct store_bucket *bucket = &store->buckets[i];

		for (unsigned slot = 0; slot < STORE_SLOTS; slot++) {
			must(bucket->unit[slot] != 0 || (bucket->found >> slot & 1) == 0);
			slots += bucket->unit[slot] != 0;
		}
	}
	must(slots == in_use);
}
