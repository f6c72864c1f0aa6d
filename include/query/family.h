/* query/family.h: what is known of each family of couriers while the program runs: whether clients
 * use it, how many couriers it has, and how much of it is kept warm.
 *
 * Known by the family's name, so that a reload keeps it; asked for by its index in conf->couriers
 * of the worker's plan. Where memory is short, nothing is known of a family and nothing kept warm
 * until there is some. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "policy/courier.h"

struct request;
struct worker;

/* A family is in use for so long after the last client's question for any of its names; one whose
 * pre_resolve is "always", always. */
#define FAMILY_IN_USE_S 3600u

/* What a count TXT record may say (`count=N`); anything else is no news. */
#define FAMILY_COUNT_MIN 1u
#define FAMILY_COUNT_MAX 999u
/* Past the TTL of the record that said so, a count holds for so long still: the next one may be
 * under way. */
#define FAMILY_COUNT_GRACE_S 60u

struct families;
/** Follows the worker's plan. NULL when memory is short. */
struct families *family_table_new(struct worker *worker);
void family_table_free(struct families *families); /* NULL is fine */
/** The worker has another plan. */
void family_follow(struct worker *worker);

/** A client asks for a name of that family. `type` is of class IN. */
void family_note_used(struct worker *worker, const struct courier_match *match, uint16_t type);
bool family_is_in_use(struct worker *worker, unsigned family);

/** What upstream said to a question for a name of a family has been kept: that a server answers,
 * and to the question for the count TXT how many couriers there are. */
void family_note_result(struct request *request);
/** N of its variants runs from 0 to this: as its TXT record said, else as it is configured. */
uint32_t family_count(struct worker *worker, unsigned family);

struct family_status {
	const char *name; /* the plan's */
	enum courier_warmth pre_resolve;
	bool is_in_use;
	bool has_been_used;  /* by a client */
	uint32_t used_ago_s; /* where it has */
	uint32_t count;
	bool is_count_learned;	  /* else it is the configured one */
	uint32_t warm, total;	  /* questions (name and type) that the cache answers, of those
				   * that are kept warm; both 0 while none are */
	uint32_t asking;	  /* of these, upstream now */
	uint32_t failures;	  /* in a row, of its questions ahead of time */
	uint32_t waits_s;	  /* on account of these it asks no more for so long */
	uint64_t questions_total; /* asked ahead of time since the start */
};
/** False where nothing is known of it, for want of memory. */
bool family_status(struct worker *worker, unsigned family, struct family_status *ret_status);

typedef void (*family_line_fn)(void *ctx, const char *text);
/** A line for each number of each family, in the words of metrics:
 * courierdns_preresolve_questions_total{family="apple"} 306 */
void family_report(struct worker *worker, family_line_fn line, void *ctx);
