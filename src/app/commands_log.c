#include "app/commands_log.h"

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "conf/complaint.h"
#include "conf/conf.h"

/* The level of that name; -1 where there is none. */
static int find_level(const char *word)
{
	for (int i = 0; conf_load_levels[i] != NULL; i++) {
		if (strcmp(conf_load_levels[i], word) == 0)
			return i;
	}
	return -1;
}

bool commands_log_check(const struct control_call *call, FILE *errors)
{
	const char *nearest;

	if (call->words[0] == NULL || find_level(call->words[0]) >= 0)
		return true;
	fprintf(errors, "log-level: \"%s\" is none; expected error, warning, notice, info or debug",
		call->words[0]);
	nearest = complaint_nearest(call->words[0], conf_load_levels);
	if (nearest != NULL)
		fprintf(errors, "; did you mean \"%s\"?", nearest);
	fputc('\n', errors);
	return false;
}

enum control_code commands_log_run(struct commands *commands, const struct control_call *call,
				   FILE *out, struct json *json)
{
	const enum log_level before = log_level();
	const enum log_level level =
		call->words[0] == NULL ? before : (enum log_level)find_level(call->words[0]);

	(void)commands;
	if (level != before) {
		log_set_level(level);
		log_answer("log level %s in place of %s, until the next reload",
			   conf_load_levels[level], conf_load_levels[before]);
	}
	if (json != NULL) {
		json_print(json, "{level %s before %s}", conf_load_levels[level],
			   conf_load_levels[before]);
	} else if (call->words[0] == NULL) {
		fprintf(out, "%s\n", conf_load_levels[level]);
	} else {
		fprintf(out, "%s, before it was %s; until the next reload\n",
			conf_load_levels[level], conf_load_levels[before]);
	}
	return CONTROL_DONE;
}
