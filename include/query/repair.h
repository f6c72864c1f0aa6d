/* query/repair.h: what a squashed answer for a family's alias leads to (PRODUCT 5.2).
 *
 * An alias that is asked for A, AAAA, HTTPS or SVCB with RD set is watched: what each server says
 * is judged (policy/squash.h) and counted. Where the family's repair is on, a squash has everybody
 * else asked at once: the other servers of the group, those of repair_upstream, and of the rule's
 * on_failure. The first to tell the truth is believed, byte for byte. Where none does:
 *
 *   two that tell the same news (flattened, or rewritten to the same name, with public addresses)
 *   are believed: the alias has moved. What one alone says is passed on; other shapes are no news:
 *
 *   the last good answer stands in, stale; it is kept for a week whatever cache.stale says. Who
 *   waits for it waits 400 ms after the first squash at most, upstream is asked on
 *
 *   or, with "synthesize", one is made of the family's alias and target
 *
 *   or it is passed on
 *
 * What was squashed is kept for 5 s at most, and never in the place of a good answer. Questions
 * that are not shared (a client's options in them) are asked of their own group only, and repaired
 * without the cache; opaque ones are only counted, as is all where repair is off. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policy/courier.h"
#include "policy/squash.h"
#include "query/repair_tally.h"
#include "query/squasher.h"
#include "upstream/exchange.h"

struct request;
struct worker;

/* A good answer for an alias may stand in for so long past its time. */
#define REPAIR_LAST_GOOD_S (7u * 86400u)
/* What was squashed is kept for so long at most, and what stands in for it told without asking. */
#define REPAIR_KEEP_S 5u

struct repair_news;
/* Of one request; zeroed is: nothing said yet. */
struct repair_state {
	bool is_squashed;	  /* somebody has squashed it */
	bool is_told_last_good;	  /* to whoever waited, and to who comes */
	bool is_believed;	  /* two servers agree on what is the result then */
	enum squash shape;	  /* of what is passed on if nothing better comes */
	struct repair_news *news; /* in the request's arena */
};

/** It is watched. */
bool repair_is_watched(const struct request *request);
/** Its good answers are kept for REPAIR_LAST_GOOD_S. */
bool repair_keeps_last_good(const struct request *request);
/** The cache has a good answer, however old, that may stand in for a squashed one. */
bool repair_has_good(const struct request *request);
/** What was squashed a moment ago, and is kept beside a good answer, goes before it: it is news. */
bool repair_was_news(const struct request *request);
/** What is asked of the group of that index is watched, and who else is to be asked. */
void repair_prepare(struct request *request, int group, struct exchange_ask *ask);

enum repair_way {
	REPAIR_NONE,	  /* no squash, or one that two agree on */
	REPAIR_LAST_GOOD, /* the cache has an answer that is told in its place */
	REPAIR_MADE,	  /* the result has been replaced by one of our own */
	REPAIR_PASSED_ON, /* it is told as it is */
};
/** Of a request that has its result, and that classified: what is to be done; counts it and says
 * so. */
enum repair_way repair_choose(struct request *request);
struct repair_text {
	char text[40];
};
/** For the extended error of a last good answer: "squashed upstream: nxdomain". Returns into->text;
 * NULL where nothing was squashed. */
const char *repair_to_text(const struct request *request, struct repair_text *into);

/** The last good answer, if that was told already to those who waited with the leader. False if
 * not. */
bool repair_tell_late(struct request *request, const struct request *leader);

/** A name of this family of the worker's plan is asked for: the answers for its alias, in this
 * partition of the cache, are of use still, and shall not give way to others there. */
void repair_touch(struct worker *worker, const struct courier_match *courier, uint64_t view);

/** squasher_report() and repair_tally_report(). */
void repair_report(struct worker *worker, server_line_fn line, void *ctx);
void repair_each_squasher(struct worker *worker, squasher_fn fn, void *ctx);
