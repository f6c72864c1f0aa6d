/* net/settle.h: one reaction to many events: a little after the first, so that what comes together
 * is taken together, and not again for a while, however many follow. */
#pragma once

#include "net/loop.h"

#define SETTLE_QUIET_US (100u * USEC_PER_MSEC)
#define SETTLE_SPACING_US (1u * USEC_PER_SEC)

/* The module's own; lives in the struct of who reacts. */
struct settle {
	struct loop *loop;
	struct timer timer;
	timer_fn fn;
	void *ctx;
	uint64_t next_us; /* not before */
};

void settle_init(struct settle *settle, struct loop *loop, timer_fn fn, void *ctx);
void settle_done(struct settle *settle);
/** Something has happened: `fn` is called SETTLE_QUIET_US from now, or SETTLE_SPACING_US after the
 * last time where that is later. */
void settle_hit(struct settle *settle);
