#include "app/commands_reload.h"

#include <inttypes.h>

#include "app/span.h"

static const char *file_of(const struct commands *commands)
{
	const char *file = settings_file(commands->settings);

	return file == NULL ? "the built-in default" : file;
}

static uint64_t ago_s(const struct commands *commands, uint64_t since_us)
{
	return (worker_clock(commands->worker)->now_us - since_us) / USEC_PER_SEC;
}

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

static void put_reasons(const struct reload_report *report, struct json *json)
{
	json_open_list(json, "complaints");
	for (size_t i = 0; report->has_failed && report->reasons[i] != NULL; i++)
		json_text(json, NULL, report->reasons[i]);
	json_close_list(json);
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
		span_to_text(ago_s(commands, report.last_us), &span), report.has_failed ? ":" : "");
	print_reasons(&report, "               ", out);
}

void commands_reload_json(const struct commands *commands, struct json *json)
{
	struct reload_report report;

	reload_report(commands->reload, &report);
	json_open_object(json, "reload");
	json_number(json, "ok", (int64_t)report.done);
	json_number(json, "error", (int64_t)report.failed);
	if (report.done + report.failed > 0)
		json_number(json, "last_s_ago", (int64_t)ago_s(commands, report.last_us));
	else
		json_text(json, "last_s_ago", NULL);
	json_bool(json, "has_failed", report.has_failed);
	put_reasons(&report, json);
	json_close_object(json);
}

enum control_code commands_reload_run(struct commands *commands, const struct control_call *call,
				      FILE *out)
{
	const bool is_done = reload_again(commands->reload);
	struct reload_report report;
	struct json json;

	reload_report(commands->reload, &report);
	if (control_request_option(call, "--json") != NULL) {
		json_init(&json, out);
		json_open_object(&json, NULL);
		json_bool(&json, "is_done", is_done);
		json_text(&json, "file", settings_file(commands->settings));
		json_number(&json, "plan", worker_plan(commands->worker)->id);
		put_reasons(&report, &json);
		json_close_object(&json);
	} else if (is_done) {
		fprintf(out, "%s is in use\n", file_of(commands));
	} else {
		fprintf(out, "refused, the configuration before stays in use:\n");
		print_reasons(&report, "", out);
	}
	return is_done ? CONTROL_DONE : CONTROL_REFUSED;
}
