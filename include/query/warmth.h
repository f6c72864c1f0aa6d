/* query/warmth.h: the questions that keep one family warm, and when each of them is due.
 *
 * An item of 8 bytes for each name and type: the TXT record of the count, the alias, the target,
 * and every variant with N from 0 to the count. What is kept of an answer is due again shortly
 * before its time is over: in the last tenth, at least 2 s ahead, or a little earlier than that
 * when fewer others are due then. One that was cold is due for the first time almost anywhere in
 * its life. So answers that came together do not go together, and questions are spread evenly.
 *
 * A server that answers out of its cache counts its TTLs down: asked ahead of time, it says what is
 * known already. Where that is seen, the item is due when its time is over, and only now and then
 * ahead of it.
 *
 * Knows nothing of names, of the cache or of the network. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "policy/courier.h"

/* Times are counted in ticks of the clock (`now` is one), and compared by their difference, so that
 * it does no harm when they wrap after 6 years. */
#define WARMTH_TICK_US (50u * USEC_PER_MSEC)
#define WARMTH_TICKS_PER_S 20u

struct warmth;

struct warmth_kinds {
	unsigned variants, types; /* not 0 */
	bool has_count_txt;
	bool wants_target; /* else only once a client has asked for it */
};

/* Of a family that would have more, the highest N stay cold. */
#define WARMTH_ITEMS_MAX 16384u

/** All are due at once. NULL when memory is short. */
struct warmth *warmth_new(const struct warmth_kinds *kinds, uint32_t count, uint32_t now);
void warmth_free(struct warmth *warmth); /* NULL is fine */
/** N runs to `count` from now on; the new ones are due. -ENOMEM: it is as before. */
MUST_CHECK int warmth_set_count(struct warmth *warmth, uint32_t count, uint32_t now);

struct warmth_question {
	enum courier_role role;
	unsigned variant, type; /* which of the family's; no type of COURIER_COUNT_TXT */
	uint32_t n;		/* of a variant */
};
void warmth_question_of(const struct warmth *warmth, uint32_t item,
			struct warmth_question *ret_question);
/** It is still there: the count may have become less. */
bool warmth_has(const struct warmth *warmth, uint32_t item);
/** False for what is not kept warm: an N above the count. */
bool warmth_item_of(const struct warmth *warmth, const struct warmth_question *question,
		    uint32_t *ret_item);

/* Who is next. */
struct warmth_turn {
	uint32_t item;
	int32_t left;	/* until it is due, which it is from 0 on: those due longest go first */
	bool is_wanted; /* and due, and clients ask for it, or all others depend on it: before those
			 * that are due but not wanted */
};
#define WARMTH_NOBODY ((struct warmth_turn){ .left = INT32_MAX })
/** Takes the place of `turn` where one of these goes before it; false where none does: none will be
 * due by itself, where that was nobody's. */
bool warmth_next(const struct warmth *warmth, uint32_t now, struct warmth_turn *turn);

/** Is looked at or asked, and nobody's turn until one of the five below. */
void warmth_start(struct warmth *warmth, uint32_t item);
/** The cache has an answer for so long, which is the one that is known, and is to be asked for
 * anew. Else a client has asked for it meanwhile, or there was no need to look. */
bool warmth_is_due(const struct warmth *warmth, uint32_t item, uint32_t remaining_s, uint32_t now);
/** The cache has an answer for so long. is_new: it has just been asked for. */
void warmth_keep(struct warmth *warmth, uint32_t item, uint32_t remaining_s, bool is_new,
		 uint32_t now);
/** The answer could not be kept: again in a second, then ever later. */
void warmth_miss(struct warmth *warmth, uint32_t item, uint32_t now);
/** It failed: again in five seconds, then ever later. True where it had not failed before. */
bool warmth_fail(struct warmth *warmth, uint32_t item, uint32_t now);
/** Not now: again in a second. */
void warmth_delay(struct warmth *warmth, uint32_t item, uint32_t now);
/** Is not to be asked: until the rules are others. */
void warmth_skip(struct warmth *warmth, uint32_t item);

/** A client asks for it. */
void warmth_want(struct warmth *warmth, uint32_t item, uint32_t now);
/** What failed may work now: it is due. */
void warmth_hurry(struct warmth *warmth, uint32_t now);
/** The rules are others: all are looked at once more, and those that were skipped. */
void warmth_review(struct warmth *warmth);

/** How many are to be kept warm, and how many are. */
void warmth_report(const struct warmth *warmth, uint32_t now, uint32_t *ret_warm,
		   uint32_t *ret_total);
