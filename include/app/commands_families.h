/* app/commands_families.h: of the status: families of couriers, and who squashes their aliases. */
#pragma once

#include <stdio.h>

#include "app/commands.h"
#include "base/json.h"

void commands_families_text(const struct commands *commands, FILE *out);
/** Who squashes the alias of that family, or did: a line each, behind `label`. */
void commands_families_squashers_text(struct worker *worker, const char *family, const char *label,
				      FILE *out);
/** The same as a list, "squashers". */
void commands_families_squashers_json(struct worker *worker, const char *family, struct json *json);
/** A list, as "families". */
void commands_families_json(const struct commands *commands, struct json *json);
