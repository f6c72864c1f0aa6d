#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

/* A page of its own, so that the kernel can empty it in a forked child (`left` 0 then means
 * "fetch"): two processes must never draw the same numbers. */
struct pool {
	size_t left; /* the last `left` bytes are still to be used */
	uint8_t bytes[256];
};

/* One per thread: NULL until the first use, and for good where the kernel cannot do that. */
static _Thread_local struct {
	struct pool *pool;
	bool has_tried;
} own;

/* Nothing safe is left to do where the kernel has no randomness: predictable IDs are worse than
 * no service. */
static void fetch(void *out, size_t len)
{
	uint8_t *at = out;
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		at += got;
		len -= (size_t)got;
	}
}

static struct pool *open_pool(void)
{
	void *page = mmap(NULL, sizeof(struct pool), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return NULL;
	if (madvise(page, sizeof(struct pool), MADV_WIPEONFORK) == 0)
		return page;
	munmap(page, sizeof(struct pool));
	return NULL;
}

static struct pool *own_pool(void)
{
	if (!own.has_tried) {
		own.has_tried = true;
		own.pool = open_pool();
	}
	return own.pool;
}

void random_bytes(void *out, size_t len)
{
	struct pool *pool = own_pool();

	if (pool == NULL || len > sizeof(pool->bytes)) {
		fetch(out, len);
		return;
	}
	if (pool->left < len) {
		fetch(pool->bytes, sizeof(pool->bytes));
		pool->left = sizeof(pool->bytes);
	}
	uint8_t *from = pool->bytes + sizeof(pool->bytes) - pool->left;
	memcpy(out, from, len);
	memset(from, 0, len); /* which others may read, for all that the compiler knows */
	pool->left -= len;
}

/* Drawn for every question, so without a call for the two bytes. */
uint16_t random_u16(void)
{
	struct pool *pool = own.pool;
	uint16_t value;

	if (pool == NULL || pool->left < sizeof(value)) {
		random_bytes(&value, sizeof(value));
		return value;
	}
	volatile uint8_t *from = pool->bytes + sizeof(pool->bytes) - pool->left;
	value = (uint16_t)(from[0] << 8 | from[1]);
	from[0] = from[1] = 0;
	pool->left -= sizeof(value);
	return value;
}

uint32_t random_below(uint32_t bound)
{
	assert(bound != 0);
	/* The lowest (2^32 mod bound) values would make some results likelier: draw again. */
	const uint32_t uneven = -bound % bound;
	uint32_t value;
	do
		random_bytes(&value, sizeof(value));
	while (value < uneven);
	return value % bound;
}
