#include "store_internal.h"

static void must(bool holds)
{
	if (!holds)
		UNREACHABLE();
}

/* Slots that name `unit`, in the buckets its entry may be found in. */
static unsigned slots_of(const struct store *store, uint32_t unit)
{
	const struct entry *entry = store_entry_at(store, unit);
	const struct index_home home = index_home(&store->index, entry->hash);
	unsigned count = 0;

	for (unsigned i = 0; i < 2; i++) {
		if (i == 1 && home.bucket[1] == home.bucket[0])
			break;
		for (unsigned j = 0; j < INDEX_SLOTS; j++) {
			uint32_t *slot = index_slot(home.bucket[i], j);

			if (index_unit(slot) != unit)
				continue;
			must(*index_hash(slot) == entry->hash);
			count++;
		}
	}
	return count;
}

/* No other entry that can be found has its key. */
static bool is_sole(const struct store *store, const struct entry *entry)
{
	const struct index_home home = index_home(&store->index, entry->hash);

	for (unsigned i = 0; i < 2 * INDEX_SLOTS; i++) {
		const uint32_t unit =
			index_unit(index_slot(home.bucket[i / INDEX_SLOTS], i % INDEX_SLOTS));

		if (unit != 0 && store_entry_at(store, unit) != entry &&
		    entry_is_rival(store_entry_at(store, unit), entry))
			return false;
	}
	return true;
}

/* Walks [from, to); returns the entries in use and adds the units. */
static uint32_t verify_run(const struct store *store, uint32_t from, uint32_t to, uint64_t *units)
{
	uint32_t in_use = 0;

	while (from < to) {
		const struct entry *entry = store_entry_at(store, from);
		const unsigned slots = slots_of(store, from);

		must((size_t)entry->units * ENTRY_UNIT >= ENTRY_HEAD && entry->units <= to - from);
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
	must(ring->limit <= ring->end && ring->ceiling <= ring->end);
	must(ring->is_wrapped || ring->ceiling == ring->end);
	if (ring->is_wrapped) {
		must(ring->head <= ring->tail && ring->head <= ring->ceiling);
		in_use = verify_run(store, ring->tail, ring->limit, &units);
		in_use += verify_run(store, ring->start, ring->head, &units);
	} else {
		must(ring->tail <= ring->head && ring->limit == ring->end);
		in_use = verify_run(store, ring->tail, ring->head, &units);
	}
	must(units == ring->used);
	return in_use;
}

void store_check(const struct store *store)
{
	uint32_t slots = 0;

	if (store->map == NULL)
		return;
	must(store->newcomers.end == store->kept.start && store->kept.end <= store_floor(store));
	must((uint64_t)((uint8_t *)store->index.top - (uint8_t *)store->map) <= store->max_bytes);
	const uint32_t in_use =
		verify_ring(store, &store->newcomers) + verify_ring(store, &store->kept);
	must(in_use == store->entries);
	for (uint32_t i = 0; i < index_count(&store->index); i++) {
		for (unsigned j = 0; j < INDEX_SLOTS; j++) {
			const uint32_t *slot = index_slot(index_bucket(&store->index, i), j);

			must(*slot != INDEX_FOUND);
			slots += *slot != 0;
		}
	}
	must(slots == in_use);
}
