/* upstream/server.h: one upstream server of a group: how it is reached and what has been learned of
 * it.
 *
 * Counted: pools hold it, and through a reload it stays while a pool of either plan lists it, so
 * that what was learned is not lost (upstream/server_table.h). Times are those of the loop's clock.
 * Whoever asks it notes here what becomes of that; upstream/health.h makes sure where something
 * seems wrong. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

struct server;

/** A server by itself, in no table. Copies both. NULL when memory is short. */
struct server *server_new(const char *group, const struct conf_server *how);
struct server *server_ref(struct server *server);
void server_unref(struct server *server); /* NULL is fine */

const char *server_group(const struct server *server); /* name of the group it serves */
const struct addr *server_addr(const struct server *server);
const struct conf_server *server_how(const struct server *server);

/** It answers FORMERR or NOTIMP to EDNS and well without (RFC 6891 section 6.2.2); remembered for
 * an hour, so that a server that learns EDNS is noticed. */
bool server_lacks_edns(const struct server *server, uint64_t now_us);
void server_note_lacks_edns(struct server *server, uint64_t now_us);

/* --- health --- */

enum server_state {
	SERVER_UP,
	SERVER_SUSPECTED, /* several questions in a row without a reply, or a socket error; it is
			   * being asked whether it is there */
	SERVER_DOWN,	  /* it did not say so: others are asked first */
};
enum server_state server_state(const struct server *server);

/** When it last said something; 0 for never. */
uint64_t server_heard_us(const struct server *server);
/** How often it has been found to be down. */
unsigned server_times_down(const struct server *server);

/** One packet has left for it. */
void server_note_sent(struct server *server, bool by_stream, uint64_t now_us);
/** A reply that matches a question came from it, whatever the rcode, so long after the first and
 * after the last of so many sends. It is up. */
void server_note_reply(struct server *server, uint64_t now_us, uint32_t since_first_us,
		       uint32_t since_last_us, unsigned sends);
/** A question's time with it has passed, or the question is settled elsewhere after it should have
 * answered, without anything from it. */
void server_note_silence(struct server *server, uint64_t now_us);
/** The system says that it is not to be had: -ECONNREFUSED, -ENETUNREACH, -EHOSTUNREACH and such.
 * (Not for want of our own: -EMFILE, -ENOMEM.) */
void server_note_error(struct server *server, int err, uint64_t now_us);

/* --- how long it takes --- */

/** Smoothed, 0 while unknown; fades while it is not asked, so that it is worth trying again. */
uint32_t server_latency_us(const struct server *server, uint64_t now_us);
/** When to ask another one as well: its p95, at least 20 and at most 400 ms; 400 ms while unknown.
 */
uint32_t server_hedge_us(const struct server *server);
/** What it has not answered for so long it does not mean to answer, or packets are lost: twice its
 * usual time, at least 400 ms. */
uint32_t server_silence_us(const struct server *server);
/** How long after the `sends`-th send (1, 2, 3) to wait for it before the next one: 0.4 s, 1.2 s,
 * 0.2 s, so that what takes 1.5 s sees two; where packets are being lost twice its p95, at least
 * 100 ms, then twice that, then 0.2 s. */
uint32_t server_resend_us(const struct server *server, unsigned sends);
bool server_is_lossy(const struct server *server);

/** It has failed at a question that another one answered. That is no matter of health, but where
 * the fastest is asked first it counts as slower for a while, the more so the more often it
 * happens. */
void server_note_worse(struct server *server, uint64_t now_us);
/** By how much. */
uint32_t server_penalty_us(const struct server *server, uint64_t now_us);

/* --- what is counted --- */

/* Silence and socket errors are counted by their notes; the others by who meets them. */
#define SERVER_FAILURES(X)            \
	X(TIMEOUT, "timeout")         \
	X(UNREACHABLE, "unreachable") \
	X(SERVFAIL, "servfail")       \
	X(REFUSED, "refused")         \
	X(NOTIMP, "notimp")           \
	X(FORMERR, "formerr")         \
	X(MISMATCH, "mismatch")       \
	X(CONNECTION, "connection")   \
	X(TRUNCATED, "truncated")

enum server_failure {
#define SERVER_FAILURES_ENUM(id, name) SERVER_FAILED_##id,
	SERVER_FAILURES(SERVER_FAILURES_ENUM)
#undef SERVER_FAILURES_ENUM
		SERVER_FAILURE_COUNT
};
/** MISMATCH: a packet that was not the answer awaited; CONNECTION: a TCP connection that broke;
 * TRUNCATED: TC over UDP. */
void server_count_failure(struct server *server, enum server_failure failure);

const char *server_failure_name(enum server_failure failure);

struct server_sums {
	uint64_t sent, answered, failed; /* questions sent; answers; failures of all kinds */
	uint64_t heard_us;		 /* when something came from it last; 0: never, or not
					  * since the network changed */
	uint32_t latency_us;		 /* as whoever heard it last knows it; 0: unknown */
	enum server_state state;	 /* the worst that any of them has found */
	uint64_t sent_tcp;		 /* of those sent */
	unsigned times_down;		 /* as often as any of them has found it so */
	bool lacks_edns, is_lossy;
	uint64_t failures[SERVER_FAILURE_COUNT];
};
/* Each worker has a server of its own for one that is asked: `servers` are these, `count` of them.
 * The workers are held. */
void server_sum(const struct server *const *servers, size_t count, uint64_t now_us,
		struct server_sums *ret_sums);

/* A line of text, good until the call returns. */
typedef void (*server_line_fn)(void *ctx, const char *text);
/** All of it as Prometheus has it: courierdns_upstream_up, _queries_total, _failures_total (those
 * that there were) and _duration_seconds, by group and server; of each worker's together, as above.
 */
void server_report(const struct server *const *servers, size_t count, server_line_fn line,
		   void *ctx);
