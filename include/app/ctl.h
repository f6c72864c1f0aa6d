/* app/ctl.h: the other end of the control socket: asks the running daemon, and prints what it says.
 */
#pragma once

#include "app/command.h"

/** A command of the daemon's, with -s SOCKET and -c FILE among what the daemon takes; the exit
 * code. */
int ctl_main(const struct command_line *given);
/** `explain`, which answers from the file alone where there is no daemon. */
int ctl_explain(const struct command_line *given);
