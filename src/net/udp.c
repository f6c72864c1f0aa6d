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
#define BATCH UDP_SERVER_BATCH
/* Then others have their turn; what is left is told again in the next. */
#define BATCHES_PER_TURN 8u
/* As many times that as a socket that is left may still have: more than its buffer takes. */
#define LEAVE_BATCHES 16u
/* For the bursts that arrive while we do something else. The system grants what it likes. */
#define RECEIVE_BUFFER (1 << 20)
/* No power of two, or the starts of all datagrams would want the same few lines of the processor's
 * cache. */
#define RECEIVE_STRIDE (UDP_SERVER_MAX + 192)
#define REPLY_BYTES 32768u
#define RESERVE_MIN (UDP_SERVER_MAX + 255u)

union socket_addr {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6; /* the largest */
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

/* Shared by all servers of a loop: each uses the receiving half within its callback, and sends what
 * another has left in the other half before it puts something there. Large, but its pages are
 * touched only as far as batches fill: lone datagrams use the first slots over and over. */
struct batch {
	struct mmsghdr in[BATCH], out[BATCH];
	struct parts in_parts[BATCH], out_parts[BATCH];
	struct client_message messages[BATCH];
	bool is_set_up;
	bool has_control; /* the slots of `in` have room for it */
	unsigned in_used; /* slots of `in` that have received since they were made ready */

	struct udp_server *sender; /* of what is in `out` */
	unsigned replies;	   /* there */
	size_t reply_len;	   /* used of reply_bytes */
	struct loop_task turn_end;

	uint8_t received[BATCH][RECEIVE_STRIDE];
	uint8_t reply_bytes[REPLY_BYTES];
};

struct udp_server {
	struct loop *loop;
	struct batch *batch;
	struct event readable;
	int fd;
	bool is_wildcard;
	bool is_passed;	  /* others may have the same one, or will have it again */
	bool is_batching; /* we are inside on_readable() */
	bool *is_freed;	  /* set while we are, to be told there */
	struct addr local;
	struct client client; /* as one is that nothing is known of yet */
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

/* --- slots ---------------------------------------------------------------------------------- */

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

/* What a slot always has. */
static void set_up(struct batch *batch)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct parts *in = &batch->in_parts[i], *out = &batch->out_parts[i];

		in->bytes =
			(struct iovec){ .iov_base = batch->received[i], .iov_len = UDP_SERVER_MAX };
		batch->in[i].msg_hdr = (struct msghdr){ .msg_name = &in->peer,
							.msg_iov = &in->bytes,
							.msg_iovlen = 1,
							.msg_control = &in->control };
		batch->out[i].msg_hdr = (struct msghdr){ .msg_name = &out->peer,
							 .msg_iov = &out->bytes,
							 .msg_iovlen = 1,
							 .msg_control = &out->control };
	}
	batch->in_used = BATCH;
	batch->turn_end = (struct loop_task){ .run = on_turn_end, .ctx = batch };
	batch->is_set_up = true;
}

/* --- replies ------------------------------------------------------------------------------- */

static bool is_multicast(const struct addr *addr)
{
	return addr->family == ADDR_IPV6 ? addr->bytes[0] == 0xff : addr->bytes[0] >> 4 == 0xe;
}

static void put_control(struct msghdr *message, int level, int type, const void *info,
			size_t info_len)
{
	struct cmsghdr *control = message->msg_control;

	*control = (struct cmsghdr){ .cmsg_level = level,
				     .cmsg_type = type,
				     .cmsg_len = CMSG_LEN(info_len) };
	memcpy(CMSG_DATA(control), info, info_len);
	message->msg_controllen = CMSG_SPACE(info_len);
}

