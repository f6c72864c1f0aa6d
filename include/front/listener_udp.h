/* front/listener_udp.h: queries in, answers out, over UDP on one address. */
#pragma once

#include <sys/types.h>

#include "net/loop.h"
#include "query/worker.h"

struct listener_udp;

/** Binds; the errors are udp_server_new()'s. Loop and worker are borrowed and, as long as somebody
 * waits for an answer by it, so is the listener. */
MUST_CHECK RARELY int listener_udp_new(struct loop *loop, struct worker *worker,
				       const struct addr *bind_to,
				       struct listener_udp **ret_listener);
RARELY void listener_udp_free(struct listener_udp *listener); /* NULL is fine */
/** udp_server_let_in(), _give(), _leave() and _return(). */
RARELY void listener_udp_let_in(struct listener_udp *listener, bool on);
MUST_CHECK RARELY int listener_udp_give(const struct listener_udp *listener, uid_t uid, gid_t gid);
RARELY void listener_udp_leave(struct listener_udp *listener);
MUST_CHECK RARELY int listener_udp_return(struct listener_udp *listener);
/** Nobody waits for an answer that is to be sent by it. */
RARELY bool listener_udp_is_idle(const struct listener_udp *listener);
