/* stream_queue.h: messages behind their lengths, first in, first out (RFC 1035 section 4.2.2). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Zeroed is empty and holds no memory. */
struct stream_queue {
	uint8_t *bytes;
	size_t at, len, max; /* what waits is bytes[at] .. bytes[len - 1] */
};

static inline size_t stream_queue_waiting(const struct stream_queue *queue)
{
	return queue->len - queue->at;
}

/** Length and message, of at most 65,535 bytes; -ENOMEM. */
MUST_CHECK int stream_queue_put(struct stream_queue *queue, const uint8_t *wire, size_t wire_len);
/** Takes the first message, which must be whole; good until the queue is changed. */
uint8_t *stream_queue_take(struct stream_queue *queue, size_t *ret_len);
/** Empties it and frees its memory. */
void stream_queue_clear(struct stream_queue *queue);
