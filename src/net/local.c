#include "net/local.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop_internal.h"
#include "socket.h"

#define BACKLOG 16
/* Then others have their turn. */
#define ACCEPTS_PER_TURN 4u
#define READ_MAX 4096u
#define WRITE_MAX 65536u
/* At the descriptor limit the connection stays in the backlog and would wake us without end. */
#define PAUSE_US (100 * USEC_PER_MSEC)
/* Whoever may not write to the socket may not connect. */
#define NOT_FOR_OTHERS 0117

struct local {
	struct loop *loop;
	const struct local_events *events;
	void *ctx;
	struct event readable, writable;
	int fd;
	char *answer;
	size_t len, sent;
};

struct local_listener {
	struct loop *loop;
	int fd;
	dev_t device; /* the file that we made, */
	ino_t inode;  /* where is_bound */
	bool is_bound;
	local_accept_fn fn;
	void *ctx;
	struct event acceptable;
	struct timer pause;
	struct sockaddr_un at;
};

/* --- a connection -------------------------------------------------------------------------- */

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct local *local = ctx;
	uint8_t bytes[READ_MAX];

	(void)what;
	loop_tick(local->loop);
	const ssize_t len = recv(fd, bytes, sizeof(bytes), 0);
	if (len > 0)
		local->events->on_bytes(local->ctx, bytes, (size_t)len);
	else if (len == 0)
		local->events->on_over(local->ctx, -ECONNRESET);
	else if (errno != EAGAIN && errno != EINTR)
		local->events->on_over(local->ctx, -errno);
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct local *local = ctx;
	const size_t left = local->len - local->sent;

	(void)what;
	loop_tick(local->loop);
	const ssize_t len = send(fd, local->answer + local->sent,
				 left < WRITE_MAX ? left : WRITE_MAX, MSG_NOSIGNAL);
	if (len >= 0)
		local->sent += (size_t)len;
	if (local->sent == local->len)
		local->events->on_over(local->ctx, 0);
	else if (len < 0 && errno != EAGAIN && errno != EINTR)
		local->events->on_over(local->ctx, -errno);
}

/* Takes over `fd`. NULL when memory is short. */
static struct local *local_new(struct loop *loop, int fd)
{
	struct local *local = mem_zalloc(sizeof(*local));

	if (local == NULL) {
		close(fd);
		return NULL;
	}
	local->loop = loop;
	local->fd = fd;
	if (event_assign(&local->writable, loop_base(loop), fd, EV_WRITE | EV_PERSIST, on_writable,
			 local) == 0 &&
	    socket_watch(loop, &local->readable, fd, on_readable, local) == 0)
		return local;
	local_free(local);
	return NULL;
}

void local_free(struct local *local)
{
	if (local == NULL)
		return;
	if (event_initialized(&local->writable))
		event_del(&local->writable);
	socket_close(&local->readable, local->fd);
	mem_free(local->answer);
	mem_free(local);
}

void local_attach(struct local *local, const struct local_events *events, void *ctx)
{
	local->events = events;
	local->ctx = ctx;
}

int local_answer(struct local *local, char *bytes, size_t len)
{
	local->answer = bytes;
	local->len = len;
	event_del(&local->readable);
	return event_add(&local->writable, NULL) == 0 ? 0 : -ENOMEM;
}

size_t local_unsent(const struct local *local)
{
	return local->len - local->sent;
}

/* --- accepting ----------------------------------------------------------------------------- */

static void on_pause_over(void *ctx)
{
	struct local_listener *listener = ctx;

	if (event_add(&listener->acceptable, NULL) != 0)
		timer_start(loop_timers(listener->loop), &listener->pause, PAUSE_US);
}

static void pause_accepting(struct local_listener *listener)
{
	event_del(&listener->acceptable);
	timer_start(loop_timers(listener->loop), &listener->pause, PAUSE_US);
}

/* False: it is over for this turn. */
static bool accept_one(struct local_listener *listener)
{
	const int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		struct local *local = local_new(listener->loop, fd);

		if (local != NULL)
			listener->fn(listener->ctx, local);
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
	struct local_listener *listener = ctx;

	(void)fd;
	(void)what;
	loop_tick(listener->loop);
	for (unsigned i = 0; i < ACCEPTS_PER_TURN && accept_one(listener); i++)
		;
}

/* --- the file ------------------------------------------------------------------------------ */

static int address_of(const char *path, struct sockaddr_un *ret_at)
{
	const size_t len = strlen(path);

	if (len == 0)
		return -ENOENT;
	if (len >= sizeof(ret_at->sun_path))
		return -ENAMETOOLONG;
	*ret_at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret_at->sun_path, path, len + 1);
	return 0;
}

