/* query/answer.h: the ways in which a request, or a packet that never became one, is answered. */
#pragma once

#include <stdbool.h>

#include "cache/cache.h"
#include "net/client.h"
#include "wire/reply.h"

struct request;
struct worker;

/** A reply to this request's client, made from `source` as the client's view demands. Nothing when
 * the client has had its answer. */
void answer_send(struct request *request, const struct reply_source *source);
/** SERVFAIL, REFUSED and such of our own, with an extended error where the client has EDNS. */
void answer_error(struct request *request, unsigned rcode, enum ede ede, const char *text);
/** What the cache found, lying in worker->found. */
void answer_found(struct request *request, const struct cache_hit *hit);
/** The cache's answer past its time (RFC 8767): every TTL set to stale_ttl and an extended error.
 * False when there is none any more. */
bool answer_stale(struct request *request);
/** With a text for the extended error; at most 50 bytes. */
bool answer_stale_because(struct request *request, const char *why);
/** To a client that has no request: `source` may lie in `out` already, which is worker->found or
 * the place that client->ops->reserve() gave. */
void answer_repeat(struct worker *worker, const struct client *client,
		   const struct query_view *view, const struct reply_source *source, uint8_t *out,
		   size_t out_max);
/** Silence, in the way of the client's transport. */
void answer_drop(struct request *request);
/** Lets go of a client that has had its answer. */
void answer_forget_client(struct request *request);

/** A fault of the packet itself, or no room for a request: says so and is done. */
void answer_fault(struct worker *worker, const struct client *client, const struct query_view *view,
		  unsigned rcode);
/** To one that asks too fast: over UDP nothing but TC, so that it comes again over TCP, where its
 * address cannot be forged; there, REFUSED. */
void answer_too_fast(struct worker *worker, const struct client *client,
		     const struct query_view *view);
