#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop_internal.h"
#include "socket.h"
#include "stream_internal.h"

#define BACKLOG 256
/* Then others have their turn. */
#define ACCEPTS_PER_TURN 16u
/* At the descriptor limit the connection stays in the backlog and would wake us without end. */
#define PAUSE_US (100 * USEC_PER_MSEC)

struct stream_listener {
	struct loop *loop;
	struct event acceptable;
	struct timer pause;
	int fd;
	bool is_short;	/* of descriptors or memory, which `fn` is to be told */
	bool *is_freed; /* set while `fn` is called, to be told there */
	stream_accept_fn fn;
	void *ctx;
};

static void pause_accepting(struct stream_listener *listener)
{
	event_del(&listener->acceptable);
	timer_start(loop_timers(listener->loop), &listener->pause, PAUSE_US);
	listener->is_short = true;
}

static void on_pause_over(void *ctx)
{
	struct stream_listener *listener = ctx;

	if (event_add(&listener->acceptable, NULL) != 0)
		timer_start(loop_timers(listener->loop), &listener->pause, PAUSE_US);
}

/* One of those that are left for files. */
static bool is_reserved(const struct stream_listener *listener, int fd)
{
	const int max = loop_sockets(listener->loop)->max_incoming;

	return max > 0 && fd >= max;
}

/* False: it is over for this turn. */
static bool accept_one(struct stream_listener *listener, struct stream **ret_stream)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	struct addr peer;

	*ret_stream = NULL;
	const int fd =
		accept4(listener->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0 && is_reserved(listener, fd)) {
		close(fd);
		pause_accepting(listener);
		return false;
	}
	if (fd >= 0) {
		if (addr_from_sockaddr((struct sockaddr *)&from, &peer) != 0)
			close(fd);
		else if (stream_adopt(listener->loop, fd, &peer, ret_stream) == -ENOMEM)
			pause_accepting(listener);
		return true;
	}
	if (errno == EAGAIN)
		return false;
	if (err_is_lack(-errno)) {
		pause_accepting(listener);
		return false;
	}
	return true; /* of the one connection: it went away while it waited */
}

static void on_acceptable(evutil_socket_t fd, short what, void *ctx)
{
	struct stream_listener *listener = ctx;
	struct stream *stream;
	bool is_freed = false;

	(void)fd;
	(void)what;
	loop_tick(listener->loop);
	listener->is_freed = &is_freed;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN && accept_one(listener, &stream); i++) {
		if (stream != NULL)
			listener->fn(listener->ctx, stream);
		if (is_freed)
			return;
	}
	listener->is_freed = NULL;
	if (!listener->is_short)
		return;
	listener->is_short = false;
	listener->fn(listener->ctx, NULL); /* the last, as it may free the listener */
}

/* SO_REUSEADDR lets us listen again at once while old connections are still in TIME-WAIT; a port
 * that somebody listens on is refused all the same. */
static int listener_bind(const struct stream_listener *listener, const struct addr *bind_to)
{
	if (socket_set(listener->fd, SOL_SOCKET, SO_REUSEADDR, true) != 0)
		return -errno;
	const int err = loop_bind(listener->loop, listener->fd, bind_to, true);
	if (err < 0)
		return err;
	if (listen(listener->fd, BACKLOG) != 0)
		return -errno;
	loop_let_in(listener->loop, listener->fd, false);
	return 0;
}

int stream_listener_new(struct loop *loop, const struct addr *bind_to, stream_accept_fn fn,
			void *ctx, struct stream_listener **ret_listener)
{
	int err = -ENOMEM;
	struct stream_listener *listener = mem_zalloc(sizeof(*listener));
	if (listener == NULL)
		goto out;
	*listener = (struct stream_listener){ .loop = loop, .fn = fn, .ctx = ctx, .fd = -1 };
	timer_init(&listener->pause, on_pause_over, listener);
	if ((err = listener->fd = socket_open(bind_to->family, SOCK_STREAM)) < 0)
		goto out;
	if ((err = listener_bind(listener, bind_to)) != 0)
		goto out;
	err = socket_watch(loop, &listener->acceptable, listener->fd, on_acceptable, listener);
	if (err != 0)
		goto out;
	*ret_listener = listener;
	listener = NULL;
out:
	stream_listener_free(listener);
	return err;
}

void stream_listener_free(struct stream_listener *listener)
{
	if (listener == NULL)
		return;
	if (listener->is_freed != NULL)
		*listener->is_freed = true;
	timer_stop(loop_timers(listener->loop), &listener->pause);
	socket_close(&listener->acceptable, listener->fd);
	mem_free(listener);
}

void stream_listener_let_in(struct stream_listener *listener, bool on)
{
	loop_let_in(listener->loop, listener->fd, on);
}

int stream_listener_give(const struct stream_listener *listener, uid_t uid, gid_t gid)
{
	return fchown(listener->fd, uid, gid) == 0 ? 0 : -errno;
}

void stream_listener_empty(struct stream_listener *listener)
{
	for (unsigned i = 0; i < BACKLOG / ACCEPTS_PER_TURN && !timer_is_set(&listener->pause); i++)
		on_acceptable(listener->fd, EV_READ, listener);
}

struct addr stream_listener_local(const struct stream_listener *listener)
{
	struct addr local = { .family = ADDR_NONE };

	(void)!socket_local(listener->fd, &local);
	return local;
}
