/* Preloaded into the program under measurement: its allocations; counts_calls.c has the rest. */
#include "counts.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Atomic uint64_t before[COUNTS], *counts = before;

void counts_add(enum count count)
{
	++counts[count];
}

__attribute__((constructor)) static void open_count(void)
{
	const char *path = getenv("COUNTS");
	const int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		abort(); /* who counts nothing finds none */
	void *map = mmap(NULL, sizeof(before), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	close(fd);
	counts = map;
	for (int at = 0; at < COUNTS; at++)
		counts[at] += before[at];
}

EXPORTED void *malloc(size_t size)
{
	counts_add(COUNT_ALLOCATIONS);
	return __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
	counts_add(COUNT_ALLOCATIONS);
	return __libc_calloc(count, size);
}

EXPORTED void *realloc(void *old, size_t size)
{
	counts_add(COUNT_ALLOCATIONS);
	return __libc_realloc(old, size);
}

EXPORTED void *memalign(size_t alignment, size_t size)
{
	counts_add(COUNT_ALLOCATIONS);
	return __libc_memalign(alignment, size);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

EXPORTED int posix_memalign(void **ret, size_t alignment, size_t size)
{
	*ret = memalign(alignment, size);
	return *ret == NULL ? ENOMEM : 0;
}
