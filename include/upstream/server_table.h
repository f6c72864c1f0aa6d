/* upstream/server_table.h: the servers there are, by group, address, source and interface.
 *
 * A plan's pools take theirs from here, so that a reload which names a server again finds the same
 * one, with what was learned of it. */
#pragma once

#include "upstream/server.h"

struct server_table;

struct server_table *server_table_new(void);	    /* NULL when memory is short */
void server_table_free(struct server_table *table); /* NULL is fine; no server may be held */
/** The server of that kind, new where there is none; the caller holds it. NULL when memory is
 * short. */
struct server *server_table_take(struct server_table *table, const char *group,
				 const struct conf_server *how);
/** server_report() of each in the first of these tables, with its likes in the others: `count` of
 * them, at most CONF_WORKERS_MAX. Ways to one server are told together, source and interface being
 * no part of what it is called. */
void server_table_report(const struct server_table *const *tables, size_t count,
			 server_line_fn line, void *ctx);
