#include "app/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "app/activation.h"
#include "app/command_socket.h"
#include "app/commands_sums.h"
#include "app/crew.h"
#include "app/descriptors.h"
#include "app/exit_code.h"
#include "app/network.h"
#include "app/notify.h"
#include "app/privileges.h"
#include "app/reload.h"
#include "app/sandbox.h"
#include "app/sources.h"
#include "app/web_server.h"
#include "base/log.h"
#include "base/mem.h"
#include "query/family.h"
#include "query/fill.h"
#include "query/repair.h"
#include "query/worker.h"

/* At the end, what is in flight may still be answered for so long. */
#define FINISH_US (2u * USEC_PER_SEC)
#define FINISH_LOOK_US (20u * USEC_PER_MSEC)

struct daemon {
	const struct command *all_commands;
	struct sources *sources;
	struct crew *crew;
	struct reload_events reload_events;
	struct reload *reload;
	struct loop *loop; /* the first worker's */
	struct network *network;
	struct passed *passed;
	struct notify *notify;
	struct commands commands;
	struct command_socket *control;
	struct web_server *web;
	struct timer finish;
	uint64_t finish_by_us;
	bool is_finishing;
	int err; /* of another worker's loop */
	struct privileges privileges;
	struct settings settings;
};

static const struct conf *conf_of(const struct daemon *daemon)
{
	return worker_plan(crew_mate(daemon->crew, 0)->worker)->conf;
}

static void log_ready(const struct conf *conf)
{
	struct addr_text addr;

	for (size_t i = 0; i < conf->listen_count; i++)
		LOG(LEVEL_INFO, "listening on %s%s%s", addr_to_text(&conf->listen[i].addr, &addr),
		    conf->listen[i].udp ? " udp" : "", conf->listen[i].tcp ? " tcp" : "");
	for (size_t i = 0; i < conf->groups[0].server_count; i++)
		LOG(LEVEL_INFO, "group default: server %s",
		    addr_to_text(&conf->groups[0].servers[i].addr, &addr));
	if (conf->workers > 1)
		LOG(LEVEL_INFO, "%" PRIu32 " workers", conf->workers);
	LOG(LEVEL_NOTICE, "courierdns %s is ready", COURIERDNS_VERSION);
}

/* A question that finds no descriptor is put once more a little later. */
static void on_no_descriptor(void *ctx)
{
	limit_hit(worker_limits(ctx), LIMIT_DESCRIPTORS, NULL);
}

/* All workers are held. */
static void share_descriptors(struct daemon *daemon)
{
	for (size_t i = 0; i < crew_size(daemon->crew); i++) {
		const struct crew_mate *mate = crew_mate(daemon->crew, i);

		descriptors_share(
			mate->loop, conf_of(daemon),
			(struct loop_sockets){ .on_none = on_no_descriptor, .ctx = mate->worker });
	}
}

/* --- signals --- */

/* The others are held, so that none logs meanwhile. */
static void reopen_log(struct daemon *daemon, enum log_level level)
{
	crew_hold(daemon->crew);
	log_open(level, (enum log_target)conf_of(daemon)->log_target);
	crew_release(daemon->crew);
}

static void on_reload_begin(void *ctx)
{
	const struct daemon *daemon = ctx;

	notify_reloading(daemon->notify);
}

static void tell_passed(const struct daemon *daemon, bool is_start)
{
	activation_tell(daemon->passed, crew_mate(daemon->crew, 0)->listeners,
			crew_active(daemon->crew), is_start);
}

static void use_new(struct daemon *daemon)
{
	const struct conf *conf = conf_of(daemon);

	crew_hold(daemon->crew);
	share_descriptors(daemon);
	crew_release(daemon->crew);
	reopen_log(daemon, (enum log_level)conf->log_level);
	network_follow(daemon->network);
	command_socket_follow(daemon->control);
	web_server_follow(daemon->web);
	settings_warn(conf);
	privileges_tell_change(&daemon->privileges, conf);
	tell_passed(daemon, false);
}

static void on_reload_end(void *ctx, bool is_done)
{
	struct daemon *daemon = ctx;

	if (is_done)
		use_new(daemon);
	notify_ready(daemon->notify, daemon->reload);
}

static void on_reload(void *ctx, int signal_number)
{
	struct daemon *daemon = ctx;

	(void)signal_number;
	(void)reload_again(daemon->reload); /* which tells in the log */
}

static void log_line(void *ctx, const char *text)
{
	(void)ctx;
	log_answer("%s", text);
}

static void log_count(const char *name, uint64_t count)
{
	log_answer("%s %" PRIu64, name, count);
}

/* As many lines as there are servers and families, then the totals: the last of them, always the
 * same, tells who reads along that all has been said. */
