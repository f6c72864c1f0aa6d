#include "net/netlink_message.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "unit.h"

/* A message as it is put together; its length is written in when it is read. */
static struct {
	uint8_t bytes[512];
	size_t len;
} made;

static void put(const void *bytes, size_t len)
{
	memcpy(made.bytes + made.len, bytes, len);
	made.len += len;
}

static void begin(uint16_t type, const void *body, size_t len)
{
	const struct nlmsghdr head = { .nlmsg_type = type, .nlmsg_pid = 77 };

	memset(&made, 0, sizeof(made));
	put(&head, sizeof(head));
	put(body, len);
}

static void add(uint16_t type, const void *bytes, size_t len)
{
	const struct rtattr head = { .rta_len = (uint16_t)(sizeof(head) + len), .rta_type = type };

	put(&head, sizeof(head));
	put(bytes, len);
	made.len = RTA_ALIGN(made.len);
}

static int read_made(struct netlink_message *message)
{
	const uint32_t len = (uint32_t)made.len;
	size_t used = 0;

	memcpy(made.bytes, &len, sizeof(len));
	const int err = netlink_message_read(made.bytes, made.len, message, &used);
	if (err == 0)
		assert_int_equal(used, made.len);
	return err;
}

static struct netlink_message message_made(void)
{
	struct netlink_message message = { .kind = NETLINK_OTHER };

	assert_int_equal(read_made(&message), 0);
	assert_int_equal(message.port, 77);
	return message;
}

static const uint8_t ipv4[4] = { 192, 0, 2, 2 };
static const uint8_t ipv6[16] = { 0xfe, 0x80, [15] = 1 };

static void a_link_is_usable_when_it_is_up_and_runs(void **state)
{
	struct ifinfomsg body = { .ifi_index = 3, .ifi_flags = IFF_UP };
	(void)state;

	begin(RTM_NEWLINK, &body, sizeof(body));
	assert_int_equal(message_made().kind, NETLINK_OF_LINK);
	assert_int_equal(message_made().index, 3);
	assert_false(message_made().is_usable);
	body.ifi_flags |= IFF_RUNNING;
	begin(RTM_DELLINK, &body, sizeof(body));
	assert_true(message_made().is_usable);
	assert_true(message_made().is_removed);
	/* a port of a bridge is not the link */
	body.ifi_family = AF_BRIDGE;
	begin(RTM_DELLINK, &body, sizeof(body));
	assert_int_equal(message_made().kind, NETLINK_OTHER);
}

static void an_address_is_ours_not_the_other_ends(void **state)
{
	static const uint8_t other[4] = { 192, 0, 2, 9 };
	const struct ifaddrmsg body = { .ifa_family = AF_INET, .ifa_index = 3 };
	struct addr_text text;
	(void)state;

	for (unsigned order = 0; order < 2; order++) {
		begin(RTM_NEWADDR, &body, sizeof(body));
		add(order == 0 ? IFA_LOCAL : IFA_ADDRESS, order == 0 ? ipv4 : other, 4);
		add(order == 0 ? IFA_ADDRESS : IFA_LOCAL, order == 0 ? other : ipv4, 4);
		const struct netlink_message message = message_made();
		assert_int_equal(message.kind, NETLINK_OF_ADDRESS);
		assert_string_equal(addr_to_text(&message.addr, &text), "192.0.2.2");
		assert_true(message.is_usable);
	}
}

static void an_address_that_is_not_sure_yet_is_not_usable(void **state)
{
	const struct ifaddrmsg body = { .ifa_family = AF_INET6, .ifa_index = 1 };
	const uint32_t tentative = IFA_F_TENTATIVE | IFA_F_PERMANENT, sure = IFA_F_PERMANENT;
	(void)state;

	begin(RTM_NEWADDR, &body, sizeof(body));
	add(IFA_ADDRESS, ipv6, 16);
	add(IFA_FLAGS, &tentative, 4);
	assert_false(message_made().is_usable);
	assert_int_equal(message_made().addr.scope, 1);
	begin(RTM_NEWADDR, &body, sizeof(body));
	add(IFA_ADDRESS, ipv6, 16);
	add(IFA_FLAGS, &sure, 4);
	assert_true(message_made().is_usable);
}

static struct netlink_message route(uint8_t type, uint32_t table, unsigned flags, uint8_t bits)
{
	const struct rtmsg body = { .rtm_family = AF_INET,
				    .rtm_dst_len = bits,
				    .rtm_table = (uint8_t)table,
				    .rtm_type = type,
				    .rtm_flags = flags };

