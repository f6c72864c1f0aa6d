#include "app/command_local.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/daemon.h"
#include "base/hash.h"
#include "conf/conf_load.h"
#include "query/plan.h"

static int no_arguments_left(const struct command_line *line)
{
	if (optind >= line->argc)
		return EXIT_CODE_OK;
	fprintf(stderr, "courierdns %s: \"%s\" was not expected\n", line->argv[0],
		line->argv[optind]);
	return command_usage(line->command);
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

/* Those of `letters`, as getopt(3) has them, and then nothing. */
static int read_options(const struct command_line *line, const char *letters,
			struct settings *settings)
{
	static const struct option options[] = { { "verbose", no_argument, NULL, 'v' }, { 0 } };
	const struct option *longs = strchr(letters, 'v') != NULL ? options : options + 1;
	int code = EXIT_CODE_OK;

	for (int option;
	     code == EXIT_CODE_OK &&
	     (option = getopt_long(line->argc, line->argv, letters, longs, NULL)) != -1;) {
		switch (option) {
		case 'c':
			settings->path = optarg;
			break;
		case 'l':
			code = read_addr(optarg, settings->listen, &settings->listen_count);
			break;
		case 's':
			settings->control_socket = optarg;
			break;
		case 'u':
			code = read_addr(optarg, settings->servers, &settings->server_count);
			break;
		case 'v':
			settings->is_verbose = true;
			break;
		default:
			return command_usage(line->command);
		}
	}
	return code == EXIT_CODE_OK ? no_arguments_left(line) : code;
}

/* --- run --- */

int command_local_run(const struct command_line *line)
{
	struct settings settings = { 0 };
	const int code = read_options(line, "c:l:s:u:v", &settings);

	return code == EXIT_CODE_OK ? daemon_run(&settings, line->all) : code;
}

/* --- check and config --- */

/* Reads and compiles as `run` would; the plan has everything `run` could complain of. */
static int load(const struct settings *settings, struct plan **ret_plan)
{
	struct complaints *complaints = complaint_new();
	struct hash_key key = { 0, 0 };
	struct conf *conf = NULL;
	int err = complaints == NULL ? -1 : settings_load(settings, complaints, &conf);

	if (err == 0)
		err = plan_new(conf, &key, NULL, complaints, ret_plan);
	complaint_print(complaints, stderr);
	if (complaints != NULL && complaint_count(complaints) > 0)
		fprintf(stderr, "%s: %zu complaint%s\n", settings_file_text(settings),
			complaint_count(complaints), complaint_count(complaints) == 1 ? "" : "s");
	complaint_free(complaints);
	return err == 0 ? EXIT_CODE_OK : EXIT_CODE_CONF;
}

int command_local_check(const struct command_line *line)
{
	struct settings settings = { 0 };
	struct plan *plan = NULL;
	int code = read_options(line, "c:", &settings);

	if (code == EXIT_CODE_OK)
		code = load(&settings, &plan);
	if (code == EXIT_CODE_OK)
		settings_warn(plan->conf);
	if (code == EXIT_CODE_OK)
		printf("%s is good: %zu zones, %zu upstream groups\n",
		       settings_file_text(&settings), plan->conf->zone_count,
		       plan->conf->group_count);
	plan_unref(plan);
	return code;
}

int command_local_config(const struct command_line *line)
{
	struct settings settings = { 0 };
	struct plan *plan = NULL;
	int code = read_options(line, "c:", &settings);

	if (code == EXIT_CODE_OK)
		code = load(&settings, &plan);
	if (code == EXIT_CODE_OK)
		conf_load_print(plan->conf, stdout);
	plan_unref(plan);
	return code;
}

/* --- version and help --- */

int command_local_version(const struct command_line *line)
{
	(void)line;
	printf("%s\n", COURIERDNS_VERSION);
	return EXIT_CODE_OK;
}

int command_local_help(const struct command_line *line)
{
	if (line->argc < 2) {
		command_print_all(line->all, stdout);
		return EXIT_CODE_OK;
	}
	const struct command *command = command_find(line->all, line->argv[1]);
	if (command == NULL)
		return command_unknown(line->all, line->argv[1]);
	command_print_help(command, stdout);
	return EXIT_CODE_OK;
}
