/* app/daemon.h: `courierdns run`: builds the plan, wires the floors, reloads, ends. */
#pragma once

#include "app/settings.h"

/** Runs until SIGTERM or SIGINT; returns the exit code. */
int daemon_run(const struct settings *settings);
