#include "app/command_socket.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
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
	const char *why = err == -EEXIST ? "there is a file that is no socket" : err_text(err);
	char text[64];

	if (err == -EADDRINUSE) {
		snprintf(text, sizeof(text), "another courierdns listens there (pid %d)",
			 local_holder(path));
		why = text;
	}
	LOG(LEVEL_WARNING,
	    "control socket %s: %s; going on without: status, devices and explain cannot ask this "
	    "daemon; control.socket or run -s names another place",
	    path, why);
}

/* What is asked of a command of the table, other workers held where its row says so. */
static enum control_code run(void *ctx, const struct control_request *request,
			     struct control_work *work, FILE *out)
{
	const struct command_socket *socket = ctx;
	struct commands *commands = socket->commands;
	const struct command *command = command_find(commands->all, request->words[0]);
	struct control_call call;
	struct json json;

	if (command == NULL || command->run == NULL) {
		fprintf(out, "there is no command \"%s\"\n", request->words[0]);
		return CONTROL_REFUSED;
	}
	if (!control_request_read(request, &command->usage, &call, out) ||
	    (command->check != NULL && !command->check(&call, out)))
		return CONTROL_USAGE;
	call.work = work;
	json_init(&json, out);
	const bool is_json = control_request_option(&call, "--json") != NULL;
	if (command->is_held)
		crew_hold(commands->crew);
	const enum control_code code = command->run(commands, &call, out, is_json ? &json : NULL);
	if (command->is_held)
		crew_release(commands->crew);
	return code;
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
			socket->loop, path, run, socket,
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

const char *command_socket_path(const struct command_socket *socket)
{
	return socket == NULL ? NULL : socket->path;
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
