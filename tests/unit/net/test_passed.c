#include "net/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop_bench.h"
#include "net/stream.h"
#include "net/udp.h"
#include "unit.h"

/* Where this test puts what is passed: nothing else is up there. */
#define FIRST 200

/* The whole environment: what setenv() takes is never given back. */
static void say(const char *pid, const char *count, const char *names)
{
	static char texts[3][64];
	static char *all[] = { texts[0], texts[1], texts[2], NULL };

	snprintf(texts[0], sizeof(texts[0]), "LISTEN_PID=%s", pid);
	snprintf(texts[1], sizeof(texts[1]), "%s=%s", count == NULL ? "NONE" : "LISTEN_FDS",
		 count == NULL ? "" : count);
	snprintf(texts[2], sizeof(texts[2]), "%s=%s", names == NULL ? "NO" : "LISTEN_FDNAMES",
		 names == NULL ? "" : names);
	environ = all;
}

static void say_ours(const char *count, const char *names)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	say(pid, count, names);
}

static void put(int at, int fd)
{
	int *closed = unit_zalloc(sizeof(*closed));

	assert_int_equal(dup2(fd, FIRST + at), FIRST + at);
	*closed = FIRST + at;
	unit_own(closed, loop_bench_close);
}

/* Bound, and listening where it is TCP. */
static struct addr put_socket(int at, int type, const char *where)
{
	const int fd = loop_bench_socket(type, where);

	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 5), 0);
	put(at, fd);
	return loop_bench_local(fd);
}

static struct passed *read_all(void)
{
	struct passed *passed = NULL;

	assert_int_equal(passed_new(FIRST, &passed), 0);
	return unit_own(passed, passed_free);
}

static void nothing_is_passed_to_others(void **state)
{
	(void)state;
	(void)put_socket(0, SOCK_DGRAM, "127.0.0.1");
	say("1", "1", NULL);
	assert_null(read_all());
	say_ours("0", NULL);
	assert_null(read_all());
	say("", "1", NULL);
	assert_null(read_all());
	say_ours(NULL, NULL);
	assert_null(read_all());
	assert_int_equal(passed_count(NULL), 0);
	assert_true(fcntl(FIRST, F_GETFD) >= 0);
}

static void numbers_that_are_none_are_told(void **state)
{
	static const char *const counts[] = { "", "x", "-1", "1x", "257", "99999999999999999999" };
	struct passed *passed;
	(void)state;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		say_ours(counts[i], NULL);
		assert_int_equal(passed_new(FIRST, &passed), ERR_MALFORMED);
		assert_null(passed);
	}
}

static void sockets_are_known_by_address_and_protocol(void **state)
{
	(void)state;
	const struct addr udp = put_socket(0, SOCK_DGRAM, "127.0.0.1");
	const struct addr tcp = put_socket(1, SOCK_STREAM, "127.0.0.2");
	const struct addr six = put_socket(2, SOCK_DGRAM, "::1");
	say_ours("3", "one:two");
	struct passed *passed = read_all();
	assert_non_null(passed);

	assert_int_equal(passed_count(passed), 3);
	assert_string_equal(passed_get(passed, 0).name, "one");
	assert_string_equal(passed_get(passed, 1).name, "two");
	assert_string_equal(passed_get(passed, 2).name, "");
	for (size_t i = 0; i < 3; i++) {
		assert_null(passed_get(passed, i).fault);
		assert_int_equal(passed_get(passed, i).is_tcp, i == 1);
		assert_true((fcntl(FIRST + (int)i, F_GETFL) & O_NONBLOCK) != 0);
		assert_int_equal(fcntl(FIRST + (int)i, F_GETFD), FD_CLOEXEC);
	}
	assert_int_equal(passed_take(passed, &udp, true, 0), -ENOENT);
	assert_int_equal(passed_take(passed, &tcp, false, 0), -ENOENT);
	int *fd = unit_zalloc(sizeof(*fd));
	*fd = passed_take(passed, &six, false, 3);
	assert_true(*fd >= 0 && *fd != FIRST + 2);
	unit_own(fd, loop_bench_close);
	const struct addr again = loop_bench_local(*fd);
	assert_true(addr_equal(&again, &six));
}

static void what_cannot_serve_says_why(void **state)
{
	int pair[2];
	(void)state;

	put(0, loop_bench_socket(SOCK_STREAM, "127.0.0.1")); /* does not listen */
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	put(1, pair[0]);
	put(2, STDERR_FILENO);
	(void)put_socket(3, SOCK_DGRAM, "::"); /* takes IPv4, too */
	close(pair[0]);
	close(pair[1]);
	say_ours("5", NULL); /* the last is not there */
	struct passed *passed = read_all();
	assert_non_null(passed);

	assert_non_null(strstr(passed_get(passed, 0).fault, "connection"));
	assert_non_null(strstr(passed_get(passed, 1).fault, "neither UDP nor TCP"));
	assert_non_null(strstr(passed_get(passed, 2).fault, "no socket"));
	assert_non_null(strstr(passed_get(passed, 3).fault, "IPv4"));
	assert_non_null(strstr(passed_get(passed, 4).fault, "not open"));
	const struct addr wildcard = passed_get(passed, 3).addr;
	assert_int_equal(passed_take(passed, &wildcard, false, 0), -ENOENT);
}

