#include "app/command_table.h"

#include "app/commands.h"
#include "app/commands_devices.h"
#include "app/commands_reload.h"
#include "app/commands_status.h"
#include "app/explain.h"
#include "app/metrics.h"

/* --- one function each, while all workers are held ------------------------------------------ */

static enum control_code status(void *ctx, const struct control_call *call, FILE *out)
{
	if (control_request_option(call, "--json") != NULL)
		commands_status_json(ctx, out);
	else
		commands_status_text(ctx, out);
	return CONTROL_DONE;
}

static enum control_code devices(void *ctx, const struct control_call *call, FILE *out)
{
	const struct commands *commands = ctx;
	const struct commands_devices devices = {
		.timeline = worker_timeline(commands->worker),
		.clock = worker_clock(commands->worker),
		.called = call->words[0],
		.as_json = control_request_option(call, "--json") != NULL,
	};

	if (commands_devices_print(&devices, out))
		return CONTROL_DONE;
	fprintf(out, "no device is known by \"%s\"\n", call->words[0]);
	return CONTROL_REFUSED;
}

static enum control_code explain(void *ctx, const struct control_call *call, FILE *out)
{
	const struct commands *commands = ctx;
	const char *client = control_request_option(call, "--client");
	struct explain_question question = {
		.name = call->words[0],
		.type = call->words[1],
		.file = control_request_option(call, "--file"),
		.as_json = control_request_option(call, "--json") != NULL,
	};

	if (client == NULL)
		client = "127.0.0.1";
	if (addr_parse(client, 53, &question.client) != 0) {
		fprintf(out, "explain: \"%s\" is not an address\n", client);
		return CONTROL_USAGE;
	}
	question.client.port = 0;
	return explain_crew(commands->crew, commands->settings, &question, out) == EXIT_CODE_OK
		       ? CONTROL_DONE
		       : CONTROL_USAGE;
}

/* --- the table ----------------------------------------------------------------------------- */

static enum control_code held(void *ctx, const struct control_call *call, FILE *out,
			      enum control_code (*run)(void *ctx, const struct control_call *call,
						       FILE *out))
{
	const struct commands *commands = ctx;

	crew_hold(commands->crew);
	const enum control_code code = run(ctx, call, out);
	crew_release(commands->crew);
	return code;
}

static enum control_code run_status(void *ctx, const struct control_call *call, FILE *out)
{
	return held(ctx, call, out, status);
}

static enum control_code run_devices(void *ctx, const struct control_call *call, FILE *out)
{
	return held(ctx, call, out, devices);
}

static enum control_code run_explain(void *ctx, const struct control_call *call, FILE *out)
{
	return held(ctx, call, out, explain);
}

static enum control_code run_metrics(void *ctx, const struct control_call *call, FILE *out)
{
	(void)call;
	metrics_write(ctx, out);
	return CONTROL_DONE;
}

static const struct control_command table[] = {
	{ { "status", " --json ", 0, 0 }, run_status },
	{ { "devices", " --json ", 0, 1 }, run_devices },
	{ { "reload", " --json ", 0, 0 }, commands_reload_run },
	{ { "explain", " --json --client= --file= --offline ", 1, 2 }, run_explain },
	{ { "metrics", "", 0, 0 }, run_metrics },
	{ { NULL, NULL, 0, 0 }, NULL },
};

const struct control_command *command_table(void)
{
	return table;
}
