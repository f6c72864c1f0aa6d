#include "upstream/server.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server_internal.h"

#define LACKS_EDNS_FOR_US (3600ull * USEC_PER_SEC)

/* So many questions in a row, and so long after it was last heard: names that it is silent about
 * come in bursts. */
#define SILENCES_SUSPECT 3u
#define SILENT_US (500u * USEC_PER_MSEC)
#define CLEARED_FOR_US (1u * USEC_PER_SEC)
#define CLEARED_DOUBLINGS 4u

#define HEDGE_LEAST_US (20u * USEC_PER_MSEC)
#define HEDGE_MOST_US (400u * USEC_PER_MSEC)
#define RESEND_LEAST_US (100u * USEC_PER_MSEC)
#define RESENDS 3u

/* One that fails always comes to count as so much slower; in a name or two out of a hundred, as
 * hardly any. Halved for each of the times in which it does not happen again. */
#define PENALTY_MOST_US (800u * USEC_PER_MSEC)
#define PENALTY_GAIN 32u
#define PENALTY_FADE_US (10u * USEC_PER_SEC)
#define PENALTY_FADINGS 31u /* after which nothing is left of it */

struct server *server_new(const char *group, const struct conf_server *how)
{
	struct server *server = mem_zalloc(sizeof(*server));

	if (server == NULL)
		return NULL;
	server->holders = 1;
	list_init(&server->sockets.list);
	server->how = *how;
	server->group = mem_strdup(group);
	if (server->group == NULL) {
		server_unref(server);
		return NULL;
	}
	return server;
}

struct server *server_ref(struct server *server)
{
	server->holders++;
	return server;
}

void server_unref(struct server *server)
{
	if (server == NULL || --server->holders > 0)
		return;
	if (server->watch != NULL)
		server->watch->on_gone(server->watch);
	list_remove(&server->link);
	mem_free(server->group);
	mem_free(server);
}

const char *server_group(const struct server *server)
{
	return server->group;
}

const struct addr *server_addr(const struct server *server)
{
	return &server->how.addr;
}

const struct conf_server *server_how(const struct server *server)
{
	return &server->how;
}

bool server_lacks_edns(const struct server *server, uint64_t now_us)
{
	return now_us < server->lacks_edns_until_us;
}

void server_note_lacks_edns(struct server *server, uint64_t now_us)
{
	server->lacks_edns_until_us = now_us + LACKS_EDNS_FOR_US;
}

/* --- health -------------------------------------------------------------------------------- */

enum server_state server_state(const struct server *server)
{
	return server->state;
}

uint64_t server_heard_us(const struct server *server)
{
	return server->heard_us;
}

unsigned server_times_down(const struct server *server)
{
	return server->times_down;
}

static void set_state(struct server *server, enum server_state state)
{
	server->state = state;
	if (server->watch != NULL)
		server->watch->on_change(server->watch);
}

void server_hear(struct server *server, uint64_t now_us)
{
	if (server->state != SERVER_UP) {
		server->cleared_us = now_us;
		if (server->clearings < CLEARED_DOUBLINGS)
			server->clearings++;
	}
	const bool is_news = server->state != SERVER_UP || server->is_unproven;

	server->is_unproven = false;
	server->heard_us = now_us;
	server->unheard_us = 0;
	server->silences = 0;
	server->err = 0;
	if (is_news)
		set_state(server, SERVER_UP);
}

void server_set_aside(struct server *server)
{
	server->state = SERVER_DOWN;
	server->times_down++;
}

void server_forget(struct server *server)
{
	server->latency = (struct latency){ 0 };
	server->penalty_us = 0;
	server->state = SERVER_UP;
	server->is_unproven = true;
	server->clearings = 0;
	server->silences = 0;
	server->heard_us = server->unheard_us = server->cleared_us = 0;
	server->err = 0;
}

void server_note_sent(struct server *server, bool by_stream, uint64_t now_us)
{
	server->counts.sent[by_stream]++;
	if (server->unheard_us == 0)
		server->unheard_us = now_us;
}

