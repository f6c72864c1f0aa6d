#include "base/mem.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>

/* Of tests alone: where nobody calls mem_fail_nth() the link makes nothing of it. Each thread
 * counts its own. */
static bool is_counting;
static _Thread_local uint64_t allocations;
static _Thread_local uint64_t fail_at;

static bool must_fail(void)
{
	return is_counting && ++allocations == fail_at;
}

/* malloc(0) may be NULL, which must mean one thing only here. */
static size_t at_least_one(size_t size)
{
	return size > 0 ? size : 1;
}

void *mem_alloc(size_t size)
{
	return must_fail() ? NULL : malloc(at_least_one(size));
}

void *mem_zalloc(size_t size)
{
	return must_fail() ? NULL : calloc(1, at_least_one(size));
}

void *mem_realloc(void *old, size_t size)
{
	return must_fail() ? NULL : realloc(old, at_least_one(size));
}

void *mem_grow(void *list, size_t count, size_t *max, size_t each)
{
	if (count < *max)
		return list;
	const size_t more = *max * 2 + 8;
	void *grown = mem_realloc(list, more * each);
	if (grown != NULL)
		*max = more;
	return grown;
}

char *mem_strdup(const char *text)
{
	return mem_dup(text, strlen(text) + 1);
}

void *mem_dup(const void *bytes, size_t size)
{
	void *copy = mem_alloc(size);
	if (copy != NULL && size > 0)
		memcpy(copy, bytes, size);
	return copy;
}

void mem_free(void *block)
{
	free(block);
}

void mem_fail_nth(uint64_t nth)
{
	is_counting = true;
	allocations = 0;
	fail_at = nth;
}

uint64_t mem_allocations(void)
{
	return allocations;
}

/* glibc takes 128 KB ahead of time, and then no longer knows that they are zero still. */
void mem_take_little(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_TOP_PAD, 0);
#endif
}

void mem_trim(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}
