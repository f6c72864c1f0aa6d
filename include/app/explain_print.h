/* app/explain_print.h: what was found out about a name, for people and for programs
 * (contrib/explain.schema.json says how that looks). */
#pragma once

#include <stdio.h>

#include "query/look.h"

struct explain {
	const struct plan *plan;
	const char *file;	 /* NULL: the built-in default */
	const char *why_offline; /* NULL: as the daemon has it */
	const char *other_file;	 /* that the daemon does not read, and was expected to; or NULL */
	const struct clock *clock;
	struct addr client;
	uint8_t name[NAME_MAX_LEN], query[NAME_MAX_LEN + 64];
	uint16_t type;
	struct look look;
};

void explain_print_text(const struct explain *explain, FILE *out);
void explain_print_json(const struct explain *explain, FILE *out);
