/* base/hash.h: a keyed hash, because clients choose the names we put in tables.
 *
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012). The key is
 * drawn once per table from the system's random source. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

void hash_key_draw(struct hash_key *ret_key);
uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t len);
