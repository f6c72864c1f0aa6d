#include "socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int socket_open(uint8_t family, int type)
{
	const int fd = socket(family == ADDR_IPV4 ? AF_INET : AF_INET6,
			      type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int socket_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

int socket_local(int fd, struct addr *ret_local)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = sizeof(sockaddr);

	if (getsockname(fd, (struct sockaddr *)&sockaddr, &len) != 0)
		return -errno;
	return addr_from_sockaddr((struct sockaddr *)&sockaddr, ret_local);
}

int socket_watch(struct loop *loop, struct event *event, int fd, event_callback_fn fn, void *ctx)
{
	if (event_assign(event, loop_base(loop), fd, EV_READ | EV_PERSIST, fn, ctx) != 0 ||
	    event_add(event, NULL) != 0)
		return -ENOMEM;
	return 0;
}

void socket_close(struct event *event, int fd)
{
	if (event_initialized(event))
		event_del(event);
	if (fd >= 0)
		close(fd);
}
