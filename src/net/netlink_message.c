#include "net/netlink_message.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "wire/cursor.h"

static void take(struct cursor *cursor, void *into, size_t len)
{
	const uint8_t *bytes = cursor_bytes(cursor, len);

	if (bytes != NULL)
		memcpy(into, bytes, len);
	else
		memset(into, 0, len);
}

/* Steps over what fills up to a multiple of four, of which the last may have none. */
static void align(struct cursor *cursor, size_t len)
{
	const size_t padding = NLMSG_ALIGN(len) - len;

	(void)cursor_bytes(cursor, padding <= cursor_left(cursor) ? padding : cursor_left(cursor));
}

/* The next attribute and its bytes; false at the end, or where it is cut off. */
static bool next_attribute(struct cursor *cursor, uint16_t *ret_type, struct cursor *ret_bytes)
{
	struct rtattr head;

	if (cursor_left(cursor) == 0)
		return false;
	take(cursor, &head, sizeof(head));
	if (head.rta_len < sizeof(head)) {
		cursor->failed = true;
		return false;
	}
	const size_t len = head.rta_len - sizeof(head);
	const uint8_t *bytes = cursor_bytes(cursor, len);
	if (bytes == NULL)
		return false;
	align(cursor, len);
	*ret_type = head.rta_type & NLA_TYPE_MASK;
	*ret_bytes = cursor_over(bytes, len);
	return true;
}

static bool is_internet(uint8_t family)
{
	return family == AF_INET || family == AF_INET6;
}

/* All of `bytes`, which must be as long as the family's addresses are. */
static bool read_addr(struct cursor *bytes, uint8_t family, uint32_t index, struct addr *ret_addr)
{
	const size_t len = family == AF_INET ? 4 : 16;
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_scope_id = index };
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };

	if (cursor_left(bytes) != len)
		return false;
	if (family == AF_INET) {
		take(bytes, &ipv4.sin_addr, len);
		return addr_from_sockaddr((struct sockaddr *)&ipv4, ret_addr) == 0;
	}
	take(bytes, &ipv6.sin6_addr, len);
	return addr_from_sockaddr((struct sockaddr *)&ipv6, ret_addr) == 0;
}

/* --- the kinds ----------------------------------------------------------------------------- */

/* What a bridge says of its ports comes as links too, of a family of its own. */
static void read_link(struct cursor *body, struct netlink_message *message)
{
	const unsigned usable = IFF_UP | IFF_RUNNING;
	struct ifinfomsg head;

	take(body, &head, sizeof(head));
	if (head.ifi_family != AF_UNSPEC)
		return;
	if (head.ifi_index <= 0)
		body->failed = true;
	message->kind = NETLINK_OF_LINK;
	message->index = (uint32_t)head.ifi_index;
	message->is_usable = (head.ifi_flags & usable) == usable;
}

static void read_address(struct cursor *body, struct netlink_message *message)
{
	struct cursor bytes;
	struct ifaddrmsg head;
	uint16_t type;
	bool is_found = false, is_local = false;

	take(body, &head, sizeof(head));
	if (!is_internet(head.ifa_family))
		return;
	uint32_t flags = head.ifa_flags;
	while (next_attribute(body, &type, &bytes)) {
		/* of a link with two ends IFA_ADDRESS is the other one */
		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !is_local)) {
			is_found =
				read_addr(&bytes, head.ifa_family, head.ifa_index, &message->addr);
			is_local = type == IFA_LOCAL;
			body->failed = body->failed || !is_found;
		} else if (type == IFA_FLAGS && cursor_left(&bytes) == sizeof(flags)) {
			take(&bytes, &flags, sizeof(flags));
		}
	}
	if (!is_found || head.ifa_index == 0)
		body->failed = true;
	message->kind = NETLINK_OF_ADDRESS;
	message->index = head.ifa_index;
	message->is_usable = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
}

