/* app/commands_reload.h: the command that reads the configuration again, and how that went the last
 * time; contrib/reload.schema.json says how it looks for programs. */
#pragma once

#include "app/commands.h"
#include "base/json.h"

/** reload_again(), and what it came to. */
enum control_code commands_reload_run(struct commands *commands, const struct control_call *call,
				      FILE *out, struct json *json);

/* In the status. */

/** Since when the configuration is in use. */
uint64_t commands_reload_in_use_us(const struct commands *commands);
/** Nothing where there has been no reload. */
void commands_reload_text(const struct commands *commands, FILE *out);
void commands_reload_json(const struct commands *commands, struct json *json);
