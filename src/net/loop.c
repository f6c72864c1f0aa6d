#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop_internal.h"
#include "socket.h"

struct loop_signal {
	struct loop_signal *next;
	struct loop *loop;
	struct event event;
	loop_signal_fn fn;
	void *ctx;
};

struct loop {
	struct event_base *base;
	struct clock clock;
	bool has_ticked; /* in this turn */
	bool is_stopping;
	struct timers *timers;
	struct event wake;   /* for the timer that is due next */
	uint64_t wake_at_us; /* UINT64_MAX: it is not set */
	struct list tasks, orphans;
	struct loop_signal *signals;
	struct loop_sockets sockets;
	enum loop_ports ports;
	const struct passed *passed;
	size_t passed_at;
	struct loop_binding binding;
	void *scratch[LOOP_SCRATCH_COUNT];
};

/* --- what the sockets use ------------------------------------------------------------------ */

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}

const struct loop_sockets *loop_sockets(const struct loop *loop)
{
	return &loop->sockets;
}

static int let_in(int fd, bool on)
{
	return socket_set(fd, SOL_SOCKET, SO_REUSEPORT, on);
}

/* A port is asked for without SO_REUSEPORT first: with it, another program's that has set it too
 * would be shared. Both sockets must have it set when the second one binds, no sooner. */
static int bind_own(const struct loop *loop, int fd, const struct addr *to)
{
	struct sockaddr_storage sockaddr;
	const socklen_t len = addr_to_sockaddr(to, &sockaddr);

	if (to->family == ADDR_IPV6 && socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, true) != 0)
		return -errno;
	if ((loop->ports == LOOP_PORTS_NEXT || loop->binding.takes_over) && let_in(fd, true) != 0)
		return -errno;
	if (loop->binding.is_absent && socket_set(fd, IPPROTO_IP, IP_FREEBIND, true) != 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sockaddr, len) != 0)
		return -errno;
	if (loop->ports == LOOP_PORTS_FIRST && let_in(fd, true) != 0)
		return -errno;
	return 0;
}

int loop_bind(const struct loop *loop, int fd, const struct addr *to, bool is_tcp)
{
	const int passed = passed_take(loop->passed, to, is_tcp, loop->passed_at);

	if (passed == -ENOENT)
		return bind_own(loop, fd, to);
	if (passed < 0)
		return passed;
	const int err = dup3(passed, fd, O_CLOEXEC) < 0 ? -errno : LOOP_BOUND_PASSED;
	close(passed);
	return err;
}

void loop_let_in(const struct loop *loop, int fd, bool on)
{
	(void)let_in(fd, on || loop->ports != LOOP_PORTS_OWN);
}

void loop_tick(struct loop *loop)
{
	if (loop->has_ticked)
		return;
	loop->has_ticked = true;
	clock_tick(&loop->clock);
}

void loop_task_set(struct loop *loop, struct loop_task *task)
{
	if (!list_has(&task->link))
		list_add(&loop->tasks, &task->link);
}

void loop_task_cancel(struct loop_task *task)
{
	list_remove(&task->link);
}

void loop_adopt(struct loop *loop, struct loop_orphan *orphan)
{
	list_add(&loop->orphans, &orphan->link);
}

void loop_orphan_ends(struct loop_orphan *orphan)
{
	list_remove(&orphan->link);
}

void *loop_scratch(struct loop *loop, enum loop_scratch which, size_t size)
{
	if (loop->scratch[which] == NULL)
		loop->scratch[which] = mem_zalloc(size);
	return loop->scratch[which];
}

/* --- turning ------------------------------------------------------------------------------- */

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
	struct loop *loop = ctx;

	(void)fd;
	(void)what;
	loop->wake_at_us = UINT64_MAX;
	loop_tick(loop);
}

/* Has libevent wake us when the next timer is due, and not at all where there is none. It reads a
 * coarser clock than ours, so a turn may come a little early and find nothing to do. */
static int set_wake(struct loop *loop)
{
	const uint64_t due_us =
		!list_is_empty(&loop->tasks) ? loop->clock.now_us : timer_next_due(loop->timers);

	if (due_us == loop->wake_at_us)
		return 0;
	if (due_us == UINT64_MAX) {
		loop->wake_at_us = due_us;
		return event_del(&loop->wake) == 0 ? 0 : -EINVAL;
	}
	struct clock now;
	clock_tick(&now);
	const uint64_t wait_us = due_us > now.now_us ? due_us - now.now_us : 0;
	const struct timeval wait = { .tv_sec = (time_t)(wait_us / USEC_PER_SEC),
				      .tv_usec = (suseconds_t)(wait_us % USEC_PER_SEC) };
	if (event_add(&loop->wake, &wait) != 0)
		return -ENOMEM;
	loop->wake_at_us = due_us;
	return 0;
}

/* Tasks that a task sets run in the next turn. */
static void run_tasks(struct loop *loop)
{
	struct list tasks, *link;

	list_init(&tasks);
	list_move_all(&tasks, &loop->tasks);
	while ((link = list_first(&tasks)) != NULL) {
		struct loop_task *task = LIST_ITEM(link, struct loop_task, link);
		list_remove(link);
		task->run(task->ctx);
	}
}

