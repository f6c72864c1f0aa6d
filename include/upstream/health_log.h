/* upstream/health_log.h: what the log says of servers that go and come.
 *
 * One line for each change, four in a row and then one a minute for each server, which says how
 * many were left out; and one for each group that lacks servers, after a minute, two, four, ... an
 * hour. Workers find out about servers each for itself, and say so together: a server is set aside
 * as soon as it is for one of them, and as long as it is for any. */
#pragma once

#include "base/err.h"
#include "base/list.h"
#include "net/loop.h"
#include "upstream/server.h"

struct health_log;
struct health_log *health_log_new(struct loop *loop); /* NULL when memory is short */
/** That of another worker, which says what it has to say with the first; before it has a thread.
 * NULL when memory is short. */
struct health_log *health_log_share(struct health_log *first, struct loop *loop);
void health_log_free(struct health_log *log); /* NULL is fine; all must have left, the first last */

struct health_log_told;
/* One server, as one worker sees it; lives in the struct of who looks after it. */
struct health_log_entry {
	struct health_log_told *told; /* of the server of that kind, by all workers */
	const struct server *server;
	bool is_down;
};

/** Counts the server among its group's. -ENOMEM. */
MUST_CHECK int health_log_enter(struct health_log *log, struct health_log_entry *entry,
				const struct server *server);
void health_log_leave(struct health_log *log, struct health_log_entry *entry);

/** It has been set aside after so many probes. */
void health_log_down(struct health_log *log, struct health_log_entry *entry, unsigned probes);
/** It is up. */
void health_log_up(struct health_log *log, struct health_log_entry *entry);
/** Nobody knows any more how it is. */
void health_log_forget(struct health_log *log, struct health_log_entry *entry);
