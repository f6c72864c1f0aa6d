/* cache/cache.h: replies kept as wire bytes, found by question.
 *
 * Bounded by bytes, index included. What is found is copied out with its TTLs counted down, so
 * nothing here is ever pointed to from outside. Workers share one cache: each has a handle of its
 * own, and a lock of a part of the keys is held for one lookup or store; where there is one worker,
 * there is none. Silent. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/stats.h"
#include "cache/cache_key.h"

struct cache;

enum cache_kind {
	CACHE_POSITIVE,
	CACHE_NEGATIVE,
	CACHE_FAILURE, /* D6: the rcode of a failure, for a few seconds */
	CACHE_SQUASH,  /* an answer that ought to be another, for a few seconds: treated as a
			* failure is */
};

/* What is kept beside the message. */
struct cache_note {
	uint8_t kind;	   /* enum cache_kind */
	uint8_t verdict;   /* enum verdict, opaque here; below 16 */
	bool knows_ad;	   /* asked with AD or DO, so its AD bit means something (RFC 6840 5.7) */
	bool is_watched;   /* devices are known by whether they ask this */
	uint8_t opt_rcode; /* upper bits of the rcode */
	uint32_t plan_id;  /* that last confirmed the route */
	uint64_t route;	   /* of the decision it was made under */
};

struct cache_item {
	const uint8_t *wire; /* without OPT; good for message_read() */
	size_t wire_len;
	const uint8_t *options; /* EDNS options to hand on (EDE) */
	size_t options_len;	/* at most 255 */
	uint32_t lifetime_s;	/* 0 is not kept */
	uint32_t stale_s;	/* how long after that it may still be shown */
	bool is_silence;	/* of a failure: it is not counted by cache_failures() */
	struct cache_note note;
};

struct cache_hit {
	size_t wire_len;    /* bytes copied to the caller's buffer */
	size_t options_len; /* copied right behind them */
	uint32_t age_s;
	uint32_t remaining_s; /* of its lifetime; 0 when stale */
	uint32_t past_s;      /* that it is stale; 0 when fresh */
	bool is_stale;
	bool is_failing;  /* of an answer: a failure came after it and is fresh, so asking upstream
			   * again, for something better than this, has to wait (D6) */
	bool is_squashed; /* and that failure is CACHE_SQUASH */
	bool is_due; /* fresh, in the last tenth of a lifetime of ten seconds or more, and found
		      * before: worth asking upstream for anew, ahead of time */
	uint32_t stale_left_s; /* of cache_look() alone: when it is past its time, for so long it
				* may still be shown stale */
	struct cache_note note;
};

/** For so many workers (1 or more); the handle is for the first. `max_bytes` 0, or too few for a
 * single entry, keeps nothing. NULL when memory is short. The clock and stats are borrowed. Counts
 * evictions only: whether a query hit or missed is for the caller, who may look more than once for
 * it. */
RARELY struct cache *cache_new(uint64_t max_bytes, unsigned workers, const struct clock *clock,
			       struct stats *stats);
/** A handle to the same cache for another worker, who has a clock and stats of his own; clocks may
 * differ by a moment. NULL when memory is short. */
struct cache *cache_share(struct cache *cache, const struct clock *clock, struct stats *stats);
/** Another size, for so many workers, who are held meanwhile: it is that of all handles. What is
 * kept is found as before, and moved over by cache_move(), as far as there is room; also where that
 * is not done for the sizes before, of which the oldest of more than four is forgotten. -ENOMEM,
 * and then all is as it was. */
MUST_CHECK RARELY int cache_resize(struct cache *cache, uint64_t max_bytes, unsigned workers);
/** Moves so many, the oldest first, from one thread; fewer where they are large, or much is to be
 * cleared away: no call takes longer. False when that is done, but for cache_move_end(). */
RARELY bool cache_move(struct cache *cache, unsigned entries);
/** What has not been moved is forgotten. The workers are held. */
RARELY void cache_move_end(struct cache *cache);

/** Gives one handle back; with the last of them what is kept is gone. NULL is fine. */
void cache_free(struct cache *cache);

/** Copies what is known into `buf`, the question's name in lower case (reply_write() puts the
 * asker's there). False: nothing is known, or it does not fit.
 *
 * In this order: an answer within its lifetime, every TTL less the whole seconds since it was
 * stored, never below 0 (one with the top bit set means 0 and stays as it is); where stale_ok, an
 * answer within its stale window, its TTLs as they were stored (the caller sets them), to be tried
 * for upstream first unless is_failing (the failure recheck timer of RFC 8767 section 5); a failure
 * within its lifetime. */
