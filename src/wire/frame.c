#include "wire/frame.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define PREFIX_LEN 2
#define HELD_MIN 128u

void frame_init(struct frame_reader *reader)
{
	*reader = (struct frame_reader){ 0 };
}

void frame_done(struct frame_reader *reader)
{
	mem_free(reader->held);
	frame_init(reader);
}

bool frame_is_partial(const struct frame_reader *reader)
{
	return reader->held_len > 0;
}

/* Length of a frame, prefix included. */
static size_t frame_len(const uint8_t *prefix)
{
	return PREFIX_LEN + (size_t)(prefix[0] << 8 | prefix[1]);
}

/* Holds `len` bytes more, which belong to the frame begun. Room grows twofold: with what has
 * arrived, not with what was promised. */
static int hold(struct frame_reader *reader, const uint8_t *bytes, size_t len)
{
	const size_t needed = reader->held_len + len;

	if (needed > reader->held_max) {
		size_t max = 2 * reader->held_max;
		if (max < needed)
			max = needed;
		if (max < HELD_MIN)
			max = HELD_MIN;
		uint8_t *held = mem_realloc(reader->held, max);
		if (held == NULL)
			return -ENOMEM;
		reader->held = held;
		reader->held_max = max;
	}
	memcpy(reader->held + reader->held_len, bytes, len);
	reader->held_len = needed;
	return 0;
}

/* Adds to the unfinished frame what it lacks, first its prefix, then the rest; moves *bytes behind
 * what was taken. */
static int complete(struct frame_reader *reader, const uint8_t **bytes, size_t *len)
{
	size_t wanted = PREFIX_LEN;

	for (;;) {
		if (reader->held_len >= PREFIX_LEN)
			wanted = frame_len(reader->held);
		size_t taken = wanted - reader->held_len;
		if (taken > *len)
			taken = *len;
		if (taken == 0)
			return 0;
		int err = hold(reader, *bytes, taken);
		if (err != 0)
			return err;
		*bytes += taken;
		*len -= taken;
	}
}

static bool is_complete(const struct frame_reader *reader)
{
	return reader->held_len >= PREFIX_LEN && reader->held_len == frame_len(reader->held);
}

int frame_feed(struct frame_reader *reader, const uint8_t *bytes, size_t len, frame_fn on_message,
	       void *ctx)
{
	int err;

	if (frame_is_partial(reader)) {
		if ((err = complete(reader, &bytes, &len)) != 0)
			return err;
		if (!is_complete(reader))
			return 0;
		/* The callee may have the reader freed: what it reads is taken out first. */
		uint8_t *held = reader->held;
		const size_t held_len = reader->held_len;
		frame_init(reader);
		const bool goes_on = on_message(ctx, held + PREFIX_LEN, held_len - PREFIX_LEN);
		mem_free(held);
		if (!goes_on)
			return 0;
	}
	while (len >= PREFIX_LEN && len >= frame_len(bytes)) {
		const size_t whole = frame_len(bytes);
		if (!on_message(ctx, bytes + PREFIX_LEN, whole - PREFIX_LEN))
			return 0;
		bytes += whole;
		len -= whole;
	}
	return len > 0 ? hold(reader, bytes, len) : 0;
}
