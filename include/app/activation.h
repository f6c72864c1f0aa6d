/* app/activation.h: tells what becomes of the sockets that were passed to us (net/passed.h). */
#pragma once

#include "app/listeners.h"
#include "net/passed.h"

/** Reads them from the environment; what makes no sense there is told in the log and left alone.
 * -ENOMEM. */
MUST_CHECK int activation_read(struct passed **ret_passed);
/** Logs those that are of no use to these listeners, and how many are. */
void activation_tell(const struct passed *passed, const struct listeners *listeners);
