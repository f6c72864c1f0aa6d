/* udp_internal.h: what sockets of both kinds, towards clients and towards servers, want. */
#pragma once

#include <event2/event.h>
#include <stdint.h>

#include "base/err.h"
#include "net/loop.h"

/** A descriptor or -errno. */
int udp_open_socket(uint8_t family);
/** Has `fn` called whenever it can be read from. -ENOMEM. */
MUST_CHECK int udp_watch(struct loop *loop, struct event *event, int fd, event_callback_fn fn,
			 void *ctx);
