#include "udp_replies.h"

#include <errno.h>
#include <string.h>

#include "udp_internal.h"

#define PLACE_MIN (UDP_SERVER_MAX + UDP_REPLIES_SPARE)

/* --- to whom, and from where --------------------------------------------------------------- */

static bool is_multicast(const struct addr *addr)
{
	return addr->family == ADDR_IPV6 ? addr->bytes[0] == 0xff : addr->bytes[0] >> 4 == 0xe;
}

static void put_control(struct msghdr *message, int level, int type, const void *info,
			size_t info_len)
{
	/* aligned: the length is a sum of CMSG_SPACE() */
	struct cmsghdr *control =
		(void *)((uint8_t *)message->msg_control + message->msg_controllen);

	*control = (struct cmsghdr){ .cmsg_level = level,
				     .cmsg_type = type,
				     .cmsg_len = CMSG_LEN(info_len) };
	memcpy(CMSG_DATA(control), info, info_len);
	message->msg_controllen += CMSG_SPACE(info_len);
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

static socklen_t put_peer(union udp_peer *peer, const struct addr *addr)
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

static void address(const struct udp_replies *replies, struct msghdr *message,
		    const struct client *to)
{
	message->msg_namelen = put_peer(message->msg_name, &to->from);
	message->msg_controllen = 0;
	if (replies->is_told_from && to->local.family == to->from.family &&
	    !addr_is_wildcard(&to->local) && !is_multicast(&to->local))
		put_source(message, to);
}

/* --- what leaves as one -------------------------------------------------------------------- */

/* All but the padding at its end. */
static bool is_same(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, offsetof(struct addr, family) + sizeof(a->family)) == 0;
}

static bool is_to_the_last(const struct udp_replies *replies, const struct client *to)
{
	return is_same(&to->from, &replies->from) &&
	       (!replies->is_told_from ||
		(is_same(&to->local, &replies->local) && to->interface == replies->interface));
}

/* It follows the last one in `bytes`, too. */
static void join_last(struct udp_replies *replies, size_t wire_len)
{
	struct udp_reply *last = &replies->parts[replies->count - 1];

	last->bytes.iov_len += wire_len;
	if (replies->alike++ == 1) {
		const uint16_t each = (uint16_t)wire_len;

		last->each = wire_len;
		put_control(&replies->messages[replies->count - 1].msg_hdr, IPPROTO_UDP,
			    UDP_SEGMENT, &each, sizeof(each));
	}
	if (replies->alike == UDP_REPLIES_MAX)
		replies->join_len = 0;
}

static void put_new(struct udp_replies *replies, const struct client *to, size_t wire_len)
{
	struct udp_reply *reply = &replies->parts[replies->count];

	reply->bytes = (struct iovec){ replies->bytes + replies->len, wire_len };
	reply->each = 0;
	address(replies, &replies->messages[replies->count].msg_hdr, to);
	replies->count++;
	replies->alike = 1;
	replies->join_len = replies->cuts_nothing || wire_len > UDP_CUT_MAX ? 0 : wire_len;
	replies->from = to->from;
	replies->local = to->local;
	replies->interface = to->interface;
}

void udp_replies_put(struct udp_replies *replies, const struct client *to, size_t wire_len)
{
	if (wire_len == replies->join_len && wire_len > 0 && is_to_the_last(replies, to))
		join_last(replies, wire_len);
	else
		put_new(replies, to, wire_len);
	replies->len += wire_len;
}

uint8_t *udp_replies_place(struct udp_replies *replies, size_t *ret_max)
{
	if (replies->count == UDP_REPLIES_MAX || UDP_REPLIES_BYTES - replies->len < PLACE_MIN)
		udp_replies_send(replies);
	*ret_max = UDP_REPLIES_BYTES - replies->len;
	return replies->bytes + replies->len;
}

/* --- sending ------------------------------------------------------------------------------- */

/* Whether it has left. */
static bool send_one(const struct udp_replies *replies, const struct msghdr *message)
{
	ssize_t sent;

	do {
		sent = sendmsg(replies->fd, message, 0);
	} while (sent < 0 && errno == EINTR);
	return sent >= 0;
}

/* Each datagram of one that the system does not cut; whether any has left. One that cannot leave as
 * a part, to port 0 say, cannot by itself either, and tells nothing of cutting. */
RARELY static bool send_apart(const struct udp_replies *replies, unsigned at)
{
	const struct udp_reply *reply = &replies->parts[at];
	struct iovec part = { reply->bytes.iov_base, reply->each };
	struct msghdr message = replies->messages[at].msg_hdr;
	bool has_left = false;

	message.msg_iov = &part;
	message.msg_controllen -= CMSG_SPACE(2); /* which says that it is to be cut */
	for (size_t done = 0; done < reply->bytes.iov_len; done += reply->each) {
		part.iov_base = (uint8_t *)reply->bytes.iov_base + done;
		has_left |= send_one(replies, &message);
	}
	return has_left;
}

void udp_replies_send(struct udp_replies *replies)
{
	unsigned done = 0;

	while (done < replies->count) {
		const int sent =
			sendmmsg(replies->fd, replies->messages + done, replies->count - done, 0);
		if (sent > 0) {
			done += (unsigned)sent;
		} else if (errno == EAGAIN) {
			break; /* there is no room for the others either */
		} else if (errno != EINTR) {
			/* this one cannot be sent, or not so */
			if (replies->parts[done].each != 0 && udp_cannot_cut(errno) &&
			    send_apart(replies, done))
				replies->cuts_nothing = true;
			done++;
		}
	}
	replies->count = 0;
	replies->len = replies->join_len = 0;
}

void udp_replies_send_alone(struct udp_replies *replies, const struct client *to,
			    const uint8_t *wire, size_t wire_len)
{
	struct udp_reply *reply = &replies->parts[0];

	udp_replies_send(replies);
	reply->bytes = (struct iovec){ .iov_base = (uint8_t *)(uintptr_t)wire,
				       .iov_len = wire_len }; /* only read */
	address(replies, &replies->messages[0].msg_hdr, to);
	send_one(replies, &replies->messages[0].msg_hdr);
}

/* --- beginning ----------------------------------------------------------------------------- */

void udp_replies_aim(struct udp_replies *replies, int fd, bool is_told_from)
{
	udp_replies_send(replies);
	replies->fd = fd;
	replies->is_told_from = is_told_from;
}

void udp_replies_init(struct udp_replies *replies, int fd)
{
	for (unsigned i = 0; i < UDP_REPLIES_MAX; i++) {
		struct udp_reply *reply = &replies->parts[i];

		replies->messages[i].msg_hdr = (struct msghdr){ .msg_name = &reply->peer,
								.msg_iov = &reply->bytes,
								.msg_iovlen = 1,
								.msg_control = &reply->control };
	}
	replies->cuts_nothing = !udp_knows_cutting(fd);
}
