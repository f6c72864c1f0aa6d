/* Prints what looking up and keeping cost, in nanoseconds, and what an entry costs, in bytes.
 * Asserts nothing: the machine's mood is in every figure. Usage: bench_cache [megabytes] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache/cache.h"

#define NAMES_MAX 1000000u
#define ROUND 2000000u

static struct clock now = { .now_us = USEC_PER_SEC };
static struct stats stats;
static uint8_t buf[MESSAGE_MAX_LEN];
/* host-NNNNNN.example.org A, one address: 25 bytes of name, 57 of message */
static struct cache_key key = { .name = "\13host-000000\7example\3org",
				.name_len = 25,
				.type = TYPE_A,
				.class = CLASS_IN,
				.flags = CACHE_KEY_RD };
static uint8_t wire[] = "\0\0\x81\x80\0\1\0\1\0\0\0\0\13host-000000\7example\3org\0\0\1\0\1"
			"\xc0\14\0\1\0\1\0\0\16\20\0\4\300\0\2\1";

static void number(uint32_t n)
{
	for (size_t i = 0; i < 6; i++, n /= 10)
		key.name[11 - i] = wire[12 + 11 - i] = (uint8_t)('0' + n % 10);
	cache_key_rehash(&key);
}

static void store(struct cache *cache, uint32_t n)
{
	number(n);
	const struct cache_item item = { .wire = wire,
					 .wire_len = sizeof(wire) - 1,
					 .lifetime_s = 3600,
					 .note = { .route = 1 } };
	cache_store(cache, &key, &item);
}

static uint64_t nanoseconds(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

enum what { NUMBER, FIND, STORE };

/* In no order that a prefetcher would guess. */
static double run(struct cache *cache, enum what what, uint32_t first, uint32_t names,
		  unsigned *ret_found)
{
	uint64_t seed = 1;
	struct cache_hit hit;
	unsigned found = 0;

	const uint64_t start = nanoseconds();
	for (uint32_t i = 0; i < ROUND; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		const uint32_t n = first + (uint32_t)((seed >> 32) * names >> 32);
		if (what == STORE) {
			store(cache, n);
			continue;
		}
		number(n);
		if (what == FIND)
			found += cache_find(cache, &key, false, buf, sizeof(buf), &hit);
	}
	*ret_found = found;
	return (double)(nanoseconds() - start) / ROUND;
}

/* Of a full cache: the longest that the loop is held, a step, and all of them. */
static void flush(struct cache *cache)
{
	static const uint8_t nothing[] = "\7nothing\7example", zone[] = "\7example\3org";
	static const struct {
		const char *text;
		enum cache_flush_what what;
		const uint8_t *name;
	} flushes[] = { { "a name that is not there", CACHE_FLUSH_NAME, nothing },
			{ "a zone of all", CACHE_FLUSH_ZONE, zone },
			{ "all", CACHE_FLUSH_ALL, nothing } };
	struct cache_report report;

	for (size_t i = 0; i < sizeof(flushes) / sizeof(flushes[0]); i++) {
		struct cache_flush so_far = { .count = 0 };
		uint64_t longest = 0, steps = 0;
		bool has_more = true;

		for (uint32_t n = 0; n < NAMES_MAX; n++)
			store(cache, n);
		cache_report(cache, &report);
		const uint64_t start = nanoseconds();
		for (uint64_t last = start; has_more; steps++) {
			has_more = cache_flush(cache, flushes[i].what, flushes[i].name, &so_far);
			const uint64_t at = nanoseconds();
			longest = at - last > longest ? at - last : longest;
			last = at;
		}
		printf("flush of %s: %.1f MB in %.2f ms, %u steps, the longest %.0f us; %u of %u\n",
		       flushes[i].text, (double)report.bytes / (1 << 20),
		       (double)(nanoseconds() - start) / 1e6, (unsigned)steps,
		       (double)longest / 1e3, (unsigned)so_far.count, (unsigned)report.entries);
	}
}

int main(int argc, char **argv)
{
	static const uint32_t counts[] = { 1000, 100000, 200000 };
	const uint64_t megabytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 32;
	struct cache_report report;
	unsigned found;

	printf("%8s %9s %9s %9s %9s %9s %9s\n", "names", "kept", "bytes", "hit ns", "miss ns",
	       "replace", "evict");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct cache *cache = cache_new(megabytes << 20, 1, &now, &stats);

		if (cache == NULL)
			return 1;
		for (uint32_t n = 0; n < counts[i]; n++)
			store(cache, n);
		now.now_us += 3 * USEC_PER_SEC; /* so that there are TTLs to count down */
		cache_report(cache, &report);
		const double idle = run(cache, NUMBER, 0, counts[i], &found);
		const double hit = run(cache, FIND, 0, counts[i], &found) - idle;
		const double share = (double)found / ROUND;
		const double miss = run(cache, FIND, counts[i], counts[i], &found) - idle;
		const double replace = run(cache, STORE, 0, counts[i], &found) - idle;
		const double evict = run(cache, STORE, 0, NAMES_MAX, &found) - idle;
		printf("%8u %8.2f%% %9.1f %9.1f %9.1f %9.1f %9.1f\n", counts[i], 100 * share,
		       (double)report.bytes / (double)report.entries, hit, miss, replace, evict);
		cache_free(cache);
	}
	struct cache *large = cache_new(2 * megabytes << 20, 1, &now, &stats);
	if (large == NULL)
		return 1;
	flush(large);
	cache_free(large);
	return 0;
}
