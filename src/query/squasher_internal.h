/* query/squasher_internal.h: what squasher.c and squasher_tell.c share. */
#pragma once

#include "base/list.h"
#include "base/lock.h"
#include "query/squasher.h"
#include "wire/name.h"

/* Lost packets look the same: silence is told when it came so often in a row. */
#define SILENCES_TOLD 3u

/* A server that squashes a family's alias, or did. */
struct squasher {
	struct list link; /* among all, those seen last last */
	char *family;
	char *group;		 /* the one it was asked for last */
	uint8_t types;		 /* those it squashes: a bit for each; none: it has stopped */
	bool is_told;		 /* that it squashes, in the last line */
	uint16_t type;		 /* the last of them */
	enum squash shape;	 /* and how */
	unsigned silences;	 /* in a row */
	unsigned untold;	 /* changes since the last line */
	uint64_t since_us;	 /* that it has been squashing */
	uint64_t last_us;	 /* when it last did */
	uint64_t times;		 /* since then */
	uint64_t truth_us;	 /* when it last told the truth */
	uint64_t heard_us;	 /* when it last told anything of the alias, whichever worker */
	uint64_t spent_until_us; /* its lines are paid for up to then, a minute each */
	struct addr addr;
	uint64_t counts[SQUASH_COUNT];
	uint8_t alias[NAME_MAX_LEN];
};

/* Silences that one worker has met, and that are not known to be squashes. */
struct mute {
	struct list link;	    /* in its squashers->mutes */
	struct squasher *squasher;  /* NULL: forgotten */
	struct server *server;	    /* a reference: that worker's own */
	unsigned count, times_down; /* how many; and the server's at the first of them */
	uint64_t since_us;	    /* when that was */
};

/* What all workers see. */
struct table {
	struct lock lock; /* of this, of all squashers, and of which squasher a mute is of */
	struct list workers;
	struct list all;
	unsigned count;
	uint64_t spent_until_us; /* all lines are paid for up to then */
};

struct squashers {
	const struct clock *clock;
	struct stats *stats;
	struct table *table;
	struct list link; /* in table->workers */
	struct list mutes;
};

/* Clocks of workers differ by a little. */
static inline uint64_t squasher_between_us(uint64_t from_us, uint64_t to_us)
{
	return to_us > from_us ? to_us - from_us : 0;
}

static inline struct squasher *squasher_of(struct list *link)
{
	return LIST_ITEM(link, struct squasher, link);
}

static inline bool squasher_is_squashing(const struct squasher *squasher)
{
	return squasher->types != 0 &&
	       (squasher->shape != SQUASH_SILENT || squasher->silences >= SILENCES_TOLD);
}
