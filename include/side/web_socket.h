/* side/web_socket.h: a socket that listens, at an address or at a path, for web.c to accept from.
 */
#pragma once

#include "net/local.h"
#include "net/loop.h"

struct web_socket {
	int fd;
	struct local_listener *local; /* NULL: it is at an address; else whose the descriptor is */
};

/** At the path, or where that is NULL at the address. -errno, for a path those of
 * local_listener_new(); -EAFNOSUPPORT for a path where evhttp would not survive it. What it leaves
 * can be closed, whatever it returns. */
MUST_CHECK int web_socket_open(struct loop *loop, const char *path, const struct addr *addr,
			       struct web_socket *ret_socket);
void web_socket_close(struct web_socket *socket);

/** It can still be found by its path; true of an address. */
bool web_socket_is_there(const struct web_socket *socket);
/** The port that it listens on; 0 at a path. */
uint16_t web_socket_port(const struct web_socket *socket);
