#include "base/mem.h"

#include <stdalign.h>
#include <string.h>

/* What a chunk holds at least, its head included; one page with malloc's own head. */
#define CHUNK_SIZE (4096u - 16u)

struct arena_chunk {
	struct arena_chunk *next;
	alignas(max_align_t) uint8_t bytes[];
};

static uint8_t *align_up(uint8_t *at)
{
	return at + (-(uintptr_t)at & (alignof(max_align_t) - 1));
}

void arena_init(struct arena *arena, void *scratch, size_t scratch_size)
{
	arena->at = scratch;
	arena->end = scratch == NULL ? NULL : (uint8_t *)scratch + scratch_size;
	arena->chunks = NULL;
}

static bool grow(struct arena *arena, size_t size)
{
	size_t chunk_size = CHUNK_SIZE;
	if (size > CHUNK_SIZE - sizeof(struct arena_chunk)) {
		if (size > SIZE_MAX - sizeof(struct arena_chunk))
			return false;
		chunk_size = sizeof(struct arena_chunk) + size;
	}
	struct arena_chunk *chunk = mem_alloc(chunk_size);
	if (chunk == NULL)
		return false;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	arena->at = chunk->bytes;
	arena->end = (uint8_t *)chunk + chunk_size;
	return true;
}

/* Where a block of `size` would start in what is left, NULL where it does not fit. */
static uint8_t *place(const struct arena *arena, size_t size)
{
	if (arena->at == NULL)
		return NULL;
	uint8_t *block = align_up(arena->at);
	return block <= arena->end && (size_t)(arena->end - block) >= size ? block : NULL;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	uint8_t *block = place(arena, size);
	if (block == NULL) {
		if (!grow(arena, size))
			return NULL;
		block = arena->at;
	}
	arena->at = block + size;
	return block;
}

void *arena_dup(struct arena *arena, const void *bytes, size_t size)
{
	void *copy = arena_alloc(arena, size);
	if (copy != NULL && size > 0)
		memcpy(copy, bytes, size);
	return copy;
}

void arena_done(struct arena *arena)
{
	struct arena_chunk *chunk = arena->chunks;
	while (chunk != NULL) {
		struct arena_chunk *next = chunk->next;
		mem_free(chunk);
		chunk = next;
	}
	arena_init(arena, NULL, 0);
}
