/* exchange_internal.h: what exchange.c and exchange_upstream.c share. */
#pragma once

#include "base/list.h"
#include "upstream/attempt.h"
#include "upstream/exchange.h"
#include "upstream/health.h"

struct upstream {
	struct loop *loop;
	struct stats *stats;
	struct slab *exchanges, *attempts;
	uint32_t more_attempts, max_more; /* beyond the first of their exchange */
	struct transport_stream *streams;
	struct health *health;
	struct list running;  /* exchanges */
	struct timer change;  /* set for a change of the network that is to be looked at */
	uint64_t change_next; /* not before then */
};

struct exchange {
	struct upstream *upstream;
	struct list running; /* in upstream->running */
	struct pool *pool;   /* a reference */
	struct attempt_question question;
	exchange_done_fn done;
	void *ctx;
	struct timer timer; /* whatever is due next */
	uint64_t deadline_us;
	uint64_t end_us;  /* that, or sooner where a failure is known already */
	uint64_t next_us; /* when the next server is asked too; UINT64_MAX: when others are done */
	uint64_t asked;	  /* of the pool's servers, for pool_next() */
	bool was_silent;  /* something was waited for in vain */
	struct attempt *attempts;
	struct attempt *latest; /* the last one asked in its turn; NULL while there is none */
	/* The failure reply that is told when nobody does better. */
	struct attempt_reply failure; /* `wire` is ours; NULL for none */
	const struct server *failed_server;
};

/** The network is another: nothing is out any more, and no failure counts. To be resumed. */
void exchange_suspend(struct exchange *exchange);
/** Asks anew, the servers that its group has now, within what is left of its time. Tells nobody of
 * an end from inside the call. */
void exchange_resume(struct exchange *exchange);
