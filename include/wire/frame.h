/* wire/frame.h: messages cut out of a byte stream by their two-byte length (RFC 1035 4.2.2,
 * RFC 7766 section 8), whatever pieces it arrives in.
 *
 * Keeps only what has arrived of an unfinished message: a prefix that promises 64 KB costs
 * nothing until the bytes come. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct frame_reader {
	uint8_t *held; /* an unfinished message, prefix included */
	size_t held_len, held_max;
};

/** Called for each whole message; the bytes are the callee's until it returns. False stops the
 * reading: the stream is being closed and the reader may be gone. */
typedef bool (*frame_fn)(void *ctx, const uint8_t *wire, size_t wire_len);

void frame_init(struct frame_reader *reader);
void frame_done(struct frame_reader *reader); /* frees what is held */
/** Takes in `len` bytes and hands out every message they complete, empty ones too. -ENOMEM; or
 * 0. */
MUST_CHECK int frame_feed(struct frame_reader *reader, const uint8_t *bytes, size_t len,
			  frame_fn on_message, void *ctx);
/** Bytes of an unfinished message are waiting. */
bool frame_is_partial(const struct frame_reader *reader);
