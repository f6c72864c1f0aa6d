/* Prints how many questions of a Zipf stream with names that are asked for just once in between are
 * answered from the cache, beside plain ways of making room (FIFO, LRU, CLOCK, SIEVE) with as many
 * entries as fit into its bytes. Shares of all questions, in percent. The figures are exact: no
 * time is in them. Usage: bench_eviction [questions] */
#include <stdio.h>
#include <string.h>

#include "../unit/cache/eviction.h"
#include "cache/cache.h"

#define NAMES 100000u

static struct clock now = { .now_us = USEC_PER_SEC };
static struct stats stats;
static uint8_t buf[MESSAGE_MAX_LEN];
/* host-NNNNNNN.example.org A, one address */
static struct cache_key key = { .name = "\14host-0000000\7example\3org",
				.name_len = 26,
				.type = TYPE_A,
				.class = CLASS_IN,
				.flags = CACHE_KEY_RD };
static uint8_t wire[] = "\0\0\x81\x80\0\1\0\1\0\0\0\0\14host-0000000\7example\3org\0\0\1\0\1"
			"\xc0\14\0\1\0\1\0\0\16\20\0\4\300\0\2\1";

static bool ask(struct cache *cache, uint32_t n)
{
	const struct cache_item item = { .wire = wire,
					 .wire_len = sizeof(wire) - 1,
					 .lifetime_s = 3600,
					 .note = { .route = 1 } };
	struct cache_hit hit;

	for (size_t i = 0; i < 7; i++, n /= 10)
		key.name[12 - i] = wire[12 + 12 - i] = (uint8_t)('0' + n % 10);
	cache_key_rehash(&key);
	if (cache_find(cache, &key, false, buf, sizeof(buf), &hit))
		return true;
	cache_store(cache, &key, &item);
	return false;
}

static uint32_t ask_ours(struct stream *stream, uint64_t bytes, uint32_t questions)
{
	struct cache *cache = cache_new(bytes, 1, &now, &stats);
	uint32_t hits = 0;

	if (cache == NULL || !stream_begin(stream))
		exit(1);
	for (uint32_t i = 0; i < questions; i++)
		hits += ask(cache, stream_next(stream));
	free(stream->sums);
	cache_free(cache);
	return hits;
}

static uint32_t ask_plain(struct stream *stream, enum eviction kind, uint32_t room,
			  uint32_t questions)
{
	struct evicting list;

	if (!stream_begin(stream) || !evicting_begin(&list, kind, room, stream->names + questions))
		exit(1);
	for (uint32_t i = 0; i < questions; i++)
		evicting_ask(&list, stream_next(stream));
	free(list.names);
	free(stream->sums);
	return list.hits;
}

int main(int argc, char **argv)
{
	static const double skews[] = { 0.6, 0.8, 0.9, 1.0, 1.1, 1.2 };
	static const uint32_t once[] = { 0, 20, 50 }, rooms[] = { 1000, 5000, 20000, 50000 };
	const uint32_t questions = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;

	printf("%5s %5s %8s %8s", "skew", "once", "room", "ours");
	for (enum eviction kind = 0; kind < EVICTION_KINDS; kind++)
		printf(" %8s", eviction_names[kind]);
	printf("\n");
	for (size_t s = 0; s < sizeof(skews) / sizeof(skews[0]); s++)
		for (size_t o = 0; o < sizeof(once) / sizeof(once[0]); o++)
			for (size_t r = 0; r < sizeof(rooms) / sizeof(rooms[0]); r++) {
				struct stream stream = { .names = NAMES,
							 .skew = skews[s],
							 .once_percent = once[o] };
				const uint64_t bytes = rooms[r] * UINT64_C(106);
				printf("%5.1f %4u%% %8u %8.2f", skews[s], once[o], rooms[r],
				       100.0 * ask_ours(&stream, bytes, questions) / questions);
				for (enum eviction kind = 0; kind < EVICTION_KINDS; kind++)
					printf(" %8.2f", 100.0 *
								 ask_plain(&stream, kind, rooms[r],
									   questions) /
								 questions);
				printf("\n");
			}
	return 0;
}
