/* app/daemon.h: `courierdns run`: builds the plan, wires the floors, reloads, ends. */
#pragma once

#include "app/settings.h"

struct command;

/** Runs until SIGTERM or SIGINT; returns the exit code. `commands` are what it can be told while it
 * does (app/command_table.h). */
int daemon_run(const struct settings *settings, const struct command *commands);
