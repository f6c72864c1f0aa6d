#include "side/web_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"

#define BACKLOG 64
/* Of a page the system takes no more than so much at a time, or it would take several megabytes of
 * each: what waits is to be counted. */
#define SEND_BUFFER 131072

static int open_at_addr(const struct addr *addr, int *ret_fd)
{
	const int on = 1, send_buffer = SEND_BUFFER;
	struct sockaddr_storage sockaddr;
	const socklen_t len = addr_to_sockaddr(addr, &sockaddr);
	const int fd = socket(sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*ret_fd = fd;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (addr->family == ADDR_IPV6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer)) != 0 ||
	    bind(fd, (struct sockaddr *)&sockaddr, len) != 0 || listen(fd, BACKLOG) != 0)
		return -errno;
	return 0;
}

#if COURIERDNS_WEB && !defined(__GLIBC__)
/* musl has no text for a local socket's peer. So this stands in the place of its function, for
 * libevent too. Of addresses it tells the number, which is all that evhttp asks for. */
__attribute__((visibility("default"))) int getnameinfo(const struct sockaddr *restrict sockaddr,
						       socklen_t len, char *restrict host,
						       socklen_t host_size, char *restrict service,
						       socklen_t service_size, int flags)
{
	struct addr addr = { 0 };
	char text[INET6_ADDRSTRLEN] = "";

	if (!(flags & NI_NUMERICHOST) || !(flags & NI_NUMERICSERV) ||
	    len < sizeof(sockaddr->sa_family))
		return EAI_FAMILY;
	if (sockaddr->sa_family != AF_UNIX &&
	    (addr_from_sockaddr(sockaddr, &addr) != 0 ||
	     inet_ntop(addr.family == ADDR_IPV4 ? AF_INET : AF_INET6, addr.bytes, text,
		       sizeof(text)) == NULL))
		return EAI_FAMILY;
	if (snprintf(host, host_size, "%s", text) >= (int)host_size ||
	    snprintf(service, service_size, "%u", addr.port) >= (int)service_size)
		return EAI_OVERFLOW;
	return 0;
}
#endif

/* evhttp ends the program where it cannot have the peer's address as text, and not every C library
 * has one for a local socket. */
static bool has_text_for_peers(void)
{
	const struct sockaddr_un peer = { .sun_family = AF_UNIX };
	char host[NI_MAXHOST], service[NI_MAXSERV];

	return getnameinfo((const struct sockaddr *)&peer, offsetof(struct sockaddr_un, sun_path),
			   host, sizeof(host), service, sizeof(service),
			   NI_NUMERICHOST | NI_NUMERICSERV) == 0;
}

int web_socket_open(struct loop *loop, const char *path, const struct addr *addr,
		    struct web_socket *ret_socket)
{
	*ret_socket = (struct web_socket){ .fd = -1 };
	if (path == NULL)
		return open_at_addr(addr, &ret_socket->fd);
	if (!has_text_for_peers())
		return -EAFNOSUPPORT;
	const int err = local_listener_new(loop, path, NULL, NULL, &ret_socket->local);
	if (err == 0)
		ret_socket->fd = local_listener_fd(ret_socket->local);
	return err;
}

void web_socket_close(struct web_socket *socket)
{
	if (socket->local != NULL)
		local_listener_free(socket->local);
	else if (socket->fd >= 0)
		close(socket->fd);
	*socket = (struct web_socket){ .fd = -1 };
}

bool web_socket_is_there(const struct web_socket *socket)
{
	return socket->local == NULL || local_listener_is_there(socket->local);
}

uint16_t web_socket_port(const struct web_socket *socket)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = sizeof(sockaddr);
	struct addr addr;

	if (getsockname(socket->fd, (struct sockaddr *)&sockaddr, &len) != 0 ||
	    addr_from_sockaddr((struct sockaddr *)&sockaddr, &addr) != 0)
		return 0;
	return addr.port;
}
