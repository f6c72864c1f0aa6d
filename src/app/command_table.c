#include "app/command_table.h"

#include "app/command_local.h"
#include "app/commands.h"
#include "app/commands_devices.h"
#include "app/commands_flush.h"
#include "app/commands_log.h"
#include "app/commands_reload.h"
#include "app/commands_stats.h"
#include "app/commands_status.h"
#include "app/commands_upstreams.h"
#include "app/ctl.h"
#include "app/doctor.h"
#include "app/explain.h"
#include "app/metrics.h"
#include "conf/conf_load.h"

/* --- what the daemon does ------------------------------------------------------------------- */

static enum control_code status(struct commands *commands, const struct control_call *call,
				FILE *out, struct json *json)
{
	(void)call;
	if (json != NULL)
		commands_status_json(commands, json);
	else
		commands_status_text(commands, out);
	return CONTROL_DONE;
}

static enum control_code upstreams(struct commands *commands, const struct control_call *call,
				   FILE *out, struct json *json)
{
	(void)call;
	if (json != NULL)
		commands_upstreams_json(commands, json);
	else
		commands_upstreams_text(commands, out);
	return CONTROL_DONE;
}

static enum control_code devices(struct commands *commands, const struct control_call *call,
				 FILE *out, struct json *json)
{
	const struct commands_devices devices = {
		.timeline = worker_timeline(commands->worker),
		.clock = worker_clock(commands->worker),
		.called = call->words[0],
		.json = json,
	};

	if (commands_devices_print(&devices, out))
		return CONTROL_DONE;
	fprintf(out, "no device is known by \"%s\"\n", call->words[0]);
	return CONTROL_REFUSED;
}

static enum control_code explain(struct commands *commands, const struct control_call *call,
				 FILE *out, struct json *json)
{
	const struct explain_question question = {
		.name = call->words[0],
		.type = call->words[1],
		.client = control_request_option(call, "--client"),
		.file = control_request_option(call, "--file"),
		.json = json,
	};

	return explain_crew(commands->crew, commands->settings, &question, out) == EXIT_CODE_OK
		       ? CONTROL_DONE
		       : CONTROL_USAGE;
}

static enum control_code metrics(struct commands *commands, const struct control_call *call,
				 FILE *out, struct json *json)
{
	(void)call;
	(void)json;
	metrics_write(commands, out);
	return CONTROL_DONE;
}

/* --- the table ------------------------------------------------------------------------------ */

/* What the daemon is asked: how that ends, and what it takes beside its own. */
#define ENDS "0; 1 refused or not found; 3 no daemon"
#define JSON "--json\tfor machines\n"
static const char common[] =
	JSON "-s SOCKET\twhere the daemon listens; default: control.socket of the file\n"
	     "-c FILE\tthat file; default " CONF_LOAD_DEFAULT_PATH ", where there is one\n";

