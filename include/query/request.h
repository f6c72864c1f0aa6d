/* query/request.h: a client's question from its arrival to its end. */
#pragma once

#include <stdbool.h>

#include "cache/cache_key.h"
#include "net/client.h"
#include "policy/classify.h"
#include "upstream/exchange.h"
#include "wire/query_view.h"

struct request;
struct worker;

/** Takes a copy of client and packet, and of `key`, which is that of the view in no partition, made
 * here where it is NULL. NULL when no slot or memory is left. */
struct request *request_new(struct worker *worker, const struct client *client,
			    const struct query_view *view, const struct cache_key *key);
/** Ends it, and those that follow it, in whatever state, without an answer. One that others may be
 * in line behind ends by steps_run() instead, which sees to them. */
void request_free(struct request *request);

/** Counts it among those that wait for upstream; false where there is no room for it. Its client
 * may have limits.inflight_per_client of them. Where all clients together have limits.inflight, one
 * of whoever has most makes room, if that is at least two more than this one's client has: a flood
 * takes what is left over, not what others need. That one is handed to `on_giving_way`, to be
 * ended. */
MUST_CHECK bool request_wait(struct request *request, void (*on_giving_way)(void *request));
/** Goes on without its client, who has been answered, among those that wait; false where there are
 * too many. */
bool request_prefetch(struct request *request);
/** Has the client told a stale answer if none else has come within stale_wait. */
void request_watch_stale(struct request *request);
/** In line for its turn to ask: has `on_no_turn` called with it at its deadline. */
void request_watch_turn(struct request *request, void (*on_no_turn)(void *request));
/** What lies in worker->found, of so many bytes, takes the place of the result. */
void request_set_result(struct request *request, size_t wire_len, enum verdict verdict);
/** Puts the question to the group of that index. `done` gets the request as its ctx. */
MUST_CHECK int request_ask(struct request *request, int group, exchange_done_fn done);