/* The interface is left to routing, but for link-local addresses, which mean nothing without it. */
static void put_source(struct msghdr *message, const struct client *to)
{
	if (to->local.family == ADDR_IPV4) {
		struct in_pktinfo info = { .ipi_ifindex = 0 };

		memcpy(&info.ipi_spec_dst, to->local.bytes, sizeof(info.ipi_spec_dst));
		put_control(message, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		struct in6_pktinfo info = { .ipi6_ifindex = 0 };

		memcpy(&info.ipi6_addr, to->local.bytes, sizeof(info.ipi6_addr));
		if (addr_is_link_local(&to->local) || addr_is_link_local(&to->from))
			info.ipi6_ifindex = to->interface;
		put_control(message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

static socklen_t put_peer(union socket_addr *peer, const struct addr *addr)
{
	if (addr->family == ADDR_IPV4) {
		peer->ipv4 = (struct sockaddr_in){ .sin_family = AF_INET,
						   .sin_port = htons(addr->port) };
		memcpy(&peer->ipv4.sin_addr, addr->bytes, sizeof(peer->ipv4.sin_addr));
		return sizeof(peer->ipv4);
	}
	peer->ipv6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					    .sin6_port = htons(addr->port),
					    .sin6_scope_id = addr->scope };
	memcpy(&peer->ipv6.sin6_addr, addr->bytes, sizeof(peer->ipv6.sin6_addr));
	return sizeof(peer->ipv6);
}

/* To whom and from where; `message` is one of set_up()'s. */
static void address(struct msghdr *message, const struct udp_server *server,
		    const struct client *to)
{
	message->msg_namelen = put_peer(message->msg_name, &to->from);
	message->msg_controllen = 0;
	if (server->is_wildcard && to->local.family == to->from.family &&
	    !addr_is_wildcard(&to->local) && !is_multicast(&to->local))
		put_source(message, to);
}

uint8_t *udp_server_reserve(struct udp_server *server, size_t *ret_max)
{
	struct batch *batch = server->batch;

	if (batch->sender != server || batch->replies == BATCH ||
	    REPLY_BYTES - batch->reply_len < RESERVE_MIN)
		send_replies(batch);
	batch->sender = server;
	*ret_max = REPLY_BYTES - batch->reply_len;
	return batch->reply_bytes + batch->reply_len;
}

void udp_server_commit(struct udp_server *server, const struct client *to, size_t wire_len)
{
	struct batch *batch = server->batch;
	struct iovec *bytes = &batch->out_parts[batch->replies].bytes;

	bytes->iov_base = batch->reply_bytes + batch->reply_len;
	bytes->iov_len = wire_len;
	address(&batch->out[batch->replies].msg_hdr, server, to);
	batch->replies++;
	batch->reply_len += wire_len;
	if (!server->is_batching)
		loop_task_set(server->loop, &batch->turn_end);
}

/* What has no place in a batch. */
static void send_alone(struct udp_server *server, const struct client *to, const uint8_t *wire,
		       size_t wire_len)
{
	struct batch *batch = server->batch;

	send_replies(batch);
	batch->out_parts[0].bytes = (struct iovec){ .iov_base = (uint8_t *)(uintptr_t)wire,
						    .iov_len = wire_len }; /* only read */
	address(&batch->out[0].msg_hdr, server, to);
	while (sendmsg(server->fd, &batch->out[0].msg_hdr, 0) < 0 && errno == EINTR)
		;
}

void udp_server_send(struct udp_server *server, const struct client *to, const uint8_t *wire,
		     size_t wire_len)
{
	size_t max;
	uint8_t *place = udp_server_reserve(server, &max);

	if (wire_len > max) {
		send_alone(server, to, wire, wire_len);
		return;
	}
	memcpy(place, wire, wire_len);
	udp_server_commit(server, to, wire_len);
}

/* --- queries ------------------------------------------------------------------------------- */

/* The system changes the lengths of a slot that has received. */
static void ready_to_receive(struct batch *batch, bool has_control)
{
	const unsigned count = has_control == batch->has_control ? batch->in_used : BATCH;

	for (unsigned i = 0; i < count; i++) {
		batch->in[i].msg_hdr.msg_namelen = sizeof(batch->in_parts[i].peer);
		batch->in[i].msg_hdr.msg_controllen =
			has_control ? sizeof(batch->in_parts[i].control) : 0;
	}
	batch->has_control = has_control;
	batch->in_used = 0;
}

static void read_control(struct cmsghdr *control, struct client *client)
{
	if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;
		memcpy(&info, CMSG_DATA(control), sizeof(info));
		client->local = (struct addr){ .family = ADDR_IPV4 };
		memcpy(client->local.bytes, &info.ipi_spec_dst, sizeof(info.ipi_spec_dst));
		client->interface = (uint32_t)info.ipi_ifindex;
	} else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;
		memcpy(&info, CMSG_DATA(control), sizeof(info));
		client->local = (struct addr){ .family = ADDR_IPV6 };
		memcpy(client->local.bytes, &info.ipi6_addr, sizeof(info.ipi6_addr));
		client->interface = info.ipi6_ifindex;
		if (addr_is_link_local(&client->local))
			client->local.scope = info.ipi6_ifindex;
	}
}

static bool read_peer(const union socket_addr *peer, struct addr *ret_from)
{
	if (peer->any.sa_family != AF_INET)
		return addr_from_sockaddr(&peer->any, ret_from) == 0;
	*ret_from = (struct addr){ .port = ntohs(peer->ipv4.sin_port), .family = ADDR_IPV4 };
	memcpy(ret_from->bytes, &peer->ipv4.sin_addr, sizeof(peer->ipv4.sin_addr));
	return true;
}

static bool read_slot(const struct udp_server *server, unsigned at, struct client_message *message)
{
	struct batch *batch = server->batch;
	struct msghdr *slot = &batch->in[at].msg_hdr;

	message->client = server->client;
	message->wire = batch->received[at];
	message->wire_len = batch->in[at].msg_len;
	if (server->is_wildcard)
		for (struct cmsghdr *control = CMSG_FIRSTHDR(slot); control != NULL;
		     control = CMSG_NXTHDR(slot, control))
			read_control(control, &message->client);
	return read_peer(&batch->in_parts[at].peer, &message->client.from);
}

/* False: nothing is left, or the server has been freed. */
static bool serve_batch(struct udp_server *server, const bool *is_freed)
{
	struct batch *batch = server->batch;
	unsigned count = 0;

	ready_to_receive(batch, server->is_wildcard);
	const int received = recvmmsg(server->fd, batch->in, BATCH, 0, NULL);
	if (received < 0)
		return errno != EAGAIN; /* an error that ICMP left behind is gone with this call */
	batch->in_used = (unsigned)received;
	for (unsigned i = 0; i < (unsigned)received; i++)
		count += read_slot(server, i, &batch->messages[count]);
	server->fn(server->ctx, batch->messages, count);
	if (*is_freed)
		return false;
	send_replies(batch);
	return (unsigned)received == BATCH;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
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

/* --- beginning and end --------------------------------------------------------------------- */

/* To what address a datagram came is only asked for where that is not known. */
static int set_options(int fd, const struct addr *bind_to)
{
	const int buffer = RECEIVE_BUFFER;
	const int is_wildcard = addr_is_wildcard(bind_to);

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (bind_to->family == ADDR_IPV4)
		return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &is_wildcard, sizeof(is_wildcard));
	return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &is_wildcard, sizeof(is_wildcard));
}

