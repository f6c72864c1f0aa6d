#include "app/port_holder.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
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

#define OTHERS 100u /* more than the system tells of in one piece */

/* Sockets that come and go. */
static void *come_and_go(void *ctx)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(0x7f000002) } };
	atomic_bool *is_over = ctx;
	int fds[OTHERS];

	while (!*is_over) {
		for (unsigned i = 0; i < OTHERS; i++) {
			fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
			(void)bind(fds[i], (const struct sockaddr *)&at, sizeof(at));
		}
		for (unsigned i = 0; i < OTHERS; i++)
			(void)close(fds[i]);
	}
	return NULL;
}

/* What the system tells in several pieces leaves out some while others go. */
static void the_holder_is_named_though_others_come_and_go(void **state)
{
	atomic_bool is_over = false;
	struct port_holder holder;
	struct addr addr;
	pthread_t thread;
	unsigned missed = 0;
	int fd = take_port(SOCK_DGRAM, &addr);

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, come_and_go, &is_over), 0);
	for (unsigned i = 0; i < 100; i++) {
		port_holder_find(&addr, false, &holder);
		missed += strstr(holder.text, "(pid") == NULL;
	}
	is_over = true;
	(void)pthread_join(thread, NULL);
	(void)close(fd);
	assert_int_equal(missed, 0);
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
	cmocka_unit_test(the_holder_is_named_though_others_come_and_go),
	cmocka_unit_test(a_free_port_is_nobodys),
};

UNIT_MAIN_PLAIN(tests)
