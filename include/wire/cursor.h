/* wire/cursor.h: reading and writing bytes with one check at the end.
 *
 * After the first short read or write `failed` stays set, reads yield 0 and writes do nothing,
 * so a parser is written straight through. All numbers are in network order (RFC 1035 2.3.2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

/** Nothing may be at NULL: to that, C does not let even 0 be added. */
static inline struct cursor cursor_over(const uint8_t *bytes, size_t len)
{
	return (struct cursor){ .at = bytes, .end = len > 0 ? bytes + len : bytes };
}

static inline size_t cursor_left(const struct cursor *cursor)
{
	return (size_t)(cursor->end - cursor->at);
}

/** The next `len` bytes, or NULL and failed. */
static inline const uint8_t *cursor_bytes(struct cursor *cursor, size_t len)
{
	if (cursor->failed || cursor_left(cursor) < len) {
		cursor->failed = true;
		return NULL;
	}
	const uint8_t *bytes = cursor->at;
	cursor->at += len;
	return bytes;
}

static inline uint8_t cursor_u8(struct cursor *cursor)
{
	const uint8_t *bytes = cursor_bytes(cursor, 1);
	return bytes == NULL ? 0 : bytes[0];
}

static inline uint16_t cursor_u16(struct cursor *cursor)
{
	const uint8_t *bytes = cursor_bytes(cursor, 2);
	if (bytes == NULL)
		return 0;
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t cursor_u32(struct cursor *cursor)
{
	const uint8_t *bytes = cursor_bytes(cursor, 4);
	if (bytes == NULL)
		return 0;
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       (uint32_t)bytes[3];
}

struct cursor_out {
	uint8_t *start, *at, *end;
	bool failed;
};

static inline struct cursor_out cursor_into(uint8_t *bytes, size_t max)
{
	return (struct cursor_out){ .start = bytes, .at = bytes, .end = bytes + max };
}

static inline size_t cursor_written(const struct cursor_out *out)
{
	return (size_t)(out->at - out->start);
}

static inline void cursor_put(struct cursor_out *out, const void *bytes, size_t len)
{
	if (out->failed || (size_t)(out->end - out->at) < len) {
		out->failed = true;
		return;
	}
	if (len > 0)
		memcpy(out->at, bytes, len);
	out->at += len;
}

static inline void cursor_put_u8(struct cursor_out *out, uint8_t value)
{
	cursor_put(out, &value, 1);
}

static inline void cursor_put_u16(struct cursor_out *out, uint16_t value)
{
	const uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };
	cursor_put(out, bytes, sizeof(bytes));
}

static inline void cursor_put_u32(struct cursor_out *out, uint32_t value)
{
	const uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16),
				   (uint8_t)(value >> 8), (uint8_t)value };
	cursor_put(out, bytes, sizeof(bytes));
}
