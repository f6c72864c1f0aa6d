/* app/commands_families.h: of the status: families of couriers, and who squashes their aliases. */
#pragma once

#include <stdio.h>

#include "app/commands.h"
#include "base/json.h"

void commands_families_text(const struct commands *commands, FILE *out);
/** A list, as "families". */
void commands_families_json(const struct commands *commands, struct json *json);
