#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#include "conf/resolv_conf.h"

static char path[64];

static int make_path(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/resolv_conf.XXXXXX");
	const int fd = mkstemp(path);
	return fd >= 0 ? close(fd) : -1;
}

static int remove_path(void **state)
{
	(void)state;
	return remove(path);
}

/* The servers found in `text`, one a line. */
static const char *servers_in(const char *text, const char *own_text)
{
	struct addr own[4], servers[RESOLV_CONF_MAX];
	struct addr_text one;
	size_t own_count = 0, count = 0, len = 0;
	char words[128];
	char *found = unit_zalloc(1024), *at = words;

	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	snprintf(words, sizeof(words), "%s", own_text);
	for (const char *word; (word = strsep(&at, " ")) != NULL && *word != '\0'; own_count++)
		assert_int_equal(addr_parse(word, 53, &own[own_count]), 0);
	assert_int_equal(resolv_conf_read(path, own, own_count, servers, &count), 0);
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(found + len, 1024 - len, "%s%s", i > 0 ? " " : "",
					addr_to_text(&servers[i], &one));
	return found;
}

static void servers_come_in_the_order_of_the_file(void **state)
{
	(void)state;
	assert_string_equal(servers_in("nameserver 192.0.2.2\nnameserver 192.0.2.1\n"
				       "nameserver\t2001:db8::1",
				       ""),
			    "192.0.2.2@53 192.0.2.1@53 2001:db8::1@53");
}

static void lines_not_understood_are_passed_over(void **state)
{
	(void)state;
	assert_string_equal(servers_in("# nameserver 192.0.2.9\n; nameserver 192.0.2.9\n"
				       "search example\noptions edns0 trust-ad\n\n"
				       "nameserver\nnameservers 192.0.2.9\nnameserver192.0.2.9\n"
				       "nameserver 192.0.2.999\nnameserver dns.example\n"
				       "nameserver 192.0.2.9@5353\nnameserver fe80::1%nosuch0\n"
				       "  nameserver   192.0.2.1   # first\r\n"
				       "nameserver 192.0.2.2;second\n",
				       ""),
			    "192.0.2.1@53 192.0.2.2@53");
}

static void link_local_server_keeps_its_interface(void **state)
{
	(void)state;
	assert_string_equal(servers_in("nameserver fe80::1%lo\n", ""), "fe80::1%lo@53");
}

static void own_addresses_are_left_out(void **state)
{
	static const char text[] = "nameserver 127.0.0.1\nnameserver 127.0.0.53\nnameserver ::1\n"
				   "nameserver 192.0.2.1\n";
	(void)state;
	assert_string_equal(servers_in(text, "127.0.0.1 ::1"), "127.0.0.53@53 192.0.2.1@53");
	assert_string_equal(servers_in(text, "127.0.0.1@5353 192.0.2.1"),
			    "127.0.0.1@53 127.0.0.53@53 ::1@53");
}

static void own_wildcard_serves_every_loopback_address(void **state)
{
	static const char text[] = "nameserver 127.0.0.1\nnameserver 127.0.0.53\nnameserver ::1\n"
				   "nameserver 192.0.2.1\nnameserver 2001:db8::1\n";
	(void)state;
	assert_string_equal(servers_in(text, "0.0.0.0"), "::1@53 192.0.2.1@53 2001:db8::1@53");
	assert_string_equal(servers_in(text, ":: 0.0.0.0"), "192.0.2.1@53 2001:db8::1@53");
	assert_string_equal(servers_in(text, "0.0.0.0@5353"),
			    "127.0.0.1@53 127.0.0.53@53 ::1@53 192.0.2.1@53 2001:db8::1@53");
}

static void the_same_server_is_taken_once_and_no_wildcard(void **state)
{
	(void)state;
	assert_string_equal(servers_in("nameserver 192.0.2.1\nnameserver 0.0.0.0\nnameserver ::\n"
				       "nameserver 192.0.2.1\n",
				       ""),
			    "192.0.2.1@53");
}

static void sixteen_servers_are_taken(void **state)
{
	char text[1024] = "";
	size_t len = 0;
	(void)state;
	for (int i = 1; i <= 20; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "nameserver 192.0.2.%d\n",
					i);
	const char *found = servers_in(text, "");
	assert_non_null(strstr(found, "192.0.2.16@53"));
	assert_null(strstr(found, "192.0.2.17@53"));
}

static void long_line_hides_nothing_behind_it(void **state)
{
	static char text[10000];
	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "options", 7);
	snprintf(text + 5000, 64, "nameserver 192.0.2.9\nnameserver 192.0.2.1\n");
	assert_string_equal(servers_in(text, ""), "192.0.2.1@53");
}

static void no_servers_is_no_error(void **state)
{
	(void)state;
	assert_string_equal(servers_in("", ""), "");
}

static void file_that_cannot_be_read_is_an_error(void **state)
{
	struct addr servers[RESOLV_CONF_MAX];
	size_t count = 99;
	(void)state;
	assert_int_equal(resolv_conf_read("/nonexistent/resolv.conf", NULL, 0, servers, &count),
			 -ENOENT);
	assert_int_equal(resolv_conf_read("/tmp", NULL, 0, servers, &count), -EISDIR);
	assert_int_equal(count, 99);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_path, remove_path)
static const struct CMUnitTest tests[] = {
	TEST(servers_come_in_the_order_of_the_file),
	TEST(lines_not_understood_are_passed_over),
	TEST(link_local_server_keeps_its_interface),
	TEST(own_addresses_are_left_out),
	TEST(own_wildcard_serves_every_loopback_address),
	TEST(the_same_server_is_taken_once_and_no_wildcard),
	TEST(sixteen_servers_are_taken),
	TEST(long_line_hides_nothing_behind_it),
	TEST(no_servers_is_no_error),
	TEST(file_that_cannot_be_read_is_an_error),
};
UNIT_MAIN(tests)
