#include "app/commands_flush.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"

/* In one turn, each of which takes some tens of microseconds: 26 where nothing is found, 135 where
 * all goes (make bench-parts). */
#define STEPS_PER_TURN 4u

/* What a call means. */
struct wanted {
	enum cache_flush_what what;
	const char *text; /* NULL: all */
	uint8_t name[NAME_MAX_LEN];
};

/* False, and why is told, where it is not one of the three, or no name. */
static bool read_call(const struct control_call *call, struct wanted *ret_wanted, FILE *errors)
{
	const char *zone = control_request_option(call, "--zone");
	const bool is_all = control_request_option(call, "--all") != NULL;
	struct wanted *wanted = ret_wanted;
	size_t len = 0;

	*wanted = (struct wanted){
		.what = is_all	       ? CACHE_FLUSH_ALL
			: zone != NULL ? CACHE_FLUSH_ZONE
				       : CACHE_FLUSH_NAME,
		.text = zone != NULL ? zone : call->words[0],
	};
	if ((call->words[0] != NULL) + (zone != NULL) + is_all != 1) {
		fprintf(errors, "flush: expected one of NAME, --zone NAME and --all\n");
		return false;
	}
	if (is_all)
		return true;
	if (name_from_text(wanted->text, wanted->name, &len) != 0) {
		fprintf(errors, "flush: \"%s\" is not a domain name\n", wanted->text);
		return false;
	}
	name_lower(wanted->name, wanted->name, len);
	return true;
}

bool commands_flush_check(const struct control_call *call, FILE *errors)
{
	struct wanted wanted;

	return read_call(call, &wanted, errors);
}

static void tell(const struct wanted *wanted, uint64_t count, bool as_json, FILE *out)
{
	static const char *const words[] = {
		[CACHE_FLUSH_NAME] = "name", [CACHE_FLUSH_ZONE] = "zone", [CACHE_FLUSH_ALL] = "all"
	};
	struct name_text name;
	struct json json;

	if (wanted->text != NULL)
		name_to_text(wanted->name, &name);
	if (as_json) {
		json_init(&json, out);
		json_open_object(&json, NULL);
		json_text(&json, "what", words[wanted->what]);
		json_text(&json, "name", wanted->text != NULL ? name.text : NULL);
		json_number(&json, "flushed", (int64_t)count);
		json_close_object(&json);
		return;
	}
	fprintf(out, "%" PRIu64 " %s forgotten", count, count == 1 ? "entry" : "entries");
	if (wanted->text != NULL)
		fprintf(out, " of %s%s", name.text,
			wanted->what == CACHE_FLUSH_ZONE ? " and below" : "");
	fputc('\n', out);
}

static void log_flush(const struct wanted *wanted, uint64_t count)
{
	struct name_text name;

	LOG(LEVEL_NOTICE, "flush of %s%s: %" PRIu64 " cached answers are forgotten",
	    wanted->text != NULL ? name_to_text(wanted->name, &name) : "everything",
	    wanted->what == CACHE_FLUSH_ZONE ? " and below" : "", count);
}

enum control_code commands_flush_run(struct commands *commands, const struct control_call *call,
				     FILE *out)
{
	struct cache_flush flush;
	struct wanted wanted;

	_Static_assert(sizeof(flush) <= sizeof(call->work->words), "it is kept there");
	memcpy(&flush, call->work->words, sizeof(flush));
	if (!read_call(call, &wanted, out))
		return CONTROL_USAGE;
	for (unsigned i = 0; i < STEPS_PER_TURN; i++) {
		if (worker_flush(commands->worker, wanted.what, wanted.name, &flush))
			continue;
		log_flush(&wanted, flush.count);
		tell(&wanted, flush.count, control_request_option(call, "--json") != NULL, out);
		return CONTROL_DONE;
	}
	memcpy(call->work->words, &flush, sizeof(flush));
	return CONTROL_MORE;
}
