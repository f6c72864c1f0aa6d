/* app/command_table.h: all that courierdns can be told, one row each. */
#pragma once

#include "app/command.h"

/** The row behind the last has no name. */
const struct command *command_table(void);
