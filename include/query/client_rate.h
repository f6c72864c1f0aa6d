/* query/client_rate.h: who asks faster than limits.rate_per_client.
 *
 * A bucket of tokens for each client (addr_client()), one for UDP and one for TCP: a sender address
 * over UDP may be forged, and must not use up what its owner may ask over TCP, where it cannot be.
 * The table is of a fixed size. Clients without a debt are in nobody's way; where too many have
 * one, whoever has the smallest is forgotten, which lets them ask a little more than they should,
 * and is counted. Workers share one table, each by a handle of its own, so that the rate is that of
 * all of them together. No memory is taken from start to end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/stats.h"

struct client_rates;
/** For so many workers (1 or more); the handle is for the first. NULL when memory is short. The
 * stats are borrowed. */
struct client_rates *client_rate_new(unsigned workers, struct stats *stats);
/** A handle to the same table for another worker, with stats of his own. NULL when memory is
 * short. */
struct client_rates *client_rate_share(struct client_rates *rates, struct stats *stats);
/** Gives one handle back; the table goes with the last. NULL is fine. */
void client_rate_free(struct client_rates *rates);

struct client_rate_limit {
	uint32_t per_second; /* not 0 */
	uint32_t burst;	     /* 0: as many as in a second */
};

enum client_rate {
	CLIENT_RATE_WITHIN,
	CLIENT_RATE_ABOVE,
	CLIENT_RATE_SLIP, /* above, and of every CLIENT_RATE_SLIP_EACH of a client's it is this
			   * one's turn not to be met with silence */
};
#define CLIENT_RATE_SLIP_EACH 2u

/** One more question of that client's. */
enum client_rate client_rate_take(struct client_rates *rates, const struct addr *client,
				  bool is_stream, const struct client_rate_limit *limit,
				  uint64_t now_us);
