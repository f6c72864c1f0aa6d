/* eviction.h: the plain ways of making room, by entry, to measure the cache against; and streams of
 * questions that are the same in each run.
 *
 * A stream asks by Zipf's law for some names, and for as many others as it is told just once. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* --- streams ---------------------------------------------------------------------------------- */

struct stream {
	uint32_t names;	       /* that are asked for more than once */
	double skew;	       /* name n as often as 1 / n^skew */
	uint32_t once_percent; /* of all questions: for a name of their own */
	uint64_t seed;
	uint32_t once; /* asked so far */
	double *sums;
};

static inline bool stream_begin(struct stream *stream)
{
	stream->once = 0;
	stream->seed = 42;
	stream->sums = malloc(stream->names * sizeof(double));
	if (stream->sums == NULL)
		return false;
	for (uint32_t i = 0; i < stream->names; i++)
		stream->sums[i] =
			(i > 0 ? stream->sums[i - 1] : 0) + pow((double)i + 1, -stream->skew);
	return true;
}

/* splitmix64 (Steele, Lea and Flood, 2014) */
static inline uint64_t stream_draw(struct stream *stream)
{
	uint64_t z = stream->seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* The next name's number; those that are asked for once come behind the others. */
static inline uint32_t stream_next(struct stream *stream)
{
	if (stream_draw(stream) % 100 < stream->once_percent)
		return stream->names + stream->once++;
	const double at = (double)(stream_draw(stream) >> 11) / (double)(UINT64_C(1) << 53) *
			  stream->sums[stream->names - 1];
	uint32_t low = 0, high = stream->names - 1;
	while (low < high) {
		const uint32_t middle = (low + high) / 2;

		if (stream->sums[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* --- ways of making room ---------------------------------------------------------------------- */

enum eviction { EVICTION_FIFO, EVICTION_LRU, EVICTION_CLOCK, EVICTION_SIEVE, EVICTION_KINDS };
static const char *const eviction_names[EVICTION_KINDS] = { "FIFO", "LRU", "CLOCK", "SIEVE" };

#define EVICTION_NONE UINT32_MAX
struct eviction_name {
	uint32_t newer, older; /* of what came, or was asked for, after and before */
	bool is_in, is_found;
};

/* A list of so many names at most, the newest first. */
struct evicting {
	enum eviction kind;
	uint32_t room, used;
	uint32_t newest, oldest, hand;
	struct eviction_name *names; /* by number */
	uint32_t hits;
};

static inline bool evicting_begin(struct evicting *list, enum eviction kind, uint32_t room,
				  uint32_t names)
{
	*list = (struct evicting){ .kind = kind,
				   .room = room,
				   .newest = EVICTION_NONE,
				   .oldest = EVICTION_NONE,
				   .hand = EVICTION_NONE,
				   .names = calloc(names, sizeof(struct eviction_name)) };
	return list->names != NULL;
}

static inline void evicting_unlink(struct evicting *list, uint32_t n)
{
	const struct eviction_name *name = &list->names[n];

	if (name->newer != EVICTION_NONE)
		list->names[name->newer].older = name->older;
	else
		list->newest = name->older;
	if (name->older != EVICTION_NONE)
		list->names[name->older].newer = name->newer;
	else
		list->oldest = name->newer;
}

static inline void evicting_link(struct evicting *list, uint32_t n)
{
	list->names[n].newer = EVICTION_NONE;
	list->names[n].older = list->newest;
	if (list->newest != EVICTION_NONE)
		list->names[list->newest].newer = n;
	else
		list->oldest = n;
	list->newest = n;
}

/* Zhang et al., "SIEVE is simpler than LRU", 2024: a hand goes from old to new, and what was found
 * stays where it is. */
static inline uint32_t evicting_by_hand(struct evicting *list)
{
	uint32_t n = list->hand == EVICTION_NONE ? list->oldest : list->hand;

	while (list->names[n].is_found) {
		list->names[n].is_found = false;
		n = list->names[n].newer == EVICTION_NONE ? list->oldest : list->names[n].newer;
	}
	list->hand = list->names[n].newer;
	return n;
}

/* A second chance, as what has just come. */
static inline uint32_t evicting_by_clock(struct evicting *list)
{
	while (list->names[list->oldest].is_found) {
		const uint32_t n = list->oldest;

		list->names[n].is_found = false;
		evicting_unlink(list, n);
		evicting_link(list, n);
	}
	return list->oldest;
}

static inline void evicting_make_room(struct evicting *list)
{
	uint32_t n = list->oldest;

	if (list->kind == EVICTION_SIEVE)
		n = evicting_by_hand(list);
	else if (list->kind == EVICTION_CLOCK)
		n = evicting_by_clock(list);
	evicting_unlink(list, n);
	list->names[n].is_in = false;
	list->used--;
}

static inline void evicting_ask(struct evicting *list, uint32_t n)
{
	struct eviction_name *name = &list->names[n];

	if (name->is_in) {
		list->hits++;
		name->is_found = true;
		if (list->kind == EVICTION_LRU) {
			evicting_unlink(list, n);
			evicting_link(list, n);
		}
		return;
	}
	if (list->used == list->room)
		evicting_make_room(list);
	*name = (struct eviction_name){ .is_in = true };
	evicting_link(list, n);
	list->used++;
}
