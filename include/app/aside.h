/* app/aside.h: work done in a child process for what comes out of it, so that what it loads and
 * allocates goes with the child.
 *
 * Only while there are no other threads, and before the sandbox, which has no processes. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/** Puts what comes out into `result` of `size` bytes; gives their number, or a negative error. */
typedef ssize_t (*aside_fn)(const void *ctx, void *result, size_t size);

/** What `fn` gives, called in a child; it logs nothing, and what it opens is gone after. -ECHILD
 * where the child did not live to tell, and what fork(2) and pipe(2) say: nothing was done then,
 * and whoever must have it calls `fn` here. */
MUST_CHECK ssize_t aside_run(aside_fn fn, const void *ctx, void *result, size_t size);
