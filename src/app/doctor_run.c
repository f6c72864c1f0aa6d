#include "app/doctor_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/doctor_reply.h"
#include "base/mem.h"
#include "base/random.h"

#define PROGRESS_US (100u * USEC_PER_MSEC)
#define COUNT_MAX 1000u

/* HTTPS before A, as devices do it: caches that take one type's NODATA for another's show then. */
enum stage { STAGE_FIRST, STAGE_SECOND, STAGE_THIRD, STAGE_REACH, STAGE_END };

struct doctor_run {
	struct doctor_options options;
	struct loop *loop;
	struct doctor_server *servers[DOCTOR_SERVERS_MAX];
	size_t server_count;
	struct doctor_variant variants[DOCTOR_VARIANTS_MAX];
	struct doctor_reach reach;
	enum stage stage;
	size_t asked, waiting;
	uint64_t started_us, took_us;
	struct timer end, progress, next;
};

/* --- what is asked ------------------------------------------------------------------------- */

#define ALIAS "courier.push.apple.com"

static const struct fixed {
	struct doctor_question question;
	enum stage stage;
	bool is_compared; /* others may differ by policy */
} fixed[SLOT_FIXED_COUNT] = {
	[SLOT_ALIAS_A] = { { .name = ALIAS, .type = TYPE_A }, STAGE_FIRST, true },
	[SLOT_TARGET] = { { .name = "courier-push-apple.com.akadns.net", .type = TYPE_A },
			  STAGE_FIRST,
			  true },
	[SLOT_COUNT_TXT] = { { .name = "push.apple.com", .type = TYPE_TXT }, STAGE_FIRST, true },
	[SLOT_BAG_A] = { { .name = "init.push.apple.com", .type = TYPE_A }, STAGE_FIRST, true },
	[SLOT_BAG_HTTPS] = { { .name = "init.push.apple.com", .type = TYPE_HTTPS },
			     STAGE_FIRST,
			     true },
	[SLOT_LIVENESS] = { { .name = "apple.com", .type = TYPE_NS }, STAGE_FIRST, true },
	[SLOT_TCP] = { { .name = "apple.com", .type = TYPE_NS, .is_tcp = true },
		       STAGE_FIRST,
		       true },
	[SLOT_DDR] = { { .name = "_dns.resolver.arpa", .type = TYPE_SVCB }, STAGE_FIRST, false },
	[SLOT_MASK] = { { .name = "mask.icloud.com", .type = TYPE_A }, STAGE_FIRST, false },
	[SLOT_MASK_H2] = { { .name = "mask-h2.icloud.com", .type = TYPE_A }, STAGE_FIRST, false },
	[SLOT_ALIAS_HTTPS] = { { .name = ALIAS, .type = TYPE_HTTPS }, STAGE_SECOND, true },
	[SLOT_ALIAS_AAAA] = { { .name = ALIAS, .type = TYPE_AAAA }, STAGE_SECOND, true },
	[SLOT_EDNS] = { { .name = ALIAS, .type = TYPE_A, .with_edns = true }, STAGE_SECOND, true },
	[SLOT_ALIAS_AGAIN] = { { .name = ALIAS, .type = TYPE_A }, STAGE_THIRD, true },
	[SLOT_ALIAS_TCP] = { { .name = ALIAS, .type = TYPE_A, .is_tcp = true }, STAGE_THIRD, true },
	[SLOT_CASE] = { { .name = "CoUrIeR.pUsH.aPpLe.CoM", .type = TYPE_A }, STAGE_THIRD, true },
	[SLOT_VERSION] = { { .name = "version.bind", .type = TYPE_TXT, .is_chaos = true },
			   STAGE_SECOND,
			   false },
};

