/* cache/cache_key.h: a question as the cache knows it, with its hash.
 *
 * The hash is made once, when the question comes, and every table that is looked into by question
 * or by name uses it: nobody hashes a name again. */
#pragma once

#include <stdint.h>

#include "wire/name.h"
#include "wire/query_view.h"

/* D1, and RD: a reply to RD=0 is another reply. AD is not here: see cache_hit.knows_ad. */
struct cache_key {
	uint16_t type, class;
	uint8_t flags; /* CACHE_KEY_* */
	uint8_t name_len;
	uint64_t view; /* partition by client rules; 0 for all */

	/* By the secret of the process: nobody can choose names or questions that meet. */
	uint64_t name_hash; /* of the name alone */
	uint64_t hash;	    /* of all but these two */

	uint8_t name[NAME_MAX_LEN]; /* lower case; last, for most are short */
};
enum { CACHE_KEY_RD = 1, CACHE_KEY_CD = 2, CACHE_KEY_DO = 4 };

void cache_key_init(struct cache_key *ret_key, const struct query_view *view, uint64_t partition);
/** As much as there is of the name goes along. */
void cache_key_copy(struct cache_key *ret_key, const struct cache_key *key);
/** Puts it into another partition, for which the name need not be hashed again. */
void cache_key_set_view(struct cache_key *key, uint64_t view);
/** Makes the hashes anew: for whoever has put together or changed the rest by hand. */
void cache_key_rehash(struct cache_key *key);
