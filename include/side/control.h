/* side/control.h: commands over a local socket: a request, its reply, and the connection closes.
 *
 * The reply is one digit, a line feed, and text up to the end (enum control_code says what the
 * digit means). It is made in memory, at once or in steps between which the loop turns, and handed
 * out as the peer takes it; peers that are slow or silent are let go. */
#pragma once

#include <stdio.h>

#include "net/loop.h"
#include "side/control_request.h"

#define CONTROL_CONNECTIONS_MAX 8u
/* For the whole request; and for the peer to take some of the reply. */
#define CONTROL_PATIENCE_US (3u * USEC_PER_SEC)

enum control_code {
	CONTROL_DONE = 0,
	CONTROL_REFUSED = 1, /* refused, or not found: the text says why */
	CONTROL_USAGE = 2,   /* not understood */
	CONTROL_MORE = 3,    /* no reply yet: to be run once more, in a later turn of the loop */
};

/** Does what is asked, and writes the reply's text. */
typedef enum control_code (*control_run_fn)(void *ctx, const struct control_request *request,
					    struct control_work *work, FILE *out);

struct control;
/** Listens at `path`, with the errors of local_listener_new(). `run` gets `ctx`, and must not free
 * the control. Adds one to *turned_away for each peer that is let go for a limit. All are borrowed.
 */
MUST_CHECK int control_new(struct loop *loop, const char *path, control_run_fn run, void *ctx,
			   uint64_t *turned_away, struct control **ret_control);
void control_free(struct control *control); /* NULL is fine */

/** Its socket can still be found by its path. */
bool control_is_there(const struct control *control);
