/* base/random.h: unpredictable numbers from getrandom(2), fetched in blocks.
 *
 * For query IDs, ports and hash keys (RFC 5452 section 9.2). A block is forgotten as it is
 * used and dropped in a forked child. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t len);
uint16_t random_u16(void);
/** Even over 0 .. bound - 1; bound must not be 0. */
uint32_t random_below(uint32_t bound);
