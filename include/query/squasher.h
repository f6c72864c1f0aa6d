/* query/squasher.h: which servers squash the alias of a family: how, how often and since when.
 *
 * Counted by family, server and shape; told in the log when a server begins and when it has
 * stopped, four lines of a server's in a row and then one a minute at most, of all together 128 and
 * then one every ten seconds. Known by the family's name and the server's address, so that a reload
 * keeps it; of at most SQUASHERS_MAX, of more the one seen longest ago is forgotten, and counted.
 * Servers that never squash cost nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/stats.h"
#include "policy/squash.h"
#include "upstream/server.h"

#define SQUASHERS_MAX 64u

struct squashers; /* one worker's view of them */
/** Both borrowed. NULL when memory is short. */
struct squashers *squasher_table_new(const struct clock *clock, struct stats *stats);
/** Those of another worker, which see and tell the same; before it has a thread. */
struct squashers *squasher_table_share(struct squashers *first, const struct clock *clock,
				       struct stats *stats);
void squasher_table_free(struct squashers *squashers); /* NULL is fine; before its servers */

/* What a server said to a question for an alias. All borrowed. */
struct squasher_sight {
	const char *family;
	const uint8_t *alias; /* in wire form */
	const struct server *server;
	uint16_t type;
	enum squash shape; /* SQUASH_NONE: the truth; SQUASH_SILENT: nothing */
};
/** Counts it. True where it does squash: silence is that only of a server which is heard
 * otherwise, and until it is, it counts as nothing. */
bool squasher_note(struct squashers *squashers, const struct squasher_sight *sight);

/** A question for that family's alias is at its end: tells of whoever has begun or stopped since.
 * `so` says what is done about it, "the answers of other servers are used". NULL: nothing was, so
 * only who has stopped is told; whoever has begun is told by the question that saw it. */
void squasher_tell(struct squashers *squashers, const char *family, const char *so);

struct squasher_view {
	const char *family, *group;
	const struct addr *addr;
	const uint64_t *counts; /* by shape */
	bool is_squashing;	/* else it has stopped */
	enum squash shape;	/* the last */
	uint32_t since_s;	/* that it has been squashing, or ago when it last did */
};
/** Each that is known, whether it still squashes or not. The view is good until `fn` returns. All
 * other workers are held, here and in squasher_report(). */
typedef void (*squasher_fn)(void *ctx, const struct squasher_view *view);
void squasher_each(struct squashers *squashers, squasher_fn fn, void *ctx);

/** courierdns_squashes_total{family="apple",shape="nxdomain",server="192.0.2.1@53"} 12, of each
 * that there was. */
void squasher_report(struct squashers *squashers, server_line_fn line, void *ctx);
