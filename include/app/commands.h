/* app/commands.h: what the commands of the control socket look at. */
#pragma once

#include "app/listeners.h"
#include "app/settings.h"
#include "query/worker.h"

/* All borrowed. */
struct commands {
	struct worker *worker;
	const struct listeners *listeners;
	const struct settings *settings;
	uint64_t started_us, loaded_us; /* the program; the configuration in use */
};
