/* fixed_random.h: in place of base/random: the key of all hashes, and so whatever hangs on it, is
 * the same in each run. */
#pragma once

#include "base/random.h"

void random_bytes(void *out, size_t len)
{
	static uint64_t seed = 1;
	uint8_t *at = out;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		at[i] = (uint8_t)(seed >> 56);
	}
}
