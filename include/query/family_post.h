/* query/family_post.h: what the other workers tell the first one of families of couriers, which
 * alone keeps them warm: that clients use them, and how many couriers there are.
 *
 * A box of a few letters. Where it is full a letter is lost: another question will come. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policy/courier.h"

struct family_letter {
	uint32_t plan_id;
	struct courier_match match; /* what was asked for */
	uint32_t type;
	uint32_t count, ttl; /* that its TXT record said; 0: the letter says that it is used */
};
_Static_assert(sizeof(struct family_letter) == 4 * 8, "the same bytes say the same");

struct family_post;
struct family_post *family_post_new(void);	 /* NULL when memory is short */
void family_post_free(struct family_post *post); /* NULL is fine */

/** From any thread. True where the box was empty: who takes letters out is to be woken. */
bool family_post_put(struct family_post *post, const struct family_letter *letter);
/* What one worker has written of late, so that what clients ask for over and over is written once a
 * second. A few; of those that share a place the last. */
#define FAMILY_POST_MEMOS 16u
struct family_post_memo {
	uint32_t written; /* a tick (query/warmth.h) */
	struct family_letter letter;
};
/** It is not among them; now it is. */
bool family_post_is_new(struct family_post_memo memos[FAMILY_POST_MEMOS],
			const struct family_letter *letter, uint32_t now);
/** False for none. */
bool family_post_take(struct family_post *post, struct family_letter *ret_letter);
