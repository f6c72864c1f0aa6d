/* side/control.h: commands over a local socket: a request, its reply, and the connection closes.
 *
 * The reply is one digit, a line feed, and text up to the end (enum control_code says what the
 * digit means). It is made at once, in memory, and handed out as the peer takes it; peers that are
 * slow or silent are let go. */
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
};

/* A command is a row: what it takes, and the function that writes the reply's text. */
struct control_command {
	struct control_usage usage;
	enum control_code (*run)(void *ctx, const struct control_call *call, FILE *out);
};

struct control;
/** Listens at `path`, with the errors of local_listener_new(). The last command's name is NULL;
 * `run` gets `ctx`, and must not free the control. Adds one to *turned_away for each peer that is
 * let go for a limit. All are borrowed. */
MUST_CHECK int control_new(struct loop *loop, const char *path,
			   const struct control_command *commands, void *ctx, uint64_t *turned_away,
			   struct control **ret_control);
void control_free(struct control *control); /* NULL is fine */

/** Its socket can still be found by its path. */
bool control_is_there(const struct control *control);

/** The row of that name, or NULL. */
const struct control_command *control_find(const struct control_command *commands,
					   const char *name);