/* clang-format off */
static const struct command table[] = {
	{ .usage = { .name = "run", .options =
		"-c FILE\tthe configuration; default " CONF_LOAD_DEFAULT_PATH ", where there is one\n"
		"-l ADDR[@PORT]...\twhere to listen, in place of what the file says\n"
		"-u SERVER[@PORT]...\twhom to ask, in place of the file's default group\n"
		"-s SOCKET\twhere commands reach it, in place of control.socket; \"\" for none\n"
		"-v\tlog everything\n" },
	  .words = "", .help =
		"The daemon, in the foreground. With -l or -u and without -c no file is read. Signals: HUP\n"
		"reads the configuration again, USR1 logs the counters, USR2 opens the log anew, TERM and\n"
		"INT finish.",
	  .ends = "0; 71 the system said no, as of a port that is taken; 78 bad configuration",
	  .main = command_local_run },
	{ .usage = { .name = "check", .options = "-c FILE\tdefault " CONF_LOAD_DEFAULT_PATH "\n" },
	  .words = "", .help =
		"Reads the file as run would, and tells everything that is wrong with it.",
	  .ends = "0; 78 bad configuration", .main = command_local_check },
	{ .usage = { .name = "config", .options = "-c FILE\tdefault " CONF_LOAD_DEFAULT_PATH "\n" },
	  .words = "", .help =
		"Prints the effective configuration with all defaults, in the syntax it is written in.",
	  .ends = "0; 78 bad configuration", .main = command_local_config },
	{ .usage = { .name = "doctor", .options =
		"--reference SERVER[@PORT]\tanother one to compare with: names the one that squashes\n"
		"--count N\thow many of the numbered names to try, 1 to 20; default 5\n"
		"--reach\talso connect to what was answered (5223, 443, 2197, 80); ask for the time\n"
		JSON
		"--resolv-conf FILE\tthe servers of this file in place of /etc/resolv.conf\n"
		"--dnsmasq\tthe servers are dnsmasq, though they may not say so: names its options\n"
		"--reach-at ADDR\tconnect there in place of where it would, say to a stand-in in a lab\n"
		"--reach-port PORT=OTHER...\tand to that port in place of this one\n" },
	  .words = "[@SERVER[@PORT]]...", .help =
		"Asks servers what a device asks while it is activated, and tells what fails, what that\n"
		"means, and what to do next. Needs no daemon. Without a server those of /etc/resolv.conf\n"
		"are asked.",
	  .ends = "0 healthy; 1 a check failed; 2 could not test", .main = doctor_main },
	{ .usage = { "explain",
		"--client ADDR\tas if that client asked; default 127.0.0.1\n"
		"--offline\tfrom the file alone\n"
		"--file FILE\t\n", common, 1, 2 },
	  .words = "NAME [TYPE]", .help =
		"Tells which rule speaks for a name, why, and whom it is asked of; and as the running\n"
		"daemon knows it, what the cache holds and what upstream said last. Where none runs it\n"
		"tells what the file alone says, and that it does.",
	  .ends = "0; 3 neither daemon nor file",
	  .main = ctl_explain, .run = explain, .is_held = true },
	{ .usage = { "status", NULL, common, 0, 0 },
	  .words = "", .help =
		"The running daemon on one screen: its servers, cache, families and devices.",
	  .ends = ENDS, .main = ctl_main, .run = status, .is_held = true },
	{ .usage = { "devices", NULL, common, 0, 1 },
	  .words = "[ADDR]", .help =
		"The devices that the running daemon has seen on their way to activation: how far each\n"
		"one has come, and what to look at if it comes no further. With an address, or a hardware\n"
		"address, what that one asked and was told.",
	  .ends = ENDS, .main = ctl_main, .run = devices, .is_held = true },
	{ .usage = { "upstreams", NULL, common, 0, 0 },
	  .words = "", .help =
		"The servers that the running daemon asks: which are up, how long they take, how often\n"
		"they were asked, and what became of that.",
	  .ends = ENDS, .main = ctl_main, .run = upstreams, .is_held = true },
	{ .usage = { "flush", "--zone NAME\tthe name and all below it\n--all\teverything\n", common, 0, 1 },
	  .words = "NAME|--zone NAME|--all", .help =
		"Has the running daemon forget what its cache holds of a name, of all types and views; of\n"
		"a zone; or everything. Says how many answers and failures went.",
	  .ends = ENDS, .main = ctl_main, .run = commands_flush_run, .check = commands_flush_check },
	{ .usage = { "reload", NULL, common, 0, 0 },
	  .words = "", .help =
		"Has the running daemon read its configuration again, as HUP does, and tells what is\n"
		"wrong with it; then the one before stays in use.",
	  .ends = ENDS, .main = ctl_main, .run = commands_reload_run },
	{ .usage = { "log-level", NULL, common, 0, 1 },
	  .words = "[LEVEL]", .help =
		"Has the running daemon log this and what is worse: error, warning, notice, info or debug;\n"
		"until the next reload, which goes by the configuration. Says what it was before.",
	  .ends = ENDS, .main = ctl_main, .run = commands_log_run, .check = commands_log_check,
	  .is_held = true },
	{ .usage = { "stats", NULL, common, 0, 0 },
	  .words = "", .help =
		"What the running daemon has counted, each figure with what it says; without those that\n"
		"are 0.",
	  .ends = ENDS, .main = ctl_main, .run = commands_stats_run },
	{ .usage = { "metrics", NULL, &common[sizeof(JSON) - 1], 0, 0 },
	  .words = "", .help =
		"What the running daemon has counted, as Prometheus reads it: what the web side has at\n"
		"/metrics.",
	  .ends = ENDS, .main = ctl_main, .run = metrics },
	{ .usage = { .name = "version" }, .words = "", .help =
		"Prints the version.",
	  .ends = "0", .main = command_local_version },
	{ .usage = { .name = "help" }, .words = "[COMMAND]", .help =
		"Prints this, or more on one command.",
	  .ends = "0", .main = command_local_help },
	{ .usage = { .name = NULL } },
};
/* clang-format on */

const struct command *command_table(void)
{
	return table;
}
