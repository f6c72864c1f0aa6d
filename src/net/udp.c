#include "net/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop_internal.h"
#include "udp_internal.h"

/* One recvmmsg() takes this many. */
#define BATCH 32u
/* Then others have their turn; what is left is told again in the next. */
#define BATCHES_PER_TURN 4u
/* For the bursts that arrive while we do something else. The system grants what it likes. */
#define RECEIVE_BUFFER (1 << 20)
#define REPLY_BYTES 32768u

union socket_addr {
	struct sockaddr any;
	struct sockaddr_in6 largest; /* of those we use */
};
union control {
	struct cmsghdr first;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};
/* What a msghdr points to. */
struct parts {
	struct iovec bytes;
	union socket_addr peer;
	union control control;
};

/* Shared by all servers of a loop, each of which receives within its callback. Large, but its pages
 * are touched only as far as batches fill: lone datagrams use the first slots over and over. */
struct batch {
	struct udp_server *sender; /* whose replies are in `out` */
	struct loop_task turn_end; /* when they leave at the latest */
	struct mmsghdr in[BATCH], out[BATCH];
	struct parts in_parts[BATCH], out_parts[BATCH];
	bool is_set_up;
	unsigned in_used; /* slots of `in` that have received since they were set up */
	unsigned replies; /* in `out` */
	size_t reply_len; /* used of reply_bytes */
	uint8_t received[BATCH][UDP_SERVER_MAX];
	uint8_t reply_bytes[REPLY_BYTES];
};

struct udp_server {
	struct loop *loop;
	struct batch *batch;
	struct event readable;
	int fd;
	bool is_wildcard;
	bool is_batching; /* we are inside on_server_readable() */
	bool *is_freed;	  /* set while we are, to be told there */
	struct addr local;
	udp_server_fn fn;
	void *ctx;
};

/* --- what both kinds of socket want -------------------------------------------------------- */

/* ICMP that tells of a small path MTU can be forged to have our datagrams sent in pieces, which can
 * be forged in turn (RFC 8085 section 3.2; as Knot, NSD and unbound do). */
static int ignore_path_mtu(int fd, uint8_t family)
{
	const int omit = family == ADDR_IPV4 ? IP_PMTUDISC_OMIT : IPV6_PMTUDISC_OMIT;

	if (family == ADDR_IPV4)
		return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &omit, sizeof(omit));
	return setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &omit, sizeof(omit));
}

