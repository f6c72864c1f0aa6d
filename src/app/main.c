/* The subcommands, one row each. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/ctl.h"
#include "app/daemon.h"
#include "app/doctor.h"
#include "app/exit_code.h"
#include "base/hash.h"
#include "conf/conf_load.h"
#include "query/plan.h"

struct command {
	const char *name, *arguments, *help;
	int (*run)(int argc, char **argv);
};

static const char *file_name(const struct settings *settings)
{
	const char *file = settings_file(settings);

	return file == NULL ? "the built-in default" : file;
}

static int usage(const char *command)
{
	fprintf(stderr, "Try: courierdns help %s\n", command);
	return EXIT_CODE_USAGE;
}

static int no_arguments_left(int argc, char **argv, const char *command)
{
	if (optind >= argc)
		return EXIT_CODE_OK;
	fprintf(stderr, "courierdns %s: \"%s\" was not expected\n", command, argv[optind]);
	return usage(command);
}

static int read_addr(const char *text, struct addr *list, size_t *count)
{
	if (*count == SETTINGS_MAX) {
		fprintf(stderr, "courierdns: at most %d addresses can be given\n", SETTINGS_MAX);
		return EXIT_CODE_USAGE;
	}
	if (addr_parse(text, 53, &list[*count]) != 0) {
		fprintf(stderr,
			"courierdns: \"%s\" is not ADDRESS[@PORT], such as 127.0.0.1@5300 or ::1\n",
			text);
		return EXIT_CODE_USAGE;
	}
	if (addr_is_link_local(&list[*count]) && list[*count].scope == 0) {
		fprintf(stderr, "courierdns: \"%s\" wants its interface behind it: fe80::1%%eth0\n",
			text);
		return EXIT_CODE_USAGE;
	}
	(*count)++;
	return EXIT_CODE_OK;
}

/* --- run --- */