static const struct doctor_host hosts[DOCTOR_HOSTS] = {
	{ "captive.apple.com", HOST_ACTIVATION, { 80, 443 }, false },
	{ "time.apple.com", HOST_ACTIVATION, { 0 }, false },
	{ "albert.apple.com", HOST_ACTIVATION, { 443 }, false },
	{ "gs.apple.com", HOST_ACTIVATION, { 443 }, false },
	{ "humb.apple.com", HOST_ACTIVATION, { 443 }, false },
	{ "static.ips.apple.com", HOST_ACTIVATION, { 80, 443 }, false },
	{ "tbsc.apple.com", HOST_ACTIVATION, { 443 }, false },
	{ "iprofiles.apple.com", HOST_ENROLMENT, { 443 }, false },
	{ "mdmenrollment.apple.com", HOST_ENROLMENT, { 443 }, true },
	{ "deviceenrollment.apple.com", HOST_ENROLMENT, { 443 }, false },
	{ "gdmf.apple.com", HOST_ENROLMENT, { 443 }, false },
	{ "axm-servicediscovery.apple.com", HOST_REACH, { 443 }, false },
	{ "deviceservices-external.apple.com", HOST_REACH, { 443 }, false },
	{ "data.appattest.apple.com", HOST_REACH, { 443 }, false },
	{ "register.appattest.apple.com", HOST_REACH, { 443 }, false },
	{ "api.push.apple.com", HOST_REACH, { 443, 2197 }, true },
	{ "1-courier2.push.apple.com", HOST_REACH, { 443 }, true },
	{ "certs.apple.com", HOST_REACH, { 80, 443 }, false },
	{ "crl.apple.com", HOST_REACH, { 80 }, false },
	{ "crl3.digicert.com", HOST_REACH, { 80 }, false },
	{ "crl4.digicert.com", HOST_REACH, { 80 }, false },
	{ "ocsp.apple.com", HOST_REACH, { 80 }, false },
	{ "ocsp.digicert.com", HOST_REACH, { 80 }, false },
	{ "ocsp2.apple.com", HOST_REACH, { 443 }, false },
	{ "valid.apple.com", HOST_REACH, { 443 }, false },
	{ "time-ios.apple.com", HOST_REACH, { 0 }, false },
	{ "time-macos.apple.com", HOST_REACH, { 0 }, false },
};
#define NTP_PORT 123
#define NTP_HOSTS 3
/* All that one server's answers may lead to: couriers, in TLS too, the bag, hosts, time. */
#define REACH_PER_SERVER (2 * DOCTOR_VARIANTS_MAX + 2 + 1 + 2 * DOCTOR_HOSTS + NTP_HOSTS)
_Static_assert(DOCTOR_REACH_MAX >= REACH_PER_SERVER * DOCTOR_SERVERS_MAX, "all are tried");

const struct doctor_host *doctor_run_host(size_t at)
{
	return &hosts[at];
}

struct doctor_question doctor_run_question(size_t slot)
{
	if (slot < SLOT_FIXED_COUNT)
		return fixed[slot].question;
	return (struct doctor_question){ .name = hosts[slot - SLOT_HOSTS].name, .type = TYPE_A };
}

bool doctor_run_is_compared(size_t slot)
{
	return slot >= SLOT_FIXED_COUNT || fixed[slot].is_compared;
}

/* --- asking -------------------------------------------------------------------------------- */

static void begin_stage(struct doctor_run *run);

static void on_answer(void *ctx)
{
	struct doctor_run *run = ctx;

	if (--run->waiting == 0)
		timer_start(loop_timers(run->loop), &run->next, 0);
}

static int ask(struct doctor_run *run, struct doctor_server *server, size_t slot,
	       const struct doctor_question *question)
{
	const int err = doctor_ask_start(&server->asks[slot], run->loop, &server->to, question,
					 on_answer, run);
	if (err == 0) {
		run->asked++;
		run->waiting++;
	}
	return err;
}

static int ask_fixed(struct doctor_run *run, struct doctor_server *server)
{
	int err = 0;

	for (size_t slot = 0; err == 0 && slot < SLOT_FIXED_COUNT; slot++) {
		if (fixed[slot].stage == run->stage)
			err = ask(run, server, slot, &fixed[slot].question);
	}
	return err;
}

static int ask_hosts(struct doctor_run *run, struct doctor_server *server, bool for_reach)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < DOCTOR_HOSTS; i++) {
		const struct doctor_question question = doctor_run_question(SLOT_HOSTS + i);
		if ((hosts[i].use == HOST_REACH) == for_reach)
			err = ask(run, server, SLOT_HOSTS + i, &question);
	}
	return err;
}

static int ask_variants(struct doctor_run *run, struct doctor_server *server, size_t slots,
			uint16_t type)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < run->options.variants; i++) {
		const struct doctor_question question = { .name = run->variants[i].name,
							  .type = type };
		err = ask(run, server, slots + i, &question);
	}
	return err;
}

static int ask_server(struct doctor_run *run, struct doctor_server *server)
{
	int err = ask_fixed(run, server);

	if (err == 0 && run->stage == STAGE_FIRST)
		err = ask_hosts(run, server, false);
	if (err == 0 && run->stage == STAGE_SECOND)
		err = ask_variants(run, server, SLOT_VARIANTS_HTTPS, TYPE_HTTPS);
	if (err == 0 && run->stage == STAGE_THIRD)
		err = ask_variants(run, server, SLOT_VARIANTS_A, TYPE_A);
	if (err == 0 && run->stage == STAGE_SECOND && run->options.with_reach)
		err = ask_hosts(run, server, true);
	return err;
}

