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

struct family_letter;
struct request;
struct worker;

/* A family is in use for so long after the last client's question for any of its names; one whose
 * pre_resolve is "always", always. */
#define FAMILY_IN_USE_S 3600u

/* A count holds for so long past the TTL of the record that said so: the next one may be under way.
 */
#define FAMILY_COUNT_GRACE_S 60u

struct families;
/** Knows none, until family_follow(). NULL when memory is short. */
struct families *family_table_new(void);
void family_table_free(struct families *families); /* NULL is fine; its timer must not be set */
/** The worker has a plan, or another one. False when memory is short: nothing is known then. */
MUST_CHECK bool family_follow(struct worker *worker);

/** A client asks for a name of a family, says the letter. True where that should begin to be kept
 * warm. */
bool family_note_used(struct worker *worker, const struct family_letter *letter);
bool family_is_in_use(const struct worker *worker, unsigned family);

/** Reads the reply to a question for the TXT record of a count, for a letter about it; false where
 * it says none. */
bool family_read_count(const struct request *request, struct family_letter *letter);
/** The letter says so of all that have that record in common. */
void family_learn(struct worker *worker, const struct family_letter *letter);
/** N of its variants runs from 0 to this: as its TXT record said, else as it is configured. */
uint32_t family_count(const struct worker *worker, unsigned family);

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
bool family_status(const struct worker *worker, unsigned family, struct family_status *ret_status);

typedef void (*family_line_fn)(void *ctx, const char *text);
/** A line for each number of each family, in the words of metrics:
 * courierdns_preresolve_questions_total{family="apple"} 306 */
void family_report(const struct worker *worker, family_line_fn line, void *ctx);
