/* base/hash.h: keyed hashes, because clients choose the names we put in tables.
 *
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), its key drawn once
 * per table from the system's random source; and, for what many tables are to find by one and the
 * same hash, a universal one whose key is drawn once for the process. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

void hash_key_draw(struct hash_key *ret_key);
uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t len);

/** Draws the key of this process where that has not been done. The functions below do it too, so
 * whoever makes threads calls it, or one of them, before. */
void hash_draw_secret(void);
/** Of at most HASH_LOWERED_MAX bytes with A-Z as a-z, which go to `to` on the way; `to` may be
 * `from`. Nobody who does not know our key can choose strings that meet: two do in either half of
 * the hash with a probability of 2^-32, in both with 2^-64. Half the price of hash_bytes(). */
#define HASH_LOWERED_MAX 256u
uint64_t hash_lowered(uint8_t *to, const uint8_t *from, size_t len);
/** The hash of what `hash` is of and a number beside it, at a tenth of the price of a new one.
 * Whoever chooses the numbers, but does not know our key, cannot make them meet: two of them do in
 * 32 bits of the hash, any 32 from either half, with a probability of 2^-32. */
uint64_t hash_with(uint64_t hash, uint64_t number);
