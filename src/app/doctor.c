#include "app/doctor.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/doctor_report.h"
#include "app/doctor_run.h"
#include "conf/resolv_conf.h"

#define SERVERS_MAX (DOCTOR_SERVERS_MAX - 1)
#define VARIANTS_DEFAULT 5
#define DNS_PORT 53
#define DESCRIPTORS_WANTED 2048u

struct arguments {
	struct addr servers[SERVERS_MAX], reference;
	size_t server_count;
	bool has_reference, as_json;
	const char *resolv_conf;
	struct doctor_options options;
};

static bool complain(const char *what, const char *text, const char *wanted)
{
	fprintf(stderr, "courierdns doctor: %s\"%s\" is not %s\n", what, text, wanted);
	return false;
}

/* --- arguments ----------------------------------------------------------------------------- */

static bool read_addr(const char *text, struct addr *ret_addr)
{
	if (addr_parse(text, DNS_PORT, ret_addr) == 0 &&
	    (!addr_is_link_local(ret_addr) || ret_addr->scope != 0))
		return true;
	return complain("", text, "SERVER[@PORT], such as 192.0.2.1, ::1@5300 or fe80::1%eth0");
}

static bool read_server(struct arguments *arguments, const char *text)
{
	if (text[0] != '@')
		return complain("", text, "expected; a server is written @SERVER[@PORT]");
	if (arguments->server_count == SERVERS_MAX) {
		fprintf(stderr, "courierdns doctor: at most %d servers at once\n", SERVERS_MAX);
		return false;
	}
	return read_addr(text + 1, &arguments->servers[arguments->server_count++]);
}

static bool read_number(const char *text, unsigned long max, unsigned long *ret_number)
{
	char *end;
	const unsigned long number = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || number == 0 || number > max)
		return false;
	*ret_number = number;
	return true;
}

static bool read_variants(struct arguments *arguments, const char *text)
{
	unsigned long number;

	if (!read_number(text, DOCTOR_VARIANTS_MAX, &number))
		return complain("--count ", text, "a number from 1 to 20");
	arguments->options.variants = number;
	return true;
}

/* "5223=15223" */
static bool read_reach_port(struct arguments *arguments, char *text)
{
	struct doctor_reach_ways *ways = &arguments->options.ways;
	char *equals = strchr(text, '=');
	unsigned long from, to;
	bool is_good = false;

	if (equals != NULL) {
		*equals = '\0';
		is_good = read_number(text, UINT16_MAX, &from) &&
			  read_number(equals + 1, UINT16_MAX, &to);
		*equals = '=';
	}
	if (!is_good)
		return complain("--reach-port ", text, "PORT=OTHER, such as 5223=15223");
	if (ways->port_count == DOCTOR_REACH_PORTS) {
		fprintf(stderr, "courierdns doctor: at most %d --reach-port\n", DOCTOR_REACH_PORTS);
		return false;
	}
	ways->ports[ways->port_count].from = (uint16_t)from;
	ways->ports[ways->port_count++].to = (uint16_t)to;
	return true;
}

enum option_key {
	OPTION_REFERENCE = 256,
	OPTION_COUNT,
	OPTION_REACH,
	OPTION_REACH_AT,
	OPTION_REACH_PORT,
	OPTION_RESOLV_CONF,
	OPTION_JSON,
	OPTION_DNSMASQ,
};

static bool read_option(struct arguments *arguments, int key, char *value)
{
	switch (key) {
	case OPTION_REFERENCE:
		arguments->has_reference = true;
		return read_addr(value[0] == '@' ? value + 1 : value, &arguments->reference);
	case OPTION_COUNT:
		return read_variants(arguments, value);
	case OPTION_REACH:
		arguments->options.with_reach = true;
		return true;
	case OPTION_REACH_AT:
		return read_addr(value, &arguments->options.ways.at);
	case OPTION_REACH_PORT:
		return read_reach_port(arguments, value);
	case OPTION_RESOLV_CONF:
		arguments->resolv_conf = value;
		return true;
	case OPTION_DNSMASQ:
		arguments->options.with_dnsmasq = true;
		return true;
	case OPTION_JSON:
		arguments->as_json = true;
		return true;
	default:
		return false; /* getopt has said why */
	}
}

