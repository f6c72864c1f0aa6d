#include "net/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop_internal.h"
#include "net/netlink_message.h"
#include "net/settle.h"
#include "socket.h"

#define READS_PER_TURN 64u
/* A flood of routes has room for some thousand messages before any is lost. */
#define RECEIVE_BUFFER (1 << 20)
/* Of more links and addresses than this it is not known what they were before, so that whatever is
 * told of them counts. */
#define KNOWN_MAX 16384u

/* A link that is up and running, or an address of ours. */
struct known {
	uint32_t index;
	struct addr addr; /* ADDR_NONE: a link */
};

struct netlink {
	struct loop *loop;
	int fd;
	uint32_t port;	/* ours */
	uint16_t asked; /* RTM_GETLINK, then RTM_GETADDR, then 0: all is known */
	bool has_lost;	/* meanwhile */
	struct known *known;
	size_t known_count, known_room;
	struct netlink_changes changes;
	const struct netlink_events *events;
	void *ctx;
	struct event readable;
	struct settle settle;
};

static void note(struct netlink *netlink, unsigned *counter)
{
	++*counter;
	settle_hit(&netlink->settle);
}

/* --- what is known ------------------------------------------------------------------------- */

static struct known *find(const struct netlink *netlink, const struct netlink_message *message)
{
	for (size_t i = 0; i < netlink->known_count; i++) {
		struct known *known = &netlink->known[i];

		if (known->index == message->index && addr_equal(&known->addr, &message->addr))
			return known;
	}
	return NULL;
}

/* Where there is no room it stays unknown. */
static void add(struct netlink *netlink, const struct netlink_message *message)
{
	if (netlink->known_count == netlink->known_room) {
		const size_t room = netlink->known_room * 2 + 8;
		struct known *grown = NULL;

		if (room <= KNOWN_MAX)
			grown = mem_realloc(netlink->known, room * sizeof(*grown));
		if (grown == NULL)
			return;
		netlink->known = grown;
		netlink->known_room = room;
	}
	netlink->known[netlink->known_count++] =
		(struct known){ .index = message->index, .addr = message->addr };
}

/* --- what matters -------------------------------------------------------------------------- */

/* A link-local one only where somebody is asked at such. */
static bool address_matters(const struct netlink *netlink, const struct addr *addr)
{
	static const struct addr_prefix link_local = {
		.net = { .bytes = { 0xfe, 0x80 }, .family = ADDR_IPV6 }, .bits = 10
	};

	return !addr_is_link_local(addr) || netlink->events->matters(netlink->ctx, &link_local);
}

static bool link_matters(const struct netlink *netlink, uint32_t index)
{
	for (size_t i = 0; i < netlink->known_count; i++) {
		const struct addr *addr = &netlink->known[i].addr;

		if (netlink->known[i].index == index && addr->family != ADDR_NONE &&
		    address_matters(netlink, addr) &&
		    netlink->events->leaves_from(netlink->ctx, addr))
			return true;
	}
	return false;
}

/* --- what is told -------------------------------------------------------------------------- */

static void tell_address(struct netlink *netlink, const struct addr *addr)
{
	if (!address_matters(netlink, addr))
		return;
	if (addr_is_link_local(addr) || netlink->events->leaves_from(netlink->ctx, addr))
		note(netlink, &netlink->changes.addresses);
	else
		note(netlink, &netlink->changes.others);
}

/* A link, or an address: one that another machine may have too is none yet. */
static void take_one(struct netlink *netlink, const struct netlink_message *message, bool is_old)
{
	struct known *known = find(netlink, message);
	const bool is_here = message->is_usable && !message->is_removed;

	if (is_here == (known != NULL))
		return;
	if (known != NULL)
		*known = netlink->known[--netlink->known_count];
	else
		add(netlink, message);
	if (is_old)
		return;
	if (message->kind == NETLINK_OF_ADDRESS)
		tell_address(netlink, &message->addr);
	else if (link_matters(netlink, message->index))
		note(netlink, &netlink->changes.links);
}

/* --- learning what there is ---------------------------------------------------------------- */

static void ask_for(struct netlink *netlink, uint16_t type)
{
	struct {
		struct nlmsghdr head;
		struct rtgenmsg body;
	} question = {
		.head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
			  .nlmsg_type = type,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .rtgen_family = AF_UNSPEC },
	};

	/* where it is not told, what comes is new: it counts once too often, no more */
	netlink->asked = type;
	if (send(netlink->fd, &question, sizeof(question), 0) < 0)
		netlink->asked = 0;
}

