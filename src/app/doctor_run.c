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

/* --- what is asked ------------------------------------------------------------------------- */

#define ALIAS "courier.push.apple.com"

static const struct fixed {
	struct doctor_question question;
	enum stage stage : 8;
	bool is_compared; /* others may differ by policy */
} fixed[SLOT_FIXED_COUNT] = {
	[SLOT_TARGET] = { { .name = "courier-push-apple.com.akadns.net", .type = TYPE_A },
			  STAGE_FIRST,
			  true },
	[SLOT_ALIAS_A] = { { .name = ALIAS, .type = TYPE_A }, STAGE_FIRST, true },
	[SLOT_COUNT_TXT] = { { .name = "push.apple.com", .type = TYPE_TXT }, STAGE_FIRST, true },
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

const uint16_t doctor_run_courier_ports[DOCTOR_PORTS] = { 5223, 443 };

/* By their use: SLOT_ACTIVATION, SLOT_ENROLMENT. */
const struct doctor_host doctor_run_hosts[DOCTOR_HOSTS] = {
	{ "init.push.apple.com", HOST_BAG, false, { 443 } },
	{ "captive.apple.com", HOST_ACTIVATION, false, { 80, 443 } },
	{ "time.apple.com", HOST_ACTIVATION, false, { DOCTOR_REACH_NTP } },
	{ "albert.apple.com", HOST_ACTIVATION, false, { 443 } },
	{ "gs.apple.com", HOST_ACTIVATION, false, { 443 } },
	{ "humb.apple.com", HOST_ACTIVATION, false, { 443 } },
	{ "static.ips.apple.com", HOST_ACTIVATION, false, { 80, 443 } },
	{ "tbsc.apple.com", HOST_ACTIVATION, false, { 443 } },
	{ "iprofiles.apple.com", HOST_ENROLMENT, false, { 443 } },
	{ "mdmenrollment.apple.com", HOST_ENROLMENT, true, { 443 } },
	{ "deviceenrollment.apple.com", HOST_ENROLMENT, false, { 443 } },
	{ "gdmf.apple.com", HOST_ENROLMENT, false, { 443 } },
	{ "axm-servicediscovery.apple.com", HOST_REACH, false, { 443 } },
	{ "deviceservices-external.apple.com", HOST_REACH, false, { 443 } },
	{ "data.appattest.apple.com", HOST_REACH, false, { 443 } },
	{ "register.appattest.apple.com", HOST_REACH, false, { 443 } },
	{ "api.push.apple.com", HOST_REACH, true, { 443, 2197 } },
	{ "1-courier2.push.apple.com", HOST_REACH, true, { 443 } },
	{ "certs.apple.com", HOST_REACH, false, { 80, 443 } },
	{ "crl.apple.com", HOST_REACH, false, { 80 } },
	{ "crl3.digicert.com", HOST_REACH, false, { 80 } },
	{ "crl4.digicert.com", HOST_REACH, false, { 80 } },
	{ "ocsp.apple.com", HOST_REACH, false, { 80 } },
	{ "ocsp.digicert.com", HOST_REACH, false, { 80 } },
	{ "ocsp2.apple.com", HOST_REACH, false, { 443 } },
	{ "valid.apple.com", HOST_REACH, false, { 443 } },
	{ "time-ios.apple.com", HOST_REACH, false, { DOCTOR_REACH_NTP } },
	{ "time-macos.apple.com", HOST_REACH, false, { DOCTOR_REACH_NTP } },
};
/* All that one server's answers may lead to: hosts, couriers, of these one in TLS too. */
#define REACH_PER_SERVER (DOCTOR_PORTS * (DOCTOR_HOSTS + DOCTOR_VARIANTS_MAX + 1))
_Static_assert(DOCTOR_REACH_MAX >= REACH_PER_SERVER * (DOCTOR_SERVERS_MAX + 1), "all are tried");

bool doctor_run_is_compared(size_t slot)
{
	return slot >= SLOT_FIXED_COUNT || fixed[slot].is_compared;
}

/* --- asking -------------------------------------------------------------------------------- */

static void begin_stage(struct doctor_run *run);

static void begin_next(void *ctx)
{
	struct doctor_run *run = ctx;

	timer_start(loop_timers(run->loop), &run->next, 0);
}

static void on_answer(void *ctx, struct doctor_ask *ask)
{
	struct doctor_run *run = ctx;

	if (ask->state == DOCTOR_ASK_REPLY)
		doctor_reply_read(ask);
	if (--run->waiting == 0)
		begin_next(run);
}

/* The stage, and what is asked in it; STAGE_END for what is not. */
static enum stage plan_slot(const struct doctor_run *run, size_t slot,
			    struct doctor_question *ret_question)
{
	if (slot < SLOT_FIXED_COUNT) {
		*ret_question = fixed[slot].question;
		return fixed[slot].stage;
	}
	*ret_question = (struct doctor_question){ .type = TYPE_A };
	if (slot < SLOT_VARIANTS_A) {
		const struct doctor_host *host = &doctor_run_hosts[slot - SLOT_HOSTS];
		ret_question->name = host->name;
		if (host->use != HOST_REACH)
			return STAGE_FIRST;
		return run->options.with_reach ? STAGE_SECOND : STAGE_END;
	}
	const bool is_https = slot >= SLOT_VARIANTS_HTTPS;
	const size_t at = slot - (is_https ? SLOT_VARIANTS_HTTPS : SLOT_VARIANTS_A);
	ret_question->name = run->variants[at].name;
	if (at >= run->options.variants)
		return STAGE_END;
	if (!is_https)
		return STAGE_THIRD;
	ret_question->type = TYPE_HTTPS;
	return STAGE_SECOND;
}

static void ask_server(struct doctor_run *run, struct doctor_server *server)
{
	struct doctor_question question;

	for (size_t slot = 0; slot < DOCTOR_SLOTS; slot++) {
		if (plan_slot(run, slot, &question) != run->stage)
			continue;
		doctor_ask_start(&server->asks[slot], &run->asker, &server->to, &question);
		run->asked++;
		run->waiting++;
	}
}

static void count_replies(struct doctor_server *server)
{
	server->answered = 0;
	for (const struct doctor_ask *ask = server->asks; ask < server->asks + DOCTOR_SLOTS; ask++)
		server->answered += ask->state == DOCTOR_ASK_REPLY;
}

/* --- between the stages -------------------------------------------------------------------- */

unsigned doctor_run_read_count(const struct doctor_ask *ask)
{
	static const char begin[] = "count=";
	char text[64], *end;

	if (!doctor_reply_txt(ask, begin, text, sizeof(text)))
		return 0;
	const unsigned long count = strtoul(text + strlen(begin), &end, 10);
	return *end == '\0' && count <= COUNT_MAX ? (unsigned)count : 0;
}

/* The same ones for every server, so that the answers can be compared: by what the last one says
 * that says how many there are. */
static void draw_variants(struct doctor_run *run)
{
	const struct doctor_server *server;
	unsigned count = DOCTOR_COUNT_DEFAULT;

	for (server = run->servers; server != NULL; server = server->next) {
		const unsigned told = doctor_run_read_count(&server->asks[SLOT_COUNT_TXT]);
		if (told != 0)
			count = told;
	}
	/* from 1: that is where the two ways by which devices draw theirs agree */
	if (run->options.variants > count)
		run->options.variants = count;
	for (size_t i = 0; i < run->options.variants;) {
		struct doctor_variant *variant = run->variants + i;
		size_t before = 0;
		variant->n = 1 + random_below(count);
		while (run->variants[before].n != variant->n)
			before++;
		if (before < i) /* taken already */
			continue;
		snprintf(variant->name, sizeof(variant->name), "%u-" ALIAS, variant->n);
		i++;
	}
}

static void reach_by(struct doctor_run *run, size_t slot, const struct doctor_ask *answer)
{
	const bool is_host = slot < SLOT_VARIANTS_A;
	const bool with_tls = slot == SLOT_VARIANTS_A && tls_look_is_built();
	const uint16_t *ports =
		is_host ? doctor_run_hosts[slot - SLOT_HOSTS].ports : doctor_run_courier_ports;

	if (!doctor_reply_leads_on(answer))
		return;
	for (size_t i = 0; i < DOCTOR_PORTS && ports[i] != 0; i++) {
		doctor_reach_start(&run->reach, &answer->address, ports[i], false);
		if (with_tls)
			doctor_reach_start(&run->reach, &answer->address, ports[i], true);
	}
}

static void start_reach(struct doctor_run *run)
{
	const struct doctor_server *server;

	doctor_reach_init(&run->reach, run->loop, &run->options.ways, begin_next, run);
	for (server = run->servers; server != NULL; server = server->next) {
		for (size_t slot = SLOT_REACH_FIRST; slot < SLOT_REACH_END; slot++)
			reach_by(run, slot, &server->asks[slot]);
	}
	if (run->reach.waiting == 0)
		begin_next(run);
}

/* All has been answered or given up: what comes next. */
static void on_stage_end(void *ctx)
{
	struct doctor_run *run = ctx;
	struct doctor_server *server;

	for (server = run->servers; server != NULL; server = server->next)
		count_replies(server);
	if (run->stage == STAGE_FIRST)
		draw_variants(run);
	run->stage++;
	begin_stage(run);
}

static void begin_stage(struct doctor_run *run)
{
	struct doctor_server *server;

	if (run->stage == STAGE_REACH && run->options.with_reach) {
		start_reach(run);
		return;
	}
	if (run->stage >= STAGE_REACH) {
		loop_stop(run->loop);
		return;
	}
	for (server = run->servers; server != NULL; server = server->next) {
		/* a silent server would only be so again: nothing more to learn */
		if (run->stage == STAGE_FIRST || server->answered > 0)
			ask_server(run, server);
	}
	if (run->waiting == 0)
		begin_next(run);
}

/* --- progress ------------------------------------------------------------------------------ */

static void on_progress(void *ctx)
{
	struct doctor_run *run = ctx;

	if (run->stage == STAGE_REACH)
		fprintf(stderr, "\r\033[Kconnecting: %zu of %zu done",
			run->reach.count - run->reach.waiting, run->reach.count);
	else
		fprintf(stderr, "\r\033[Kasking: %u of %u questions done",
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

static void free_server(struct doctor_server *server)
{
	for (struct doctor_ask *ask = server->asks; ask < server->asks + DOCTOR_SLOTS; ask++)
		mem_free(ask->wire);
	mem_free(server);
}

void doctor_run_free(struct doctor_run *run)
{
	struct doctor_server *server;

	if (run == NULL)
		return;
	while ((server = run->servers) != NULL) {
		run->servers = server->next;
		free_server(server);
	}
	doctor_reach_done(&run->reach);
	loop_free(run->loop);
	mem_free(run);
}

int doctor_run_add(struct doctor_run *run, const struct addr *addr, bool is_reference)
{
	struct doctor_server *server = mem_zalloc(sizeof(*server));
	struct doctor_server **last = &run->servers;

	if (server == NULL)
		return -ENOMEM;
	server->to.addr = *addr;
	server->is_reference = is_reference;
	if (is_reference)
		run->reference = server;
	while (*last != NULL)
		last = &(*last)->next;
	*last = server;
	return 0;
}

static void end_asks(struct doctor_server *server)
{
	for (struct doctor_ask *ask = server->asks; ask < server->asks + DOCTOR_SLOTS; ask++)
		doctor_ask_end(ask);
}

int doctor_run_ask(struct doctor_run *run)
{
	struct doctor_server *server;
	int err = loop_new(&run->loop);

	if (err != 0)
		return err;
	struct timers *timers = loop_timers(run->loop);
	const uint32_t started_us = (uint32_t)loop_clock(run->loop)->now_us;
	run->asker = (struct doctor_asker){ run->loop, on_answer, run };
	timer_init(&run->end, on_time_is_up, run);
	timer_start(timers, &run->end, DOCTOR_RUN_MAX_US);
	timer_init(&run->next, on_stage_end, run);
	timer_init(&run->progress, on_progress, run);
	if (run->options.with_progress)
		timer_start(timers, &run->progress, PROGRESS_US);
	begin_stage(run);
	err = loop_run(run->loop);
	run->took_ms = ((uint32_t)loop_clock(run->loop)->now_us - started_us) / USEC_PER_MSEC;
	for (server = run->servers; server != NULL; server = server->next)
		end_asks(server);
	if (run->options.with_progress)
		fprintf(stderr, "\r\033[K");
	return err;
}
