/* iPads that are being activated, all at once: each asks what a real one asks, in its order, in its
 * way (lookup.h), and counts as activated when an address of a courier has come and the names of
 * enrolment have theirs before its patience ends. Prints a line of JSON about the devices and one
 * about the questions for couriers (../faults/tally.h).
 *
 *	devices --server 10.77.0.1@53 --server 10.77.0.2@53 --from 10.77.1.1 --devices 200
 *
 * A device takes from the alias that couriers are found by number: without the alias it does not go
 * on. What is not there is not asked again for a minute, which is longer than its patience; what
 * failed otherwise is tried again after 1 s, 2 s and so on, of the numbered names another one. */
#include <arpa/inet.h>
#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "../faults/delayed.h"
#include "../faults/packet.h"
#include "../faults/serve.h"
#include "../faults/tally.h"
#include "lookup.h"
#include "records.h"
#include "reply.h"

#define DEVICES_MAX 1000u
#define TICK_US 1000u
#define A_AFTER_HTTPS_US 900u
#define PAUSE_LEAST_US 20000u
#define PAUSE_MORE_US 100000u /* at most so much more, between one name and the next */
#define CHASES_MAX 10u
#define SILENT_US 5000000u /* who waits so long and hears nothing was met with silence */
#define COUNT_BY_BAG 50u
#define ALIAS "courier.push.apple.com"
#define ALIAS_TARGET "courier-push-apple.com.akadns.net"
#define TYPE_SVCB 64u

enum kind {
	ADDRESS, /* HTTPS and A */
	A_ONLY,
	COUNT,	 /* TXT; only devices whose bag did not come */
	COURIER, /* the alias: its CNAME is what is wanted */
	VARIANT, /* a numbered name */
	EXTRA,	 /* as ADDRESS, but nothing depends on it */
};

