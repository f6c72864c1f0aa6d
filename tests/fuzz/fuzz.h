/* fuzz.h: what every fuzz target shares. A target reads like any program: bytes in, and CHECK()
 * for what must be true of whatever came out of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(claim)                                                                          \
	do {                                                                                  \
		if (!(claim)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #claim); \
			abort();                                                              \
		}                                                                             \
	} while (0)

/** Memory of exactly this size, so that the sanitizer sees every byte too far. Free with free(). */
static inline uint8_t *fuzz_alloc(size_t size)
{
	uint8_t *block = malloc(size > 0 ? size : 1);
	if (block == NULL)
		exit(1);
	return block;
}
