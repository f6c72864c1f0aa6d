/* upstream/letter_case.h: random letter case in the question that goes upstream ("0x20").
 *
 * Each letter of a question that must come back as it was sent is a bit that a forger has to guess.
 * (Draft draft-vixie-dnsext-dns0x20, which never became an RFC.) */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/name.h"

/* Which letters go in the other case than the client's. Zeroed is: none, and any case will do. */
struct letter_case {
	bool is_random;
	uint8_t flips[(NAME_MAX_LEN + 7) / 8];
};

/** For a name of that length. */
void letter_case_draw(struct letter_case *letters, size_t name_len);
/** From the client's case to ours, or back again. */
void letter_case_flip(const struct letter_case *letters, uint8_t *name, size_t name_len);
/** Whether the reply's question, which is this name's, came back as it was sent; then the reply is
 * given the client's case, so that nobody further on sees the difference. */
bool letter_case_take_back(const struct letter_case *letters, const uint8_t *name, size_t name_len,
			   uint8_t *wire, size_t wire_len);
