#include "app/doctor.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/descriptors.h"
#include "app/doctor_report.h"
#include "app/doctor_run.h"
#include "conf/resolv_conf.h"

#define VARIANTS_DEFAULT 5
#define DNS_PORT 53
#define DESCRIPTORS_WANTED 2048u /* a socket for each question */

struct arguments {
	size_t server_count;
	bool as_json;
	const char *resolv_conf;
	struct doctor_options options;
	struct addr reference; /* ADDR_NONE: none */
	struct addr servers[DOCTOR_SERVERS_MAX];
};

static bool complain(const char *what, const char *text, const char *wanted)
{
	fprintf(stderr, "courierdns doctor: %s\"%s\" is not %s\n", what, text, wanted);
	return false;
}

static bool refuse(unsigned max, const char *what)
{
	fprintf(stderr, "courierdns doctor: at most %u %s\n", max, what);
	return false;
}

static void say_untested(const char *how_far, const char *why)
{
	fprintf(stderr, "courierdns doctor: could not test%s: %s\n", how_far, why);
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
	if (arguments->server_count == DOCTOR_SERVERS_MAX)
		return refuse(DOCTOR_SERVERS_MAX, "servers at once");
	return read_addr(text + 1, &arguments->servers[arguments->server_count++]);
}

/* What stands before `end`; 0 where that is no number from 1 to `max`. */
static unsigned read_number(const char *text, char end, unsigned long max)
{
	char *behind;
	const unsigned long number = strtoul(text, &behind, 10);

	return text[0] >= '0' && text[0] <= '9' && *behind == end && number <= max
		       ? (unsigned)number
		       : 0;
}

static bool read_variants(struct arguments *arguments, const char *text)
{
	arguments->options.variants = read_number(text, '\0', DOCTOR_VARIANTS_MAX);
	return arguments->options.variants != 0 ||
	       complain("--count ", text, "a number from 1 to 20");
}

/* "5223=15223" */
static bool read_reach_port(struct arguments *arguments, const char *text)
{
	struct doctor_reach_ways *ways = &arguments->options.ways;
	const unsigned from = read_number(text, '=', UINT16_MAX);
	const unsigned to = from == 0 ? 0 : read_number(strchr(text, '=') + 1, '\0', UINT16_MAX);

	if (to == 0)
		return complain("--reach-port ", text, "PORT=OTHER, such as 5223=15223");
	if (ways->port_count == DOCTOR_REACH_PORTS)
		return refuse(DOCTOR_REACH_PORTS, "--reach-port");
	ways->ports[ways->port_count].from = (uint16_t)from;
	ways->ports[ways->port_count++].to = (uint16_t)to;
	return true;
}

enum option_key {
	OPTION_REFERENCE = 1,
	OPTION_COUNT,
	OPTION_REACH,
	OPTION_REACH_AT,
	OPTION_REACH_PORT,
	OPTION_RESOLV_CONF,
	OPTION_JSON,
	OPTION_DNSMASQ,
};

static bool read_option(struct arguments *arguments, int key, const char *value)
{
	switch (key) {
	case OPTION_REFERENCE:
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
	_Static_assert(DOCTOR_SERVERS_MAX >= RESOLV_CONF_MAX, "all of the file are tested");

	if (arguments->server_count > 0)
		return true;
	const int err = resolv_conf_read(arguments->resolv_conf, NULL, 0, arguments->servers,
					 &arguments->server_count);
	if (err == 0 && arguments->server_count > 0)
		return true;
	fprintf(stderr,
		"courierdns doctor: no server in %s%s%s; name one: courierdns doctor @192.0.2.1\n",
		arguments->resolv_conf, err == 0 ? "" : ": ", err == 0 ? "" : err_text(err));
	return false;
}

static int add_servers(struct doctor_run *run, const struct arguments *arguments)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < arguments->server_count; i++)
		err = doctor_run_add(run, &arguments->servers[i], false);
	if (err == 0 && arguments->reference.family != ADDR_NONE)
		err = doctor_run_add(run, &arguments->reference, true);
	return err;
}

/* What could be sent, and what could not because something is short here. */
struct sending {
	size_t sent;
	int shortage;
};

static void look_at_error(struct sending *sending, int err)
{
	if (err_is_lack(err))
		sending->shortage = err;
}

static void look_at_server(struct sending *sending, const struct doctor_server *server)
{
	for (const struct doctor_ask *ask = server->asks; ask < server->asks + DOCTOR_SLOTS;
	     ask++) {
		if (ask->state == DOCTOR_ASK_UNSENT)
			look_at_error(sending, ask->err);
		else if (ask->state != DOCTOR_ASK_NONE)
			sending->sent++;
	}
}

/* False, and why is told, where the findings say nothing of the servers to be tested. */
static bool is_tested(const struct doctor_run *run)
{
	const struct doctor_server *server;
	struct sending sending = { 0 };

	for (server = run->servers; server != NULL; server = server->next) {
		if (!server->is_reference)
			look_at_server(&sending, server);
	}
	for (size_t i = 0; i < run->reach.count; i++)
		look_at_error(&sending, run->reach.tries[i].err);
	if (sending.shortage != 0)
		say_untested(" all", err_text(sending.shortage));
	else if (sending.sent == 0)
		say_untested("", "nothing could be sent from here");
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
		say_untested("", err_text(err));
		goto out;
	}
	const bool is_healthy =
		(arguments->as_json ? doctor_report_json : doctor_report_text)(run, stdout);
	if (is_tested(run) && fflush(stdout) == 0 && ferror(stdout) == 0)
		end = is_healthy ? DOCTOR_END_HEALTHY : DOCTOR_END_FAILED;
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
	(void)descriptors_raise(DESCRIPTORS_WANTED); /* what is wanting is told in the end */
	arguments.options.with_progress = isatty(STDERR_FILENO) != 0;
	return fill_servers(&arguments) ? run_it(&arguments) : DOCTOR_END_UNTESTED;
}
