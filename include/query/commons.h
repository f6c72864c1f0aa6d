/* query/commons.h: what the workers of one program have in common beside that of which each has a
 * handle of its own (cache, timeline, client rates, squashers).
 *
 * Made with the first worker. Holders come and go only while all threads but one are held. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "query/limit.h"
#include "query/repair_tally.h"

struct family_post;
struct nftset;
struct worker;

struct commons {
	unsigned holders;
	uint32_t workers; /* as many as serve */
	struct worker *first;
	struct repair_tallies *repairs;
	struct family_post *post; /* NULL: there has been one worker alone */
	struct nftset *nftset;	  /* NULL: no zone has named one */
	struct limit_lines limit_lines;
	struct lock lock; /* of what follows */
	struct log_minute failures_told, zone_told, rebinding_told;
};

/** For one worker. NULL when memory is short. */
struct commons *commons_new(struct worker *first);
/** Several threads will use them. -ENOMEM. */
MUST_CHECK int commons_share(struct commons *commons);
struct commons *commons_ref(struct commons *commons);
void commons_unref(struct commons *commons); /* NULL is fine */

/** log_minute_allows(), of a warning that all workers say together; never where warnings are off.
 */
bool commons_may_warn(struct commons *commons, struct log_minute *minute, const struct clock *clock,
		      uint64_t *ret_held_back);
