/* upstream/server.h: one upstream server of a group: how it is reached and what has been learned of
 * it.
 *
 * Counted: pools hold it, and through a reload it stays while a pool of either plan lists it, so
 * that what was learned is not lost (upstream/server_table.h). Times are those of the loop's clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"

struct server;

/** A server by itself, in no table. Copies both. NULL when memory is short. */
struct server *server_new(const char *group, const struct conf_server *how);
struct server *server_ref(struct server *server);
void server_unref(struct server *server); /* NULL is fine */

const char *server_group(const struct server *server); /* name of the group it serves */
const struct addr *server_addr(const struct server *server);
const struct conf_server *server_how(const struct server *server);

/** It answers FORMERR or NOTIMP to EDNS and well without (RFC 6891 section 6.2.2); remembered for
 * an hour, so that a server that learns EDNS is noticed. */
bool server_lacks_edns(const struct server *server, uint64_t now_us);
void server_note_lacks_edns(struct server *server, uint64_t now_us);
