#include "net/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop_internal.h"
#include "socket.h"
#include "udp_internal.h"
#include "udp_replies.h"

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

union control {
	struct cmsghdr first;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};
/* What a msghdr points to. */
struct parts {
	struct iovec bytes;
	union udp_peer peer;
	union control control;
};

/* Shared by all servers of a loop: each uses the receiving half within its callback, and sends what
 * another has left in the other half before it puts something there. Large, but its pages are
 * touched only as far as batches fill: lone datagrams use the first slots over and over. */
struct batch {
	struct mmsghdr in[BATCH];
	struct parts in_parts[BATCH];
	struct client_message messages[BATCH];
	bool is_set_up;
	bool has_control; /* the slots of `in` have room for it */
	unsigned in_used; /* slots of `in` that have received since they were made ready */

	struct udp_server *sender; /* of what is in `replies` */
	struct loop_task turn_end;

	uint8_t received[BATCH][RECEIVE_STRIDE];
	struct udp_replies replies;
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
	if (family == ADDR_IPV4)
		return socket_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
	return socket_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
}

int udp_open_socket(uint8_t family)
{
	const int fd = socket_open(family, SOCK_DGRAM);

	if (fd < 0 || ignore_path_mtu(fd, family) == 0)
		return fd;
	const int err = -errno;
	close(fd);
	return err;
}

bool udp_knows_cutting(int fd)
{
	int len = 0;
	socklen_t size = sizeof(len);

	return getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &len, &size) == 0;
}

bool udp_cannot_cut(int error)
{
	return error == EIO || error == EINVAL || error == EMSGSIZE || error == EOPNOTSUPP;
}

/* --- slots ---------------------------------------------------------------------------------- */

static void on_turn_end(void *ctx)
{
	struct batch *batch = ctx;

	udp_replies_send(&batch->replies);
}

/* What a slot always has. */
static void set_up(struct batch *batch, int fd)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct parts *in = &batch->in_parts[i];

		in->bytes =
			(struct iovec){ .iov_base = batch->received[i], .iov_len = UDP_SERVER_MAX };
		batch->in[i].msg_hdr = (struct msghdr){ .msg_name = &in->peer,
							.msg_iov = &in->bytes,
							.msg_iovlen = 1,
							.msg_control = &in->control };
	}
	udp_replies_init(&batch->replies, fd);
	batch->in_used = BATCH;
	batch->turn_end = (struct loop_task){ .run = on_turn_end, .ctx = batch };
	batch->is_set_up = true;
}

/* --- replies ------------------------------------------------------------------------------- */

uint8_t *udp_server_reserve(struct udp_server *server, size_t *ret_max)
{
	struct batch *batch = server->batch;

	if (batch->sender != server) {
		udp_replies_aim(&batch->replies, server->fd, server->is_wildcard);
		batch->sender = server;
	}
	return udp_replies_place(&batch->replies, ret_max);
}

void udp_server_commit(struct udp_server *server, const struct client *to, size_t wire_len)
{
	udp_replies_put(&server->batch->replies, to, wire_len);
	if (!server->is_batching)
		loop_task_set(server->loop, &server->batch->turn_end);
}

void udp_server_send(struct udp_server *server, const struct client *to, const uint8_t *wire,
		     size_t wire_len)
{
	size_t max;
	uint8_t *place = udp_server_reserve(server, &max);

	if (wire_len > max) {
		udp_replies_send_alone(&server->batch->replies, to, wire, wire_len);
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

static bool read_peer(const union udp_peer *peer, struct addr *ret_from)
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
	udp_replies_send(&batch->replies);
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
	const bool is_wildcard = addr_is_wildcard(bind_to);

	(void)socket_set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (bind_to->family == ADDR_IPV4)
		return socket_set(fd, IPPROTO_IP, IP_PKTINFO, is_wildcard);
	return socket_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, is_wildcard);
}

/* No SO_REUSEADDR: two servers on one UDP port would take each other's queries. The options are set
 * before the first datagram can come, and again for a socket that another had opened. */
static int bind_server(struct udp_server *server, const struct addr *bind_to)
{
	if (set_options(server->fd, bind_to) != 0)
		return -errno;
	int err = loop_bind(server->loop, server->fd, bind_to, false);
	if (err < 0)
		return err;
	server->is_passed = err == LOOP_BOUND_PASSED;
	loop_let_in(server->loop, server->fd, false);
	if (ignore_path_mtu(server->fd, bind_to->family) != 0 ||
	    set_options(server->fd, bind_to) != 0)
		return -errno;
	server->is_wildcard = addr_is_wildcard(bind_to);
	err = socket_local(server->fd, &server->local);
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
	if ((err = server->fd = udp_open_socket(bind_to->family)) < 0)
		goto out;
	if (!server->batch->is_set_up)
		set_up(server->batch, server->fd);
	if ((err = bind_server(server, bind_to)) != 0)
		goto out;
	if ((err = socket_watch(loop, &server->readable, server->fd, on_readable, server)) != 0)
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
		udp_replies_send(&server->batch->replies);
		server->batch->sender = NULL;
	}
	socket_close(&server->readable, server->fd);
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