void server_note_reply(struct server *server, uint64_t now_us, uint32_t since_first_us,
		       uint32_t since_last_us, unsigned sends)
{
	histogram_add(&server->counts.took, since_first_us);
	server_hear(server, now_us);
	server->clearings = 0;
	latency_add(&server->latency, now_us, since_first_us, since_last_us, sends);
	server->penalty_us -= server->penalty_us / PENALTY_GAIN;
}

/* One that has cleared itself of late is not suspected again at once. */
static void suspect(struct server *server, uint32_t cleared_for_us, uint64_t now_us)
{
	const bool is_cleared =
		server->cleared_us != 0 && now_us - server->cleared_us < cleared_for_us;

	if (server->state == SERVER_UP && !is_cleared)
		set_state(server, SERVER_SUSPECTED);
}

void server_note_silence(struct server *server, uint64_t now_us)
{
	server_count_failure(server, SERVER_FAILED_TIMEOUT);
	if (server->silences++ > 0) /* one alone is the name's, more likely */
		latency_add_silence(&server->latency, now_us);
	const uint64_t since_us = server->heard_us != 0 ? server->heard_us : server->unheard_us;
	if (server->silences >= SILENCES_SUSPECT && now_us - since_us >= SILENT_US)
		suspect(server, CLEARED_FOR_US << server->clearings, now_us);
}

void server_note_error(struct server *server, int err, uint64_t now_us)
{
	server_count_failure(server, SERVER_FAILED_UNREACHABLE);
	server->err = err;
	suspect(server, CLEARED_FOR_US, now_us);
}

/* --- how long it takes --------------------------------------------------------------------- */

uint32_t server_latency_us(const struct server *server, uint64_t now_us)
{
	return latency_smoothed_us(&server->latency, now_us);
}

uint32_t server_hedge_us(const struct server *server)
{
	const uint32_t p95_us = latency_p95_us(&server->latency);

	if (p95_us == 0 || p95_us > HEDGE_MOST_US)
		return HEDGE_MOST_US;
	return p95_us < HEDGE_LEAST_US ? HEDGE_LEAST_US : p95_us;
}

uint32_t server_silence_us(const struct server *server)
{
	const uint32_t twice_us = 2 * latency_measured_us(&server->latency);

	return twice_us > HEDGE_MOST_US ? twice_us : HEDGE_MOST_US;
}

uint32_t server_resend_us(const struct server *server, unsigned sends)
{
	static const uint32_t lossless_us[RESENDS] = { 400 * USEC_PER_MSEC, 1200 * USEC_PER_MSEC,
						       200 * USEC_PER_MSEC };
	const unsigned at = sends == 0 ? 0 : sends > RESENDS ? RESENDS - 1 : sends - 1;

	/* the last wait ends with TCP, for which there must be time left */
	if (!server_is_lossy(server) || at == RESENDS - 1)
		return lossless_us[at];
	uint32_t us = 2 * latency_p95_us(&server->latency);
	if (us < RESEND_LEAST_US)
		us = RESEND_LEAST_US;
	if (us > lossless_us[0])
		us = lossless_us[0];
	return us << at;
}

bool server_is_lossy(const struct server *server)
{
	return latency_is_lossy(&server->latency);
}

void server_note_worse(struct server *server, uint64_t now_us)
{
	uint32_t us = server_penalty_us(server, now_us) + PENALTY_MOST_US / PENALTY_GAIN;

	if (us > PENALTY_MOST_US)
		us = PENALTY_MOST_US;
	server->penalty_us = us;
	server->worse_us = now_us;
}

uint32_t server_penalty_us(const struct server *server, uint64_t now_us)
{
	const uint64_t since_us = now_us - server->worse_us;

	if (since_us >= PENALTY_FADINGS * PENALTY_FADE_US)
		return 0;
	return server->penalty_us >> (uint32_t)since_us / PENALTY_FADE_US;
}

/* --- what is counted ----------------------------------------------------------------------- */

void server_count_failure(struct server *server, enum server_failure failure)
{
	server->counts.failures[failure]++;
}