int udp_open_socket(uint8_t family)
{
	const int fd = socket(family == ADDR_IPV4 ? AF_INET : AF_INET6,
			      SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && ignore_path_mtu(fd, family) == 0)
		return fd;
	const int err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

int udp_watch(struct loop *loop, struct event *event, int fd, event_callback_fn fn, void *ctx)
{
	if (event_assign(event, loop_base(loop), fd, EV_READ | EV_PERSIST, fn, ctx) != 0 ||
	    event_add(event, NULL) != 0)
		return -ENOMEM;
	return 0;
}

/* --- the server: replies ------------------------------------------------------------------- */

static bool is_multicast(const struct addr *addr)
{
	return addr->family == ADDR_IPV6 ? addr->bytes[0] == 0xff : addr->bytes[0] >> 4 == 0xe;
}

static void put_control(struct msghdr *message, union control *control, const struct cmsghdr *head,
			const void *info)
{
	const size_t info_len = head->cmsg_len - CMSG_LEN(0);

	memset(control, 0, sizeof(*control));
	control->first = *head;
	memcpy(CMSG_DATA(&control->first), info, info_len);
	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(info_len);
}

/* The interface is left to routing, but for link-local addresses, which mean nothing without it. */
static void put_source(struct msghdr *message, union control *control, const struct udp_peer *peer)
{
	if (peer->local.family == ADDR_IPV4) {
		struct in_pktinfo info = { .ipi_ifindex = 0 };
		const struct cmsghdr head = { .cmsg_level = IPPROTO_IP,
					      .cmsg_type = IP_PKTINFO,
					      .cmsg_len = CMSG_LEN(sizeof(info)) };
		memcpy(&info.ipi_spec_dst, peer->local.bytes, sizeof(info.ipi_spec_dst));
		put_control(message, control, &head, &info);
	} else {
		struct in6_pktinfo info = { .ipi6_ifindex = 0 };
		const struct cmsghdr head = { .cmsg_level = IPPROTO_IPV6,
					      .cmsg_type = IPV6_PKTINFO,
					      .cmsg_len = CMSG_LEN(sizeof(info)) };
		memcpy(&info.ipi6_addr, peer->local.bytes, sizeof(info.ipi6_addr));
		if (addr_is_link_local(&peer->local) || addr_is_link_local(&peer->from))
			info.ipi6_ifindex = peer->interface;
		put_control(message, control, &head, &info);
	}
}

/* `parts` has the bytes already; they are pointed to, not copied. */
static void put_reply(struct msghdr *message, struct parts *parts, const struct udp_server *server,
		      const struct udp_peer *peer)
{
	struct sockaddr_storage to;
	const socklen_t to_len = addr_to_sockaddr(&peer->from, &to);

	memcpy(&parts->peer, &to, to_len);
	*message = (struct msghdr){ .msg_name = &parts->peer,
				    .msg_namelen = to_len,
				    .msg_iov = &parts->bytes,
				    .msg_iovlen = 1 };
	if (server->is_wildcard && peer->local.family == peer->from.family &&
	    !addr_is_wildcard(&peer->local) && !is_multicast(&peer->local))
		put_source(message, &parts->control, peer);
}

static void send_replies(struct batch *batch)
{
	unsigned done = 0;

	while (done < batch->replies) {
		const int sent =
			sendmmsg(batch->sender->fd, batch->out + done, batch->replies - done, 0);
		if (sent > 0)
			done += (unsigned)sent;
		else if (errno == EAGAIN)
			break; /* there is no room for the others either */
		else if (errno != EINTR)
			done++; /* this one cannot be sent */
	}
	batch->replies = 0;
	batch->reply_len = 0;
}

static void on_turn_end(void *ctx)
{
	send_replies(ctx);
}

static void add_reply(struct udp_server *server, const struct udp_peer *peer, const uint8_t *wire,
		      size_t wire_len)
{
	struct batch *batch = server->batch;

	if (batch->sender != server || batch->replies == BATCH ||
	    REPLY_BYTES - batch->reply_len < wire_len)
		send_replies(batch);
	batch->sender = server;
	struct parts *parts = &batch->out_parts[batch->replies];
	parts->bytes = (struct iovec){ .iov_base = batch->reply_bytes + batch->reply_len,
				       .iov_len = wire_len };
	memcpy(parts->bytes.iov_base, wire, wire_len);
	batch->reply_len += wire_len;
	put_reply(&batch->out[batch->replies++].msg_hdr, parts, server, peer);
}

static void send_alone(struct udp_server *server, const struct udp_peer *peer, const uint8_t *wire,
		       size_t wire_len)
{
	struct msghdr message;
	struct parts parts = { .bytes = { .iov_base = (uint8_t *)(uintptr_t)wire, /* only read */
					  .iov_len = wire_len } };
	put_reply(&message, &parts, server, peer);
	while (sendmsg(server->fd, &message, 0) < 0 && errno == EINTR)
		;
}

void udp_server_send(struct udp_server *server, const struct udp_peer *peer, const uint8_t *wire,
		     size_t wire_len)
{
	if (wire_len > REPLY_BYTES) {
		send_alone(server, peer, wire, wire_len);
		return;
	}
	add_reply(server, peer, wire, wire_len);
	if (!server->is_batching)
		loop_task_set(server->loop, &server->batch->turn_end);
}

/* --- the server: queries ------------------------------------------------------------------- */

/* The system changes lengths and flags of a slot that received; only those need to be set again. */
static void ready_to_receive(struct batch *batch)
{
	const unsigned count = batch->is_set_up ? batch->in_used : BATCH;

	for (unsigned i = 0; i < count; i++) {
		struct parts *parts = &batch->in_parts[i];
		parts->bytes =
			(struct iovec){ .iov_base = batch->received[i], .iov_len = UDP_SERVER_MAX };
		batch->in[i].msg_hdr = (struct msghdr){ .msg_name = &parts->peer,
							.msg_namelen = sizeof(parts->peer),
							.msg_iov = &parts->bytes,
							.msg_iovlen = 1,
							.msg_control = &parts->control,
							.msg_controllen = sizeof(parts->control) };
	}
	batch->is_set_up = true;
	batch->in_used = 0;
}

static void read_control(struct cmsghdr *control, struct udp_peer *peer)
{
	if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;
		memcpy(&info, CMSG_DATA(control), sizeof(info));
		peer->local = (struct addr){ .family = ADDR_IPV4 };
		memcpy(peer->local.bytes, &info.ipi_spec_dst, sizeof(info.ipi_spec_dst));
		peer->interface = (uint32_t)info.ipi_ifindex;
	} else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;
		memcpy(&info, CMSG_DATA(control), sizeof(info));
		peer->local = (struct addr){ .family = ADDR_IPV6 };
		memcpy(peer->local.bytes, &info.ipi6_addr, sizeof(info.ipi6_addr));
		peer->interface = info.ipi6_ifindex;
		if (addr_is_link_local(&peer->local))
			peer->local.scope = info.ipi6_ifindex;
	}
}