/* -EAGAIN: a full backlog, which is somebody's too. */
static int connect_to(const struct sockaddr_un *at, const struct timeval *patience)
{
	const int wait = patience == NULL ? SOCK_NONBLOCK : 0;
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | wait, 0);

	if (fd < 0)
		return -errno;
	if ((patience != NULL &&
	     (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, patience, sizeof(*patience)) != 0 ||
	      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, patience, sizeof(*patience)) != 0)) ||
	    connect(fd, (const struct sockaddr *)at, sizeof(*at)) != 0) {
		const int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int local_connect(const char *path, const struct timeval *patience)
{
	struct sockaddr_un at;
	const int err = address_of(path, &at);

	return err != 0 ? err : connect_to(&at, patience);
}

int local_holder(const char *path)
{
	struct ucred peer = { .pid = 0 };
	socklen_t len = sizeof(peer);
	const int fd = local_connect(path, NULL);

	if (fd < 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		peer.pid = 0;
	close(fd);
	return (int)peer.pid;
}

/* 0: nobody listens there; -EADDRINUSE: somebody does. */
static int find_nobody(const struct sockaddr_un *at)
{
	const int fd = connect_to(at, NULL);

	if (fd >= 0) {
		close(fd);
		return -EADDRINUSE;
	}
	switch (fd) {
	case -ECONNREFUSED:
		return 0;
	case -EAGAIN:
	case -EPROTOTYPE:
		return -EADDRINUSE;
	default:
		return fd;
	}
}

/* Whoever was found dead is the one that is removed, not another that came meanwhile. */
static int remove_stale(const struct sockaddr_un *at)
{
	struct stat before, now;

	if (lstat(at->sun_path, &before) != 0)
		return -errno;
	if (!S_ISSOCK(before.st_mode))
		return -EEXIST;
	const int err = find_nobody(at);
	if (err != 0)
		return err;
	if (lstat(at->sun_path, &now) != 0)
		return -errno;
	if (now.st_dev != before.st_dev || now.st_ino != before.st_ino)
		return -EADDRINUSE;
	return unlink(at->sun_path) == 0 ? 0 : -errno;
}

static int make_directory_of(const struct sockaddr_un *at)
{
	struct sockaddr_un directory = *at;
	char *end = strrchr(directory.sun_path, '/');

	if (end == NULL || end == directory.sun_path)
		return -ENOENT;
	*end = '\0';
	return mkdir(directory.sun_path, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

/* Never for a moment open to others. */
static int bind_once(int fd, const struct sockaddr_un *at)
{
	const mode_t before = umask(NOT_FOR_OTHERS);
	const int err = bind(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 ? 0 : -errno;

	umask(before);
	return err;
}

static int bind_at(struct local_listener *listener)
{
	const struct sockaddr_un *at = &listener->at;
	struct stat made;
	int err = bind_once(listener->fd, at);

	if (err == -ENOENT && (err = make_directory_of(at)) == 0)
		err = bind_once(listener->fd, at);
	if (err == -EADDRINUSE) {
		err = remove_stale(at);
		if (err == 0 || err == -ENOENT) /* or it has just gone */
			err = bind_once(listener->fd, at);
	}
	if (err != 0)
		return err;
	if (lstat(at->sun_path, &made) == 0) {
		listener->device = made.st_dev;
		listener->inode = made.st_ino;
		listener->is_bound = true;
	}
	return listen(listener->fd, BACKLOG) == 0 ? 0 : -errno;
}

int local_listener_fd(const struct local_listener *listener)
{
	return listener->fd;
}

bool local_listener_is_there(const struct local_listener *listener)
{
	struct stat now;

	if (!listener->is_bound)
		return false;
	if (lstat(listener->at.sun_path, &now) != 0)
		return errno == EACCES; /* made by root, which we are no longer */
	return now.st_dev == listener->device && now.st_ino == listener->inode;
}

int local_listener_new(struct loop *loop, const char *path, local_accept_fn fn, void *ctx,
		       struct local_listener **ret_listener)
{
	int err = -ENOMEM;
	struct local_listener *listener = mem_zalloc(sizeof(*listener));
	if (listener == NULL)
		goto out;
	*listener = (struct local_listener){ .loop = loop, .fn = fn, .ctx = ctx, .fd = -1 };
	timer_init(&listener->pause, on_pause_over, listener);
	if ((err = address_of(path, &listener->at)) != 0)
		goto out;
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	err = -errno;
	if (listener->fd < 0 || (err = bind_at(listener)) != 0)
		goto out;
	if (fn != NULL && (err = socket_watch(loop, &listener->acceptable, listener->fd,
					      on_acceptable, listener)) != 0)
		goto out;
	*ret_listener = listener;
	listener = NULL;
out:
	local_listener_free(listener);
	return err;
}

void local_listener_free(struct local_listener *listener)
{
	if (listener == NULL)
		return;
	timer_stop(loop_timers(listener->loop), &listener->pause);
	if (local_listener_is_there(listener))
		(void)unlink(listener->at.sun_path);
	socket_close(&listener->acceptable, listener->fd);
	mem_free(listener);
}
