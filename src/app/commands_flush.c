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

static void tell(const struct wanted *wanted, uint64_t count, FILE *out, struct json *json)
{
	static const char *const words[] = {
		[CACHE_FLUSH_NAME] = "name", [CACHE_FLUSH_ZONE] = "zone", [CACHE_FLUSH_ALL] = "all"
	};
	const char *below = wanted->what == CACHE_FLUSH_ZONE ? " and below" : "";
	struct name_text text;
	const char *name = wanted->text != NULL ? name_to_text(wanted->name, &text) : NULL;

	LOG(LEVEL_NOTICE, "flush of %s%s: %" PRIu64 " cached answers are forgotten",
	    name != NULL ? name : "everything", below, count);
	if (json != NULL)
		json_print(json, "{what %s name %p flushed %" PRIu64 "}", words[wanted->what], name,
			   count);
	else
		fprintf(out, "%" PRIu64 " %s forgotten%s%s%s\n", count,
			count == 1 ? "entry" : "entries", name != NULL ? " of " : "",
			name != NULL ? name : "", below);
}

enum control_code commands_flush_run(struct commands *commands, const struct control_call *call,
				     FILE *out, struct json *json)
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
		tell(&wanted, flush.count, out, json);
		return CONTROL_DONE;
	}
	memcpy(call->work->words, &flush, sizeof(flush));
	return CONTROL_MORE;
}
