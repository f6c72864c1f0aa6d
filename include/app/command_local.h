/* app/command_local.h: the commands that ask nobody. */
#pragma once

#include "app/command.h"

int command_local_run(const struct command_line *line);
int command_local_check(const struct command_line *line);
int command_local_config(const struct command_line *line);
int command_local_version(const struct command_line *line);
int command_local_help(const struct command_line *line);
