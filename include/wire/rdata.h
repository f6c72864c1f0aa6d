/* wire/rdata.h: whether RDATA is what its type says, and where its compressible names are.
 *
 * Types without a row here are opaque (RFC 3597). Pointers are taken in the names of the types that
 * RFC 3597 section 4 wants decompressed, and are malformed in others. Silent; keeps nothing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rdata {
	const uint8_t *wire; /* the whole message */
	size_t wire_len;
	size_t at, len; /* the RDATA lies inside the message */
	uint16_t type, class;
};

enum rdata_quality {
	RDATA_BAD, /* a compression pointer that must not be followed: the message is hostile */
	RDATA_ODD, /* malformed, but nothing outside these bytes is touched by it */
	RDATA_OK,  /* as the type says, or of an unknown type */
};

enum rdata_quality rdata_check(const struct rdata *rdata);

/** Calls `on_name` with the offset of each name in the RDATA that may hold a compression pointer,
 * in order, up to the first malformed field. Follows no pointer. */
typedef void (*rdata_name_fn)(void *ctx, size_t name_at);
void rdata_each_name(const struct rdata *rdata, rdata_name_fn on_name, void *ctx);