static void log_statistics(struct daemon *daemon)
{
	struct worker *first = crew_mate(daemon->crew, 0)->worker;
	struct cache_report cache;
	uint32_t max_waiting;

	commands_sums_servers(daemon->crew, log_line, NULL);
	repair_report(first, log_line, NULL);
	family_report(first, log_line, NULL);
	fill_report(first, log_line, NULL);
	for (enum stat stat = 0; stat < STAT_COUNT; stat++)
		log_count(stats_name(stat), commands_sums_count(daemon->crew, stat));
	worker_cache_report(first, &cache);
	log_count("cache_entries", cache.entries);
	log_count("cache_bytes", cache.bytes);
	log_count("inflight", crew_waiting(daemon->crew, &max_waiting));
	log_count("tcp_clients", crew_connections(daemon->crew));
}

static void on_statistics(void *ctx, int signal_number)
{
	struct daemon *daemon = ctx;

	(void)signal_number;
	crew_hold(daemon->crew);
	log_statistics(daemon);
	crew_release(daemon->crew);
}

/* After a rotation: syslog's connection is made anew; stderr is whoever started us's business. */
static void on_reopen_log(void *ctx, int signal_number)
{
	struct daemon *daemon = ctx;

	(void)signal_number;
	reopen_log(daemon, log_level()); /* what log-level has set holds until a reload */
}

static void on_finish_look(void *ctx)
{
	struct daemon *daemon = ctx;
	uint32_t max_waiting;

	if (crew_waiting(daemon->crew, &max_waiting) == 0 ||
	    loop_clock(daemon->loop)->now_us >= daemon->finish_by_us)
		loop_stop(daemon->loop);
	else
		timer_start(loop_timers(daemon->loop), &daemon->finish, FINISH_LOOK_US);
}

static void on_end(void *ctx, int signal_number)
{
	struct daemon *daemon = ctx;

	if (daemon->is_finishing) { /* asked twice: at once */
		loop_stop(daemon->loop);
		return;
	}
	LOG(LEVEL_NOTICE, "%s: finishing", signal_number == SIGTERM ? "Terminated" : "Interrupt");
	daemon->is_finishing = true;
	reload_end(daemon->reload);
	notify_stopping(daemon->notify);
	daemon->finish_by_us = loop_clock(daemon->loop)->now_us + FINISH_US;
	crew_close(daemon->crew);
	timer_start(loop_timers(daemon->loop), &daemon->finish, 0);
}

static const struct {
	int number;
	loop_signal_fn fn;
} signals[] = {
	{ SIGTERM, on_end },	    { SIGINT, on_end },		{ SIGHUP, on_reload },
	{ SIGUSR1, on_statistics }, { SIGUSR2, on_reopen_log },
};

static int watch_signals(struct daemon *daemon)
{
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int err = loop_on_signal(daemon->loop, signals[i].number, signals[i].fn, daemon);
		if (err != 0)
			return err;
	}
	return 0;
}

/* All of them: once the loop is gone ours mean what they mean to any process, and one that comes at
 * the very end would make a failure of it. */
static void hold_signals(void)
{
	sigset_t held;

	sigfillset(&held);
	(void)pthread_sigmask(SIG_BLOCK, &held, NULL);
}

/* Another worker's loop has failed, and with it the program. */
static void on_failure(void *ctx, int err)
{
	struct daemon *daemon = ctx;

	daemon->err = err;
	loop_stop(daemon->loop);
}

/* --- the whole --- */

static void daemon_done(struct daemon *daemon)
{
	web_server_free(daemon->web);
	command_socket_free(daemon->control);
	network_free(daemon->network);
	if (daemon->loop != NULL)
		timer_stop(loop_timers(daemon->loop), &daemon->finish);
	notify_free(daemon->notify);
	crew_free(daemon->crew);
	reload_free(daemon->reload);
	passed_free(daemon->passed);
	sources_free(daemon->sources);
}

static void make_commands(struct daemon *daemon)
{
	daemon->commands = (struct commands){
		.all = daemon->all_commands,
		.crew = daemon->crew,
		.worker = crew_mate(daemon->crew, 0)->worker,
		.settings = &daemon->settings,
		.reload = daemon->reload,
		.started_us = loop_clock(daemon->loop)->now_us,
	};
}

static int open_control(struct daemon *daemon)
{
	if (daemon->control == NULL)
		daemon->control = command_socket_new(daemon->loop, &daemon->commands);
	return daemon->control != NULL ? 0 : -ENOMEM;
}

static int open_web(struct daemon *daemon)
{
	return daemon->web == NULL ? web_server_new(daemon->loop, &daemon->commands, &daemon->web)
				   : 0;
}

/* After the listeners and before anybody answers, so that who is told that it is there can ask it.
 */
static int open_aside(struct daemon *daemon)
{
	const int err = open_control(daemon);

	return err != 0 ? err : open_web(daemon);
}

