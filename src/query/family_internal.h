/* family_internal.h: what is known of the families, shared by family.c and, which build on it,
 * preresolve.c and preresolve_ask.c. */
#pragma once

#include "base/list.h"
#include "base/log.h"
#include "net/timer.h"
#include "query/family.h"
#include "query/preresolve.h"
#include "query/warmth.h"

/* Times without a unit are in warmth's ticks. */
struct family {
	struct list link; /* in families->known */
	uint32_t plan_id; /* that had it last */
	unsigned index;	  /* there */
	bool has_been_used;
	uint64_t used;		/* in 64 bits what may lie years back */
	uint32_t learned_count; /* 0: none */
	uint64_t learned_until;
	uint32_t warmth_shape; /* of what it was made for, while there is one */
	struct warmth *warmth; /* NULL: nothing is kept warm */
	uint32_t asking;       /* of it, upstream now */
	uint32_t failures;     /* in a row */
	uint32_t resume;       /* where these are upstream's, not before */
	uint64_t questions;    /* asked ahead of time */
	struct log_minute learned_told;
	char name[];
};

enum ahead_outcome {
	AHEAD_NOT_NOW, /* no room, or somebody asks already */
	AHEAD_SKIPPED, /* a rule has it otherwise */
	AHEAD_KNOWN,   /* the cache has it, and has had it */
	AHEAD_KEPT,    /* it is in the cache now, or was not to be kept */
	AHEAD_POOR,    /* an answer that is no good */
	AHEAD_FAILED,
};

/* A question asked ahead of time. Free where it has no request. */
struct ahead {
	struct request *request;
	struct family *family; /* NULL: gone, or its warmth is another than asked for */
	uint32_t item;
	bool is_asked; /* upstream */
	enum ahead_outcome outcome;
	uint32_t remaining_s; /* of AHEAD_KNOWN */
};

/* Always true: `known` has a family for each of the `count` couriers of the plan of that id. */
struct families {
	uint32_t plan_id;
	size_t count;
	struct list known;
	struct hash_key shape_key;
	struct timer timer;
	bool is_news;	  /* a count has been learned that has not been followed yet */
	uint64_t next_us; /* the next question ahead of time, not before */
	struct ahead ahead[PRERESOLVE_AT_ONCE];
};

uint32_t family_now(const struct worker *worker);
/** For so long until then, the end of a back-off. None lies further ahead than a minute and a
 * little: what does is past. */
uint32_t family_left(uint32_t until, uint32_t now);

/** NULL where nothing is known of it for want of memory. */
struct family *family_at(const struct worker *worker, size_t index);

bool family_is_to_be_warm(const struct worker *worker, size_t index);
/** Begins to keep warm, ends it, or has it reach to another count, as the plan, the clients and the
 * count demand; keeps what can be kept. Nothing is done for a family of which nothing is known.
 * -ENOMEM. */
MUST_CHECK int family_tend(struct worker *worker, size_t index);
/* So many failures in a row are upstream's, not those of a name or a type that it dislikes. */
#define FAMILY_FAILURES_OF_UPSTREAM 4u
/** For so long it asks nothing, on account of these. */
uint32_t family_waits_for(const struct family *family, uint32_t now);
/* Never. */
#define FAMILY_NO_END UINT32_MAX
/** For so long it is in use without a further question; FAMILY_NO_END. */
uint32_t family_in_use_for(const struct worker *worker, size_t index);
/** For so long the count that has been learned holds; 0 where none does. */
uint32_t family_learned_for(const struct worker *worker, const struct family *family);

/* Where there is no room, for want of memory or because clients need it, the next look is later. */
#define PRERESOLVE_NO_ROOM_US (USEC_PER_SEC / 2)

struct preresolve_turn {
	size_t family; /* index */
	struct warmth_turn turn;
	struct ahead *ahead; /* free */
};
/** What is to be looked at or asked now; false for nothing. */
bool preresolve_choose(const struct worker *worker, struct preresolve_turn *ret_turn);
