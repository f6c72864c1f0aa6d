#include "net/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* More are no list of listeners, but a mistake. */
#define SOCKETS_MAX 256

struct passed {
	char *names; /* what `name` of the sockets points into */
	size_t count;
	struct passed_socket sockets[];
};

/* --- what it is ---------------------------------------------------------------------------- */

static int option_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

/* A stream socket must be listening already; a wildcard one of IPv6 must leave IPv4 to another. */
static const char *find_fault(const struct passed_socket *passed)
{
	const int type = option_of(passed->fd, SOL_SOCKET, SO_TYPE);

	if (passed->fd < 0)
		return "it is not open";
	if (type < 0)
		return "it is no socket";
	if (passed->addr.family == ADDR_NONE || (type != SOCK_DGRAM && type != SOCK_STREAM))
		return "it is neither UDP nor TCP";
	if (passed->is_tcp && option_of(passed->fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return "it is a connection (Accept=no is wanted)";
	if (passed->addr.family == ADDR_IPV6 && addr_is_wildcard(&passed->addr) &&
	    option_of(passed->fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1)
		return "it is for IPv4 as well (BindIPv6Only=ipv6-only is wanted)";
	return NULL;
}

/* Nobody whom we start is to have it. What is not open will be somebody else's soon. */
static void look_at(struct passed_socket *passed, int fd)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = sizeof(sockaddr);

	passed->fd = fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? fd : -1;
	passed->addr = (struct addr){ .family = ADDR_NONE };
	if (getsockname(passed->fd, (struct sockaddr *)&sockaddr, &len) == 0)
		(void)!addr_from_sockaddr((struct sockaddr *)&sockaddr, &passed->addr);
	passed->is_tcp = option_of(passed->fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM;
	passed->fault = find_fault(passed);
	if (passed->fault == NULL)
		(void)fcntl(passed->fd, F_SETFL, fcntl(passed->fd, F_GETFL) | O_NONBLOCK);
}

/* --- the environment ----------------------------------------------------------------------- */

/* A whole number from 0 on, or -1. */
static long number_of(const char *text)
{
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	const long number = strtol(text, &end, 10);
	return errno != 0 || *end != '\0' ? -1 : number;
}

/* Cuts "a:b:c" into names, one for each socket as far as they go. */
static void name_all(struct passed *passed)
{
	char *name = passed->names;

	for (size_t i = 0; i < passed->count; i++) {
		passed->sockets[i].name = name == NULL ? "" : name;
		if (name != NULL && (name = strchr(name, ':')) != NULL)
			*name++ = '\0';
	}
}

int passed_new(int first, struct passed **ret_passed)
{
	*ret_passed = NULL;
	if (!COURIERDNS_SYSTEMD)
		return 0;
	const char *names = getenv("LISTEN_FDNAMES"), *number = getenv("LISTEN_FDS");
	const long count = number_of(number);

	if (number == NULL || number_of(getenv("LISTEN_PID")) != getpid() || count == 0)
		return 0;
	if (count < 0 || count > SOCKETS_MAX)
		return ERR_MALFORMED;
	struct passed *passed =
		mem_zalloc(sizeof(*passed) + (size_t)count * sizeof(passed->sockets[0]));
	if (passed == NULL)
		return -ENOMEM;
	passed->count = (size_t)count;
	for (size_t i = 0; i < passed->count; i++)
		look_at(&passed->sockets[i], first + (int)i);
	if (names != NULL && (passed->names = mem_strdup(names)) == NULL) {
		passed_free(passed);
		return -ENOMEM;
	}
	name_all(passed);
	*ret_passed = passed;
	return 0;
}

/* Without what systemd speaks there never is one, and the link drops what would be done with it. */
static bool is_there(const struct passed *passed)
{
	return COURIERDNS_SYSTEMD && passed != NULL;
}

void passed_free(struct passed *passed)
{
	if (!is_there(passed))
		return;
	for (size_t i = 0; i < passed->count; i++) {
		if (passed->sockets[i].fd >= 0)
			close(passed->sockets[i].fd);
	}
	mem_free(passed->names);
	mem_free(passed);
}

/* --- giving them out ----------------------------------------------------------------------- */

static bool serves(const struct passed_socket *passed, const struct addr *addr, bool is_tcp)
{
	return passed->fault == NULL && passed->is_tcp == is_tcp && addr_equal(&passed->addr, addr);
}

/* With one socket for all workers whoever is first takes what has come; one for each may be opened
 * with ReusePort=. */
int passed_take(const struct passed *passed, const struct addr *addr, bool is_tcp, size_t at)
{
	size_t count = 0;

	for (size_t i = 0; i < passed_count(passed); i++)
		count += serves(&passed->sockets[i], addr, is_tcp);
	if (count == 0)
		return -ENOENT;
	at %= count;
	const struct passed_socket *socket = passed->sockets;
	while (!serves(socket, addr, is_tcp) || at-- > 0)
		socket++;
	const int fd = fcntl(socket->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

size_t passed_count(const struct passed *passed)
{
	return is_there(passed) ? passed->count : 0;
}

struct passed_socket passed_get(const struct passed *passed, size_t at)
{
	return passed->sockets[at];
}
