/* upstream/health.h: makes sure of servers that seem dead, and notices when they are back.
 *
 * A question without a reply says little: it may be the name that a server is silent about. So a
 * server that was silent several times in a row, or not to be reached, is asked for something that
 * every server answers: `. NS`, by a socket of its own like any question. Any reply to that, or to
 * anything else, and it is up. None, and it is set aside; it is then asked again every second while
 * clients ask its group, every twelve when nobody does. Some are silent about the root, though: one
 * that is set aside is now and then asked what a client asks. One that is up is never asked. */
#pragma once

#include "base/stats.h"
#include "net/loop.h"
#include "upstream/server.h"
#include "upstream/transport_stream.h"
#include "upstream/transport_udp.h"
#include "wire/query_view.h"

struct health; /* what one loop has to do with that */
/** All borrowed. `first` is that of the first worker, with which the log is written, and which must
 * outlive it; NULL for the first. NULL when memory is short. */
struct health *health_new(struct loop *loop, struct stats *stats, struct transport_udp *datagrams,
			  struct transport_stream *streams, struct health *first);
void health_free(struct health *health); /* NULL is fine; ends its probes */

/** A client asks something that this server might be asked. To be called for each server of the
 * group, whichever is chosen: it is looked after from then on, as long as a plan lists it. */
void health_note_asked(struct health *health, struct server *server, const struct query_view *view);
/** The network is another: nothing is known of any server, all are up until they prove otherwise.
 * What was told of them in the log is remembered. */
void health_network_changed(struct health *health);
