#include "base/mem.h"

#include <assert.h>
#include <stdalign.h>

/* Slots at and above `untouched` have never been handed out, so their pages are still the
 * system's; the given-back ones below it are linked through their own first bytes.
 *
 * Always true: in_use + length of the free list == untouched <= max_slots. */
struct slab {
	size_t slot_size;
	uint32_t max_slots, untouched, in_use;
	void *free_list;
	alignas(max_align_t) uint8_t slots[];
};

struct slab *slab_new(size_t slot_size, uint32_t max_slots)
{
	const size_t align = alignof(max_align_t);
	if (slot_size > SIZE_MAX - align)
		return NULL;
	slot_size = (slot_size + align - 1) & ~(align - 1);
	if (slot_size == 0)
		slot_size = align;
	if (max_slots > (SIZE_MAX - sizeof(struct slab)) / slot_size)
		return NULL;

	struct slab *slab = mem_alloc(sizeof(struct slab) + slot_size * max_slots);
	if (slab == NULL)
		return NULL;
	slab->slot_size = slot_size;
	slab->max_slots = max_slots;
	slab->untouched = 0;
	slab->in_use = 0;
	slab->free_list = NULL;
	return slab;
}

void slab_free(struct slab *slab)
{
	assert(slab == NULL || slab->in_use == 0);
	mem_free(slab);
}

void *slab_take(struct slab *slab)
{
	void *slot = slab->free_list;
	if (slot != NULL)
		slab->free_list = *(void **)slot;
	else if (slab->untouched < slab->max_slots)
		slot = slab->slots + slab->slot_size * slab->untouched++;
	else
		return NULL;
	slab->in_use++;
	return slot;
}

void slab_give(struct slab *slab, void *slot)
{
	size_t offset = (size_t)((uint8_t *)slot - slab->slots);
	assert(offset % slab->slot_size == 0 && offset / slab->slot_size < slab->untouched);
	(void)offset;
	*(void **)slot = slab->free_list;
	slab->free_list = slot;
	slab->in_use--;
}

uint32_t slab_in_use(const struct slab *slab)
{
	return slab->in_use;
}
