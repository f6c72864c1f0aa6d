#include "app/command_socket.h"

#include <errno.h>
#include <string.h>

#include "app/command_table.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/local.h"
#include "side/control.h"

struct command_socket {
	struct loop *loop;
	struct commands *commands;
	struct control *control; /* NULL while none is open, */
	char *path;		 /* else where it is */
	struct timer later;
};

static void complain(const char *path, int err)
{
	const int pid = err == -EADDRINUSE ? local_holder(path) : 0;

	switch (err) {
	case -EADDRINUSE:
		LOG(LEVEL_WARNING,
		    "control socket %s: another courierdns listens there (pid %d); this one goes on "
		    "without, and cannot be asked by status, devices and explain; control.socket or "
		    "run -s names another place",
		    path, pid);
		return;
	case -EEXIST:
		LOG(LEVEL_WARNING,
		    "control socket %s: there is a file that is no socket; going on without: "
		    "status, devices and explain cannot ask this daemon",
		    path);
		return;
	default:
		LOG(LEVEL_WARNING,
		    "control socket %s: %s; going on without: status, devices and explain cannot "
		    "ask this daemon; control.socket or run -s names another place",
		    path, err_text(err));
		return;
	}
}

static void close_it(struct command_socket *socket)
{
	control_free(socket->control);
	mem_free(socket->path);
	socket->control = NULL;
	socket->path = NULL;
}

static void open_at(struct command_socket *socket, const char *path)
{
	int err = (socket->path = mem_strdup(path)) == NULL ? -ENOMEM : 0;

	if (err == 0)
		err = control_new(
			socket->loop, path, command_table(), socket->commands,
			&worker_stats(socket->commands->worker)->count[STAT_LIMIT_CONTROL],
			&socket->control);
	if (err != 0) {
		complain(path, err);
		close_it(socket);
	}
}

static void on_later(void *ctx)
{
	struct command_socket *socket = ctx;
	const char *path = worker_plan(socket->commands->worker)->conf->control_socket;

	if (socket->control != NULL && strcmp(socket->path, path) == 0 &&
	    control_is_there(socket->control))
		return;
	close_it(socket);
	if (path[0] != '\0')
		open_at(socket, path);
}

struct command_socket *command_socket_new(struct loop *loop, struct commands *commands)
{
	struct command_socket *socket = mem_zalloc(sizeof(*socket));

	if (socket == NULL)
		return NULL;
	socket->loop = loop;
	socket->commands = commands;
	timer_init(&socket->later, on_later, socket);
	on_later(socket);
	return socket;
}

void command_socket_free(struct command_socket *socket)
{
	if (socket == NULL)
		return;
	timer_stop(loop_timers(socket->loop), &socket->later);
	close_it(socket);
	mem_free(socket);
}

void command_socket_follow(struct command_socket *socket)
{
	timer_start(loop_timers(socket->loop), &socket->later, 0);
}
