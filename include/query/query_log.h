/* query/query_log.h: a line in the log for each question and what became of it (log.queries).
 *
 *	query client=192.0.2.7 proto=udp name=www.example type=A rcode=NOERROR verdict=answered
 *	from=server server=9.9.9.9@53 group=default time=12.3ms
 *
 * Words of KEY=VALUE, always in this order; what there is not is "-", or not there at all:
 *
 *	client   who asked; device=02:00:5e:10:00:01 follows where a trusted forwarder has said it
 *	proto    udp or tcp
 *	name     in lower case and presentation format (RFC 1035 section 5.1); what is no printable
 *		 ASCII, blanks, "=" and quotes are \DDD
 *	type     A, TYPE65280; class=3 follows where it is not IN
 *	rcode    what the client is told; "-" is silence
 *	verdict  what the answer is (policy/classify.h)
 *	from     server, cache, stale (the cache, past its time), local (a rule or a special name),
 *		 us (a failure of our own, or a fault of the question), access, limit (who may ask,
 *		 and how fast)
 *	server   whose answer it is, and group: for from=server; group alone where the group failed
 *	time     from the question's arrival to its answer
 *
 * The level is notice for what "errors" tells, too (a rcode other than NOERROR and NXDOMAIN,
 * silence, stale answers, TC because of limits.rate_per_client), else info; log.level makes no
 * difference.
 *
 * Nobody waits for the log: lines are kept, QUERY_LOG_ROOM bytes of them for each worker, and
 * written at the end of the loop's turn as far as the reader takes them, and then every 10 ms,
 * later every second. Where there is no more room, lines are lost and counted
 * (STAT_LIMIT_QUERY_LOG) until half of it is free; then a line says how many. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "devices/timeline.h"
#include "net/client.h"
#include "policy/classify.h"
#include "wire/query_view.h"
#include "wire/reply.h"

struct request;
struct worker;

#define QUERY_LOG_ROOM 131072u

struct query_log; /* one worker's; NULL there while log.queries is "off", and then nothing here but
		   * the first two is to be called */
/** Makes it, or has done with it, as the worker's plan says. -ENOMEM: all is as it was. */
MUST_CHECK RARELY int query_log_follow(struct worker *worker);
/** What its reader does not take now is lost. NULL is fine. */
RARELY void query_log_free(struct query_log *log);

#define QUERY_LOG_SILENCE (-1)
/** The client of the request is sent this; told of a failure of our own, or met with silence. */
void query_log_reply(const struct request *request, const struct reply_source *source,
		     enum verdict verdict, enum told_by by);
void query_log_error(const struct request *request, int rcode);
/** A client without a request is sent this out of the cache. */
void query_log_repeat(struct worker *worker, const struct client *client,
		      const struct query_view *view, const struct reply_source *source,
		      enum verdict verdict);
/** It is told no: because of its packet, or of who or how fast it is. */
enum query_log_why { QUERY_LOG_FAULT, QUERY_LOG_ACCESS, QUERY_LOG_LIMIT };
void query_log_refusal(struct worker *worker, const struct client *client,
		       const struct query_view *view, int rcode, enum query_log_why why);
/** It is met with silence for the same; nothing where the packet is no question. */
void query_log_ignored(struct worker *worker, const struct client *client, const uint8_t *wire,
		       size_t wire_len, enum query_log_why why);
