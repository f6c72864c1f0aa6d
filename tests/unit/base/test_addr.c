#include "base/addr.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "unit.h"

static void assert_reads_as(const char *text, const char *expected)
{
	struct addr addr;
	struct addr_text into;
	if (addr_parse(text, 53, &addr) != 0)
		fail_msg("%s is refused", text);
	assert_string_equal(addr_to_text(&addr, &into), expected);
}

static void addresses_are_read_with_and_without_port(void **state)
{
	(void)state;
	assert_reads_as("192.0.2.1", "192.0.2.1@53");
	assert_reads_as("192.0.2.1@5353", "192.0.2.1@5353");
	assert_reads_as("0.0.0.0@65535", "0.0.0.0@65535");
	assert_reads_as("2001:DB8:0::1", "2001:db8::1@53");
	assert_reads_as("::1@5353", "::1@5353");
	assert_reads_as("::", "::@53");
	assert_reads_as("fe80::1", "fe80::1@53");
}

static void port_zero_is_not_shown(void **state)
{
	(void)state;
	struct addr addr;
	struct addr_text into;
	assert_int_equal(addr_parse("192.0.2.1", 0, &addr), 0);
	assert_string_equal(addr_to_text(&addr, &into), "192.0.2.1");
	memset(&addr, 0, sizeof(addr));
	assert_string_equal(addr_to_text(&addr, &into), "(no address)");
}

static void rubbish_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"@53",
		"192.0.2.1@",
		"192.0.2.1@0",
		"192.0.2.1@65536",
		"192.0.2.1@-1",
		"192.0.2.1@+53",
		"192.0.2.1@53 ",
		" 192.0.2.1",
		"192.0.2",
		"192.0.2.256",
		"192.0.2.1@53@53",
		"[::1]@53",
		"[::1]:53",
		"192.0.2.1:53",
		"::1::",
		"localhost",
		"192.0.2.1%lo",
		"::1%lo",
		"fe80::1%",
		"192.0.2.1/24",
		"::1@99999999999999999999",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff",
	};
	struct addr addr = { .port = 4711 };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (addr_parse(bad[i], 53, &addr) != ERR_MALFORMED)
			fail_msg("%s is not refused", bad[i]);
	}
	assert_int_equal(addr.port, 4711);
}

static void link_local_address_knows_its_interface(void **state)
{
	(void)state;
	struct addr addr;
	assert_reads_as("fe80::1%lo@5353", "fe80::1%lo@5353");
	assert_int_equal(addr_parse("fe80::1%lo", 53, &addr), 0);
	assert_true(addr.scope > 0);
	assert_reads_as("fe80::1%4000000000", "fe80::1%4000000000@53");
	assert_int_equal(addr_parse("fe80::1%nosuch0", 53, &addr), -ENODEV);
	assert_int_equal(addr_parse("fe80::1%0", 53, &addr), -ENODEV);
	assert_int_equal(addr_parse("fe80::1%4294967296", 53, &addr), -ENODEV);
}

static void longest_text_fits(void **state)
{
	(void)state;
	struct addr addr = { .family = ADDR_IPV6, .port = 65535, .scope = 4294967295u };
	struct addr_text into;
	memset(addr.bytes, 0xfe, sizeof(addr.bytes));
	assert_string_equal(addr_to_text(&addr, &into),
			    "fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe%4294967295@65535");
}

static void mapped_address_is_the_ipv4_address(void **state)
{
	(void)state;
	struct addr mapped, plain;
	struct sockaddr_storage storage;

	assert_int_equal(addr_parse("::ffff:192.0.2.1@53", 0, &mapped), 0);
	assert_int_equal(addr_parse("192.0.2.1@53", 0, &plain), 0);
	assert_true(addr_equal(&mapped, &plain));
	assert_int_equal(mapped.family, ADDR_IPV4);

	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	memcpy(&ipv6.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16);
	memcpy(&storage, &ipv6, sizeof(ipv6));
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&storage, &mapped), 0);
	assert_true(addr_equal(&mapped, &plain));
}

