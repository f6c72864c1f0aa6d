/* app/commands.h: what the commands of the control socket look at. */
#pragma once

#include "app/crew.h"
#include "app/settings.h"

/* All borrowed. */
struct commands {
	struct crew *crew;
	struct worker *worker; /* the first of them */
	const struct settings *settings;
	uint64_t started_us, loaded_us; /* the program; the configuration in use */
};