static int turn(struct loop *loop)
{
	int err = set_wake(loop);
	if (err != 0)
		return err;
	loop->has_ticked = false;
	if (event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) < 0)
		return -EIO;
	loop_tick(loop);
	timer_run_due(loop->timers);
	run_tasks(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int err = 0;

	clock_tick(&loop->clock);
	run_tasks(loop);
	while (err == 0 && !loop->is_stopping)
		err = turn(loop);
	loop->is_stopping = false;
	return err;
}

void loop_stop(struct loop *loop)
{
	loop->is_stopping = true;
}

void loop_limit_sockets(struct loop *loop, const struct loop_sockets *sockets)
{
	loop->sockets = *sockets;
}

void loop_share_ports(struct loop *loop, enum loop_ports ports)
{
	loop->ports = ports;
}

void loop_use_passed(struct loop *loop, const struct passed *passed, size_t at)
{
	loop->passed = passed;
	loop->passed_at = at;
}

void loop_set_binding(struct loop *loop, struct loop_binding binding)
{
	loop->binding = binding;
}

const struct clock *loop_clock(const struct loop *loop)
{
	return &loop->clock;
}

struct timers *loop_timers(struct loop *loop)
{
	return loop->timers;
}

/* --- signals ------------------------------------------------------------------------------- */

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct loop_signal *entry = ctx;

	(void)what;
	loop_tick(entry->loop);
	entry->fn(entry->ctx, (int)number);
}

int loop_on_signal(struct loop *loop, int signal_number, loop_signal_fn fn, void *ctx)
{
	struct loop_signal *entry = mem_alloc(sizeof(*entry));

	if (entry == NULL)
		return -ENOMEM;
	entry->loop = loop;
	entry->fn = fn;
	entry->ctx = ctx;
	if (event_assign(&entry->event, loop->base, signal_number, EV_SIGNAL | EV_PERSIST,
			 on_signal, entry) != 0 ||
	    event_add(&entry->event, NULL) != 0) {
		mem_free(entry);
		return -ENOMEM;
	}
	entry->next = loop->signals;
	loop->signals = entry;
	return 0;
}

/* --- what libevent says -------------------------------------------------------------------- */

/* By itself it writes to stderr, in a form of its own. What goes wrong is told by whoever called
 * it, so its own words are for debugging; but what it ends the program for is told by nobody else.
 */
static void on_words(int severity, const char *words)
{
	LOG(severity == EVENT_LOG_ERR ? LEVEL_ERROR : LEVEL_DEBUG, "libevent: %s", words);
}

/* --- beginning and end --------------------------------------------------------------------- */

static int base_new(struct event_base **ret_base)
{
	struct event_config *config = event_config_new();
	if (config == NULL)
		return -ENOMEM;
	/* One thread a loop; and EVENT_NOEPOLL and its like in the environment change nothing. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	if (base == NULL)
		return -ENOMEM;
	*ret_base = base;
	return 0;
}

int loop_new(struct loop **ret_loop)
{
	int err = -ENOMEM;
	struct loop *loop = mem_zalloc(sizeof(*loop));
	if (loop == NULL)
		goto out;
	list_init(&loop->tasks);
	list_init(&loop->orphans);
	/* We hold events in structs of our own: a libevent whose events are larger than those of
	 * its headers is not the one we were built for. */
	err = -ENOTSUP;
	if (event_get_struct_event_size() > sizeof(struct event))
		goto out;
	event_set_log_callback(on_words);
	(void)signal(SIGPIPE, SIG_IGN); /* a peer that has gone away is told by EPIPE */
	if ((err = base_new(&loop->base)) != 0)
		goto out;
	clock_tick(&loop->clock);
	loop->wake_at_us = UINT64_MAX;
	loop->timers = timer_wheel_new(&loop->clock);
	err = -ENOMEM;
	/* set once, so that libevent has the memory for it from here on */
	if (loop->timers == NULL ||
	    event_assign(&loop->wake, loop->base, -1, 0, on_wake, loop) != 0 ||
	    event_add(&loop->wake, &(struct timeval){ .tv_sec = 1 }) != 0 ||
	    event_del(&loop->wake) != 0)
		goto out;
	*ret_loop = loop;
	loop = NULL;
	err = 0;
out:
	loop_free(loop);
	return err;
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	for (struct list *link; (link = list_first(&loop->orphans)) != NULL;) {
		struct loop_orphan *orphan = LIST_ITEM(link, struct loop_orphan, link);
		orphan->free(orphan->ctx);
	}
	while (loop->signals != NULL) {
		struct loop_signal *entry = loop->signals;
		loop->signals = entry->next;
		event_del(&entry->event);
		mem_free(entry);
	}
	if (loop->wake_at_us != UINT64_MAX && loop->timers != NULL)
		event_del(&loop->wake);
	if (loop->base != NULL)
		event_base_free(loop->base);
	timer_wheel_free(loop->timers);
	for (size_t i = 0; i < LOOP_SCRATCH_COUNT; i++)
		mem_free(loop->scratch[i]);
	mem_free(loop);
}