static size_t count_replies(const struct doctor_server *server)
{
	size_t count = 0;

	for (size_t i = 0; i < DOCTOR_SLOTS; i++)
		count += server->asks[i].state == DOCTOR_ASK_REPLY;
	return count;
}

/* --- between the stages -------------------------------------------------------------------- */

bool doctor_run_read_count(const struct doctor_ask *answer, unsigned *ret_count)
{
	char text[64], *end;

	if (!doctor_reply_txt(answer, "count=", text, sizeof(text)))
		return false;
	const unsigned long count = strtoul(text + strlen("count="), &end, 10);
	if (*end != '\0' || end == text + strlen("count=") || count == 0 || count > COUNT_MAX)
		return false;
	*ret_count = (unsigned)count;
	return true;
}

/* The same ones for every server, so that the answers can be compared. */
static void draw_variants(struct doctor_run *run)
{
	unsigned count = DOCTOR_COUNT_DEFAULT;
	bool is_known = false;

	for (size_t i = run->server_count; !is_known && i > 0; i--)
		is_known =
			doctor_run_read_count(&run->servers[i - 1]->asks[SLOT_COUNT_TXT], &count);
	/* from 1: that is where the two ways by which devices draw theirs agree */
	if (run->options.variants > count)
		run->options.variants = count;
	for (size_t i = 0; i < run->options.variants; i++) {
		struct doctor_variant *variant = &run->variants[i];
		bool is_taken = true;
		while (is_taken) {
			variant->n = 1 + random_below(count);
			is_taken = false;
			for (size_t j = 0; j < i; j++)
				is_taken |= run->variants[j].n == variant->n;
		}
		snprintf(variant->name, sizeof(variant->name), "%u-" ALIAS, variant->n);
	}
}

static void on_reached(void *ctx)
{
	struct doctor_run *run = ctx;

	timer_start(loop_timers(run->loop), &run->next, 0);
}

static void reach_first(struct doctor_run *run, const struct doctor_ask *answer, uint16_t port,
			enum doctor_reach_kind kind)
{
	struct addr addr;

	if (port != 0 && doctor_reply_addresses(answer, &addr, 1) == 1 &&
	    !doctor_reply_leads_nowhere(&addr))
		doctor_reach_start(&run->reach, &addr, port, kind);
}

static void reach_by(struct doctor_run *run, const struct doctor_ask *asks)
{
	for (size_t i = 0; i < run->options.variants; i++) {
		reach_first(run, &asks[SLOT_VARIANTS_A + i], 5223, REACH_TCP);
		reach_first(run, &asks[SLOT_VARIANTS_A + i], 443, REACH_TCP);
	}
	if (tls_look_is_built()) {
		reach_first(run, &asks[SLOT_VARIANTS_A], 5223, REACH_TLS);
		reach_first(run, &asks[SLOT_VARIANTS_A], 443, REACH_TLS);
	}
	reach_first(run, &asks[SLOT_BAG_A], 443, REACH_TCP);
	for (size_t i = 0; i < DOCTOR_HOSTS; i++) {
		const struct doctor_ask *answer = &asks[SLOT_HOSTS + i];
		reach_first(run, answer, hosts[i].ports[0], REACH_TCP);
		reach_first(run, answer, hosts[i].ports[1], REACH_TCP);
		if (strncmp(hosts[i].name, "time", 4) == 0)
			reach_first(run, answer, NTP_PORT, REACH_NTP);
	}
}

static void start_reach(struct doctor_run *run)
{
	doctor_reach_init(&run->reach, run->loop, &run->options.ways, on_reached, run);
	for (size_t i = 0; i < run->server_count; i++)
		reach_by(run, run->servers[i]->asks);
	if (run->reach.waiting == 0)
		on_reached(run);
}

/* All has been answered or given up: what comes next. */
static void on_stage_end(void *ctx)
{
	struct doctor_run *run = ctx;

	for (size_t i = 0; i < run->server_count; i++)
		run->servers[i]->answered = count_replies(run->servers[i]);
	if (run->stage == STAGE_FIRST)
		draw_variants(run);
	run->stage++;
	begin_stage(run);
}

