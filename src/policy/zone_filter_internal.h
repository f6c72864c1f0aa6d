/* zone_tails_internal.h: a filter of names by their last bytes, as many of them as all names that
 * are in it have. It may say yes to what is not there, but never no to what is. */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/sip.h"

#define ZONE_TAILS_MAX_LEN 8u

static inline bool bits_have(const uint32_t *bits, unsigned bit)
{
	return (bits[bit / 32] >> bit % 32 & 1) != 0;
}

static inline void bits_add(uint32_t *bits, unsigned bit)
{
	bits[bit / 32] |= (uint32_t)1 << bit % 32;
}

/* Names by their last bytes, as many of them as all that are in it have. */
struct zone_tails {
	uint32_t bits[8];
	uint8_t len; /* 1 to ZONE_TAILS_MAX_LEN; 0 where nothing is in it */
};

/* The last bytes of a name that has so many. */
static inline uint64_t zone_tails_read(const uint8_t *name, size_t len, unsigned tail_len)
{
	uint64_t tail = 0;

	if (len >= sizeof(tail)) {
		memcpy(&tail, name + len - sizeof(tail), sizeof(tail));
		return be64toh(tail) & UINT64_MAX >> (64 - 8 * tail_len);
	}
	for (size_t at = len - tail_len; at < len; at++)
		tail = tail << 8 | name[at];
	return tail;
}

/* By the upper bits of a product with the golden ratio. */
static inline unsigned zone_tails_bit(uint64_t tail)
{
	return (unsigned)(tail * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

/** False where no name that is in it is `name` or above it. */
static inline bool zone_tails_may_have(const struct zone_tails *tails, const uint8_t *name,
				       size_t len)
{
	if (tails->len == 0 || len < tails->len)
		return false;
	/* for each question, so bits_have() is not called */
	const unsigned bit = zone_tails_bit(zone_tails_read(name, len, tails->len));
	return (tails->bits[bit / 32] >> bit % 32 & 1) != 0;
}

/** `name` has at least tails->len bytes. */
static inline void zone_tails_note(struct zone_tails *tails, const uint8_t *name, size_t len)
{
	bits_add(tails->bits, zone_tails_bit(zone_tails_read(name, len, tails->len)));
}

/* Suffixes by their hash so far, of which a filter needs no more than the last round. */
struct zone_deep {
	uint32_t *bits;
	uint32_t mask; /* for the number of a bit: one less than a power of two */
};

static inline unsigned zone_deep_bit(const struct zone_deep *deep, const struct sip *sip)
{
	const uint32_t mixed = (uint32_t)(sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3) * 0x9e3779b9u;

	return mixed >> 8 & deep->mask;
}

static inline bool zone_deep_may_have(const struct zone_deep *deep, const struct sip *sip)
{
	return bits_have(deep->bits, zone_deep_bit(deep, sip));
}

static inline void zone_deep_note(struct zone_deep *deep, const struct sip *sip)
{
	bits_add(deep->bits, zone_deep_bit(deep, sip));
}