	begin(RTM_NEWROUTE, &body, sizeof(body));
	if (bits > 0)
		add(RTA_DST, ipv4, 4);
	add(RTA_TABLE, &table, 4);
	return message_made();
}

static void a_route_tells_where_it_leads(void **state)
{
	struct addr_text text;
	struct netlink_message message = route(RTN_UNICAST, RT_TABLE_MAIN, 0, 24);
	(void)state;

	assert_int_equal(message.kind, NETLINK_OF_ROUTE);
	assert_string_equal(addr_prefix_to_text(&message.to, &text), "192.0.2.0/24");
	message = route(RTN_UNREACHABLE, RT_TABLE_MAIN, 0, 0);
	assert_string_equal(addr_prefix_to_text(&message.to, &text), "0.0.0.0/0");
	assert_int_equal(route(RTN_UNICAST, 1000, 0, 32).kind, NETLINK_OF_ROUTE);
	assert_int_equal(route(RTN_UNICAST, RT_TABLE_LOCAL, 0, 32).kind, NETLINK_OTHER);
	assert_int_equal(route(RTN_MULTICAST, RT_TABLE_MAIN, 0, 8).kind, NETLINK_OTHER);
	assert_int_equal(route(RTN_UNICAST, RT_TABLE_MAIN, RTM_F_CLONED, 32).kind, NETLINK_OTHER);
}

static void the_end_of_what_was_asked_for_is_told(void **state)
{
	const int32_t zero = 0;
	(void)state;

	begin(NLMSG_DONE, &zero, sizeof(zero));
	assert_int_equal(message_made().kind, NETLINK_END);
	begin(NLMSG_ERROR, &zero, sizeof(zero));
	assert_int_equal(message_made().kind, NETLINK_END);
	begin(RTM_NEWNEIGH, &zero, sizeof(zero));
	assert_int_equal(message_made().kind, NETLINK_OTHER);
}

static void refused(void)
{
	struct netlink_message message;

	assert_int_equal(read_made(&message), ERR_MALFORMED);
}

static void what_is_cut_or_out_of_range_is_refused(void **state)
{
	const struct ifinfomsg no_index = { .ifi_index = 0 };
	const struct ifaddrmsg address = { .ifa_family = AF_INET, .ifa_index = 3 };
	const struct rtmsg far = { .rtm_family = AF_INET, .rtm_dst_len = 33 };
	const struct rtmsg nowhere = { .rtm_family = AF_INET, .rtm_dst_len = 8 };
	const struct rtattr empty = { .rta_len = 3, .rta_type = IFA_LOCAL };
	(void)state;

	begin(RTM_NEWLINK, &no_index, sizeof(no_index));
	refused();
	begin(RTM_NEWLINK, &no_index, sizeof(no_index) - 1);
	refused();
	begin(RTM_NEWADDR, &address, sizeof(address));
	refused(); /* without an address */
	add(IFA_LOCAL, ipv4, 3);
	refused();
	begin(RTM_NEWADDR, &address, sizeof(address));
	add(IFA_LOCAL, ipv4, 4);
	put(&empty, sizeof(empty));
	refused();
	begin(RTM_NEWADDR, &address, sizeof(address));
	add(IFA_LOCAL, ipv4, 4);
	put(ipv4, 2);
	refused();
	begin(RTM_NEWROUTE, &far, sizeof(far));
	add(RTA_DST, ipv4, 4);
	refused();
	begin(RTM_NEWROUTE, &nowhere, sizeof(nowhere));
	refused();
}

static void a_length_beyond_what_is_there_is_refused(void **state)
{
	const struct ifinfomsg body = { .ifi_index = 3 };
	struct netlink_message message;
	size_t used;
	(void)state;

	begin(RTM_NEWLINK, &body, sizeof(body));
	assert_int_equal(read_made(&message), 0);
	for (size_t len = 0; len < made.len; len++)
		assert_int_equal(netlink_message_read(made.bytes, len, &message, &used),
				 ERR_MALFORMED);
	/* and one that is shorter than its own head */
	made.bytes[0] = 15;
	assert_int_equal(netlink_message_read(made.bytes, made.len, &message, &used),
			 ERR_MALFORMED);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_link_is_usable_when_it_is_up_and_runs),
	cmocka_unit_test(an_address_is_ours_not_the_other_ends),
	cmocka_unit_test(an_address_that_is_not_sure_yet_is_not_usable),
	cmocka_unit_test(a_route_tells_where_it_leads),
	cmocka_unit_test(the_end_of_what_was_asked_for_is_told),
	cmocka_unit_test(what_is_cut_or_out_of_range_is_refused),
	cmocka_unit_test(a_length_beyond_what_is_there_is_refused),
};

UNIT_MAIN_PLAIN(tests)