static void begin_stage(struct doctor_run *run)
{
	if (run->stage == STAGE_REACH && run->options.with_reach) {
		start_reach(run);
		return;
	}
	if (run->stage >= STAGE_REACH) {
		loop_stop(run->loop);
		return;
	}
	for (size_t i = 0; i < run->server_count; i++) {
		/* a silent server would only be so again: nothing more to learn */
		if (run->stage == STAGE_FIRST || run->servers[i]->answered > 0)
			(void)ask_server(run, run->servers[i]); /* all names are well-formed */
	}
	if (run->waiting == 0)
		timer_start(loop_timers(run->loop), &run->next, 0);
}

/* --- progress ------------------------------------------------------------------------------ */

static void on_progress(void *ctx)
{
	struct doctor_run *run = ctx;

	if (run->stage == STAGE_REACH)
		fprintf(stderr, "\r\033[Kconnecting: %zu of %zu done",
			run->reach.count - run->reach.waiting, run->reach.count);
	else
		fprintf(stderr, "\r\033[Kasking: %zu of %zu questions done",
			run->asked - run->waiting, run->asked);
	fflush(stderr);
	timer_start(loop_timers(run->loop), &run->progress, PROGRESS_US);
}

static void on_time_is_up(void *ctx)
{
	struct doctor_run *run = ctx;

	loop_stop(run->loop);
}

/* --- beginning and end --------------------------------------------------------------------- */

struct doctor_run *doctor_run_new(const struct doctor_options *options)
{
	struct doctor_run *run = mem_zalloc(sizeof(*run));

	if (run != NULL)
		run->options = *options;
	return run;
}

void doctor_run_free(struct doctor_run *run)
{
	if (run == NULL)
		return;
	for (size_t i = 0; i < run->server_count; i++) {
		for (size_t slot = 0; slot < DOCTOR_SLOTS; slot++)
			doctor_ask_done(&run->servers[i]->asks[slot]);
		mem_free(run->servers[i]);
	}
	if (run->reach.loop != NULL)
		doctor_reach_done(&run->reach);
	loop_free(run->loop);
	mem_free(run);
}

int doctor_run_add(struct doctor_run *run, const struct addr *addr, bool is_reference)
{
	if (run->server_count == DOCTOR_SERVERS_MAX)
		return ERR_LIMIT;
	struct doctor_server *server = mem_zalloc(sizeof(*server));
	if (server == NULL)
		return -ENOMEM;
	server->to.addr = *addr;
	server->is_reference = is_reference;
	run->servers[run->server_count++] = server;
	return 0;
}

int doctor_run_ask(struct doctor_run *run)
{
	int err = loop_new(&run->loop);

	if (err != 0)
		return err;
	struct timers *timers = loop_timers(run->loop);
	run->started_us = loop_clock(run->loop)->now_us;
	timer_init(&run->end, on_time_is_up, run);
	timer_start(timers, &run->end, DOCTOR_RUN_MAX_US);
	timer_init(&run->next, on_stage_end, run);
	timer_init(&run->progress, on_progress, run);
	if (run->options.with_progress)
		timer_start(timers, &run->progress, PROGRESS_US);
	begin_stage(run);
	err = loop_run(run->loop);
	run->took_us = loop_clock(run->loop)->now_us - run->started_us;
	for (size_t i = 0; i < run->server_count; i++) {
		for (size_t slot = 0; slot < DOCTOR_SLOTS; slot++)
			doctor_ask_give_up(&run->servers[i]->asks[slot]);
	}
	if (run->options.with_progress)
		fprintf(stderr, "\r\033[K");
	return err;
}

/* --- what came of it ----------------------------------------------------------------------- */

const struct doctor_options *doctor_run_options(const struct doctor_run *run)
{
	return &run->options;
}

size_t doctor_run_server_count(const struct doctor_run *run)
{
	return run->server_count;
}

const struct doctor_server *doctor_run_server(const struct doctor_run *run, size_t at)
{
	return run->servers[at];
}

const struct doctor_server *doctor_run_reference(const struct doctor_run *run)
{
	for (size_t i = 0; i < run->server_count; i++) {
		if (run->servers[i]->is_reference)
			return run->servers[i];
	}
	return NULL;
}

const struct doctor_variant *doctor_run_variant(const struct doctor_run *run, size_t at)
{
	return &run->variants[at];
}

const struct doctor_reach *doctor_run_reach(const struct doctor_run *run)
{
	return &run->reach;
}

uint64_t doctor_run_took_us(const struct doctor_run *run)
{
	return run->took_us;
}
