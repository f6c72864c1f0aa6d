/* loop_internal.h: what loop.c offers to the sockets of net/, beside loop_base() and loop_tick().
 */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/list.h"
#include "net/loop.h"

/** Binds a socket that serves clients, one of IPv6 to that alone, or where one for that address was
 * passed to us makes `fd` that one (LOOP_BOUND_PASSED): what options it is to have must be set
 * afterwards. -errno. */
#define LOOP_BOUND_PASSED 1
MUST_CHECK int loop_bind(const struct loop *loop, int fd, const struct addr *to, bool is_tcp);
/** Lets sockets of ours that take over in, or no longer; where the port is shared with other loops,
 * it stays so. One that is bound, and listens, is to be told, as it may have been let in itself. */
void loop_let_in(const struct loop *loop, int fd, bool on);
const struct loop_sockets *loop_sockets(const struct loop *loop);

/* Something to do once, at the end of this turn: after all callbacks of sockets and timers. */
struct loop_task {
	struct list link; /* in no list while it is not set */
	void (*run)(void *ctx);
	void *ctx;
};
/** Fine when it is set already. */
void loop_task_set(struct loop *loop, struct loop_task *task);
void loop_task_cancel(struct loop_task *task); /* fine when it is not set */

/* Something that nobody but the loop knows of any more; freed with it unless it ends before. */
struct loop_orphan {
	struct list link;
	void (*free)(void *ctx);
	void *ctx;
};
void loop_adopt(struct loop *loop, struct loop_orphan *orphan);
void loop_orphan_ends(struct loop_orphan *orphan);

/* Memory that lives as long as the loop, for what is used within one callback only and so can be
 * shared by all sockets of a kind. */
enum loop_scratch {
	LOOP_SCRATCH_READ,  /* LOOP_READ_MAX bytes that were just received */
	LOOP_SCRATCH_BATCH, /* of udp_server */
	LOOP_SCRATCH_POST,  /* of udp_client */
	LOOP_SCRATCH_COUNT,
};
#define LOOP_READ_MAX 65536u
/** Allocates it the first time, zeroed; NULL when memory is short. */
void *loop_scratch(struct loop *loop, enum loop_scratch which, size_t size);