static const struct step {
	const char *stage, *name;
	enum kind kind;
} steps[] = {
	{ "captive", "captive.apple.com", ADDRESS },
	{ "time", "time.apple.com", A_ONLY },
	{ "activation", "albert.apple.com", ADDRESS },
	{ "activation", "humb.apple.com", ADDRESS },
	{ "activation", "gs.apple.com", ADDRESS },
	{ "activation", "static.ips.apple.com", ADDRESS },
	{ "bag", "init.push.apple.com", ADDRESS },
	{ "count", "push.apple.com", COUNT },
	{ "courier", ALIAS, COURIER },
	{ "variant", NULL, VARIANT },
	{ "enrolment", "iprofiles.apple.com", ADDRESS },
	{ "enrolment", "mdmenrollment.apple.com", ADDRESS },
	{ "enrolment", "deviceenrollment.apple.com", ADDRESS },
	{ "enrolment", "gdmf.apple.com", ADDRESS },
	{ "certificates", "certs.apple.com", EXTRA },
	{ "certificates", "ocsp.apple.com", EXTRA },
	{ "certificates", "ocsp2.apple.com", EXTRA },
	{ "certificates", "crl.apple.com", EXTRA },
	{ "certificates", "valid.apple.com", EXTRA },
	{ "certificates", "ocsp.digicert.com", EXTRA },
	{ "certificates", "crl3.digicert.com", EXTRA },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* What a lookup is for: bits beside the step, from WHAT_STEP on. */
enum { WHAT_MAIN = 1, WHAT_FAMILY = 2, WHAT_HTTPS = 4, WHAT_STEP = 8 };

static struct {
	struct sockaddr_in servers[LOOKUP_SERVERS], from;
	unsigned server_count, devices, count_share, two_share;
	uint64_t patience_us, spread_us, seed;
} plan = { .devices = 200,
	   .count_share = 25,
	   .two_share = 50,
	   .patience_us = 60000000,
	   .spread_us = 1000000,
	   .seed = 1 };

static struct device {
	struct lookup_servers servers;
	unsigned step, tries, chases, first_number, last_number;
	bool needs_count, is_over;
	uint64_t began_us, due_us; /* due: the next step or try; 0: waits for a reply */
	uint64_t step_us, waited_us, courier_us, activated_us;
} devices[DEVICES_MAX];

static uint64_t random_state;
static uint8_t target_name[256], designated_name[256];
static size_t target_len, designated_len;

/* --- asking -------------------------------------------------------------------------------- */

static void look_up(struct device *device, const uint8_t *name, size_t name_len, unsigned type,
		    uint64_t after_us, unsigned what)
{
	lookup_start(&device->servers, name, name_len, type, after_us, device,
		     what + device->step * WHAT_STEP);
}

static void ask_step(struct device *device)
{
	const struct step *step = &steps[device->step];
	uint8_t name[256];
	char text[64];
	unsigned what = 0;

	device->due_us = 0;
	device->chases = 0;
	if (step->kind == COUNT || step->kind == COURIER || step->kind == VARIANT)
		what = WHAT_FAMILY;
	if (step->kind == VARIANT) {
		unsigned range = device->last_number - device->first_number + 1;

		snprintf(text, sizeof(text), "%u-" ALIAS,
			 device->first_number + (unsigned)(serve_random(&random_state) % range));
	}
	size_t len = packet_name(name, sizeof(name), step->kind == VARIANT ? text : step->name);

	if (step->kind == COUNT) {
		look_up(device, name, len, RECORD_TXT, 0, what | WHAT_MAIN);
		return;
	}
	if (device->step == 0 && device->tries == 0)
		look_up(device, designated_name, designated_len, TYPE_SVCB, 0, 0);
	if (step->kind != A_ONLY)
		look_up(device, name, len, RECORD_HTTPS, 0, what | WHAT_HTTPS);
	look_up(device, name, len, RECORD_A, A_AFTER_HTTPS_US, what | WHAT_MAIN);
}

/* Asks for where the CNAMEs lead, by itself. */
static void chase(struct device *device, const struct reply *reply, unsigned type, unsigned what)
{
	if (packet_is_below(reply->target, reply->target_len, target_name, target_len))
		what |= WHAT_FAMILY;
	look_up(device, reply->target, reply->target_len, type, 0, what);
}

static void set_step(struct device *device, unsigned step, uint64_t now)
{
	device->step = step;
	device->tries = 0;
	if (step < STEPS && steps[step].kind == COUNT && !device->needs_count)
		device->step++;
	if (device->step == STEPS) {
		device->is_over = true;
		return;
	}
	device->step_us = now + PAUSE_LEAST_US + serve_random(&random_state) % PAUSE_MORE_US;
	device->due_us = device->step_us;
}

static void go_on(struct device *device)
{
	enum kind kind = steps[device->step].kind;
	uint64_t now = now_us();

	if (device->courier_us == 0)
		device->waited_us += now - device->step_us;
	if (kind == VARIANT)
		device->courier_us = now;
	else if (kind != EXTRA && steps[device->step + 1].kind == EXTRA)
		device->activated_us = now;
	set_step(device, device->step + 1, now);
}

static void try_again(struct device *device)
{
	device->due_us = now_us() + (1000000u << (device->tries < 4 ? device->tries : 4));
	device->tries++;
}

/* --- what comes back ----------------------------------------------------------------------- */

static void on_main(struct device *device, const struct reply *reply)
{
	enum kind kind = steps[device->step].kind;
	bool leads_on = reply->has_alias && !reply->has_address && reply->rcode == 0;

	if (kind == COURIER && leads_on) {
		chase(device, reply, RECORD_A, 0);
		go_on(device);
	} else if (kind == COUNT && reply->has_count && reply->count > 0) {
		device->first_number = 1;
		device->last_number = reply->count;
		go_on(device);
	} else if (kind == VARIANT
			   ? reply_is_courier(reply)
			   : kind != COURIER && reply->has_address && !reply_is_sinkhole(reply)) {
		go_on(device);
	} else if (kind != COURIER && leads_on && device->chases < CHASES_MAX) {
		device->chases++;
		chase(device, reply, RECORD_A, WHAT_MAIN);
	} else if (kind == VARIANT) {
		try_again(device);
	} else if (kind == EXTRA) {
		go_on(device);
	} else {
		device->is_over = true; /* it will not ask that again while anybody waits */
	}
}

static void on_reply(void *owner, unsigned what, const struct reply *reply, uint64_t took_us)
{
	struct device *device = owner;
	uint64_t now = now_us();

	if (device == NULL)
		return;
	if ((what & WHAT_FAMILY) != 0) {
		tally_sent();
		tally_reply(reply == NULL ? VERDICT_SERVFAIL : VERDICT_RIGHT,
			    now > took_us ? now - took_us : 0, now);
	}
	if (reply != NULL && (what & WHAT_HTTPS) != 0 && reply->has_alias && reply->rcode == 0)
		chase(device, reply, RECORD_HTTPS, 0);
	if ((what & WHAT_MAIN) == 0 || device->is_over || what / WHAT_STEP != device->step)
		return;
	if (reply != NULL)
		on_main(device, reply);
	else if (steps[device->step].kind == EXTRA)
		go_on(device);
	else
		try_again(device);
}

/* --- time ---------------------------------------------------------------------------------- */

static void on_unanswered(unsigned what, uint64_t waited_us)
{
	uint64_t now = now_us();

	if ((what & WHAT_FAMILY) == 0 || waited_us < SILENT_US)
		return;
	tally_sent();
	tally_reply(VERDICT_SILENT, now - waited_us, now);
}

/* True while a device has something to do. */
static bool tick_devices(uint64_t now)
{
	bool is_any = false;

	for (unsigned at = 0; at < plan.devices; at++) {
		struct device *device = &devices[at];

		if (!device->is_over && now > device->began_us + plan.patience_us)
			device->is_over = true;
		if (device->is_over)
			continue;
		is_any = true;
		if (device->due_us != 0 && device->due_us <= now)
			ask_step(device);
	}
	return is_any;
}

/* Until all is over and answered, or for 5 s after the last device had anything to do. */
static void run(void)
{
	uint64_t next_us = now_us(), last_us = next_us;
	bool is_over = false;

	while (!is_over || (lookup_active() > 0 && now_us() < last_us + SILENT_US)) {
		uint64_t now = now_us();

		if (now >= next_us) {
			tally_late(now - next_us);
			is_over = !tick_devices(now);
			last_us = is_over ? last_us : now;
			lookup_tick(now);
			next_us = (now / TICK_US + 1) * TICK_US;
		}
		lookup_wait(next_us);
	}
}

static void start(void)
{
	uint64_t now = now_us();

	for (unsigned at = 0; at < plan.devices; at++) {
		struct device *device = &devices[at];
		struct sockaddr_in from = plan.from;

		from.sin_addr.s_addr = htonl(ntohl(from.sin_addr.s_addr) + at);
		*device = (struct device){ .last_number = COUNT_BY_BAG };
		device->servers.from = from;
		memcpy(device->servers.to, plan.servers, sizeof(plan.servers));
		device->servers.count =
			serve_random(&random_state) % 100 < plan.two_share ? plan.server_count : 1;
		device->needs_count = serve_random(&random_state) % 100 < plan.count_share;
		device->began_us = now + serve_random(&random_state) % plan.spread_us;
		set_step(device, 0, device->began_us);
	}
}

/* --- and the rest -------------------------------------------------------------------------- */

static void print_times(const char *what, uint64_t (*time_us)(const struct device *))
{
	const char *comma = "";

	printf(", \"%s\": [", what);
	for (unsigned at = 0; at < plan.devices; at++) {
		uint64_t us = time_us(&devices[at]);

		if (us == 0)
			continue;
		printf("%s%.6f", comma, (double)us / 1e6);
		comma = ", ";
	}
	printf("]");
}

static uint64_t courier_us(const struct device *device)
{
	return device->courier_us == 0 ? 0 : device->courier_us - device->began_us;
}

static uint64_t waited_us(const struct device *device)
{
	return device->courier_us == 0 ? 0 : device->waited_us;
}

static uint64_t activated_us(const struct device *device)
{
	return device->activated_us == 0 ? 0 : device->activated_us - device->began_us;
}

static void print_stalled(void)
{
	const char *comma = "";

	printf(", \"stalled\": {");
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned count = 0;

		for (unsigned at = 0; at < plan.devices; at++)
			count += devices[at].activated_us == 0 && devices[at].step == step;
		if (count == 0)
			continue;
		printf("%s\"%s (%s)\": %u", comma, steps[step].stage,
		       steps[step].name == NULL ? "N-" ALIAS : steps[step].name, count);
		comma = ", ";
	}
	printf("}");
}

