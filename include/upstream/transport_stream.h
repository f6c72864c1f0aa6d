/* upstream/transport_stream.h: questions to servers over TCP, on connections that are kept.
 *
 * One connection to a server carries many questions at once, answered in any order (RFC 7766
 * sections 6.2.1 and 7); a second one is opened when the first is busy or has fallen silent. It is
 * closed when nothing was asked on it for 10 s. Servers are told apart by address, port,
 * and the source and interface they are reached from. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/stats.h"
#include "conf/conf.h"
#include "net/loop.h"

struct transport_stream; /* the connections of one loop */
/** Loop and stats are borrowed. NULL when memory is short. */
struct transport_stream *transport_stream_new(struct loop *loop, struct stats *stats);
/** Closes all connections; no question may be out. Not from inside a callback. */
void transport_stream_close_all(struct transport_stream *transport);
/** The same, for good. NULL is fine. */
void transport_stream_free(struct transport_stream *transport);

struct transport_question;
/** `err` 0 and a message with the question's ID, whatever else is in it; or a negative code. The
 * question is out no more. Never from inside transport_stream_ask(). */
typedef void (*transport_stream_fn)(struct transport_question *question, int err, uint8_t *wire,
				    size_t wire_len);

/* A question out; lives in the struct of who asks, who sets fn, ctx and is_alone. Otherwise zeroed
 * is none. */
struct transport_question {
	transport_stream_fn fn;
	void *ctx;
	bool is_alone;	 /* on a connection of its own: what ends that is no loss to others */
	bool was_reused; /* of a lost one: its connection was in use before, so it may have been
			  * closed just when we asked: ask anew (RFC 7766 section 6.2.4) */
	uint16_t id;
	struct transport_connection *connection; /* NULL: it is not out */
	struct list link;			 /* in its connection's */
	uint64_t asked_us;
};

/** Puts the question, whose `fn` is set, with an ID of its own on its connection, which is written
 * into `query`. `anew`: on a new connection, if there may be one. -ENOMEM; -errno of the socket;
 * ERR_LIMIT where the server takes nothing any more. */
MUST_CHECK int transport_stream_ask(struct transport_stream *transport,
				    const struct conf_server *server, bool anew,
				    struct transport_question *question, uint8_t *query,
				    size_t query_len);
bool transport_stream_is_out(const struct transport_question *question);
/** The answer is not wanted any more; fine when it is not out. */
void transport_stream_forget(struct transport_question *question);
/** From inside `fn` that got a message: the connection it came by is not to be trusted; nothing new
 * is put on it, it is closed when `fn` returns, and what else is out on it is told so. */
void transport_stream_hang_up(struct transport_stream *transport);