static bool read_arguments(struct arguments *arguments, int argc, char **argv)
{
	static const struct option options[] = {
		{ "reference", required_argument, NULL, OPTION_REFERENCE },
		{ "count", required_argument, NULL, OPTION_COUNT },
		{ "reach", no_argument, NULL, OPTION_REACH },
		{ "reach-at", required_argument, NULL, OPTION_REACH_AT },
		{ "reach-port", required_argument, NULL, OPTION_REACH_PORT },
		{ "resolv-conf", required_argument, NULL, OPTION_RESOLV_CONF },
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "dnsmasq", no_argument, NULL, OPTION_DNSMASQ },
		{ 0 },
	};

	for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (!read_option(arguments, key, optarg))
			return false;
	}
	for (int i = optind; i < argc; i++) {
		if (!read_server(arguments, argv[i]))
			return false;
	}
	return true;
}

/* --- servers ------------------------------------------------------------------------------- */

static bool fill_servers(struct arguments *arguments)
{
	struct addr found[RESOLV_CONF_MAX];
	size_t count = 0;

	if (arguments->server_count > 0)
		return true;
	const int err = resolv_conf_read(arguments->resolv_conf, NULL, 0, found, &count);
	if (err != 0 || count == 0) {
		fprintf(stderr,
			"courierdns doctor: no server in %s%s%s; name one: courierdns doctor "
			"@192.0.2.1\n",
			arguments->resolv_conf, err == 0 ? "" : ": ",
			err == 0 ? "" : err_text(err));
		return false;
	}
	memcpy(arguments->servers, found, count * sizeof(found[0]));
	arguments->server_count = count;
	return true;
}

static int add_servers(struct doctor_run *run, const struct arguments *arguments)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < arguments->server_count; i++)
		err = doctor_run_add(run, &arguments->servers[i], false);
	if (err == 0 && arguments->has_reference)
		err = doctor_run_add(run, &arguments->reference, true);
	return err;
}

/* A socket for each question. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* what is wanting is told in the end */
}

/* What could be sent, and what could not because something is short here. */
struct sending {
	size_t sent;
	int shortage;
};

static void look_at_error(struct sending *sending, int err)
{
	if (err == -EMFILE || err == -ENFILE || err == -ENOMEM)
		sending->shortage = err;
}

static void look_at_ask(struct sending *sending, const struct doctor_ask *ask)
{
	if (ask->state == DOCTOR_ASK_NONE)
		return;
	if (ask->state != DOCTOR_ASK_UNSENT)
		sending->sent++;
	else
		look_at_error(sending, ask->err);
}

/* False, and why is told, where the findings say nothing of the servers to be tested. */
static bool is_tested(const struct doctor_run *run)
{
	const struct doctor_reach *reach = doctor_run_reach(run);
	struct sending sending = { 0 };

	for (size_t i = 0; i < doctor_run_server_count(run); i++) {
		const struct doctor_server *server = doctor_run_server(run, i);
		for (size_t slot = 0; !server->is_reference && slot < DOCTOR_SLOTS; slot++)
			look_at_ask(&sending, &server->asks[slot]);
	}
	for (size_t i = 0; i < reach->count; i++)
		look_at_error(&sending, reach->tries[i].err);
	if (sending.shortage != 0)
		fprintf(stderr, "courierdns doctor: could not test all: %s\n",
			err_text(sending.shortage));
	else if (sending.sent == 0)
		fprintf(stderr,
			"courierdns doctor: could not test: nothing could be sent from here\n");
	return sending.shortage == 0 && sending.sent > 0;
}

static int run_it(const struct arguments *arguments)
{
	struct doctor_run *run = doctor_run_new(&arguments->options);
	int err = run == NULL ? -ENOMEM : add_servers(run, arguments);
	int end = DOCTOR_END_UNTESTED;

	if (err == 0)
		err = doctor_run_ask(run);
	if (err != 0) {
		fprintf(stderr, "courierdns doctor: could not test: %s\n", err_text(err));
		goto out;
	}
	const enum doctor_health health = arguments->as_json ? doctor_report_json(run, stdout)
							     : doctor_report_text(run, stdout);
	if (is_tested(run) && fflush(stdout) == 0 && ferror(stdout) == 0)
		end = health == DOCTOR_HEALTHY ? DOCTOR_END_HEALTHY : DOCTOR_END_FAILED;
out:
	doctor_run_free(run);
	return end;
}

int doctor_main(const struct command_line *line)
{
	struct arguments arguments = { .resolv_conf = RESOLV_CONF_PATH,
				       .options = { .variants = VARIANTS_DEFAULT } };

	if (!read_arguments(&arguments, line->argc, line->argv)) {
		(void)command_usage(line->command);
		return DOCTOR_END_UNTESTED;
	}
	raise_descriptors();
	arguments.options.with_progress = isatty(STDERR_FILENO) != 0;
	return fill_servers(&arguments) ? run_it(&arguments) : DOCTOR_END_UNTESTED;
}