static void each_worker_has_one_of_several(void **state)
{
	const int on = 1;
	int first = loop_bench_socket(SOCK_DGRAM, "127.0.0.1");
	const struct addr at = loop_bench_local(first);
	struct sockaddr_storage sockaddr;
	const socklen_t len = addr_to_sockaddr(&at, &sockaddr);
	int second = loop_bench_socket(SOCK_DGRAM, "127.0.0.3");
	(void)state;

	(void)second;
	second = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(second >= 0);
	assert_int_equal(setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(second, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	assert_int_equal(bind(second, (struct sockaddr *)&sockaddr, len), 0);
	/* told from each other by an option that their copies share */
	const int mark = 77000;
	assert_int_equal(setsockopt(second, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark)), 0);
	put(0, first);
	put(1, second);
	close(second);
	say_ours("2", NULL);
	struct passed *passed = read_all();
	assert_non_null(passed);

	for (size_t i = 0; i < 4; i++) {
		int value = 0;
		socklen_t value_len = sizeof(value);
		const int fd = passed_take(passed, &at, false, i);

		assert_true(fd >= 0);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, &value_len), 0);
		close(fd);
		assert_int_equal(value == mark, i % 2 == 1);
	}
}

struct heard {
	struct loop_bench bench;
	struct udp_server *server;
	struct stream_listener *listener;
	struct addr to; /* where the datagram was sent to, as the server knows it */
	unsigned datagrams, streams;
};

static void on_messages(void *ctx, const struct client_message *messages, unsigned count)
{
	struct heard *heard = ctx;

	heard->to = messages[0].client.local;
	heard->datagrams += count;
	if (heard->streams > 0)
		loop_stop(heard->bench.loop);
}

static void on_stream(void *ctx, struct stream *stream)
{
	struct heard *heard = ctx;

	stream_free(stream);
	heard->streams++;
	if (heard->datagrams > 0)
		loop_stop(heard->bench.loop);
}

/* What came before anybody was there is answered, too: it waited in the socket. */
static void servers_use_what_was_passed(void **state)
{
	struct heard *heard = unit_zalloc(sizeof(*heard));
	const struct client client = { .ops = NULL };
	(void)state;

	const struct addr udp = put_socket(0, SOCK_DGRAM, "0.0.0.0");
	const struct addr tcp = put_socket(1, SOCK_STREAM, "127.0.0.1");
	say_ours("2", NULL);
	struct passed *passed = read_all();
	assert_non_null(passed);
	loop_bench_init(&heard->bench);
	loop_use_passed(heard->bench.loop, passed, 0);
	const int asker = loop_bench_socket(SOCK_STREAM, "127.0.0.1");
	loop_bench_connect(asker, &tcp);

	assert_int_equal(udp_server_new(heard->bench.loop, &udp, &client, on_messages, heard,
					&heard->server),
			 0);
	unit_own(heard->server, udp_server_free);
	assert_int_equal(
		stream_listener_new(heard->bench.loop, &tcp, on_stream, heard, &heard->listener),
		0);
	unit_own(heard->listener, stream_listener_free);
	const int sender = loop_bench_socket(SOCK_DGRAM, "127.0.0.1");
	const struct addr host = loop_bench_addr("127.0.0.7", udp.port);
	loop_bench_connect(sender, &host);
	assert_int_equal(send(sender, "x", 1, 0), 1);
	loop_bench_run(&heard->bench);
	/* a wildcard socket: it is asked to what address each came */
	assert_true(addr_same_host(&heard->to, &host));
}

static void what_was_not_passed_is_opened(void **state)
{
	struct heard *heard = unit_zalloc(sizeof(*heard));
	const struct client client = { .ops = NULL };
	(void)state;

	(void)put_socket(0, SOCK_DGRAM, "127.0.0.1");
	say_ours("1", NULL);
	loop_bench_init(&heard->bench);
	loop_use_passed(heard->bench.loop, read_all(), 0);
	const struct addr any = loop_bench_addr("127.0.0.5", 0);
	assert_int_equal(udp_server_new(heard->bench.loop, &any, &client, on_messages, heard,
					&heard->server),
			 0);
	unit_own(heard->server, udp_server_free);
	const struct addr local = udp_server_local(heard->server);
	assert_true(addr_same_host(&local, &any));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_is_passed_to_others),
	cmocka_unit_test(numbers_that_are_none_are_told),
	cmocka_unit_test(sockets_are_known_by_address_and_protocol),
	cmocka_unit_test(what_cannot_serve_says_why),
	cmocka_unit_test(each_worker_has_one_of_several),
	cmocka_unit_test(servers_use_what_was_passed),
	cmocka_unit_test(what_was_not_passed_is_opened),
};

UNIT_MAIN(tests)
