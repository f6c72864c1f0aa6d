#include "stream_queue.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define ROOM_MIN 512u

void stream_queue_clear(struct stream_queue *queue)
{
	mem_free(queue->bytes);
	*queue = (struct stream_queue){ .bytes = NULL };
}

static int reserve(struct stream_queue *queue, size_t need)
{
	if (queue->at > 0) {
		memmove(queue->bytes, queue->bytes + queue->at, stream_queue_waiting(queue));
		queue->len -= queue->at;
		queue->at = 0;
		if (queue->max - queue->len >= need)
			return 0;
	}
	size_t max = queue->max > 0 ? queue->max : ROOM_MIN;
	while (max - queue->len < need)
		max *= 2;
	uint8_t *bytes = mem_realloc(queue->bytes, max);
	if (bytes == NULL)
		return -ENOMEM;
	queue->bytes = bytes;
	queue->max = max;
	return 0;
}

int stream_queue_put(struct stream_queue *queue, const uint8_t *wire, size_t wire_len)
{
	if (queue->max - queue->len < wire_len + 2) {
		int err = reserve(queue, wire_len + 2);
		if (err != 0)
			return err;
	}
	queue->bytes[queue->len++] = (uint8_t)(wire_len >> 8);
	queue->bytes[queue->len++] = (uint8_t)wire_len;
	if (wire_len > 0)
		memcpy(queue->bytes + queue->len, wire, wire_len);
	queue->len += wire_len;
	return 0;
}

uint8_t *stream_queue_take(struct stream_queue *queue, size_t *ret_len)
{
	uint8_t *at = queue->bytes + queue->at;

	*ret_len = (size_t)(at[0] << 8 | at[1]);
	queue->at += *ret_len + 2;
	return at + 2;
}
