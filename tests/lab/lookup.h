/* lookup.h: questions as an Apple device asks them: each from a port of its own, RD alone, no EDNS,
 * lower case; sent again after 1 s, then after twice as long; another server after about 3 s, and
 * the silent one set aside for 60 s; where all are, `apple.com NS` every 30 s tells when one is
 * back. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reply.h"

#define LOOKUP_SERVERS 2

/* A device's servers, as it sees them. */
struct lookup_servers {
	struct sockaddr_in from, to[LOOKUP_SERVERS]; /* `from` without a port */
	unsigned count;
	uint64_t set_aside_until_us[LOOKUP_SERVERS];
	uint64_t stream_until_us; /* a reply was suspicious: all goes over TCP */
	bool is_probing;
};

/** `reply` is NULL if all servers have said something like SERVFAIL. `took_us` is the time since
 * the question was first sent, until the system had the reply. */
typedef void (*lookup_done_fn)(void *owner, unsigned what, const struct reply *reply,
			       uint64_t took_us);

/** Ends the program where the system says no, as all of these. */
void lookup_init(uint64_t seed, lookup_done_fn done);
/** Asks after so long. `owner` and `what` are handed to done(), which may look up more. */
void lookup_start(struct lookup_servers *servers, const uint8_t *name, size_t name_len,
		  unsigned type, uint64_t after_us, void *owner, unsigned what);
/** Forgets what is under way for `owner`; `settle` is told of each, how long it has waited, and its
 * name; NULL: nobody is. */
void lookup_cancel(const void *owner, void (*settle)(unsigned what, uint64_t waited_us));
unsigned lookup_active(void);
/** Takes replies until then, by the monotonic clock. */
void lookup_wait(uint64_t until_us);
/** Sends what is due; to be called every millisecond. */
void lookup_tick(uint64_t now_us);
/** So many datagrams and streams were more than the first one of a question; so often a server was
 * set aside. */
void lookup_counts(uint64_t *ret_questions, uint64_t *ret_again, uint64_t *ret_set_aside);
