/* query/repair_tally.h: how often squashed answers were repaired, and how.
 *
 * Counted by the family's name, so that a reload keeps it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "upstream/server.h"

/* id; name, as exported; what the log says of a server that squashes */
#define REPAIR_HOWS(X)                                                                        \
	X(REASK, "reask", "answers of other servers are used")                                \
	X(UPSTREAM, "repair_upstream", "answers of another group (repair_upstream) are used") \
	X(ON_FAILURE, "on_failure", "answers of another group (on_failure) are used")         \
	X(BELIEVED, "believed", "another server says the same: the alias has moved")          \
	X(LAST_GOOD, "last_good", "no server does better: the last good answer is used")      \
	X(SYNTHESIZE, "synthesize", "no server does better: the answer is made here")         \
	X(PASSED_ON, "passed_on",                                                             \
	  "no server does better and no good answer is known: clients are told so")

enum repair_how {
#define REPAIR_HOWS_ENUM(id, name, phrase) REPAIR_HOW_##id,
	REPAIR_HOWS(REPAIR_HOWS_ENUM)
#undef REPAIR_HOWS_ENUM
		REPAIR_HOW_COUNT
};
const char *repair_tally_phrase(enum repair_how how);

struct repair_tallies;
/** NULL when memory is short. */
struct repair_tallies *repair_tally_table_new(void);
void repair_tally_table_share(struct repair_tallies *table); /* several threads will count */
void repair_tally_table_free(struct repair_tallies *table);  /* NULL is fine */

/** Not where memory is short. */
void repair_tally_count(struct repair_tallies *table, const char *family, enum repair_how how);
/** True once in `every_us` for each family; false where memory is short. */
bool repair_tally_is_due(struct repair_tallies *table, const char *family, uint64_t now_us,
			 uint64_t every_us);

/** courierdns_repairs_total{family="apple",how="reask"} 3, of each that there was. All other
 * workers are held. */
void repair_tally_report(const struct repair_tallies *table, server_line_fn line, void *ctx);
