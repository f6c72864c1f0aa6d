#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "conf/conf_load.h"
#include "fake_nftset.h"
#include "report.h"
#include "wire_build.h"

/* --- what the script has not looked at ----------------------------------------------------- */

void play_expect_no_sent(const struct play *play)
{
	struct addr_text text;

	if (play->mode.is_lenient)
		return;
	for (const struct fake_sent *sent = fake_net_sent(play->loop); sent != NULL;
	     sent = sent->next) {
		if (sent->is_expected)
			continue;
		wire_see_print(addr_to_text(&sent->to, &text), sent->wire, sent->wire_len);
		report_fail("this was sent in line %d over %s and nobody expected it", sent->line,
			    sent->via_stream ? "TCP" : "UDP");
	}
}

void play_expect_no_got(const struct play *play)
{
	if (play->mode.is_lenient)
		return;
	for (const struct play_asked *asked = play->asked; asked != NULL; asked = asked->next) {
		if (asked->is_closed)
			continue;
		if (asked->is_dropped)
			report_fail("%s (line %d) is met with silence and nobody expected it",
				    asked->client, asked->line);
		if (asked->got == NULL)
			continue;
		wire_see_print(asked->client, asked->got, asked->got_len);
		report_fail("this came in line %d to %s (line %d) and nobody expected it",
			    asked->got_line, asked->client, asked->line);
	}
}

static void expect_all_told(const struct play *play)
{
	for (const struct play_asked *asked = play->asked; asked != NULL; asked = asked->next) {
		if (!asked->is_closed)
			report_fail_at(asked->line, "%s is never answered", asked->client);
		if (asked->holds > 0)
			report_fail_at(asked->line, "%s has its answer, but is held still",
				       asked->client);
	}
}

/* --- configuration ------------------------------------------------------------------------- */

static void fail_complaints(const struct complaints *complaints)
{
	for (size_t i = 0; i < complaint_kept(complaints); i++)
		fprintf(stderr, "  %s\n", complaint_text(complaints, i));
	report_fail("the configuration is refused");
}

/* Nothing is asked that no client asks for, unless the script has it so. */
static void leave_cold(const struct play *play, struct conf *conf)
{
	for (size_t i = 0; i < conf->courier_count; i++)
		if (strstr(play->conf_text, "pre_resolve") == NULL)
			conf->couriers[i].pre_resolve = WARMTH_OFF;
}

/* NULL only where memory fails. */
static struct plan *make_plan(struct play *play)
{
	struct complaints *complaints = complaint_new();
	struct conf *conf = NULL;
	struct plan *plan = NULL;
	int err = -1;

	if (complaints != NULL)
		err = conf_load_text(play->conf_text, "conf", complaints, &conf);
	if (err == 0)
		leave_cold(play, conf);
	if (err == 0)
		err = plan_new(conf, &play->route_key, play->servers, complaints, &plan);
	if (err == ERR_CONF && !play->mode.is_lenient)
		fail_complaints(complaints);
	if (err != 0 && !play->mode.is_lenient)
		report_fail("the configuration cannot be used: %s", err_text(err));
	complaint_free(complaints);
	return plan;
}

static void add_conf(struct play *play, const struct scn_line *line)
{
	const size_t len = strlen(play->conf_text), more = strlen(line->text);
	char *text = report_alloc(len + more + 2);

	memcpy(text, play->conf_text, len);
	memcpy(text + len, line->text, more);
	text[len + more] = '\n';
	free(play->conf_text);
	play->conf_text = text;
}

static void add_conf_step(struct play *play, const struct scn_step *step)
{
	add_conf(play, &step->head);
	for (size_t i = 0; i < step->more_count; i++)
		add_conf(play, &step->more[i]);
}

/* conf TEXT: all of them together, before the first of the other verbs */
static void play_conf(struct play *play, const struct scn_step *step)
{
	if (play->worker != NULL)
		report_fail("conf: too late; `reload` changes the configuration");
	add_conf_step(play, step);
}

