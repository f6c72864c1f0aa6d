/* A byte stream in pieces: the first two bytes say how it is cut, the rest is the stream. The same
 * messages must come out however it arrives. */
#include <string.h>

#include "fuzz.h"
#include "wire/frame.h"

struct seen {
	size_t count, stop_after;
	uint64_t sum;
	bool has_stopped;
};

static bool see(void *ctx, const uint8_t *wire, size_t wire_len)
{
	struct seen *seen = ctx;

	CHECK(!seen->has_stopped);
	seen->count++;
	seen->sum = seen->sum * 31 + wire_len + 1;
	for (size_t i = 0; i < wire_len; i++)
		seen->sum = seen->sum * 31 + wire[i];
	seen->has_stopped = seen->count == seen->stop_after;
	return !seen->has_stopped;
}

/* Pieces of 1 to `most` bytes; each stands in memory of its own. */
static size_t feed_pieces(const uint8_t *data, size_t size, size_t most, uint32_t seed,
			  struct seen *seen)
{
	struct frame_reader reader;

	frame_init(&reader);
	while (size > 0 && !seen->has_stopped) {
		seed = seed * 1664525u + 1013904223u;
		size_t piece = 1 + (seed >> 16) % most;
		if (piece > size)
			piece = size;
		uint8_t *copy = fuzz_alloc(piece);
		memcpy(copy, data, piece);
		CHECK(frame_feed(&reader, copy, piece, see, seen) == 0);
		free(copy);
		/* no more room than twice what has come, or a little */
		CHECK(reader.held_max <= 2 * reader.held_len || reader.held_max <= 128);
		CHECK(frame_is_partial(&reader) == (reader.held_len > 0));
		data += piece;
		size -= piece;
	}
	const size_t held_len = reader.held_len;
	frame_done(&reader);
	return held_len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	const uint32_t seed = (uint32_t)data[0] << 8 | data[1];
	const size_t stop_after = data[1] % 8;
	data += 2;
	size -= 2;

	struct seen whole = { .stop_after = stop_after }, pieces = whole, bytes = whole;
	const size_t whole_held = feed_pieces(data, size, size + 1, 0, &whole);
	struct frame_reader reader;
	struct seen once = { .stop_after = stop_after };
	frame_init(&reader);
	CHECK(frame_feed(&reader, data, size, see, &once) == 0);
	frame_done(&reader);
	const size_t pieces_held = feed_pieces(data, size, 1 + seed % 64, seed, &pieces);
	const size_t bytes_held = feed_pieces(data, size, size <= 300 ? 1 : 50, seed, &bytes);

	CHECK(once.count == whole.count && once.sum == whole.sum);
	CHECK(pieces.count == once.count && pieces.sum == once.sum);
	CHECK(bytes.count == once.count && bytes.sum == once.sum);
	if (!once.has_stopped)
		CHECK(pieces_held == bytes_held && whole_held == bytes_held);
	return 0;
}