static void learn(struct netlink *netlink)
{
	netlink->known_count = 0;
	netlink->has_lost = false;
	ask_for(netlink, RTM_GETLINK);
}

static void on_end(struct netlink *netlink)
{
	if (netlink->asked == RTM_GETLINK)
		ask_for(netlink, RTM_GETADDR);
	else
		netlink->asked = 0;
	if (netlink->asked == 0 && netlink->has_lost)
		learn(netlink);
}

/* What came before is not known any more. Two questions at once are not allowed. */
static void on_loss(struct netlink *netlink)
{
	note(netlink, &netlink->changes.losses);
	netlink->has_lost = true;
	if (netlink->asked == 0)
		learn(netlink);
}

/* --- receiving ----------------------------------------------------------------------------- */

static void take_message(struct netlink *netlink, const struct netlink_message *message)
{
	const bool is_old = message->port == netlink->port;

	switch (message->kind) {
	case NETLINK_OF_LINK:
	case NETLINK_OF_ADDRESS:
		take_one(netlink, message, is_old);
		return;
	case NETLINK_OF_ROUTE:
		if (!is_old && netlink->events->matters(netlink->ctx, &message->to))
			note(netlink, &netlink->changes.routes);
		return;
	case NETLINK_END:
		if (is_old)
			on_end(netlink);
		return;
	case NETLINK_OTHER:
		return;
	}
	UNREACHABLE();
}

static void take_all(struct netlink *netlink, const uint8_t *bytes, size_t len)
{
	struct netlink_message message;
	size_t used;

	for (; len > 0; bytes += used, len -= used) {
		if (netlink_message_read(bytes, len, &message, &used) != 0)
			return;
		take_message(netlink, &message);
	}
}

/* False where nothing is left. */
static bool receive(struct netlink *netlink, uint8_t *buffer)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	socklen_t from_len = sizeof(from);
	const ssize_t len = recvfrom(netlink->fd, buffer, LOOP_READ_MAX, 0,
				     (struct sockaddr *)&from, &from_len);

	if (len < 0 && errno == ENOBUFS) {
		on_loss(netlink);
		return true;
	}
	if (len <= 0)
		return len < 0 && errno == EINTR;
	if (from.nl_pid == 0) /* the kernel; others may write to us as well */
		take_all(netlink, buffer, (size_t)len);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct netlink *netlink = ctx;
	uint8_t *buffer = loop_scratch(netlink->loop, LOOP_SCRATCH_READ, LOOP_READ_MAX);

	(void)fd;
	(void)what;
	loop_tick(netlink->loop);
	for (unsigned i = 0; buffer != NULL && i < READS_PER_TURN; i++) {
		if (!receive(netlink, buffer))
			return;
	}
}

static void on_settled(void *ctx)
{
	struct netlink *netlink = ctx;
	const struct netlink_changes changes = netlink->changes;

	netlink->changes = (struct netlink_changes){ 0 };
	netlink->events->on_change(netlink->ctx, &changes);
}

/* --- beginning and end --------------------------------------------------------------------- */

static int open_socket(struct netlink *netlink)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK,
				    .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
						 RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
						 RTMGRP_IPV6_ROUTE };
	socklen_t len = sizeof(self);

	netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (netlink->fd < 0)
		return -errno;
	(void)socket_set(netlink->fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (bind(netlink->fd, (struct sockaddr *)&self, sizeof(self)) != 0 ||
	    getsockname(netlink->fd, (struct sockaddr *)&self, &len) != 0)
		return -errno;
	netlink->port = self.nl_pid;
	return 0;
}

int netlink_new(struct loop *loop, const struct netlink_events *events, void *ctx,
		struct netlink **ret_netlink)
{
	struct netlink *netlink = mem_zalloc(sizeof(*netlink));

	if (netlink == NULL)
		return -ENOMEM;
	*netlink = (struct netlink){ .loop = loop, .fd = -1, .events = events, .ctx = ctx };
	settle_init(&netlink->settle, loop, on_settled, netlink);
	int err = open_socket(netlink);
	if (err == 0)
		err = socket_watch(loop, &netlink->readable, netlink->fd, on_readable, netlink);
	if (err != 0) {
		netlink_free(netlink);
		return err;
	}
	learn(netlink);
	*ret_netlink = netlink;
	return 0;
}

void netlink_free(struct netlink *netlink)
{
	if (netlink == NULL)
		return;
	settle_done(&netlink->settle);
	socket_close(&netlink->readable, netlink->fd);
	mem_free(netlink->known);
	mem_free(netlink);
}