/* reload TEXT: one configuration, whole, each */
static void play_reload(struct play *play, const struct scn_step *step)
{
	play->conf_text[0] = '\0';
	add_conf_step(play, step);
	struct plan *plan = make_plan(play);
	if (plan == NULL)
		return;
	worker_set_plan(play->worker, plan);
	plan_unref(play->plan);
	play->plan = plan;
}

/* --- time and counters --------------------------------------------------------------------- */

/* pass N(s|ms) */
static void play_pass(struct play *play, const struct scn_step *step)
{
	play_pass_us(play, play_read_us(step->head.text));
}

/* once: for whoever plays it, see scenario_run.c */
static void play_once(struct play *play, const struct scn_step *step)
{
	if (play->worker != NULL || step->head.text[0] != '\0')
		report_fail("once: comes first, and alone");
}

/* stat NAME VALUE */
static void play_stat(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);

	if (words.count != 2)
		report_fail("stat: expected NAME VALUE");
	const unsigned long value = wire_build_number(words.at[1], UINT32_MAX);
	for (int i = 0; i < STAT_COUNT; i++) {
		if (strcmp(stats_name((enum stat)i), words.at[0]) != 0)
			continue;
		const uint64_t count = worker_stats(play->worker)->count[i];
		if (count != value && !play->mode.is_lenient)
			report_fail("%s: expected %lu, counted %llu", words.at[0], value,
				    (unsigned long long)count);
		scn_words_free(&words);
		return;
	}
	report_fail("nothing is counted as \"%s\"", words.at[0]);
}

/* network: addresses, routes or name servers are others now */
static void play_network(struct play *play, const struct scn_step *step)
{
	if (step->head.text[0] != '\0')
		report_fail("network: nothing is expected behind it");
	worker_network_changed(play->worker);
}

/* --- the verbs ----------------------------------------------------------------------------- */

/* What must have been looked at before a verb: questions to servers, answers to clients. A verb may
 * follow its like without a look between them. */
enum looked { LOOKED_NOT_NEEDED, LOOKED_AT_SENT, LOOKED_AT_ALL };

static const struct verb {
	const char *name;
	play_verb_fn play;
	enum looked looked;
	bool has_more; /* lines below it */
} verbs[] = {
	{ "once", play_once, LOOKED_NOT_NEEDED, false },
	{ "conf", play_conf, LOOKED_NOT_NEEDED, true },
	{ "client", play_client, LOOKED_NOT_NEEDED, false },
	{ "server", play_server, LOOKED_NOT_NEEDED, false },
	{ "reload", play_reload, LOOKED_AT_ALL, true },
	{ "ask", play_ask, LOOKED_AT_ALL, false },
	{ "expect", play_expect, LOOKED_NOT_NEEDED, false },
	{ "silence", play_silence, LOOKED_NOT_NEEDED, false },
	{ "reply", play_reply, LOOKED_AT_SENT, true },
	{ "unreachable", play_unreachable, LOOKED_AT_SENT, false },
	{ "fin", play_fin, LOOKED_AT_SENT, false },
	{ "answer", play_answer, LOOKED_NOT_NEEDED, true },
	{ "noanswer", play_noanswer, LOOKED_NOT_NEEDED, false },
	{ "dropped", play_dropped, LOOKED_NOT_NEEDED, false },
	{ "ignored", play_ignored, LOOKED_NOT_NEEDED, false },
	{ "stat", play_stat, LOOKED_NOT_NEEDED, false },
	{ "pass", play_pass, LOOKED_AT_ALL, false },
	{ "sent", play_sent, LOOKED_NOT_NEEDED, false },
	{ "log", play_log, LOOKED_NOT_NEEDED, false },
	{ "counted", play_counted, LOOKED_NOT_NEEDED, false },
	{ "known", play_known, LOOKED_NOT_NEEDED, false },
	{ "crowd", play_crowd, LOOKED_AT_ALL, false },
	{ "network", play_network, LOOKED_AT_ALL, false },
	{ "knock", play_knock, LOOKED_AT_ALL, false },
	{ "pace", play_pace, LOOKED_NOT_NEEDED, false },
	{ "family", play_family, LOOKED_NOT_NEEDED, false },
	{ "device", play_device, LOOKED_NOT_NEEDED, false },
	{ "kernel", play_kernel, LOOKED_AT_ALL, false },
	{ "filled", play_filled, LOOKED_NOT_NEEDED, false },
};

