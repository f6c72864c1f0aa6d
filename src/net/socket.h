/* socket.h: what the sockets of net/ have the system do. */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "net/loop.h"

/** One of that family of addresses and type, SOCK_STREAM say, that nothing waits on. -errno. */
int socket_open(uint8_t family, int type);
/** setsockopt() of a number. */
int socket_set(int fd, int level, int option, int value);
/** The address it is bound to. -errno. */
MUST_CHECK int socket_local(int fd, struct addr *ret_local);

/** Has `fn` called whenever there is something to read. -ENOMEM. */
MUST_CHECK int socket_watch(struct loop *loop, struct event *event, int fd, event_callback_fn fn,
			    void *ctx);
/** Ends that and closes. Of zeroed memory and -1: fine. */
void socket_close(struct event *event, int fd);
