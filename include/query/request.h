/* query/request.h: a client's question from its arrival to its end. */
#pragma once

#include <stdbool.h>

#include "net/client.h"
#include "upstream/exchange.h"
#include "wire/query_view.h"

struct request;
struct worker;

/** Takes a copy of client and packet. NULL when no slot or memory is left. */
struct request *request_new(struct worker *worker, const struct client *client,
			    const struct query_view *view);
/** Ends it, and those that follow it, in whatever state, without an answer. One that others may be
 * in line behind ends by steps_run() instead, which sees to them. */
void request_free(struct request *request);

/** Counts it among those that wait for upstream; false at the limit (limits.inflight). */
bool request_wait(struct request *request);
/** Has the client told a stale answer if none else has come within stale_wait. */
void request_watch_stale(struct request *request);
/** In line for its turn to ask: has `on_no_turn` called with it at its deadline. */
void request_watch_turn(struct request *request, void (*on_no_turn)(void *request));
/** Puts the question to the group of that index. `done` gets the request as its ctx. */
MUST_CHECK int request_ask(struct request *request, int group, exchange_done_fn done);
