/* front/listener_udp.h: queries in, answers out, over UDP on one address. */
#pragma once

#include "net/loop.h"
#include "query/worker.h"

struct listener_udp;

/** Binds; the errors are udp_server_new()'s. Loop and worker are borrowed and, as long as the
 * worker lives, so is the listener. */
MUST_CHECK RARELY int listener_udp_new(struct loop *loop, struct worker *worker,
				       const struct addr *bind_to,
				       struct listener_udp **ret_listener);
RARELY void listener_udp_free(struct listener_udp *listener); /* NULL is fine */
struct addr listener_udp_local(const struct listener_udp *listener);
