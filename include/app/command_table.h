/* app/command_table.h: what the running daemon is asked and told over its control socket, one row
 * each. The client reads the same rows. */
#pragma once

#include "side/control.h"

/** The row behind the last has no name; their ctx is a struct commands (app/commands.h). */
const struct control_command *command_table(void);
