#include "store_internal.h"

#include <sys/mman.h>

/* The pages that end between these, back to the system; none of them with what lies before
 * `free`. */
static void give_back(const struct store *store, uint32_t free, uint32_t from, uint32_t to)
{
	const uintptr_t page = 4096, mask = ~(page - 1);
	const uintptr_t first = ((uintptr_t)(store->map + free) + page - 1) & mask,
			end = (uintptr_t)(store->map + to) & mask;
	uintptr_t begin = (uintptr_t)(store->map + from) & mask;

	if (begin < first)
		begin = first;
	if (to > from && end > begin)
		(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

/* While it is wrapped, the newest lie before the tail, and may share its page. */
void store_sweep_leave(struct store *store, struct store_ring *ring)
{
	const uint32_t from = ring->tail, free = ring->is_wrapped ? ring->head : ring->start;

	store_leave_tail(ring, store_entry_at(store, from)->units);
	give_back(store, free, from, ring->tail);
}

struct store_ring *store_sweep_oldest(struct store *store)
{
	if (store->newcomers.used > 0)
		return &store->newcomers;
	return store->kept.used > 0 ? &store->kept : NULL;
}

/* --- by name --------------------------------------------------------------------------------- */

/* Of the entry that begins so many units behind the tail. */
static uint32_t unit_behind_tail(const struct store_ring *ring, uint32_t units)
{
	const uint32_t to_limit = ring->limit - ring->tail;

	return ring->is_wrapped && units >= to_limit ? ring->start + (units - to_limit)
						     : ring->tail + units;
}

static void drop_if_named(struct store *store, uint32_t unit, const uint8_t *name, bool below,
			  uint64_t *dropped)
{
	const struct entry *entry = store_entry_at(store, unit);

	if (!entry_is_named(entry, name, name_len(name), below))
		return;
	uint32_t *slot = index_find_unit(&store->index, entry->hash, unit);
	if (slot == NULL) /* a gap */
		return;
	store_drop(store, slot);
	(*dropped)++;
}

/* From the tail to the head. An entry that is passed goes to the head of those kept, where it is
 * met again: newcomers come first. */
bool store_sweep_named(struct store *store, struct store_sweep *sweep, uint32_t units,
		       const uint8_t *name, bool below, uint64_t *dropped)
{
	const struct store_ring *ring = sweep->is_in_kept ? &store->kept : &store->newcomers;
	uint32_t gone = 0;

	if (store->map == NULL)
		return false;
	if (sweep->at < ring->left || sweep->at - ring->left > ring->used)
		sweep->at = ring->left; /* the tail has come by; or it is all new */
	uint32_t behind = (uint32_t)(sweep->at - ring->left);
	while (behind < ring->used && gone < units) {
		const uint32_t unit = unit_behind_tail(ring, behind);
		const uint32_t its = store_entry_at(store, unit)->units;

		drop_if_named(store, unit, name, below, dropped);
		behind += its;
		gone += its;
	}
	sweep->at = ring->left + behind;
	if (behind < ring->used)
		return true;
	if (sweep->is_in_kept)
		return false;
	*sweep = (struct store_sweep){ .is_in_kept = true };
	return true;
}
