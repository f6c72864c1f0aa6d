/* upstream/exchange.h: one question put to a group of servers until one of them answers.
 *
 * An exchange asks the best server of its pool (upstream/pool.h), and the next one when that is
 * late by its own measure, fails (SERVFAIL, REFUSED, NOTIMP, FORMERR) or cannot be reached; the
 * first good answer counts, a late one to an earlier send too. Who is silent is asked again, from
 * the same port and with the same ID, at most EXCHANGE_SENDS_MAX times over one transport (D6), and
 * over TCP at last. TC=1 over UDP moves that server to TCP; so does the first packet from it that
 * does not match or parse (D13), which never ends the wait. FORMERR or NOTIMP to EDNS is asked
 * again without. A reply is the answer only if it came from the asked server and port, with the
 * asked ID, QR set, and the asked question (RFC 5452 section 9.1), in letter case too where that
 * was drawn. When all have failed, the most telling failure is told: SERVFAIL before REFUSED before
 * NOTIMP before FORMERR.
 *
 * Who asks may be picky: a reply that is no failure may still be none that is wanted. Then, and at
 * the latest EXCHANGE_PATIENCE_US after the start, everybody else is asked at once, the servers of
 * other groups (the reserves) too. So what is wanted comes at most that much later than from the
 * slowest server by itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stats.h"
#include "net/loop.h"
#include "upstream/pool.h"
#include "wire/query_view.h"

#define EXCHANGE_SENDS_MAX 3
#define EXCHANGE_PATIENCE_US (400u * USEC_PER_MSEC)
#define EXCHANGE_RESERVES 2u

struct upstream; /* what the exchanges of one loop share: sockets, connections, counters */
/** NULL when memory is short. All are borrowed. `first` is that of the first worker, which must
 * outlive it; NULL for the first. */
struct upstream *exchange_upstream_new(struct loop *loop, struct stats *stats,
				       uint32_t max_exchanges, struct upstream *first);
/** For at least so many. False when memory is short. */
bool exchange_upstream_reserve(struct upstream *upstream, uint32_t max_exchanges);
void exchange_upstream_free(struct upstream *upstream); /* NULL is fine; cancels what still runs */

/** Address or route are others: connections and sockets may lead nowhere, and what is known of
 * servers may be so no more. All of it is made anew, and what waits is asked anew, from the first
 * server on and as if for the first time; its deadline stays. At most once a second: what comes
 * sooner is done when that is over. */
void exchange_upstream_network_changed(struct upstream *upstream);

struct exchange;

/* What a reply is to who asks. */
enum exchange_worth {
	EXCHANGE_WANTED, /* it is the answer */
	EXCHANGE_BETTER, /* it will do if no wanted one comes within EXCHANGE_PATIENCE_US */
	EXCHANGE_WORSE,	 /* it will do if all have spoken, or time is over, and no better one came;
			  * of several the first */
};
/** Told of what each server says, failures too, once for each; and at the end of each one that is
 * up and has said nothing for server_silence_us(), with `wire` NULL: what is returned for these
 * two does not matter. Nothing may be started or cancelled from inside. */
typedef enum exchange_worth (*exchange_judge_fn)(void *ctx, const struct server *server,
						 const uint8_t *wire,
						 const struct message_facts *facts);

struct exchange_ask {
	const struct query_view *view; /* borrowed until done */
	struct pool *pool;
	bool via_stream; /* the client came over TCP: so do we (D8) */
	uint16_t edns_size;
	bool strip_ecs;
	/* On the loop's clock; the pool's timeout may end it sooner, that of a reserve, from when
	 * it is asked on. */
	uint64_t deadline_us;
	exchange_judge_fn
		judge;	 /* gets the ctx of `done`; NULL: whatever is no failure is wanted */
	bool is_patient; /* nobody waits for it: a late server has EXCHANGE_PATIENCE_US */
	bool is_picky;	 /* what the judge says counts; else it is told, no more */
	struct pool *reserves[EXCHANGE_RESERVES]; /* where picky; from the first NULL on none */
};

enum exchange_outcome {
	EXCHANGE_REPLIED,     /* a reply; when all servers failed, the most telling failure */
	EXCHANGE_TIMED_OUT,   /* nobody answered in time */
	EXCHANGE_UNREACHABLE, /* every try ended in a socket error, or there is no server */
};

struct exchange_result {
	enum exchange_outcome outcome;
	/* Of EXCHANGE_REPLIED; the bytes may be changed and are good until the callback returns. */
	uint8_t *wire;
	size_t wire_len;
	struct message_facts facts;
	enum message_quality quality; /* ODD or OK */
	const struct server *server;  /* who said it; the pool's, or a reserve's */
	bool is_unwanted;	      /* nobody has said what was wanted, but this */
};

/** Called once, never from inside exchange_start(). The exchange is gone when it returns. */
typedef void (*exchange_done_fn)(void *ctx, struct exchange_result *result);

/** -ENOMEM, ERR_LIMIT at max_exchanges. */
MUST_CHECK int exchange_start(struct upstream *upstream, const struct exchange_ask *ask,
			      exchange_done_fn done, void *ctx, struct exchange **ret_exchange);
/** Ends it without a call back. */
void exchange_cancel(struct exchange *exchange);