const char *server_failure_name(enum server_failure failure)
{
	static const char *const names[SERVER_FAILURE_COUNT] = {
#define SERVER_FAILURES_NAME(id, name) [SERVER_FAILED_##id] = (name),
		SERVER_FAILURES(SERVER_FAILURES_NAME)
#undef SERVER_FAILURES_NAME
	};

	return names[failure];
}

static struct server_counts add_counts(const struct server *const *servers, size_t count)
{
	struct server_counts sum = { 0 };

	for (size_t at = 0; at < count; at++) {
		const struct server_counts *counts = &servers[at]->counts;

		sum.sent[false] += counts->sent[false];
		sum.sent[true] += counts->sent[true];
		histogram_merge(&sum.took, &counts->took);
		for (enum server_failure i = 0; i < SERVER_FAILURE_COUNT; i++)
			sum.failures[i] += counts->failures[i];
	}
	return sum;
}

static enum server_state worst_state(const struct server *const *servers, size_t count)
{
	enum server_state state = SERVER_UP;

	for (size_t at = 0; at < count; at++)
		state = servers[at]->state > state ? servers[at]->state : state;
	return state;
}

void server_sum(const struct server *const *servers, size_t count, uint64_t now_us,
		struct server_sums *ret_sums)
{
	const struct server_counts counts = add_counts(servers, count);

	const struct server *last = servers[0]; /* that has heard something */

	*ret_sums = (struct server_sums){ .state = worst_state(servers, count) };
	ret_sums->sent = counts.sent[false] + counts.sent[true];
	ret_sums->sent_tcp = counts.sent[true];
	ret_sums->answered = histogram_total(&counts.took);
	for (size_t at = 0; at < count; at++) {
		if (servers[at]->times_down > ret_sums->times_down)
			ret_sums->times_down = servers[at]->times_down;
		ret_sums->lacks_edns |= server_lacks_edns(servers[at], now_us);
		ret_sums->is_lossy |= server_is_lossy(servers[at]);
		if (servers[at]->heard_us > last->heard_us)
			last = servers[at];
	}
	ret_sums->heard_us = last->heard_us;
	ret_sums->latency_us = server_latency_us(last, now_us);
	for (enum server_failure i = 0; i < SERVER_FAILURE_COUNT; i++)
		ret_sums->failed += ret_sums->failures[i] = counts.failures[i];
}

/* Where the lines of a report go. */
struct report {
	server_line_fn line;
	void *ctx;
	char labels[192]; /* group="corp",server="192.0.2.1@53"; of an endless name the beginning */
};

/* courierdns_upstream_WHAT{group,server[,KEY=VALUE]} COUNT */
static void report_count(const struct report *report, const char *what, const char *key,
			 const char *value, uint64_t count)
{
	char text[320];

	(void)snprintf(text, sizeof(text), "courierdns_upstream_%s{%s%s%s%s%s%s} %" PRIu64, what,
		       report->labels, key != NULL ? "," : "", key != NULL ? key : "",
		       key != NULL ? "=\"" : "", key != NULL ? value : "", key != NULL ? "\"" : "",
		       count);
	report->line(report->ctx, text);
}

void server_report(const struct server *const *servers, size_t count, server_line_fn line,
		   void *ctx)
{
	const struct server_counts counts = add_counts(servers, count);
	struct report report = { .line = line, .ctx = ctx };
	struct addr_text addr;

	(void)snprintf(report.labels, sizeof(report.labels), "group=\"%.100s\",server=\"%s\"",
		       servers[0]->group, addr_to_text(&servers[0]->how.addr, &addr));
	report_count(&report, "up", NULL, NULL, worst_state(servers, count) != SERVER_DOWN);
	report_count(&report, "queries_total", "proto", "udp", counts.sent[false]);
	report_count(&report, "queries_total", "proto", "tcp", counts.sent[true]);
	for (enum server_failure i = 0; i < SERVER_FAILURE_COUNT; i++) {
		if (counts.failures[i] > 0)
			report_count(&report, "failures_total", "reason", server_failure_name(i),
				     counts.failures[i]);
	}
	histogram_report(&counts.took, "courierdns_upstream_duration_seconds", report.labels, line,
			 ctx);
}
