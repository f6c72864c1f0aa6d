/* net/local.h: a socket in the file system, for those who may open it: bytes in, one answer out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include "net/loop.h"

struct local; /* a connection */

/* What a connection tells its owner, never from inside a call of this module. The owner may free it
 * from either. */
struct local_events {
	/* The bytes are good until it returns. */
	void (*on_bytes)(void *ctx, const uint8_t *bytes, size_t len);
	/* All of the answer has left (0), the peer has gone before (-ECONNRESET), or what the
	 * system said. The last call. */
	void (*on_over)(void *ctx, int err);
};

struct local_listener;
/** `local` is the callee's, who must give it events at once, and must not free the listener. */
typedef void (*local_accept_fn)(void *ctx, struct local *local);

/** Listens there: owner and group may connect. The directory is made where it is missing and can
 * be. A socket that nobody listens on is replaced; -EADDRINUSE where somebody does, -EEXIST where
 * the file is no socket, -ENAMETOOLONG, -EACCES and what else the system says. Where `fn` is NULL,
 * accepting from local_listener_fd() is the caller's business. */
MUST_CHECK int local_listener_new(struct loop *loop, const char *path, local_accept_fn fn,
				  void *ctx, struct local_listener **ret_listener);
/** Removes the file, unless it is another's by now. NULL is fine. */
void local_listener_free(struct local_listener *listener);

int local_listener_fd(const struct local_listener *listener);
/** Its file is still there, and still its own. */
bool local_listener_is_there(const struct local_listener *listener);

/** A descriptor, to be closed, of who listens there; or what the system says. Whatever is done with
 * it takes as long as `patience` at most, also the connecting; NULL: it never waits. */
int local_connect(const char *path, const struct timeval *patience);
/** The process that listens there, 0 where that cannot be told. */
int local_holder(const char *path);

void local_attach(struct local *local, const struct local_events *events, void *ctx);
/** Sends the answer, which ends it: no more bytes come, and on_over is next. Takes over `bytes`,
 * which came from mem_*, also on failure. To be called once. -ENOMEM. */
MUST_CHECK int local_answer(struct local *local, char *bytes, size_t len);
/** Of the answer: what has not left yet. */
size_t local_unsent(const struct local *local);
/** Closes, at once. NULL is fine. */
void local_free(struct local *local);