static void report(void)
{
	uint64_t questions, again, set_aside;
	unsigned activated = 0;

	lookup_counts(&questions, &again, &set_aside);
	for (unsigned at = 0; at < plan.devices; at++)
		activated += devices[at].activated_us != 0;
	printf("{\"devices\": %u, \"activated\": %u, \"questions\": %llu, \"again\": %llu"
	       ", \"set_aside\": %llu",
	       plan.devices, activated, (unsigned long long)questions, (unsigned long long)again,
	       (unsigned long long)set_aside);
	print_times("courier", courier_us);
	print_times("waited", waited_us);
	print_times("activation", activated_us);
	print_stalled();
	printf("}\n");
}

static void read_options(int argc, char **argv)
{
	enum { SERVER, FROM, DEVICES, COUNT_SHARE, TWO_SHARE, PATIENCE, SPREAD, SEED };
	static const struct option options[] = {
		{ "server", required_argument, NULL, SERVER },
		{ "from", required_argument, NULL, FROM },
		{ "devices", required_argument, NULL, DEVICES },
		{ "count-share", required_argument, NULL, COUNT_SHARE },
		{ "two-share", required_argument, NULL, TWO_SHARE },
		{ "patience", required_argument, NULL, PATIENCE },
		{ "spread-ms", required_argument, NULL, SPREAD },
		{ "seed", required_argument, NULL, SEED },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == SERVER && plan.server_count < LOOKUP_SERVERS)
			plan.servers[plan.server_count++] = serve_address(optarg, 53);
		else if (option == FROM)
			plan.from = serve_address(optarg, 0);
		else if (option == DEVICES)
			plan.devices = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == COUNT_SHARE)
			plan.count_share = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == TWO_SHARE)
			plan.two_share = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == PATIENCE)
			plan.patience_us = (uint64_t)(strtod(optarg, NULL) * 1e6);
		else if (option == SPREAD)
			plan.spread_us = 1000 * strtoull(optarg, NULL, 10) + 1;
		else if (option == SEED)
			plan.seed = strtoull(optarg, NULL, 10);
		else
			exit(64);
	}
	if (plan.server_count == 0 || plan.devices == 0 || plan.devices > DEVICES_MAX)
		errx(64, "one --server or two, --from, and 1 to %u --devices", DEVICES_MAX);
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	random_state = plan.seed;
	target_len = packet_name(target_name, sizeof(target_name), ALIAS_TARGET);
	designated_len =
		packet_name(designated_name, sizeof(designated_name), "_dns.resolver.arpa");
	lookup_init(plan.seed + 1, on_reply);
	start();
	tally_start(now_us(), false);
	run();
	for (unsigned at = 0; at < plan.devices; at++)
		lookup_cancel(&devices[at], on_unanswered);
	report();
	tally_report(now_us());
	return 0;
}