static void hand_out(struct udp_server *server, unsigned at)
{
	struct batch *batch = server->batch;
	struct msghdr *message = &batch->in[at].msg_hdr;
	struct udp_peer peer = { .local = server->local };

	peer.local.port = 0;
	if (addr_from_sockaddr(&batch->in_parts[at].peer.any, &peer.from) != 0)
		return;
	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL;
	     control = CMSG_NXTHDR(message, control))
		read_control(control, &peer);
	server->fn(server->ctx, &peer, batch->received[at], batch->in[at].msg_len,
		   (message->msg_flags & MSG_TRUNC) != 0);
}

/* False: nothing is left, or the server has been freed. */
static bool serve_batch(struct udp_server *server, const bool *is_freed)
{
	struct batch *batch = server->batch;

	ready_to_receive(batch);
	const int received = recvmmsg(server->fd, batch->in, BATCH, 0, NULL);
	if (received < 0)
		return errno != EAGAIN; /* an error that ICMP left behind is gone with this call */
	batch->in_used = (unsigned)received;
	for (unsigned i = 0; i < (unsigned)received; i++) {
		hand_out(server, i);
		if (*is_freed)
			return false;
	}
	send_replies(batch);
	return (unsigned)received == BATCH;
}

static void on_server_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct udp_server *server = ctx;
	bool is_freed = false;

	(void)fd;
	(void)what;
	loop_tick(server->loop);
	server->is_freed = &is_freed;
	server->is_batching = true;
	for (unsigned i = 0; i < BATCHES_PER_TURN && serve_batch(server, &is_freed); i++)
		;
	if (is_freed)
		return;
	server->is_batching = false;
	server->is_freed = NULL;
}

/* --- the server: beginning and end --------------------------------------------------------- */

static int set_server_options(int fd, uint8_t family)
{
	const int on = 1, buffer = RECEIVE_BUFFER;
	int err;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (family == ADDR_IPV4)
		return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	if ((err = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) != 0)
		return err;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

/* No SO_REUSEADDR: two servers on one UDP port would take each other's queries. */
static int server_bind(struct udp_server *server, const struct addr *bind_to)
{
	struct sockaddr_storage to;
	socklen_t len = sizeof(to);

	if (set_server_options(server->fd, bind_to->family) != 0)
		return -errno;
	const int err = loop_bind(server->loop, server->fd, bind_to);
	if (err != 0)
		return err;
	if (getsockname(server->fd, (struct sockaddr *)&to, &len) != 0)
		return -errno;
	server->is_wildcard = addr_is_wildcard(bind_to);
	return addr_from_sockaddr((struct sockaddr *)&to, &server->local);
}

int udp_server_new(struct loop *loop, const struct addr *bind_to, udp_server_fn fn, void *ctx,
		   struct udp_server **ret_server)
{
	int err = -ENOMEM;
	struct udp_server *server = mem_zalloc(sizeof(*server));
	if (server == NULL)
		goto out;
	*server = (struct udp_server){ .loop = loop, .fn = fn, .ctx = ctx, .fd = -1 };
	server->batch = loop_scratch(loop, LOOP_SCRATCH_BATCH, sizeof(*server->batch));
	if (server->batch == NULL)
		goto out;
	if (server->batch->turn_end.run == NULL)
		server->batch->turn_end =
			(struct loop_task){ .run = on_turn_end, .ctx = server->batch };
	if ((err = server->fd = udp_open_socket(bind_to->family)) < 0)
		goto out;
	if ((err = server_bind(server, bind_to)) != 0)
		goto out;
	err = udp_watch(loop, &server->readable, server->fd, on_server_readable, server);
	if (err != 0)
		goto out;
	*ret_server = server;
	server = NULL;
out:
	udp_server_free(server);
	return err;
}

void udp_server_free(struct udp_server *server)
{
	if (server == NULL)
		return;
	if (server->is_batching)
		*server->is_freed = true;
	if (server->batch != NULL && server->batch->sender == server) {
		send_replies(server->batch);
		server->batch->sender = NULL;
	}
	if (event_initialized(&server->readable))
		event_del(&server->readable);
	if (server->fd >= 0)
		close(server->fd);
	mem_free(server);
}

struct addr udp_server_local(const struct udp_server *server)
{
	return server->local;
}
