/* app/commands_upstreams.h: groups of servers, and what is known of each of these;
 * contrib/upstreams.schema.json says how it looks for programs. All workers are held. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "app/commands.h"
#include "base/json.h"

void commands_upstreams_text(const struct commands *commands, FILE *out);
void commands_upstreams_json(const struct commands *commands, struct json *json);

/* In the status, and with all that there is of a server. */
void commands_upstreams_groups_text(const struct commands *commands, bool is_whole, FILE *out);
/** As "groups". */
void commands_upstreams_groups_json(const struct commands *commands, bool is_whole,
				    struct json *json);
