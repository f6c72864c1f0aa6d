/* base/err.h: negative error codes, and the four compiler extensions we allow ourselves.
 *
 * A function that can fail returns 0 or a negative code: -errno as the system gave it, or one
 * of the codes below. Outcomes ("what we found") are enums of their own, never these. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>

#define MUST_CHECK __attribute__((warn_unused_result))
/* Text is for people, and so what leads to it is off the path of a query: made small, and apart. */
#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at), cold))
/* Run at the start, the end or a reload: made small, with all that only such functions call. */
#define RARELY __attribute__((cold))
#define UNREACHABLE() abort()
/** Has the processor fetch what lies there, wherever that is. */
#define PREFETCH(at) __builtin_prefetch(at)

enum err {
	ERR_MALFORMED = -1000, /* bytes or text that are not what they should be */
	ERR_TIMED_OUT = -1001,
	ERR_NO_SERVER = -1002, /* nobody to ask */
	ERR_LIMIT = -1003,     /* a configured bound is reached */
	ERR_CONF = -1004,      /* the configuration has complaints */
	ERR_NO_SPACE = -1005,  /* the output buffer is too small */
};

/** Static text for a code of ours or a negative errno; never NULL. */
const char *err_text(int err);
/** Of a negative errno: the system has not enough of something for us just now, descriptors, memory
 * or buffers. Whoever was asked is not to blame. */
bool err_is_lack(int err);
