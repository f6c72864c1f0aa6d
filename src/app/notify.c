#include "app/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/commands_sums.h"
#include "base/log.h"
#include "base/mem.h"

/* How often the line of status is looked at, and told where it has become another; and that we are
 * alive, at least twice in the time that the watchdog waits. */
#define LOOK_US (3u * USEC_PER_SEC)
/* When the socket had no room. */
#define AGAIN_US (100u * USEC_PER_MSEC)
/* A turn of a worker's loop takes less. */
#define PATIENCE_US (50u * USEC_PER_MSEC)
#define STATUS_MAX 256

enum phase { PHASE_STARTING, PHASE_READY, PHASE_RELOADING, PHASE_STOPPING };

struct notify {
	struct crew *crew;
	struct loop *loop;
	int fd; /* -1: nobody wants to know */
	socklen_t to_len;
	enum phase phase;
	bool owes_phase, owes_life; /* to be told */
	bool owes_reloading;	    /* before that: a reload that has ended meanwhile */
	bool has_complained;
	uint64_t reload_us;
	bool wants_life;
	uint64_t look_us; /* from one look to the next */
	struct timer look, again;
	struct sockaddr_un to;
	char trouble[STATUS_MAX / 2];
	char status[STATUS_MAX], told[STATUS_MAX];
};

/* --- telling ------------------------------------------------------------------------------- */

static int write_phase(const struct notify *notify, enum phase phase, char *text, size_t max)
{
	switch (phase) {
	case PHASE_STARTING:
		return 0;
	case PHASE_READY:
		return snprintf(text, max, "READY=1\nMAINPID=%d\n", (int)getpid());
	case PHASE_RELOADING:
		return snprintf(text, max, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n",
				notify->reload_us);
	case PHASE_STOPPING:
		return snprintf(text, max, "STOPPING=1\n");
	}
	UNREACHABLE();
}

static void complain(struct notify *notify, int err)
{
	if (!notify->has_complained)
		LOG(LEVEL_WARNING,
		    "NOTIFY_SOCKET %s: %s; whoever started us is not told how we are",
		    getenv("NOTIFY_SOCKET"), err_text(err));
	notify->has_complained = true;
}

/* What could not be sent is tried again soon where there was no room, else when the status is
 * looked at next. */
static bool send_text(struct notify *notify, const char *text, size_t len)
{
	if (sendto(notify->fd, text, len, MSG_NOSIGNAL, (const struct sockaddr *)&notify->to,
		   notify->to_len) >= 0) {
		notify->has_complained = false;
		return true;
	}
	if (errno == EAGAIN || errno == EINTR)
		timer_start(loop_timers(notify->loop), &notify->again, AGAIN_US);
	else
		complain(notify, -errno);
	return false;
}

/* What is owed, in one datagram, but for a reload that has to be told of by itself: whoever hears
 * that we are ready must have heard what we were before. */
static void tell(struct notify *notify)
{
	char text[STATUS_MAX + 128];
	size_t len = 0;

	if (notify->owes_reloading) {
		len = (size_t)write_phase(notify, PHASE_RELOADING, text, sizeof(text));
		if (!send_text(notify, text, len))
			return;
		notify->owes_reloading = false;
		len = 0;
	}
	if (notify->owes_phase)
		len += (size_t)write_phase(notify, notify->phase, text, sizeof(text));
	if (notify->owes_life)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "WATCHDOG=1\n");
	if (strcmp(notify->status, notify->told) != 0)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "STATUS=%s\n",
					notify->status);
	if (len == 0 || !send_text(notify, text, len))
		return;
	notify->owes_phase = notify->owes_life = false;
	memcpy(notify->told, notify->status, sizeof(notify->told));
}

static void on_again(void *ctx)
{
	tell(ctx);
}

/* --- the line of status -------------------------------------------------------------------- */

static void count_servers(const struct notify *notify, unsigned *ret_up, unsigned *ret_all)
{
	const struct plan *plan = worker_plan(crew_mate(notify->crew, 0)->worker);

	*ret_up = *ret_all = 0;
	for (size_t i = 0; i < plan->conf->group_count; i++) {
		for (size_t j = 0; j < pool_size(plan->pools[i]); j++) {
			struct server_sums sums;

			commands_sums_server(notify->crew, i, j, &sums);
			++*ret_all;
			*ret_up += sums.state != SERVER_DOWN;
		}
	}
}

/* What is wrong with the file, where something is. One line: what others wrote in it may have more,
 * or bytes that are none of a text. */
static void keep_trouble(struct notify *notify, const struct reload *reload)
{
	struct reload_report report;

	notify->trouble[0] = '\0';
	reload_report(reload, &report);
	if (report.has_failed)
		snprintf(notify->trouble, sizeof(notify->trouble), "; the last reload failed: %s",
			 report.reasons[0] != NULL ? report.reasons[0] : "see the log");
	for (char *at = notify->trouble; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
			*at = '?';
	}
}

