/* net/watch.h: tells when files become others: written, replaced, deleted, made; they themselves or
 * a link or a directory on the way to them, whether those are there already or not.
 *
 * What is watched are the directories on the way and the file (inotify). Told once for many changes
 * that come together (net/settle.h); that it was told does not mean that the bytes differ. */
#pragma once

#include <stddef.h>

#include "net/loop.h"

struct watch;
typedef void (*watch_fn)(void *ctx);

/** Watches nothing yet. `fn` is never called from inside a call of this module. -errno where the
 * system has no more watchers; -ENOMEM. */
MUST_CHECK int watch_new(struct loop *loop, watch_fn fn, void *ctx, struct watch **ret_watch);
void watch_free(struct watch *watch); /* NULL is fine */
/** Watches these files, whose paths begin with /, in place of those before. What it cannot watch it
 * has looked at every WATCH_RETRY_US. -ENOMEM, and then it watches what it did. */
#define WATCH_RETRY_US (10u * USEC_PER_SEC)
MUST_CHECK int watch_set(struct watch *watch, const char *const *paths, size_t count);