static const struct verb *find_verb(const struct scn_step *step)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, step->verb) != 0)
			continue;
		if (step->more_count > 0 && !verbs[i].has_more)
			report_fail_at(step->more[0].number, "%s takes no lines below it",
				       step->verb);
		return &verbs[i];
	}
	report_fail("\"%s\" is not understood", step->verb);
}

static void check_looked(const struct play *play, const struct verb *verb)
{
	if (play->last_verb == verb->name && verb->play != play_pass)
		return;
	if (verb->looked != LOOKED_NOT_NEEDED)
		play_expect_no_sent(play);
	if (verb->looked == LOOKED_AT_ALL)
		play_expect_no_got(play);
}

/* False where memory fails. */
static bool start_worker(struct play *play)
{
	play->servers = server_table_new();
	play->plan = play->servers != NULL ? make_plan(play) : NULL;
	if (play->plan == NULL || worker_new(play->loop, play->plan, NULL, &play->worker) != 0)
		return false;
	if (play->mode.takes_long_way)
		worker_take_long_way(play->worker);
	return true;
}

static bool play_step(struct play *play, const struct scn_step *step)
{
	report_at_line(step->head.number);
	const struct verb *verb = find_verb(step);
	const bool needs_worker = verb->play != play_conf && verb->play != play_client &&
				  verb->play != play_server && verb->play != play_once;

	if (needs_worker && play->worker == NULL && !start_worker(play))
		return false;
	if (verb->play == play_ask && play->mode.fails_from_asks) {
		mem_fail_nth(play->mode.fail_at);
		play->mode.fails_from_asks = false;
	}
	check_looked(play, verb);
	verb->play(play, step);
	play->last_verb = verb->name;
	if (play->worker != NULL)
		play_turn(play);
	return true;
}

static void end_play(struct play *play, const struct scn *scn)
{
	if (!play->mode.is_lenient) {
		play_expect_no_sent(play);
		play_expect_no_got(play);
		expect_all_told(play);
		play_expect_no_filled(play);
	}
	worker_free(play->worker);
	plan_unref(play->plan);
	server_table_free(play->servers);
	if (fake_net_open(play->loop) > 0)
		report_fail("%zu sockets are open after the end", fake_net_open(play->loop));
	if (timer_next_due(loop_timers(play->loop)) != UINT64_MAX)
		report_fail("a timer is set after the end");
	for (const struct play_asked *asked = play->asked; asked != NULL; asked = asked->next) {
		if (asked->holds > 0)
			report_fail_at(asked->line, "%s is held after the end", asked->client);
	}
	(void)scn;
}

static bool expects_probes(const struct scn *scn)
{
	for (size_t i = 0; i < scn->count; i++) {
		if (strcmp(scn->steps[i].verb, "expect") == 0 &&
		    strstr(scn->steps[i].head.text, " . NS") != NULL)
			return true;
	}
	return false;
}

bool play_scenario(const struct scn *scn, const struct play_mode *mode)
{
	struct play play = { .mode = *mode, .conf_text = report_alloc(1) };

	play.asked_end = &play.asked;
	hash_key_draw(&play.route_key);
	play_log_start(&play);
	play.has_probes = expects_probes(scn);
	mem_fail_nth(mode->fails_from_asks ? 0 : mode->fail_at);
	if (loop_new(&play.loop) == 0) {
		for (size_t i = 0; i < scn->count; i++) {
			if (!play_step(&play, &scn->steps[i]))
				break;
		}
		end_play(&play, scn);
	}
	const bool has_failed = mode->fail_at > 0 && mem_allocations() >= mode->fail_at;
	mem_fail_nth(0);
	fake_nftset_reset();
	play_client_free(&play);
	play_auto_free(&play);
	play_log_end(&play);
	play_server_free(&play);
	loop_free(play.loop);
	free(play.conf_text);
	return has_failed;
}
