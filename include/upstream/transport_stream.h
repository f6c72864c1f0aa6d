/* upstream/transport_stream.h: questions to servers over TCP, on connections that are kept.
 *
 * One connection to a server carries many questions at once, answered in any order (RFC 7766
 * sections 6.2.1 and 7); a second one is opened when the first is busy. A question whose connection
 * ends before its answer is asked once more on a new one (section 6.2.4), without a word. So it is
 * where a message is none, for then nobody knows where the next begins; and a connection that has
 * brought no whole message while a question waited its time out gets no other. */
#pragma once

#include "net/stream.h"

struct transport_stream; /* the connections of one loop */
/** NULL when memory is short. */
struct transport_stream *transport_stream_new(struct loop *loop);
/** Closes them; questions still out are forgotten. NULL is fine. */
void transport_stream_free(struct transport_stream *transport);

struct transport_question;
/** `err` 0 and a message that has the question's ID, whatever else is in it; or a negative code. The
 * question is gone when it returns, unless it returns false for a message that is no answer to it:
 * then the connection ends and the question is asked anew, or this is called again with an error.
 * Never from inside transport_stream_ask(). */
typedef bool (*transport_stream_fn)(void *ctx, int err, uint8_t *wire, size_t wire_len);

/** Copies the query and gives it an ID of its own on its connection. -ENOMEM;
 * -errno of the socket; ERR_LIMIT where the server takes nothing any more. */
MUST_CHECK int transport_stream_ask(struct transport_stream *transport, const struct addr *server,
				    const uint8_t *query, size_t query_len, transport_stream_fn fn,
				    void *ctx, struct transport_question **ret_question);
/** The answer is not wanted any more. NULL is fine. */
void transport_stream_forget(struct transport_question *question);
