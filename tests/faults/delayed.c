#include "delayed.h"

#include <err.h>
#include <stdlib.h>
#include <time.h>

static struct delayed **heap;
static size_t count, room;

uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void swap(size_t one, size_t other)
{
	struct delayed *kept = heap[one];

	heap[one] = heap[other];
	heap[other] = kept;
}

void delayed_add(const struct delayed *packet)
{
	struct delayed *copy = malloc(sizeof(*copy));

	if (count == room) {
		room = room == 0 ? 1024 : 2 * room;
		heap = realloc(heap, room * sizeof(*heap));
	}
	if (heap == NULL || copy == NULL)
		err(1, "memory");
	*copy = *packet;
	heap[count] = copy;
	for (size_t at = count++; at > 0 && heap[(at - 1) / 2]->due_us > heap[at]->due_us;
	     at = (at - 1) / 2)
		swap(at, (at - 1) / 2);
}

const struct delayed *delayed_first(void)
{
	return count > 0 ? heap[0] : NULL;
}

void delayed_drop_first(void)
{
	free(heap[0]);
	heap[0] = heap[--count];
	for (size_t at = 0;;) {
		size_t least = 2 * at + 1;

		if (least + 1 < count && heap[least + 1]->due_us < heap[least]->due_us)
			least++;
		if (least >= count || heap[at]->due_us <= heap[least]->due_us)
			return;
		swap(at, least);
		at = least;
	}
}
