/* upstream/server.h: one upstream server: its address and what we have learned of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct server;

struct server *server_new(const struct addr *addr); /* NULL when memory is short */
void server_free(struct server *server);	    /* NULL is fine */
const struct addr *server_addr(const struct server *server);
/** It answers FORMERR or NOTIMP to EDNS and well without (RFC 6891 section 6.2.2); remembered for
 * an hour, so that a server that learns EDNS is noticed. */
bool server_lacks_edns(const struct server *server, uint64_t now_us);
void server_note_lacks_edns(struct server *server, uint64_t now_us);