static void clear_host_bits(struct addr_prefix *prefix)
{
	for (unsigned i = prefix->bits; i < sizeof(prefix->net.bytes) * 8; i++)
		prefix->net.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
}

/* Where packets of ours may go. The local table follows the addresses, which are told of
 * themselves; clones are what the kernel has learned of single peers. */
static bool is_way_out(const struct rtmsg *head, uint32_t table)
{
	if ((head->rtm_flags & RTM_F_CLONED) != 0 || table == RT_TABLE_LOCAL)
		return false;
	return head->rtm_type == RTN_UNICAST || head->rtm_type == RTN_BLACKHOLE ||
	       head->rtm_type == RTN_UNREACHABLE || head->rtm_type == RTN_PROHIBIT ||
	       head->rtm_type == RTN_THROW;
}

static void read_route(struct cursor *body, struct netlink_message *message)
{
	struct cursor bytes;
	struct rtmsg head;
	uint16_t type;
	bool is_found = false;

	take(body, &head, sizeof(head));
	if (!is_internet(head.rtm_family))
		return;
	uint32_t table = head.rtm_table;
	while (next_attribute(body, &type, &bytes)) {
		if (type == RTA_DST) {
			is_found = read_addr(&bytes, head.rtm_family, 0, &message->to.net);
			body->failed = body->failed || !is_found;
		} else if (type == RTA_TABLE && cursor_left(&bytes) == sizeof(table)) {
			take(&bytes, &table, sizeof(table));
		}
	}
	if (head.rtm_dst_len > (head.rtm_family == AF_INET ? 32 : 128) ||
	    (head.rtm_dst_len > 0 && !is_found))
		body->failed = true;
	if (!is_way_out(&head, table))
		return;
	message->kind = NETLINK_OF_ROUTE;
	message->to.bits = head.rtm_dst_len;
	message->to.net.scope = 0;
	if (!is_found)
		message->to.net.family = head.rtm_family == AF_INET ? ADDR_IPV4 : ADDR_IPV6;
	else if (head.rtm_family == AF_INET6 && message->to.net.family == ADDR_IPV4)
		message->kind = NETLINK_OTHER; /* ::ffff:0:0/96: of nobody we ask */
	clear_host_bits(&message->to);
}

static void read_body(uint16_t type, struct cursor *body, struct netlink_message *message)
{
	switch (type) {
	case RTM_DELLINK:
	case RTM_NEWLINK:
		message->is_removed = type == RTM_DELLINK;
		read_link(body, message);
		break;
	case RTM_DELADDR:
	case RTM_NEWADDR:
		message->is_removed = type == RTM_DELADDR;
		read_address(body, message);
		break;
	case RTM_DELROUTE:
	case RTM_NEWROUTE:
		message->is_removed = type == RTM_DELROUTE;
		read_route(body, message);
		break;
	case NLMSG_DONE:
	case NLMSG_ERROR:
		message->kind = NETLINK_END;
		break;
	}
}

int netlink_message_read(const uint8_t *bytes, size_t len, struct netlink_message *ret_message,
			 size_t *ret_used)
{
	struct netlink_message message = { .kind = NETLINK_OTHER };
	struct cursor cursor = cursor_over(bytes, len);
	struct nlmsghdr head;

	take(&cursor, &head, sizeof(head));
	if (cursor.failed || head.nlmsg_len < sizeof(head) || head.nlmsg_len > len)
		return ERR_MALFORMED;
	const size_t body_len = head.nlmsg_len - sizeof(head);
	struct cursor body = cursor_over(cursor_bytes(&cursor, body_len), body_len);
	align(&cursor, body_len);
	message.port = head.nlmsg_pid;
	read_body(head.nlmsg_type, &body, &message);
	if (body.failed)
		return ERR_MALFORMED;
	*ret_message = message;
	*ret_used = len - cursor_left(&cursor);
	return 0;
}
