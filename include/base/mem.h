/* base/mem.h: the only door to the heap, and the two allocators that live behind it.
 *
 * mem_* wrap malloc so that a test can make the Nth allocation fail. An arena is a bump
 * allocator that dies whole; a slab is a bounded number of equal slots. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

void *mem_alloc(size_t size);		   /* NULL when memory is short */
void *mem_zalloc(size_t size);		   /* zeroed */
void *mem_realloc(void *old, size_t size); /* NULL leaves `old` as it was */
/** A list of `count` things of `each` bytes, in room for `*max`, that has room for one more: moved
 * where it must be. NULL when memory is short, which leaves all as it was. */
void *mem_grow(void *list, size_t count, size_t *max, size_t each);
char *mem_strdup(const char *text);
void *mem_dup(const void *bytes, size_t size);
void mem_free(void *block); /* NULL is fine */
/** For who stays for long, before anything is allocated: memory is taken from the system as it is
 * wanted and no sooner, so that of a large table of zeros only what is used is touched; where the C
 * library can. */
void mem_take_little(void);
/** Gives what was freed back to the system, after something large is gone; where the C library
 * can. */
void mem_trim(void);

/** Tests only: allocation number `nth` of this thread from now (1 is the next) fails, once; 0 turns
 * it off. */
void mem_fail_nth(uint64_t nth);
/** Tests only: allocations made since the last mem_fail_nth(). */
uint64_t mem_allocations(void);

/* First bytes from the caller's scratch, then from heap chunks. Blocks are aligned for any
 * type and are never given back singly. */
struct arena_chunk;
struct arena {
	uint8_t *at, *end;
	struct arena_chunk *chunks;
};
void arena_init(struct arena *arena, void *scratch, size_t scratch_size);
void *arena_alloc(struct arena *arena, size_t size); /* NULL when memory is short */
void *arena_dup(struct arena *arena, const void *bytes, size_t size);
void arena_done(struct arena *arena); /* gives back the chunks; the scratch is the caller's */

/* At most `max_slots` slots of `slot_size` bytes. Memory is touched only as slots are used. */
struct slab;
/** NULL when memory is short. */
struct slab *slab_new(size_t slot_size, uint32_t max_slots);
void slab_free(struct slab *slab);  /* NULL is fine; every slot must have been given back */
void *slab_take(struct slab *slab); /* NULL at the limit; contents undefined */
void slab_give(struct slab *slab, void *slot);
/** It has at least so many slots from here on; those that are taken stay where they are. False when
 * memory is short. */
bool slab_reserve(struct slab *slab, uint32_t max_slots);
uint32_t slab_in_use(const struct slab *slab);
