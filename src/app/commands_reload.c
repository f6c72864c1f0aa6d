#include "app/commands_reload.h"

#include <inttypes.h>

#include "app/commands_sums.h"
#include "app/span.h"

uint64_t commands_reload_in_use_us(const struct commands *commands)
{
	struct reload_report report;

	reload_report(commands->reload, &report);
	return report.done > 0 ? report.in_use_since_us : commands->started_us;
}

/* Of the last one, if it failed. */
static void print_reasons(const struct reload_report *report, const char *indent, FILE *out)
{
	for (size_t i = 0; report->has_failed && report->reasons[i] != NULL; i++)
		fprintf(out, "%s%s\n", indent, report->reasons[i]);
}

/* They are the last of what is told for programs. */
static void put_reasons(const struct reload_report *report, struct json *json)
{
	json_print(json, "complaints [");
	for (size_t i = 0; report->has_failed && report->reasons[i] != NULL; i++)
		json_print(json, "%s", report->reasons[i]);
	json_print(json, "]}");
}

void commands_reload_text(const struct commands *commands, FILE *out)
{
	struct reload_report report;
	struct span_text span;

	reload_report(commands->reload, &report);
	if (report.done + report.failed == 0)
		return;
	fprintf(out, "reloads        %" PRIu64 " done, %" PRIu64 " refused; %s %s ago%s\n",
		report.done, report.failed, report.has_failed ? "the last one was refused" : "last",
		span_to_text(commands_sums_ago_s(commands->crew, report.last_us), &span),
		report.has_failed ? ":" : "");
	print_reasons(&report, "               ", out);
}

void commands_reload_json(const struct commands *commands, struct json *json)
{
	struct reload_report report;

	reload_report(commands->reload, &report);
	json_print(json,
		   "reload {ok %" PRIu64 " error %" PRIu64 " last_s_ago %" PRId64 " has_failed %d",
		   report.done, report.failed,
		   report.done + report.failed == 0
			   ? INT64_C(-1)
			   : (int64_t)commands_sums_ago_s(commands->crew, report.last_us),
		   report.has_failed);
	put_reasons(&report, json);
}

enum control_code commands_reload_run(struct commands *commands, const struct control_call *call,
				      FILE *out, struct json *json)
{
	const bool is_done = reload_again(commands->reload);
	struct reload_report report;

	reload_report(commands->reload, &report);
	(void)call;
	if (json != NULL) {
		json_print(json, "{is_done %d file %p plan %u", is_done,
			   settings_file(commands->settings), worker_plan(commands->worker)->id);
		put_reasons(&report, json);
	} else if (is_done) {
		fprintf(out, "%s is in use\n", settings_file_text(commands->settings));
	} else {
		fprintf(out, "refused, the configuration before stays in use:\n");
		print_reasons(&report, "", out);
	}
	return is_done ? CONTROL_DONE : CONTROL_REFUSED;
}
