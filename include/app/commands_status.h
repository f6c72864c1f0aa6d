/* app/commands_status.h: the daemon on one screen; contrib/status.schema.json says how it looks for
 * programs. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "app/commands.h"

void commands_status_text(const struct commands *commands, FILE *out);
void commands_status_json(const struct commands *commands, struct json *json);
