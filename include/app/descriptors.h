/* app/descriptors.h: open files: what the limits want of them, and what the system allows.
 *
 * Each question in flight may have a socket or two (those that come together share them), each TCP
 * client one. Some are kept for files, so that a reload always works, and some for clients, so that
 * servers that are silent do not shut them out. */
#pragma once

#include "base/err.h"
#include "conf/complaint.h"
#include "conf/conf.h"
#include "net/loop.h"

/** Has the system allow so many, or as many as it will; how many of them it allows then. */
unsigned descriptors_raise(unsigned want);
/** Raises the system's limit as far as `conf` wants and the system lets us. Where that is not
 * enough, limits.inflight and limits.tcp_clients in `conf` are cut to what it is enough for, and
 * the log says so with the figures, unless `now`, which is in use, is cut to the same ones (or
 * NULL). ERR_LIMIT, and a complaint, where not even a few would fit. */
MUST_CHECK int descriptors_fit(struct conf *conf, const struct conf *now,
			       struct complaints *complaints);

/** Has the loop's sockets keep to their share; `sockets` has on_none and ctx set. */
void descriptors_share(struct loop *loop, const struct conf *conf, struct loop_sockets sockets);
