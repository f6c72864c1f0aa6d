#include "outgoing.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop_internal.h"
#include "socket.h"

/* Not IP_UNICAST_IF, which would send by the interface and still take packets that come in by any
 * other. */
static int bind_interface(int fd, const char *name)
{
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1);
}

/* Bound without a port, which is then drawn at connect(), when the peer is known: over TCP one port
 * may serve towards several servers. An address that is not here is not pretended to be
 * (IP_FREEBIND), for nothing would come back to it. */
static int bind_source(int fd, const struct addr *source)
{
	struct sockaddr_storage sockaddr;
	const socklen_t len = addr_to_sockaddr(source, &sockaddr);

	if (socket_set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, true) != 0)
		return -1;
	return bind(fd, (struct sockaddr *)&sockaddr, len);
}

int outgoing_keep(const struct loop *loop, int fd)
{
	const struct loop_sockets *sockets = loop_sockets(loop);

	if (fd >= 0 && sockets->max_outgoing > 0 && fd >= sockets->max_outgoing) {
		close(fd);
		fd = -EMFILE;
	}
	if ((fd == -EMFILE || fd == -ENFILE) && sockets->on_none != NULL)
		sockets->on_none(sockets->ctx);
	return fd;
}

int outgoing_connect(int fd, const struct conf_server *to)
{
	struct sockaddr_storage sockaddr;
	const socklen_t len = addr_to_sockaddr(&to->addr, &sockaddr);

	if (to->interface[0] != '\0' && bind_interface(fd, to->interface) != 0)
		return -errno;
	if (to->source.family != ADDR_NONE && bind_source(fd, &to->source) != 0)
		return -errno;
	return connect(fd, (struct sockaddr *)&sockaddr, len) == 0 ? 0 : -errno;
}
