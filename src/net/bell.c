#include "net/bell.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop_internal.h"
#include "socket.h"

struct bell {
	struct loop *loop;
	struct event rung;
	struct loop_task task;
	int fd;
};

static void on_rung(evutil_socket_t fd, short what, void *ctx)
{
	struct bell *bell = ctx;
	uint64_t rings;

	(void)what;
	loop_tick(bell->loop);
	const ssize_t taken = read(fd, &rings, sizeof(rings));
	(void)taken;
	loop_task_set(bell->loop, &bell->task);
}

int bell_new(struct loop *loop, void (*fn)(void *ctx), void *ctx, struct bell **ret_bell)
{
	int err = -ENOMEM;
	struct bell *bell = mem_zalloc(sizeof(*bell));
	if (bell == NULL)
		goto out;
	*bell = (struct bell){ .loop = loop, .task = { .run = fn, .ctx = ctx } };
	bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	err = -errno;
	if (bell->fd < 0)
		goto out;
	if ((err = socket_watch(loop, &bell->rung, bell->fd, on_rung, bell)) != 0)
		goto out;
	*ret_bell = bell;
	bell = NULL;
out:
	bell_free(bell);
	return err;
}

void bell_free(struct bell *bell)
{
	if (bell == NULL)
		return;
	loop_task_cancel(&bell->task);
	socket_close(&bell->rung, bell->fd);
	mem_free(bell);
}

/* Of so many that the counter is full, the loop has not heard the first yet. */
void bell_ring(struct bell *bell)
{
	const uint64_t once = 1;
	const ssize_t given = write(bell->fd, &once, sizeof(once));

	(void)given;
}
