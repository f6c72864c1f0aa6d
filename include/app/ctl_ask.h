/* app/ctl_ask.h: one question over the control socket. Blocks, but not for ever. */
#pragma once

#include <stddef.h>

#include "app/exit_code.h"
#include "base/err.h"

/* The daemon may be busy for a while, but not for so long. */
#define CTL_ASK_PATIENCE_S 5
/* Nothing it says is as long. */
#define CTL_ASK_MAX (64u << 20)

struct ctl_reply {
	enum exit_code code;
	char *bytes; /* to be given to ctl_ask_done() */
	const char *text;
	size_t len;
};

/** The words end with NULL. -ENOENT, -ECONNREFUSED: no daemon; -EAGAIN: it is silent; -EPROTO: what
 * it says is no reply; and what else the system says. */
MUST_CHECK int ctl_ask(const char *path, const char *const words[], struct ctl_reply *ret_reply);
void ctl_ask_done(struct ctl_reply *reply);
