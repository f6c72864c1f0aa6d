/* query/client_share.h: how many questions of each client wait for upstream, and who has most.
 *
 * A client is an address of IPv4 or a network of 64 bits of IPv6 (addr_client()). Each that has a
 * question waiting has an entry, so that there are never more of them than questions, and the table
 * is never full; all is O(1). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"

struct client_shares;
struct client_share;

/* In what waits; zeroed is none. */
struct client_share_hold {
	struct list link;	    /* among the client's, the oldest first */
	struct client_share *share; /* NULL: none */
};

/** For at most `max_holds` at once. NULL when memory is short. */
struct client_shares *client_share_new(uint32_t max_holds);
/** For at least so many. False when memory is short, and then it is as it was. */
bool client_share_reserve(struct client_shares *shares, uint32_t max_holds);
void client_share_free(struct client_shares *shares); /* NULL is fine; nothing may be held */

/** One more of that client's; returns how many it had before. There must be room, and `hold` must
 * be none. */
uint32_t client_share_take(struct client_shares *shares, const struct addr *addr,
			   struct client_share_hold *hold);
void client_share_give(struct client_shares *shares, struct client_share_hold *hold); /* or none */

/** How many the client has. */
uint32_t client_share_count(struct client_shares *shares, const struct addr *addr);
/** How many those have that have most; 0 when nobody has any. */
uint32_t client_share_most(const struct client_shares *shares);
/** The oldest of one of these, NULL when there is none. Another one of them is next the next time.
 */
struct client_share_hold *client_share_oldest_of_most(struct client_shares *shares);
/** The same client's next younger one, NULL behind the youngest. */
struct client_share_hold *client_share_younger(const struct client_share_hold *hold);
