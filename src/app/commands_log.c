#include "app/commands_log.h"

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "conf/complaint.h"

static const char *const words[] = {
	[LEVEL_ERROR] = "error", [LEVEL_WARNING] = "warning", [LEVEL_NOTICE] = "notice",
	[LEVEL_INFO] = "info",	 [LEVEL_DEBUG] = "debug",     NULL,
};

/* The level of that name; -1 where there is none. */
static int find_level(const char *word)
{
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], word) == 0)
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
	nearest = complaint_nearest(call->words[0], words);
	if (nearest != NULL)
		fprintf(errors, "; did you mean \"%s\"?", nearest);
	fputc('\n', errors);
	return false;
}

enum control_code commands_log_run(struct commands *commands, const struct control_call *call,
				   FILE *out)
{
	const enum log_level before = log_level();
	const enum log_level level =
		call->words[0] == NULL ? before : (enum log_level)find_level(call->words[0]);
	struct json json;

	(void)commands;
	if (level != before) {
		log_set_level(level);
		log_write(LEVEL_NOTICE, "log level %s in place of %s, until the next reload",
			  words[level], words[before]);
	}
	if (control_request_option(call, "--json") != NULL) {
		json_init(&json, out);
		json_open_object(&json, NULL);
		json_text(&json, "level", words[level]);
		json_text(&json, "before", words[before]);
		json_close_object(&json);
	} else if (call->words[0] == NULL) {
		fprintf(out, "%s\n", words[level]);
	} else {
		fprintf(out, "%s, before it was %s; until the next reload\n", words[level],
			words[before]);
	}
	return CONTROL_DONE;
}
