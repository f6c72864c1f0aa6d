#include "app/port_holder.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

/* A socket on a port of the system's choice; the port in ret_addr. */
static int take_port(int type, struct addr *ret_addr)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);

	assert_int_equal(addr_parse("127.0.0.1@1", 0, ret_addr), 0);
	ret_addr->port = 0;
	len = addr_to_sockaddr(ret_addr, &bound);
	int fd = socket(AF_INET, type, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&bound, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	len = sizeof(bound);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&bound, ret_addr), 0);
	return fd;
}

static void assert_is_us(const struct port_holder *holder)
{
	char pid[32];

	(void)snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	assert_non_null(strstr(holder->text, pid));
	assert_non_null(strstr(holder->text, "test_port_holde")); /* 15 bytes of a name are kept */
}

static void who_holds_a_udp_port_is_named(void **state)
{
	struct port_holder holder;
	struct addr addr;
	int fd = take_port(SOCK_DGRAM, &addr);

	(void)state;
	port_holder_find(&addr, false, &holder);
	(void)close(fd);
	assert_is_us(&holder);
}

static void who_listens_on_a_tcp_port_is_named(void **state)
{
	struct port_holder holder;
	struct addr addr;
	int fd = take_port(SOCK_STREAM, &addr);

	(void)state;
	port_holder_find(&addr, true, &holder);
	(void)close(fd);
	assert_is_us(&holder);
}

static void a_free_port_is_nobodys(void **state)
{
	struct port_holder holder;
	struct addr addr;
	int fd = take_port(SOCK_DGRAM, &addr);

	(void)state;
	(void)close(fd);
	port_holder_find(&addr, false, &holder);
	assert_null(strstr(holder.text, "(pid"));
	assert_non_null(strstr(holder.text, "another program"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(who_holds_a_udp_port_is_named),
	cmocka_unit_test(who_listens_on_a_tcp_port_is_named),
	cmocka_unit_test(a_free_port_is_nobodys),
};

UNIT_MAIN_PLAIN(tests)
