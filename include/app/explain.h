/* app/explain.h: `courierdns explain`: which rule speaks for a name, and why. */
#pragma once

#include "app/settings.h"

struct explain_question {
	const char *name, *type; /* type NULL: A */
	struct addr client;
};

/** Prints to stdout; the exit code. Names that cannot be read are told on stderr. */
int explain_run(const struct settings *settings, const struct explain_question *question);
