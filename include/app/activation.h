/* app/activation.h: tells what becomes of the sockets that were passed to us (net/passed.h). */
#pragma once

#include "app/listeners.h"
#include "net/passed.h"

/** Has the log tell of an environment that makes no sense, where that is what passed_new() has
 * returned. */
void activation_tell_err(int err);
/** Logs those that are of no use to these listeners, of the first of so many workers, and how many
 * are; at the start also those that are of no use to anybody, which stay so. */
void activation_tell(const struct passed *passed, const struct listeners *listeners, size_t workers,
		     bool is_start);
