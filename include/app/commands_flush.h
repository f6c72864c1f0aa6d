/* app/commands_flush.h: has the cache forget a name, a zone or all; contrib/flush.schema.json says
 * how that looks for programs. */
#pragma once

#include "app/commands.h"

bool commands_flush_check(const struct control_call *call, FILE *errors);
/** In as many turns of the loop as the cache is large, so that nobody waits for it; no worker need
 * be held. */
enum control_code commands_flush_run(struct commands *commands, const struct control_call *call,
				     FILE *out, struct json *json);
