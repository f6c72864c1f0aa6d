/* exchange_internal.h: what exchange.c and its parts share. */
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
	struct transport_udp *datagrams;
	struct transport_stream *streams;
	struct health *health;
	struct list running;  /* exchanges */
	struct timer change;  /* set for a change of the network that is to be looked at */
	uint64_t change_next; /* not before then */
};

/* A reply that is told when nobody does better. */
struct exchange_kept {
	struct attempt_reply reply; /* its bytes are behind this */
	const struct server *server;
	uint8_t bytes[];
};
/** A failure: the most telling is kept, of equals the first. `kept` points to NULL where there is
 * none. Without memory for it, it is as if that server had said nothing; so too with
 * exchange_kept_put(). */
void exchange_kept_put_failure(struct exchange_kept **kept, const struct attempt_reply *reply,
			       const struct server *server);
/** Of any others the first, or where `instead` the last. */
void exchange_kept_put(struct exchange_kept **kept, const struct attempt_reply *reply,
		       const struct server *server, bool instead);
void exchange_kept_forget(struct exchange_kept **kept); /* fine for none */

/** A reference to the pool that has the group's servers by now. */
struct pool *exchange_pool_ref(struct pool *pool);
/** That in place of the reference. */
void exchange_pool_renew(struct pool **pool);

/* Another group, of which all are asked when the own one does not say what is wanted. */
struct exchange_reserve {
	struct pool *pool; /* a reference, or NULL */
	uint64_t asked;	   /* of its servers */
};
void exchange_reserve_take(struct exchange_reserve reserves[EXCHANGE_RESERVES],
			   const struct exchange_ask *ask);
/** All are asked anew, the servers that their groups have now. */
void exchange_reserve_renew(struct exchange_reserve reserves[EXCHANGE_RESERVES]);
void exchange_reserve_drop(struct exchange_reserve reserves[EXCHANGE_RESERVES]);

/* Who is told of the end, and what the result may point to. */
struct exchange_end {
	exchange_done_fn done;
	void *ctx;
	struct pool *pool;			  /* a reference */
	struct exchange_kept *failure, *unwanted; /* NULL for none; the latter goes first */
	struct exchange_reserve reserves[EXCHANGE_RESERVES]; /* none before a NULL */
};

struct exchange {
	struct upstream *upstream;
	struct list running; /* in upstream->running */
	struct attempt *attempts;
	struct attempt *latest; /* the last one asked in its turn; NULL while there is none */
	exchange_judge_fn judge;
	bool is_picky, is_patient;
	bool was_silent;      /* something was waited for in vain */
	uint64_t deadline_us; /* the own group's */
	uint64_t limit_us;    /* whosever */
	uint64_t end_us;      /* that, or sooner where a failure is known already */
	uint64_t next_us; /* when the next server is asked too; UINT64_MAX: when others are done */
	uint64_t all_us;  /* when everybody is asked; UINT64_MAX: not, or it is done */
	uint64_t asked;	  /* of the pool's servers, for pool_next() */
	struct exchange_end end;
	struct attempt_question question;
	struct timer timer; /* whatever is due next */
};

/** When everybody is to be asked, of one that begins now: UINT64_MAX where there is nobody else, or
 * who asks is not picky. */
uint64_t exchange_reserve_due_us(const struct exchange *exchange);
/** A server of it has been asked: there is time for the answer, by that group's timeout. */
void exchange_reserve_give_time(struct exchange *exchange, const struct exchange_reserve *reserve);

/** The network is another: nothing is out any more, and no failure counts. To be resumed. */
void exchange_suspend(struct exchange *exchange);
/** Asks anew, the servers that its group has now, within what is left of its time. Tells nobody of
 * an end from inside the call. */
void exchange_resume(struct exchange *exchange);
