/* net/bell.h: has a loop do something, from another thread. */
#pragma once

#include "net/loop.h"

struct bell;

/** `fn` is called in the loop's thread at the end of a turn, after all callbacks of sockets and
 * timers; once for many rings that come together. The loop is borrowed, and must not run yet, or in
 * this thread. -errno of the system; -ENOMEM. */
MUST_CHECK int bell_new(struct loop *loop, void (*fn)(void *ctx), void *ctx,
			struct bell **ret_bell);
void bell_free(struct bell *bell); /* NULL is fine; nobody may ring it any more */

/** From any thread. */
void bell_ring(struct bell *bell);
