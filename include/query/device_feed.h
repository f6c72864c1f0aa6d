/* query/device_feed.h: tells the timeline of devices what clients have been told. */
#pragma once

#include <stdbool.h>

#include "devices/timeline.h"
#include "net/client.h"
#include "policy/classify.h"
#include "policy/courier.h"
#include "wire/reply.h"

struct request;
struct worker;

/** The stage of a name of class IN in lower case, `name_len` bytes with the root label, that is of
 * this family or of none. False where devices are not known by whether they ask for it. */
bool device_feed_stage(const struct courier_match *courier, const uint8_t *name, size_t name_len,
		       struct stage_match *ret_match);

/** The question is for a name by which devices are known: of a stage, or of a family of couriers.
 * Looked up once in a request's life, if nobody knows. */
bool device_feed_watches(struct request *request);

/** The client is sent this. Costs one comparison where the request is known not to be watched. */
void device_feed_reply(struct request *request, const struct reply_source *source,
		       enum verdict verdict, enum told_by by);
/** The client is told of a failure of our own, or met with silence (QUERY_LOG_SILENCE). */
void device_feed_error(struct request *request, int rcode);

/** The client, which has no request, is sent this out of the cache. */
struct device_feed_known {
	struct stage_match stage;
	const uint8_t *name; /* lower case */
	enum verdict verdict;
};
void device_feed_repeat(struct worker *worker, const struct client *client,
			const struct query_view *view, const struct device_feed_known *known,
			const struct reply_source *source);