/* "2 of 2 servers up, 1234 answers in the cache". The others are held. */
static void write_status(struct notify *notify)
{
	struct cache_report cache;
	unsigned up, all;

	count_servers(notify, &up, &all);
	worker_cache_report(crew_mate(notify->crew, 0)->worker, &cache);
	snprintf(notify->status, sizeof(notify->status),
		 "%u of %u servers up, %" PRIu64 " answers in the cache%s", up, all, cache.entries,
		 notify->trouble);
}

/* This one turns, or we were not here; the others turn if they can be held. One that is stuck is
 * not waited for, or the first would be stuck, too. */
static void on_look(void *ctx)
{
	struct notify *notify = ctx;

	if (crew_try_hold(notify->crew, PATIENCE_US)) {
		if (notify->phase == PHASE_READY)
			write_status(notify);
		crew_release(notify->crew);
		notify->owes_life = notify->wants_life;
	}
	tell(notify);
	timer_start(loop_timers(notify->loop), &notify->look, notify->look_us);
}

/* --- what happens -------------------------------------------------------------------------- */

/* Of two reloads that could not be told only the second is; of one that the end comes after, none.
 */
static void enter(struct notify *notify, enum phase phase)
{
	notify->owes_reloading =
		phase == PHASE_READY && (notify->owes_reloading ||
					 (notify->owes_phase && notify->phase == PHASE_RELOADING));
	notify->phase = phase;
	notify->owes_phase = true;
	tell(notify);
}

/* In a build without what systemd speaks there never is one, and the link drops all this. */
static bool is_there(const struct notify *notify)
{
	return COURIERDNS_SYSTEMD && notify != NULL;
}

void notify_ready(struct notify *notify, const struct reload *reload)
{
	if (!is_there(notify) || notify->phase == PHASE_STOPPING)
		return;
	keep_trouble(notify, reload);
	crew_hold(notify->crew);
	write_status(notify);
	crew_release(notify->crew);
	enter(notify, PHASE_READY);
}

void notify_reloading(struct notify *notify)
{
	struct clock now;

	if (!is_there(notify) || notify->phase == PHASE_STOPPING)
		return;
	clock_tick(&now);
	notify->reload_us = now.now_us;
	enter(notify, PHASE_RELOADING);
}

void notify_stopping(struct notify *notify)
{
	if (!is_there(notify))
		return;
	snprintf(notify->status, sizeof(notify->status),
		 "answering what is in flight, then it ends");
	enter(notify, PHASE_STOPPING);
}

/* --- beginning and end --------------------------------------------------------------------- */

/* An absolute path, or a name without a file behind '@'. */
static int read_address(const char *name, struct notify *notify)
{
	const size_t len = strlen(name);

	if (len < 2 || (name[0] != '/' && name[0] != '@'))
		return ERR_MALFORMED;
	if (len >= sizeof(notify->to.sun_path))
		return -ENAMETOOLONG;
	notify->to.sun_family = AF_UNIX;
	memcpy(notify->to.sun_path, name, len);
	if (name[0] == '@')
		notify->to.sun_path[0] = '\0';
	notify->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

static int open_socket(struct notify *notify)
{
	const char *name = getenv("NOTIFY_SOCKET");

	notify->fd = -1;
	if (name == NULL || name[0] == '\0')
		return 0;
	int err = read_address(name, notify);
	if (err == 0) {
		notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		err = notify->fd < 0 ? -errno : 0;
	}
	if (err != 0)
		complain(notify, err);
	return err;
}

/* Half of the time that may pass between two, where it is us of whom they are wanted; 0 for none.
 */
static uint64_t watchdog_us(void)
{
	const char *within = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	char *end;

	if (within == NULL || (pid != NULL && strtol(pid, NULL, 10) != getpid()))
		return 0;
	const unsigned long long us = strtoull(within, &end, 10);
	if (end == within || *end != '\0' || us == ULLONG_MAX)
		return 0;
	return us / 2 < USEC_PER_MSEC ? 0 : us / 2;
}

int notify_new(struct crew *crew, struct notify **ret_notify)
{
	*ret_notify = NULL;
	if (!COURIERDNS_SYSTEMD)
		return 0;
	struct notify *notify = mem_zalloc(sizeof(*notify));
	if (notify == NULL)
		return -ENOMEM;
	notify->crew = crew;
	notify->loop = crew_mate(crew, 0)->loop;
	if (open_socket(notify) != 0 || notify->fd < 0) {
		mem_free(notify);
		return 0;
	}
	const uint64_t life_us = watchdog_us();
	notify->wants_life = life_us > 0;
	notify->look_us = notify->wants_life && life_us < LOOK_US ? life_us : LOOK_US;
	timer_init(&notify->look, on_look, notify);
	timer_init(&notify->again, on_again, notify);
	timer_start(loop_timers(notify->loop), &notify->look, notify->look_us);
	*ret_notify = notify;
	return 0;
}

void notify_free(struct notify *notify)
{
	if (!is_there(notify))
		return;
	timer_stop(loop_timers(notify->loop), &notify->look);
	timer_stop(loop_timers(notify->loop), &notify->again);
	close(notify->fd);
	mem_free(notify);
}
