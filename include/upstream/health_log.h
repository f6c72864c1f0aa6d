/* upstream/health_log.h: what the log says of servers that go and come.
 *
 * One line for each change, four in a row and then one a minute for each server, which says how
 * many were left out; and one for each group that lacks servers, after a minute, two, four, ... an
 * hour. */
#pragma once

#include "base/list.h"
#include "net/loop.h"
#include "upstream/server.h"

struct health_log;
struct health_log *health_log_new(struct loop *loop); /* NULL when memory is short */
void health_log_free(struct health_log *log);	      /* NULL is fine; all must have left */

/* What is told of one server; lives in the struct of who looks after it. */
struct health_log_entry {
	struct list link;
	const struct server *server;
	uint64_t down_us;	 /* when it was set aside */
	uint64_t spent_until_us; /* its lines are paid for up to then, a minute each */
	unsigned silences, probes;
	int err;
	unsigned untold; /* changes since the last line */
	bool is_told_down;
	bool has_answered; /* ever */
};

/** Counts the server among its group's. */
void health_log_enter(struct health_log *log, struct health_log_entry *entry,
		      const struct server *server);
void health_log_leave(struct health_log *log, struct health_log_entry *entry);

/** It has been set aside after so many probes. */
void health_log_down(struct health_log *log, struct health_log_entry *entry, unsigned probes);
/** It is up. */
void health_log_up(struct health_log *log, struct health_log_entry *entry);
