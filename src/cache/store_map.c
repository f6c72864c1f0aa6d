#include "store_internal.h"

#include <sys/mman.h>

/* The index is never more than an eighth of all, as much as the smallest replies there are can
 * need. */
#define INDEX_SHARE 8u
/* An eighth of it holds the smallest replies there are. */
#define STORE_MIN_BYTES 768u
/* A store below this, the smallest that can be configured, is not divided. */
#define TWO_RINGS_BYTES (UINT64_C(64) << 10)

static void empty_ring(struct store_ring *ring, uint32_t start, uint32_t end)
{
	*ring = (struct store_ring){ .start = start, .end = end };
	ring->head = ring->tail = start;
	ring->limit = ring->ceiling = end;
}

/* The rings, with nothing in them: all that the index leaves. */
static void lay_out(struct store *store, uint64_t bytes)
{
	const uint32_t start = 1, end = store_floor(store);
	const uint32_t middle = bytes < TWO_RINGS_BYTES ? start : start + (end - start) / 4;

	empty_ring(&store->newcomers, start, middle);
	empty_ring(&store->kept, middle, end);
	store->max_units = (end - start) / 8; /* half of the smaller ring */
	if (store->max_units > ENTRY_MAX_UNITS)
		store->max_units = ENTRY_MAX_UNITS;
}

static size_t map_bytes(const struct store *store)
{
	return (size_t)((uint8_t *)store->index.top - (uint8_t *)store->map);
}

void store_map_clear(struct store *store)
{
	if (store->map == NULL)
		return;
	index_clear(&store->index);
	lay_out(store, map_bytes(store));
	store->entries = 0;
	store->is_short = false;
}

bool store_map_open(struct store *store, uint64_t max_bytes)
{
	const uint64_t addressable = (uint64_t)INDEX_FOUND * ENTRY_UNIT;
	const uint64_t bytes = (max_bytes < addressable ? max_bytes : addressable) &
			       ~(uint64_t)(sizeof(struct index_bucket) - 1);

	*store = (struct store){ .max_bytes = max_bytes };
	if (bytes < STORE_MIN_BYTES)
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
	const uint64_t buckets = bytes / sizeof(struct index_bucket);
	index_init(&store->index, (struct index_bucket *)map + buckets,
		   (uint32_t)(buckets / INDEX_SHARE));
	lay_out(store, bytes);
	return true;
}

size_t store_map_close_some(struct store *store, size_t bytes)
{
	const size_t left = store->map == NULL ? 0 : map_bytes(store);
	const size_t some = bytes < left ? bytes : left;

	if (some == 0)
		return 0;
	munmap(store->map, some);
	store->map = some < left ? store->map + some / ENTRY_UNIT : NULL;
	return some;
}

void store_map_close(struct store *store)
{
	(void)store_map_close_some(store, SIZE_MAX);
}
