/* query/request.h: a client's question from its arrival to its end. */
#pragma once

#include <stdbool.h>

#include "net/client.h"
#include "query/worker.h"
#include "wire/query_view.h"

struct request;

/** Takes a copy of client and packet and walks the steps; the request frees itself when it is done.
 * Where no slot or memory is left the client is told SERVFAIL. */
void request_start(struct worker *worker, const struct client *client,
		   const struct query_view *view);
/** Counts it among those that wait for upstream; false at the limit (limits.inflight). */
bool request_wait(struct request *request);
/** Ends it, and those that follow it, whatever
 * state, without an answer. */
void request_free(struct request *request);
/** Puts the question to the group of that index; request_on_result() goes on with it. */
MUST_CHECK int request_ask(struct request *request, int group);
