/* app/commands.h: what the commands of the control socket look at. */
#pragma once

#include "app/command.h"
#include "app/crew.h"
#include "app/reload.h"
#include "app/settings.h"

/* All borrowed. */
struct commands {
	const struct command *all;
	struct crew *crew;
	struct worker *worker; /* the first of them */
	const struct settings *settings;
	struct reload *reload;
	uint64_t started_us;
};