static int command_run(int argc, char **argv)
{
	static const struct option options[] = { { "verbose", no_argument, NULL, 'v' }, { 0 } };
	struct settings settings = { 0 };
	int code = EXIT_CODE_OK;

	for (int option; code == EXIT_CODE_OK &&
			 (option = getopt_long(argc, argv, "c:l:s:u:v", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			settings.path = optarg;
			break;
		case 'l':
			code = read_addr(optarg, settings.listen, &settings.listen_count);
			break;
		case 's':
			settings.control_socket = optarg;
			break;
		case 'u':
			code = read_addr(optarg, settings.servers, &settings.server_count);
			break;
		case 'v':
			settings.is_verbose = true;
			break;
		default:
			return usage("run");
		}
	}
	if (code == EXIT_CODE_OK)
		code = no_arguments_left(argc, argv, "run");
	return code == EXIT_CODE_OK ? daemon_run(&settings) : code;
}

/* --- check and config --- */

static int read_file_option(int argc, char **argv, const char *command, struct settings *settings)
{
	static const struct option options[] = { { 0 } };

	for (int option; (option = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
		if (option != 'c')
			return usage(command);
		settings->path = optarg;
	}
	return no_arguments_left(argc, argv, command);
}

/* Reads and compiles as `run` would; the plan has everything `run` could complain of. */
static int load(const struct settings *settings, struct plan **ret_plan)
{
	struct complaints *complaints = complaint_new();
	struct hash_key key = { 0, 0 };
	struct conf *conf = NULL;
	int err = complaints == NULL ? -1 : settings_load(settings, complaints, &conf);

	if (err == 0)
		err = plan_new(conf, &key, NULL, complaints, ret_plan);
	for (size_t i = 0; complaints != NULL && i < complaint_kept(complaints); i++)
		fprintf(stderr, "%s\n", complaint_text(complaints, i));
	if (complaints != NULL && complaint_count(complaints) > 0)
		fprintf(stderr, "%s: %zu complaint%s\n", file_name(settings),
			complaint_count(complaints), complaint_count(complaints) == 1 ? "" : "s");
	complaint_free(complaints);
	return err == 0 ? EXIT_CODE_OK : EXIT_CODE_CONF;
}

static int command_check(int argc, char **argv)
{
	struct settings settings = { 0 };
	struct plan *plan = NULL;
	int code = read_file_option(argc, argv, "check", &settings);

	if (code == EXIT_CODE_OK)
		code = load(&settings, &plan);
	if (code == EXIT_CODE_OK)
		settings_warn(plan->conf);
	if (code == EXIT_CODE_OK)
		printf("%s is good: %zu zones, %zu upstream groups\n", file_name(&settings),
		       plan->conf->zone_count, plan->conf->group_count);
	plan_unref(plan);
	return code;
}

static int command_config(int argc, char **argv)
{
	struct settings settings = { 0 };
	struct plan *plan = NULL;
	int code = read_file_option(argc, argv, "config", &settings);

	if (code == EXIT_CODE_OK)
		code = load(&settings, &plan);
	if (code == EXIT_CODE_OK)
		conf_load_print(plan->conf, stdout);
	plan_unref(plan);
	return code;
}

/* --- version and help --- */

static int command_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("%s\n", COURIERDNS_VERSION);
	return EXIT_CODE_OK;
}

static int command_help(int argc, char **argv);

static const struct command commands[] = {
	{ "run", "[-c FILE] [-l ADDR[@PORT]]... [-u SERVER[@PORT]]... [-s SOCKET] [-v]",
	  "The daemon, in the foreground.\n"
	  "-c FILE      the configuration; default " CONF_LOAD_DEFAULT_PATH ", where there is one\n"
	  "-l, -u       where to listen and whom to ask, in place of the file's listen and default\n"
	  "             group; without -c no file is read then\n"
	  "-s SOCKET    where status, devices and explain ask it, in place of control.socket; \"\" for none\n"
	  "-v           log everything\n"
	  "Signals: HUP reads the configuration again, USR1 logs the counters, USR2 opens the log anew,\n"
	  "TERM and INT finish.",
	  command_run },
	{ "check", "[-c FILE]",
	  "Reads the file as run would and tells everything that is wrong with it. 0 or 78.",
	  command_check },
	{ "config", "[-c FILE]",
	  "Prints the effective configuration with all defaults, in the syntax it is written in.",
	  command_config },
	{ "doctor",
	  "[@SERVER[@PORT]]... [--reference SERVER[@PORT]] [--count N] [--reach] [--json]",
	  "Asks servers what a device asks while it is activated, and tells what fails, what that means,\n"
	  "and what to do next. Needs no daemon. Ends with 0 healthy, 1 a check failed, 2 could not test.\n"
	  "@SERVER          whom to ask; default: the servers of /etc/resolv.conf\n"
	  "--reference      another server to compare with: names the one that squashes\n"
	  "--count N        how many of the numbered names to try, 1 to 20; default 5\n"
	  "--reach          also connects to what was answered (5223, 443, 2197, 80), and asks for the time\n"
	  "--json           for machines\n"
	  "--resolv-conf F  the servers of this file in place of /etc/resolv.conf\n"
	  "--reach-at ADDR, --reach-port PORT=OTHER\n"
	  "                 connects there in place of where it would, say to a stand-in in a lab",
	  doctor_main },
	{ "explain", "NAME [TYPE] [-s SOCKET] [-c FILE] [--client ADDR] [--offline] [--json]",
	  "Tells which rule speaks for a name, why, and whom it is asked of; and as the running daemon\n"
	  "knows it, what the cache holds and what upstream said last. Where none runs, and with\n"
	  "--offline, from the file alone, which it says. Ends with 3 where there is neither.\n"
	  "-s SOCKET      where the daemon listens; default: control.socket of -c FILE, or of\n"
	  "               " CONF_LOAD_DEFAULT_PATH "\n"
	  "--client ADDR  as if that client asked; default 127.0.0.1\n"
	  "--json         for machines",
	  ctl_explain },
	{ "status", "[-s SOCKET] [-c FILE] [--json]",
	  "The running daemon on one screen: its servers, cache, families and devices. Ends with 0,\n"
	  "1 refused, 3 no daemon.",
	  ctl_main },
	{ "devices", "[ADDR] [-s SOCKET] [-c FILE] [--json]",
	  "The devices that the running daemon has seen on their way to activation: how far each one\n"
	  "has come, and what to look at if it comes no further. With an address, or a hardware\n"
	  "address, what that one asked and was told. Ends with 0, 1 not known, 3 no daemon.",
	  ctl_main },
	{ "metrics", "[-s SOCKET] [-c FILE]",
	  "What the running daemon has counted, as Prometheus reads it: what the web side has at /metrics.",
	  ctl_main },
	{ "reload", "[-s SOCKET] [-c FILE] [--json]",
	  "Has the running daemon read its configuration again, as HUP does, and tells what is wrong\n"
	  "with it; then the one before stays in use. Ends with 0, 1 refused, 3 no daemon.",
	  ctl_main },
	{ "version", "", "Prints the version.", command_version },
	{ "help", "[COMMAND]", "Prints this, or more on one command.", command_help },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0)
		name = "version";
	if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0)
		name = "help";
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *known[COMMAND_COUNT + 1] = { NULL };

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		known[i] = commands[i].name;
	const char *nearest = complaint_nearest(name, known);
	fprintf(stderr, "courierdns: there is no command \"%s\"", name);
	if (nearest != NULL)
		fprintf(stderr, "; did you mean \"%s\"?", nearest);
	fprintf(stderr, "\n");
	return usage("");
}

static int command_help(int argc, char **argv)
{
	if (argc > 1) {
		const struct command *command = find_command(argv[1]);

		if (command == NULL)
			return unknown_command(argv[1]);
		printf("courierdns %s %s\n\n%s\n", command->name, command->arguments,
		       command->help);
		return EXIT_CODE_OK;
	}
	printf("courierdns: a small DNS forwarder that passes on what upstream says, Apple's dangling\n"
	       "CNAME too.\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  courierdns %s %s\n", commands[i].name, commands[i].arguments);
	printf("\nExit codes: 0 well, 1 refused or not found, 3 nobody to ask, 64 usage, 71 the system said no, 78 configuration\n");
	return EXIT_CODE_OK;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "courierdns: a command was expected\n");
		return usage("");
	}
	const struct command *command = find_command(argv[1]);
	if (command == NULL)
		return unknown_command(argv[1]);
	return command->run(argc - 1, argv + 1);
}
