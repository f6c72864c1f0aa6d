/* front/listener_stream.h: queries in, answers out, over TCP on one address (RFC 7766).
 *
 * Queries are answered as their answers come, in any order. A connection is closed when nothing has
 * happened on it for limits.tcp_idle: no whole query, no answer taken. */
#pragma once

#include "net/loop.h"
#include "net/stream.h"
#include "query/worker.h"

/* What the connections of all listeners are counted in. */
struct listener_stream_table;
/** NULL when memory is short. Loop and worker are borrowed. */
RARELY struct listener_stream_table *listener_stream_table_new(struct loop *loop,
							       struct worker *worker);
/** Closes every connection. After the worker is freed; NULL is fine. */
void listener_stream_table_free(struct listener_stream_table *table);
uint32_t listener_stream_connections(const struct listener_stream_table *table);

/** Connections to addresses of ours that are not served any more: those that are idle end soon, the
 * others with the answer to what they asked, and none is kept for long. */
RARELY void listener_stream_dismiss(struct listener_stream_table *table,
				    bool (*is_served)(void *ctx, const struct addr *local),
				    void *ctx);

/** Binds one whose connections are counted there; the errors are stream_listener_new()'s. */
MUST_CHECK RARELY int listener_stream_new(struct listener_stream_table *table,
					  const struct addr *bind_to,
					  struct stream_listener **ret_listener);
