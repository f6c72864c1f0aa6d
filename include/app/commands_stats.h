/* app/commands_stats.h: what metrics_write() tells, for people and, by contrib/stats.schema.json,
 * for programs: the same names and the same figures. */
#pragma once

#include "app/commands.h"

enum control_code commands_stats_run(struct commands *commands, const struct control_call *call,
				     FILE *out, struct json *json);
