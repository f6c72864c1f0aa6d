/* query/device_feed.h: tells the timeline of devices what clients have been told. */
#pragma once

#include <stdbool.h>

#include "devices/timeline.h"
#include "policy/classify.h"
#include "wire/reply.h"

struct request;

/** The question is for a name by which devices are known: of a stage, or of a family of couriers.
 * Looked up once in a request's life, if nobody knows. */
bool device_feed_watches(struct request *request);

/** The client is sent this. Costs one comparison where the request is known not to be watched. */
void device_feed_reply(struct request *request, const struct reply_source *source,
		       enum verdict verdict, enum told_by by);
/** The client is told of a failure of our own, or met with silence. */
void device_feed_error(struct request *request, unsigned rcode);
void device_feed_silence(struct request *request);
