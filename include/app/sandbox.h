/* app/sandbox.h: the system calls that the program is left with, where it is built with libseccomp.
 *
 * Whoever gets to run code of theirs in here starts no program, opens no file to write to it,
 * traces nobody and makes no memory that it has written to executable. How a call is added:
 * src/README.md. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* What becomes of a call that is not among them. */
enum sandbox_refusal {
	SANDBOX_FAILS, /* with ENOSYS, as if the system had none such; the kernel's log has its
			  number */
	SANDBOX_KILLS, /* the process, by SIGSYS: no test misses it */
};

/** Not where sanitizers or coverage have calls of their own. */
bool sandbox_is_built(void);
/** For all threads, for good. -ENOTSUP where it is not built, -EINVAL or -ENOSYS where the kernel
 * has no filters, and what else the system says; nothing has changed then. */
MUST_CHECK int sandbox_enter(enum sandbox_refusal refusal);
