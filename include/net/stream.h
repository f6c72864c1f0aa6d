/* net/stream.h: length-prefixed messages over TCP, both directions (RFC 7766). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "conf/conf.h"
#include "net/loop.h"

struct stream;

/* What a stream tells its owner. None is called from inside stream_connect() or stream_send(). The
 * owner may free the stream from any of them. */
struct stream_events {
	/* Whole messages, empty ones too. The bytes are good until it returns. */
	void (*on_message)(void *ctx, uint8_t *wire, size_t wire_len);
	/* It connected (outgoing ones only). May be NULL. */
	void (*on_connected)(void *ctx);
	/* The peer will send nothing more (FIN); what was asked may still be answered. */
	void (*on_end)(void *ctx);
	/* It broke: refused, reset, or could not be written to. The last call but for the free. */
	void (*on_broken)(void *ctx, int err);
	/* All that was sent has left for the system. May be NULL. */
	void (*on_drained)(void *ctx);
};

/** Starts connecting, from the source address and by the interface that `to` names, where it does;
 * failure to is told by on_broken, but for -errno of the socket itself. */
MUST_CHECK int stream_connect(struct loop *loop, const struct conf_server *to,
			      const struct stream_events *events, void *ctx,
			      struct stream **ret_stream);
/** Closes, at once. NULL is fine. */
void stream_free(struct stream *stream);
/** Frees after everything sent has left, or after `linger_us` at the latest; no event comes any
 * more. */
void stream_finish(struct stream *stream, uint64_t linger_us);

/** Queues one message; length and message leave together. -ENOMEM; ERR_LIMIT beyond
 * STREAM_QUEUE_MAX bytes waiting. */
#define STREAM_QUEUE_MAX 262144
MUST_CHECK int stream_send(struct stream *stream, const uint8_t *wire, size_t wire_len);
size_t stream_queued(const struct stream *stream); /* bytes not yet taken by the system */
/** Stops and resumes reading, for a peer that does not read what it is sent. Stopped from inside
 * on_message, what has arrived already is held back too and handed out, in order, once it is
 * resumed (from a later turn of the loop, not from inside the call). */
void stream_set_reading(struct stream *stream, bool on);
/** When the first byte of a message arrived that is not whole yet, on the loop's clock; 0 for
 * none. */
uint64_t stream_partial_since(const struct stream *stream);
struct addr stream_peer(const struct stream *stream);
struct addr stream_local(const struct stream *stream);

struct stream_listener;
/** `stream` is the callee's; stream_attach() gives it events. NULL: one could not be taken for want
 * of descriptors or memory; accepting pauses. */
typedef void (*stream_accept_fn)(void *ctx, struct stream *stream);
/** At the descriptor limit accepting pauses for 100 ms instead of spinning. */
MUST_CHECK int stream_listener_new(struct loop *loop, const struct addr *bind_to,
				   stream_accept_fn fn, void *ctx,
				   struct stream_listener **ret_listener);
void stream_listener_free(struct stream_listener *listener); /* NULL is fine */
/** Whether sockets of ours may be bound to the same port (loop_set_binding()). */
void stream_listener_let_in(struct stream_listener *listener, bool on);
/** udp_server_give() of this one. */
MUST_CHECK int stream_listener_give(const struct stream_listener *listener, uid_t uid, gid_t gid);
/** Not from inside the callback. Who has connected is told of, from inside this call, as far as
 * that can be. */
void stream_listener_empty(struct stream_listener *listener);
struct addr stream_listener_local(const struct stream_listener *listener);
void stream_attach(struct stream *stream, const struct stream_events *events, void *ctx);