bool cache_find(struct cache *cache, const struct cache_key *key, bool stale_ok, uint8_t *buf,
		size_t buf_max, struct cache_hit *ret_hit);

/* What cache_repeat() has copied. */
struct cache_copy {
	size_t wire_len, options_len; /* as those of cache_hit */
	uint8_t opt_rcode, verdict;   /* as those of cache_note */
	bool is_watched;
	bool is_new; /* nothing is kept under this key, of either sort; told even where nothing is
		      * copied */
};
/** For who repeats an answer without judging the question anew: as cache_find() for a key of no
 * partition, but only an answer within its lifetime that was last confirmed under this plan, knows
 * AD where that is wanted, and is not so near its end that it may be due. False otherwise, and it
 * is as if it had not been looked for. */
bool cache_repeat(struct cache *cache, const struct cache_key *key, uint32_t plan_id, bool wants_ad,
		  uint8_t *buf, size_t buf_max, struct cache_copy *ret_copy);

/** For who looks several questions up in a row: has the processor fetch what will be needed first,
 * and once that has come, the entry itself. cache_key.hash is wanted. Nothing is said or changed.
 */
void cache_prefetch(const struct cache *cache, uint64_t hash);
void cache_prefetch_entry(const struct cache *cache, uint64_t hash);

/** Copies the item, in place of what was there. A failure stands beside an answer of the same route
 * that is fresh or may still be shown stale; an answer puts an end to the failures. What cannot be
 * kept (no lifetime, larger than an eighth of the cache) still puts out the answer it is newer
 * than, unless it is a failure. CACHE_SQUASH is one here. */
void cache_store(struct cache *cache, const struct cache_key *key, const struct cache_item *item);

/** The answer, or the failure, that is kept under this key, within its time or past it, as
 * cache_find() would tell it; it does not count as found. */
RARELY bool cache_look(const struct cache *cache, const struct cache_key *key, bool failure,
		       uint8_t *buf, size_t buf_max, struct cache_hit *ret_hit);

/** Stamps what is kept under this key and the route of `note` with its plan_id and is_watched: the
 * route was found unchanged under a newer plan. */
RARELY void cache_confirm(struct cache *cache, const struct cache_key *key,
			  const struct cache_note *note);
/** Forgets one key: answer, failure and how many there were. */
void cache_drop(struct cache *cache, const struct cache_key *key);

/* What is to be forgotten, and how far that has come. */
enum cache_flush_what { CACHE_FLUSH_NAME, CACHE_FLUSH_ZONE, CACHE_FLUSH_ALL };
struct cache_flush {
	uint64_t count; /* answers and failures that are gone by now */
	uint64_t at;	/* this and what follows is the cache's own, zero at first */
	const void *of; /* what of, at this size */
	uint32_t shard;
	bool is_in_kept;
};
/** Forgets what is kept under this name, lower case, or with CACHE_FLUSH_ZONE under one below it
 * too, or all; of every type, with any flags, in any view. A step of it, which takes some tens of
 * microseconds: true while there is more to do. What is kept between two steps may go as well. */
RARELY bool cache_flush(struct cache *cache, enum cache_flush_what what, const uint8_t *name,
			struct cache_flush *flush);

/** No failure that has been kept so far is found, or counts, from here on: what made them may be
 * over. */
RARELY void cache_forget_failures(struct cache *cache);

/** How many failures in a row, silence aside, were stored under this key (D6's growth); none once
 * the last of them is 300 s old and a minute past its lifetime. */
uint32_t cache_failures(struct cache *cache, const struct cache_key *key);

struct cache_report {
	uint64_t entries;   /* answers and failures that can be found, past their time or not */
	uint64_t bytes;	    /* index, entries, and what gaps there are between them; 0 when empty */
	uint64_t max_bytes; /* never exceeded by bytes, but while they are moved */
	uint64_t passed;    /* entries and gaps that have been gone by to make room, ever */
};
RARELY void cache_report(const struct cache *cache, struct cache_report *ret_report);

/** Tests only: aborts unless every invariant of the store holds. */
void cache_verify(const struct cache *cache);