static int leave_out_ipv4(int fd, uint8_t family)
{
	const int on = 1;

	if (family == ADDR_IPV4)
		return 0;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
}

/* No SO_REUSEADDR: two servers on one UDP port would take each other's queries. The options are set
 * before the first datagram can come, and again for a socket that another had opened. */
static int bind_server(struct udp_server *server, const struct addr *bind_to)
{
	struct sockaddr_storage to;
	socklen_t len = sizeof(to);

	if (set_options(server->fd, bind_to) != 0 ||
	    leave_out_ipv4(server->fd, bind_to->family) != 0)
		return -errno;
	int err = loop_bind(server->loop, server->fd, bind_to, false);
	if (err < 0)
		return err;
	server->is_passed = err == LOOP_BOUND_PASSED;
	loop_let_in(server->loop, server->fd, false);
	if (ignore_path_mtu(server->fd, bind_to->family) != 0 ||
	    set_options(server->fd, bind_to) != 0)
		return -errno;
	if (getsockname(server->fd, (struct sockaddr *)&to, &len) != 0)
		return -errno;
	server->is_wildcard = addr_is_wildcard(bind_to);
	err = addr_from_sockaddr((struct sockaddr *)&to, &server->local);
	server->client.local = server->local;
	server->client.local.port = 0;
	return err;
}

int udp_server_new(struct loop *loop, const struct addr *bind_to, const struct client *client,
		   udp_server_fn fn, void *ctx, struct udp_server **ret_server)
{
	int err = -ENOMEM;
	struct udp_server *server = mem_zalloc(sizeof(*server));
	if (server == NULL)
		goto out;
	*server = (struct udp_server){
		.loop = loop, .client = *client, .fn = fn, .ctx = ctx, .fd = -1
	};
	server->batch = loop_scratch(loop, LOOP_SCRATCH_BATCH, sizeof(*server->batch));
	if (server->batch == NULL)
		goto out;
	if (!server->batch->is_set_up)
		set_up(server->batch);
	if ((err = server->fd = udp_open_socket(bind_to->family)) < 0)
		goto out;
	if ((err = bind_server(server, bind_to)) != 0)
		goto out;
	if ((err = udp_watch(loop, &server->readable, server->fd, on_readable, server)) != 0)
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

void udp_server_let_in(struct udp_server *server, bool on)
{
	loop_let_in(server->loop, server->fd, on);
}

int udp_server_give(const struct udp_server *server, uid_t uid, gid_t gid)
{
	return fchown(server->fd, uid, gid) == 0 ? 0 : -errno;
}

/* A socket that is connected, to itself in want of a better peer, is not where the datagrams of
 * others go; and what was put there before can still be read, so that nothing is lost between this
 * one and another that is bound to the address: or to the wildcard, where itself is the loopback.
 */
void udp_server_leave(struct udp_server *server)
{
	struct sockaddr_storage self;
	const socklen_t len = addr_to_sockaddr(&server->local, &self);

	if (!server->is_passed)
		(void)connect(server->fd, (struct sockaddr *)&self, len);
	for (unsigned i = 0; i < LEAVE_BATCHES; i++) {
		on_readable(server->fd, EV_READ, server);
		if (server->batch->in_used < BATCH)
			break;
	}
	(void)event_del(&server->readable);
}

int udp_server_return(struct udp_server *server)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	if (!server->is_passed && connect(server->fd, &nobody, sizeof(nobody)) != 0)
		return -errno;
	return event_add(&server->readable, NULL) == 0 ? 0 : -ENOMEM;
}

struct addr udp_server_local(const struct udp_server *server)
{
	return server->local;
}