/* A test that calls what the filter has not must not pass. */
#ifdef COURIERDNS_TESTS
#define REFUSAL SANDBOX_KILLS
#else
#define REFUSAL SANDBOX_FAILS
#endif

/* Without it all goes on as it would in a build without, which the admin may want to know of. */
static void enter_sandbox(void)
{
	const int err = sandbox_is_built() ? sandbox_enter(REFUSAL) : 0;

	if (err != 0)
		LOG(LEVEL_WARNING, "there is no filter of system calls here: %s; going on without",
		    err_text(err));
	mem_trim();
}

static void give_sockets(void *ctx, uid_t uid, gid_t gid)
{
	const struct daemon *daemon = ctx;
	const char *const paths[] = { command_socket_path(daemon->control),
				      web_server_path(daemon->web) };

	crew_give_sockets(daemon->crew, uid, gid);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (paths[i] != NULL)
			privileges_give(paths[i], uid, gid);
	}
}

static int drop_privileges(struct daemon *daemon, const struct conf *conf)
{
	int err = 0;

	if (privileges_wants_root(conf, conf->control_socket))
		err = open_control(daemon);
	if (err == 0 && conf->web_enabled && conf->web_path != NULL &&
	    privileges_wants_root(conf, conf->web_path))
		err = open_web(daemon);
	if (err != 0)
		return err;
	return privileges_drop(conf, give_sockets, daemon, &daemon->privileges);
}

static int open_all(struct daemon *daemon, struct plan *plan, struct complaints *complaints)
{
	crew_use_passed(daemon->crew, daemon->passed);
	int err = crew_gather(daemon->crew, plan, complaints);

	if (err != 0)
		return err;
	daemon->loop = crew_mate(daemon->crew, 0)->loop;
	make_commands(daemon);
	share_descriptors(daemon);
	err = watch_signals(daemon);
	if (err == 0)
		err = crew_listen(daemon->crew, settings_listens_by_default(&daemon->settings),
				  complaints);
	if (err == 0)
		err = drop_privileges(daemon, plan->conf);
	if (err == 0)
		err = network_new(daemon->crew, daemon->sources, &daemon->network);
	if (err == 0)
		err = notify_new(daemon->crew, &daemon->notify);
	if (err == 0)
		err = open_aside(daemon);
	if (err == 0)
		enter_sandbox();
	if (err == 0)
		err = crew_start(daemon->crew, on_failure, daemon);
	return err;
}

static int start_with(struct daemon *daemon, struct complaints *complaints)
{
	struct plan *plan = NULL;
	int err;

	daemon->crew = crew_new();
	daemon->sources = sources_new();
	if (daemon->crew == NULL || daemon->sources == NULL)
		return -ENOMEM;
	daemon->reload = reload_new(&daemon->settings, daemon->crew, daemon->sources,
				    &daemon->reload_events);
	if (daemon->reload == NULL)
		return -ENOMEM;
	err = reload_first(daemon->reload, complaints, &plan);
	if (err != 0)
		return err;
	log_open((enum log_level)plan->conf->log_level, (enum log_target)plan->conf->log_target);
	err = open_all(daemon, plan, complaints);
	if (err == 0) {
		daemon->settings.user = daemon->privileges.user;
		settings_warn(plan->conf);
		tell_passed(daemon, true);
		log_ready(plan->conf);
		notify_ready(daemon->notify, daemon->reload);
		crew_release(daemon->crew);
	}
	plan_unref(plan);
	return err;
}

static int start(struct daemon *daemon)
{
	struct complaints *complaints = complaint_new();
	const int err = complaints == NULL ? -ENOMEM : start_with(daemon, complaints);

	if (complaints != NULL)
		reload_log_complaints(complaints);
	complaint_free(complaints);
	return err;
}

int daemon_run(const struct settings *settings, const struct command *commands)
{
	struct daemon daemon = { .settings = *settings, .all_commands = commands };

	mem_take_little();
	daemon.reload_events = (struct reload_events){ on_reload_begin, on_reload_end, &daemon };
	timer_init(&daemon.finish, on_finish_look, &daemon);
	int err = passed_new(PASSED_FIRST, &daemon.passed); /* before the log has a descriptor */
	log_open(settings->is_verbose ? LEVEL_DEBUG : LEVEL_INFO, LOG_TO_STDERR);
	activation_tell_err(err);
	if (err != -ENOMEM)
		err = start(&daemon);
	if (err == 0)
		err = loop_run(daemon.loop);
	if (err == 0)
		err = daemon.err;
	if (err != 0)
		log_write(LEVEL_ERROR, "courierdns ends: %s", err_text(err));
	hold_signals();
	daemon_done(&daemon);
	if (err == 0)
		return EXIT_CODE_OK;
	return err == ERR_CONF ? EXIT_CODE_CONF : EXIT_CODE_OS;
}
