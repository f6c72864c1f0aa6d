#include "base/mem.h"

#include <assert.h>
#include <stdalign.h>

/* Slots at and above `untouched` have never been handed out, so their pages are still the
 * system's; the given-back ones below it are linked through their own first bytes.
 *
 * Always true: in_use + length of the free list == untouched <= max_slots. */
/* Slots that were got together. */
struct slab_block {
	struct slab_block *next;
	uint32_t slots, untouched;
	alignas(max_align_t) uint8_t bytes[];
};

struct slab {
	size_t slot_size;
	uint32_t max_slots, in_use;
	void *free_list;
	struct slab_block *blocks; /* mostly one: another for each time that there are to be more */
};

static bool add_block(struct slab *slab, uint32_t slots)
{
	if (slots > (SIZE_MAX - sizeof(struct slab_block)) / slab->slot_size)
		return false;
	struct slab_block *block = mem_alloc(sizeof(*block) + slab->slot_size * slots);
	if (block == NULL)
		return false;
	block->next = slab->blocks;
	block->slots = slots;
	block->untouched = 0;
	slab->blocks = block;
	slab->max_slots += slots;
	return true;
}

struct slab *slab_new(size_t slot_size, uint32_t max_slots)
{
	const size_t align = alignof(max_align_t);
	if (slot_size > SIZE_MAX - align)
		return NULL;
	slot_size = (slot_size + align - 1) & ~(align - 1);
	if (slot_size == 0)
		slot_size = align;

	struct slab *slab = mem_zalloc(sizeof(*slab));
	if (slab == NULL)
		return NULL;
	slab->slot_size = slot_size;
	if (add_block(slab, max_slots))
		return slab;
	mem_free(slab);
	return NULL;
}

bool slab_reserve(struct slab *slab, uint32_t max_slots)
{
	return max_slots <= slab->max_slots || add_block(slab, max_slots - slab->max_slots);
}

void slab_free(struct slab *slab)
{
	if (slab == NULL)
		return;
	assert(slab->in_use == 0);
	for (struct slab_block *block = slab->blocks, *next; block != NULL; block = next) {
		next = block->next;
		mem_free(block);
	}
	mem_free(slab);
}

static void *take_untouched(const struct slab *slab)
{
	for (struct slab_block *block = slab->blocks; block != NULL; block = block->next) {
		if (block->untouched < block->slots)
			return block->bytes + slab->slot_size * block->untouched++;
	}
	return NULL;
}

void *slab_take(struct slab *slab)
{
	void *slot = slab->free_list;

	if (slot != NULL)
		slab->free_list = *(void **)slot;
	else if ((slot = take_untouched(slab)) == NULL)
		return NULL;
	slab->in_use++;
	return slot;
}

static bool is_slot(const struct slab *slab, const void *slot)
{
	for (const struct slab_block *block = slab->blocks; block != NULL; block = block->next) {
		const size_t offset = (uintptr_t)slot - (uintptr_t)block->bytes;

		if (offset < slab->slot_size * block->untouched)
			return offset % slab->slot_size == 0;
	}
	return false;
}

void slab_give(struct slab *slab, void *slot)
{
	assert(is_slot(slab, slot));
	*(void **)slot = slab->free_list;
	slab->free_list = slot;
	slab->in_use--;
}

uint32_t slab_in_use(const struct slab *slab)
{
	return slab->in_use;
}
