/* app/commands_log.h: how much is logged, until the configuration says so again. */
#pragma once

#include "app/commands.h"

bool commands_log_check(const struct control_call *call, FILE *errors);
/** Sets the level that is named, or none; says what it was. Others are held: they log too. */
enum control_code commands_log_run(struct commands *commands, const struct control_call *call,
				   FILE *out, struct json *json);