static void socket_address_comes_back(void **state)
{
	(void)state;
	static const char *const texts[] = { "192.0.2.1@53", "2001:db8::1@5353", "fe80::1%lo@53" };
	for (size_t i = 0; i < 3; i++) {
		struct addr addr, back;
		struct sockaddr_storage storage;
		assert_int_equal(addr_parse(texts[i], 0, &addr), 0);
		socklen_t len = addr_to_sockaddr(&addr, &storage);
		assert_int_equal(len,
				 i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		assert_int_equal(addr_from_sockaddr((struct sockaddr *)&storage, &back), 0);
		assert_memory_equal(&addr, &back, sizeof(addr));
	}
	struct sockaddr local = { .sa_family = AF_UNIX };
	struct addr addr;
	assert_int_equal(addr_from_sockaddr(&local, &addr), ERR_MALFORMED);
}

static void host_is_all_but_the_port(void **state)
{
	(void)state;
	struct addr a, b;
	assert_int_equal(addr_parse("192.0.2.1@1", 0, &a), 0);
	assert_int_equal(addr_parse("192.0.2.1@2", 0, &b), 0);
	assert_true(addr_same_host(&a, &b));
	assert_false(addr_equal(&a, &b));
	assert_int_equal(addr_parse("192.0.2.2@1", 0, &b), 0);
	assert_false(addr_same_host(&a, &b));
	assert_int_equal(addr_parse("c000:201::@1", 0, &b), 0);
	assert_false(addr_same_host(&a, &b)); /* the same bytes in another family */
	assert_int_equal(addr_parse("fe80::1%1", 0, &a), 0);
	assert_int_equal(addr_parse("fe80::1%2", 0, &b), 0);
	assert_false(addr_same_host(&a, &b));
}

static void wildcards_are_known(void **state)
{
	(void)state;
	struct addr addr = { 0 };
	assert_false(addr_is_wildcard(&addr));
	assert_int_equal(addr_parse("0.0.0.0", 53, &addr), 0);
	assert_true(addr_is_wildcard(&addr));
	assert_int_equal(addr_parse("::", 53, &addr), 0);
	assert_true(addr_is_wildcard(&addr));
	assert_int_equal(addr_parse("::1", 53, &addr), 0);
	assert_false(addr_is_wildcard(&addr));
}

/* --- prefixes ------------------------------------------------------------------------------ */

static bool covers(const char *prefix_text, const char *addr_text)
{
	struct addr_prefix prefix;
	struct addr addr;
	if (addr_prefix_parse(prefix_text, &prefix) != 0 || addr_parse(addr_text, 53, &addr) != 0)
		fail_msg("%s or %s is refused", prefix_text, addr_text);
	return addr_prefix_covers(&prefix, &addr);
}

static void prefix_covers_what_shares_its_bits(void **state)
{
	(void)state;
	assert_true(covers("10.0.0.0/8", "10.255.255.255"));
	assert_false(covers("10.0.0.0/8", "11.0.0.0"));
	assert_true(covers("192.168.4.0/22", "192.168.7.255"));
	assert_false(covers("192.168.4.0/22", "192.168.8.0"));
	assert_true(covers("0.0.0.0/0", "203.0.113.1"));
	assert_false(covers("0.0.0.0/0", "::1"));
	assert_false(covers("::/0", "203.0.113.1"));
	assert_true(covers("::/0", "2001:db8::1"));
	assert_true(covers("192.0.2.1", "192.0.2.1"));
	assert_false(covers("192.0.2.1", "192.0.2.0"));
	assert_true(covers("fc00::/7", "fdff::1"));
	assert_false(covers("fc00::/7", "fe00::1"));
	assert_true(covers("::1/128", "::1@53"));
	assert_true(covers("fe80::/10", "fe80::1%lo"));
	assert_true(covers("::ffff:10.0.0.0/104", "10.1.2.3"));
	assert_false(covers("::ffff:10.0.0.0/104", "11.1.2.3"));
}

static void prefix_that_is_none_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"::/129",
		"10.0.0.1/8",
		"10.0.0.0/-1",
		"10.0.0.0/8/8",
		"10.0.0.0@53/8",
		"10/8",
		"2001:db8::1/64",
		"fe80::%lo/10",
		"128.0.0.0/0",
		"::ffff:10.0.0.0/95",
		"::ffff:10.0.0.1/104",
		"10.0.0.0/104",
		"all",
	};
	struct addr_prefix prefix;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (addr_prefix_parse(bad[i], &prefix) != ERR_MALFORMED)
			fail_msg("%s is not refused", bad[i]);
	}
}

static void prefix_has_a_text(void **state)
{
	(void)state;
	struct addr_prefix prefix;
	struct addr_text into;
	assert_int_equal(addr_prefix_parse("10.0.0.0/8", &prefix), 0);
	assert_string_equal(addr_prefix_to_text(&prefix, &into), "10.0.0.0/8");
	assert_int_equal(addr_prefix_parse("::1", &prefix), 0);
	assert_string_equal(addr_prefix_to_text(&prefix, &into), "::1/128");
	assert_int_equal(addr_prefix_parse("::ffff:192.0.2.0/120", &prefix), 0);
	assert_string_equal(addr_prefix_to_text(&prefix, &into), "192.0.2.0/24");
}

static void assert_clients(const char *a_text, const char *b_text, const char *client)
{
	struct addr a, b;
	struct addr_text text;

	assert_int_equal(addr_parse(a_text, 1, &a), 0);
	assert_int_equal(addr_parse(b_text, 2, &b), 0);
	const struct addr_prefix of_a = addr_client(&a), of_b = addr_client(&b);
	assert_string_equal(addr_client_to_text(&a, &text), client);
	assert_int_equal(addr_equal(&of_a.net, &of_b.net),
			 strcmp(addr_client_to_text(&b, &text), client) == 0);
	assert_int_equal(of_a.net.port, 0);
}

static void client_is_an_address_or_a_network(void **state)
{
	(void)state;
	assert_clients("192.0.2.1", "192.0.2.1@53", "192.0.2.1");
	assert_clients("192.0.2.1", "192.0.2.0", "192.0.2.1");
	assert_clients("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1");
	assert_clients("2001:db8::1", "2001:db8::ffff:0:0:1", "2001:db8::/64");
	assert_clients("2001:db8:0:1::1", "2001:db8::1", "2001:db8:0:1::/64");
	assert_clients("fe80::1%lo", "fe80::2%lo", "fe80::1%lo");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(addresses_are_read_with_and_without_port),
	cmocka_unit_test(port_zero_is_not_shown),
	cmocka_unit_test(rubbish_is_refused),
	cmocka_unit_test(link_local_address_knows_its_interface),
	cmocka_unit_test(longest_text_fits),
	cmocka_unit_test(mapped_address_is_the_ipv4_address),
	cmocka_unit_test(socket_address_comes_back),
	cmocka_unit_test(host_is_all_but_the_port),
	cmocka_unit_test(wildcards_are_known),
	cmocka_unit_test(prefix_covers_what_shares_its_bits),
	cmocka_unit_test(prefix_that_is_none_is_refused),
	cmocka_unit_test(prefix_has_a_text),
	cmocka_unit_test(client_is_an_address_or_a_network),
};

UNIT_MAIN_PLAIN(tests)
