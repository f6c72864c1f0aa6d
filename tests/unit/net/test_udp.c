#include "net/udp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "call_count.h"
#include "loop_bench.h"
#include "unit.h"

struct datagram {
	struct client peer;
	uint8_t bytes[64];
	size_t len;
};

struct seen {
	struct loop_bench bench;
	struct udp_server *server;
	unsigned count, stop_at;
	unsigned most;		      /* at a time */
	struct datagram datagrams[4]; /* the first ones */
	bool is_echoing, is_freeing;
	struct timer later;
};

static void note(struct seen *seen, const uint8_t *wire, size_t wire_len)
{
	if (seen->count < 4) {
		struct datagram *datagram = &seen->datagrams[seen->count];
		datagram->len = wire_len;
		memcpy(datagram->bytes, wire,
		       wire_len < sizeof(datagram->bytes) ? wire_len : sizeof(datagram->bytes));
	}
	if (++seen->count == seen->stop_at)
		loop_stop(seen->bench.loop);
}

static void take(struct seen *seen, const struct client_message *message)
{
	size_t max = 0;

	if (seen->count < 4)
		seen->datagrams[seen->count].peer = message->client;
	note(seen, message->wire, message->wire_len);
	if (seen->is_echoing && seen->count % 2 == 1) {
		udp_server_send(seen->server, &message->client, message->wire, message->wire_len);
	} else if (seen->is_echoing) {
		uint8_t *place = udp_server_reserve(seen->server, &max);

		assert_true(max >= UDP_SERVER_MAX + 255);
		memcpy(place, message->wire, message->wire_len);
		udp_server_commit(seen->server, &message->client, message->wire_len);
	}
	if (seen->is_freeing) {
		udp_server_free(seen->server);
		seen->server = NULL;
	}
}

static void on_query(void *ctx, const struct client_message *messages, unsigned count)
{
	struct seen *seen = ctx;

	if (count > seen->most)
		seen->most = count;
	for (unsigned i = 0; i < count && seen->server != NULL; i++)
		take(seen, &messages[i]);
}

static void free_server(struct seen *seen)
{
	udp_server_free(seen->server);
}

static struct seen *new_seen(void)
{
	struct seen *seen = unit_zalloc(sizeof(*seen));

	loop_bench_init(&seen->bench);
	unit_own(seen, free_server);
	seen->stop_at = 1;
	return seen;
}

static int listener;
static const struct client common = { .listener = &listener };

static struct addr serve(struct seen *seen, const char *bind_to)
{
	const struct addr addr = loop_bench_addr(bind_to, 0);

	assert_int_equal(
		udp_server_new(seen->bench.loop, &addr, &common, on_query, seen, &seen->server), 0);
	const struct addr local = udp_server_local(seen->server);
	assert_true(local.port != 0);
	assert_true(addr_same_host(&local, &addr));
	return local;
}

/* A socket of a client that takes replies from `server` only. */
static int client_of(const char *bind_to, const struct addr *server)
{
	const int fd = loop_bench_socket(SOCK_DGRAM, bind_to);

	loop_bench_connect(fd, server);
	return fd;
}

/* --- the server --- */

static void a_taken_port_is_refused(void **state)
{
	struct seen *seen = new_seen();
	struct udp_server *second = NULL;
	const struct addr local = serve(seen, "127.0.0.1");
	(void)state;

	const int err = udp_server_new(seen->bench.loop, &local, &common, on_query, seen, &second);
	unit_own(second, udp_server_free);
	assert_true(err == -EADDRINUSE || unit_is_starved());
	assert_null(second);
}

static void an_address_of_nobody_here_is_refused(void **state)
{
	struct seen *seen = new_seen();
	const struct addr elsewhere = loop_bench_addr("192.0.2.1", 0);
	(void)state;

	assert_int_equal(udp_server_new(seen->bench.loop, &elsewhere, &common, on_query, seen,
					&seen->server),
			 -EADDRNOTAVAIL);
}

static void a_query_is_told_with_both_ends(void **state)
{
	struct seen *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.7");
	const int fd = client_of("127.0.0.3", &server);
	const struct addr from = loop_bench_local(fd);
	(void)state;

	loop_bench_say(fd, "hello", 5);
	loop_bench_run(&seen->bench);
	const struct datagram *query = &seen->datagrams[0];
	assert_int_equal(query->len, 5);
	assert_memory_equal(query->bytes, "hello", 5);
	assert_true(addr_equal(&query->peer.from, &from));
	assert_true(addr_same_host(&query->peer.local, &server));
	assert_int_equal(query->peer.local.port, 0);
	assert_int_equal(query->peer.interface, 0); /* there is no other way in */
	assert_ptr_equal(query->peer.listener, &listener);
}

static void asked_of_wildcard(const char *wildcard, const char *asked, const char *client)
{
	struct seen *seen = new_seen();
	const struct addr local = serve(seen, wildcard);
	const struct addr server = loop_bench_addr(asked, local.port);
	const int fd = client_of(client, &server);

	seen->is_echoing = true;
	loop_bench_say(fd, "x", 1);
	loop_bench_run(&seen->bench);
	assert_true(addr_same_host(&seen->datagrams[0].peer.local, &server));
	assert_int_equal(seen->datagrams[0].peer.interface, 1); /* lo is always the first */
	/* the client's socket is connected: a reply from elsewhere would not get in */
	loop_bench_assert_heard(fd, "x", 1);
}

static void CF_20_a_reply_comes_from_the_address_that_was_asked(void **state)
{
	(void)state;
	asked_of_wildcard("0.0.0.0", "127.0.0.9", "127.0.0.1");
	asked_of_wildcard("0.0.0.0", "127.0.0.1", "127.0.0.9");
	asked_of_wildcard("::", "::1", "::1");
}

static void on_later(void *ctx)
{
	struct seen *seen = ctx;

	udp_server_send(seen->server, &seen->datagrams[0].peer, (const uint8_t *)"late", 4);
	loop_stop(seen->bench.loop);
}

static void CF_20_so_does_one_that_is_sent_later(void **state)
{
	struct seen *seen = new_seen();
	const struct addr local = serve(seen, "0.0.0.0");
	const struct addr server = loop_bench_addr("127.0.0.9", local.port);
	const int fd = client_of("127.0.0.1", &server);
	(void)state;

	loop_bench_say(fd, "x", 1);
	loop_bench_run(&seen->bench);
	timer_init(&seen->later, on_later, seen);
	timer_start(loop_timers(seen->bench.loop), &seen->later, 1000);
	loop_bench_run(&seen->bench);
	loop_bench_assert_heard(fd, "late", 4);
}

#define LATER 50u

static void on_later_many(void *ctx)
{
	struct seen *seen = ctx;

	call_count_reset();
	for (unsigned i = 0; i < LATER; i++)
		udp_server_send(seen->server, &seen->datagrams[i % 2].peer,
				(const uint8_t *)(i % 2 == 0 ? "one" : "two"), 3);
	loop_stop(seen->bench.loop);
}

static void what_is_sent_later_leaves_together(void **state)
{
	struct seen *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");
	const int one = client_of("127.0.0.1", &server), two = client_of("127.0.0.2", &server);
	(void)state;

	seen->stop_at = 2;
	loop_bench_say(one, "x", 1);
	loop_bench_say(two, "y", 1);
	loop_bench_run(&seen->bench);
	timer_init(&seen->later, on_later_many, seen);
	timer_start(loop_timers(seen->bench.loop), &seen->later, 1000);
	loop_bench_run(&seen->bench);
	assert_true(call_count(CALL_SENDMMSG) <= 2);
	for (unsigned i = 0; i < LATER; i++)
		loop_bench_assert_heard(i % 2 == 0 ? one : two, i % 2 == 0 ? "one" : "two", 3);
}

static void what_has_not_left_leaves_before_the_server_goes(void **state)
{
	struct seen *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");
	const int fd = client_of("127.0.0.1", &server);
	(void)state;

	loop_bench_say(fd, "x", 1);
	loop_bench_run(&seen->bench);
	udp_server_send(seen->server, &seen->datagrams[0].peer, (const uint8_t *)"last", 4);
	udp_server_free(seen->server);
	seen->server = NULL;
	loop_bench_assert_heard(fd, "last", 4);
	loop_bench_pass(&seen->bench, 0);
}

static void replies_of_two_servers_go_each_from_its_own(void **state)
{
	struct seen *seen = new_seen();
	struct seen *other = unit_zalloc(sizeof(*other));
	const struct addr first = serve(seen, "127.0.0.1");
	const int fd = client_of("127.0.0.1", &first);
	(void)state;

	other->bench = seen->bench;
	unit_own(other, free_server);
	other->stop_at = 1;
	const struct addr second = serve(other, "127.0.0.2");
	const int other_fd = client_of("127.0.0.1", &second);
	loop_bench_say(fd, "x", 1);
	loop_bench_run(&seen->bench);
	loop_bench_say(other_fd, "x", 1);
	loop_bench_run(&seen->bench);
	for (unsigned i = 0; i < 4; i++) {
		udp_server_send(seen->server, &seen->datagrams[0].peer, (const uint8_t *)"one", 3);
		udp_server_send(other->server, &other->datagrams[0].peer, (const uint8_t *)"other",
				5);
	}
	loop_bench_pass(&seen->bench, 0);
	for (unsigned i = 0; i < 4; i++) {
		loop_bench_assert_heard(fd, "one", 3);
		loop_bench_assert_heard(other_fd, "other", 5);
	}
}

static void both_wildcards_share_a_port(void **state)
{
	struct seen *seen = new_seen();
	struct udp_server *second = NULL;
	struct addr both = serve(seen, "0.0.0.0");
	(void)state;

	both = loop_bench_addr("::", both.port);
	assert_int_equal(udp_server_new(seen->bench.loop, &both, &common, on_query, seen, &second),
			 0);
	unit_own(second, udp_server_free);
}

static void what_shares_a_wildcard_gets_all_once_another_leaves(void **state)
{
	struct seen *seen = new_seen();
	struct seen *leaving = unit_zalloc(sizeof(*leaving));
	(void)state;

	loop_share_ports(seen->bench.loop, LOOP_PORTS_FIRST);
	leaving->bench = seen->bench;
	unit_own(leaving, free_server);
	const uint16_t port = serve(seen, "0.0.0.0").port;
	const struct addr any = loop_bench_addr("0.0.0.0", port);
	const struct addr server = loop_bench_addr("127.0.0.1", port);
	loop_share_ports(seen->bench.loop, LOOP_PORTS_NEXT);
	assert_int_equal(udp_server_new(seen->bench.loop, &any, &common, on_query, leaving,
					&leaving->server),
			 0);
	const int first = client_of("127.0.0.1", &server);
	udp_server_leave(leaving->server);
	seen->stop_at = 64;
	for (unsigned i = 0; i < 64; i++)
		loop_bench_say(i == 0 ? first : client_of("127.0.0.1", &server), "x", 1);
	loop_bench_run(&seen->bench);

	/* it can still answer, and come back */
	udp_server_send(leaving->server, &seen->datagrams[0].peer, (const uint8_t *)"late", 4);
	loop_bench_pass(&seen->bench, 0);
	loop_bench_assert_heard(first, "late", 4);
	assert_int_equal(udp_server_return(leaving->server), 0);
	udp_server_free(seen->server);
	seen->server = NULL;
	leaving->stop_at = 1;
	loop_bench_say(first, "x", 1);
	loop_bench_run(&seen->bench);
}

static void every_query_of_a_burst_is_answered(void **state)
{
	struct seen *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");
	const int fd = client_of("127.0.0.1", &server);
	const int room = 1 << 20; /* for all answers at once */
	uint8_t payload[40];
	(void)state;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	seen->is_echoing = true;
	seen->stop_at = 520; /* more than a callback's worth of batches */
	for (size_t i = 0; i < seen->stop_at; i++) {
		memset(payload, (int)i, sizeof(payload));
		loop_bench_say(fd, payload, sizeof(payload));
	}
	call_count_reset();
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->most, UDP_SERVER_BATCH);
	assert_int_equal(call_count(CALL_RECVMMSG), 9);
	assert_int_equal(call_count(CALL_SENDMMSG), 9);
	for (size_t i = 0; i < seen->stop_at; i++) {
		memset(payload, (int)i, sizeof(payload));
		loop_bench_assert_heard(fd, payload, sizeof(payload));
	}
}

/* --- cut by the system --- */

/* Two clients ask in turn, `run` questions each of lengths that differ now and then; what they say
 * comes back, each to his own and in order. */
static void assert_two_are_echoed(struct seen *seen, const struct addr *server, unsigned run)
{
	const int fds[] = { client_of("127.0.0.1", server), client_of("127.0.0.1", server) };
	uint8_t payload[40];

	seen->is_echoing = true;
	seen->count = 0;
	seen->stop_at = 48;
	for (unsigned i = 0; i < seen->stop_at; i++) {
		memset(payload, (int)i, sizeof(payload));
		loop_bench_say(fds[i / run % 2], payload, i % 16 == 7 ? 20 : sizeof(payload));
	}
	call_count_reset();
	loop_bench_run(&seen->bench);
	for (unsigned i = 0; i < seen->stop_at; i++) {
		memset(payload, (int)i, sizeof(payload));
		loop_bench_assert_heard(fds[i / run % 2], payload,
					i % 16 == 7 ? 20 : sizeof(payload));
	}
}

static void what_is_alike_and_for_one_client_is_cut_by_the_system(void **state)
{
	struct seen *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");
	(void)state;

	assert_two_are_echoed(seen, &server, 16);
	assert_int_equal(call_count(CALL_SENDMMSG), 1);
	assert_int_equal(call_cuts, 6); /* of each sixteen, before and behind the shorter one */
	assert_two_are_echoed(seen, &server, 1);
	assert_int_equal(call_cuts, 0);
}

static void CF_20_so_does_what_the_system_cuts(void **state)
{
	struct seen *seen = new_seen();
	const struct addr server = serve(seen, "0.0.0.0");
	const struct addr asked[] = { loop_bench_addr("127.0.0.5", server.port),
				      loop_bench_addr("127.0.0.6", server.port) };
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.1");
	(void)state;

	assert_two_are_echoed(seen, &asked[0], 16);
	assert_int_equal(call_cuts, 6);

	/* one client asks two addresses of ours */
	seen->count = 0;
	seen->stop_at = 4;
	for (unsigned i = 0; i < 4; i++) {
		loop_bench_connect(fd, &asked[i / 2]);
		loop_bench_say(fd, "same", 4);
	}
	call_count_reset();
	loop_bench_run(&seen->bench);
	assert_int_equal(call_cuts, 2);
	loop_bench_assert_heard(fd, "same", 4);
	loop_bench_assert_heard(fd, "same", 4);
}

static void where_the_system_does_not_cut_each_reply_goes_by_itself(void **state)
{
	static const int errs[] = { EIO, EINVAL, EMSGSIZE, EOPNOTSUPP };
	(void)state;

	for (unsigned i = 0; i < 4; i++) {
		struct seen *seen = new_seen();
		const struct addr server = serve(seen, i % 2 == 0 ? "127.0.0.1" : "0.0.0.0");
		const struct addr asked = loop_bench_addr("127.0.0.1", server.port);

		call_cut_err = errs[i];
		assert_two_are_echoed(seen, &asked, 16);
		assert_int_equal(call_cuts, 0);
		const unsigned calls = call_count(CALL_SENDMMSG);
		assert_two_are_echoed(seen, &asked, 16);
		assert_int_equal(call_count(CALL_SENDMMSG), 1); /* it is not tried again */
		assert_true(calls > 1);
		call_cut_err = 0;
	}
}

static void who_cannot_be_told_at_all_says_nothing_of_cutting(void **state)
{
	struct seen *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");
	const int fd = client_of("127.0.0.1", &server);
	(void)state;

	call_cut_err = call_alone_err = EINVAL; /* as to port 0 */
	seen->is_echoing = true;
	seen->stop_at = 2;
	loop_bench_say(fd, "same", 4);
	loop_bench_say(fd, "same", 4);
	loop_bench_run(&seen->bench);
	call_cut_err = call_alone_err = 0;
	assert_two_are_echoed(seen, &server, 16);
	assert_int_equal(call_cuts, 6);
}

static void a_system_that_knows_no_cutting_is_not_told_to(void **state)
{
	struct seen *seen = new_seen();
	(void)state;

	call_knows_no_cut = true;
	const struct addr server = serve(seen, "127.0.0.1");
	assert_two_are_echoed(seen, &server, 16);
	assert_int_equal(call_cuts, 0);
	call_knows_no_cut = false;
}

static void replies_too_many_for_one_batch_are_sent_all_the_same(void **state)
{
	struct seen *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");
	const int fd = client_of("127.0.0.1", &server);
	static uint8_t payload[UDP_SERVER_MAX], heard[UDP_SERVER_MAX + 1];
	(void)state;

	seen->is_echoing = true;
	seen->stop_at = 20; /* 80 KB */
	for (size_t i = 0; i < seen->stop_at; i++) {
		memset(payload, (int)i, sizeof(payload));
		loop_bench_say(fd, payload, sizeof(payload));
	}
	loop_bench_run(&seen->bench);
	for (size_t i = 0; i < seen->stop_at; i++) {
		assert_int_equal(recv(fd, heard, sizeof(heard), 0), UDP_SERVER_MAX);
		assert_int_equal(heard[UDP_SERVER_MAX - 1], i);
	}
}

static void what_is_too_long_is_cut(void **state)
{
	struct seen *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");
	const int fd = client_of("127.0.0.1", &server);
	static const uint8_t payload[UDP_SERVER_MAX + 1];
	(void)state;

	seen->stop_at = 3;
	loop_bench_say(fd, payload, UDP_SERVER_MAX + 1);
	loop_bench_say(fd, payload, UDP_SERVER_MAX);
	loop_bench_say(fd, payload, 0);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->datagrams[0].len, UDP_SERVER_MAX);
	assert_int_equal(seen->datagrams[1].len, UDP_SERVER_MAX);
	assert_int_equal(seen->datagrams[2].len, 0);
}

static void CF_19_a_client_that_has_gone_disturbs_nobody(void **state)
{
	struct seen *seen = new_seen();
	const struct addr server = serve(seen, "0.0.0.0");
	const struct addr asked = loop_bench_addr("127.0.0.1", server.port);
	const int fd = client_of("127.0.0.2", &asked);
	(void)state;

	seen->is_echoing = true;
	for (unsigned round = 0; round < 20; round++) {
		const int gone = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_true(gone >= 0);
		loop_bench_connect(gone, &asked);
		const ssize_t said = send(gone, "gone", 4, 0);
		close(gone);
		assert_int_equal(said, 4);
		loop_bench_say(fd, "here", 4);
		seen->count = 0;
		seen->stop_at = 2;
		loop_bench_run(&seen->bench);
		loop_bench_assert_heard(fd, "here", 4);
	}
}

static void a_server_may_be_freed_from_its_callback(void **state)
{
	struct seen *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");
	const int fd = client_of("127.0.0.1", &server);
	(void)state;

	seen->is_echoing = true;
	seen->is_freeing = true;
	loop_bench_say(fd, "first", 5);
	loop_bench_say(fd, "second", 6);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->count, 1);
	loop_bench_assert_heard(fd, "first", 5);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_taken_port_is_refused),
	cmocka_unit_test(an_address_of_nobody_here_is_refused),
	cmocka_unit_test(a_query_is_told_with_both_ends),
	cmocka_unit_test(CF_20_a_reply_comes_from_the_address_that_was_asked),
	cmocka_unit_test(CF_20_so_does_one_that_is_sent_later),
	cmocka_unit_test(what_is_sent_later_leaves_together),
	cmocka_unit_test(what_has_not_left_leaves_before_the_server_goes),
	cmocka_unit_test(replies_of_two_servers_go_each_from_its_own),
	cmocka_unit_test(both_wildcards_share_a_port),
	cmocka_unit_test(what_shares_a_wildcard_gets_all_once_another_leaves),
	cmocka_unit_test(every_query_of_a_burst_is_answered),
	cmocka_unit_test(what_is_alike_and_for_one_client_is_cut_by_the_system),
	cmocka_unit_test(CF_20_so_does_what_the_system_cuts),
	cmocka_unit_test(where_the_system_does_not_cut_each_reply_goes_by_itself),
	cmocka_unit_test(who_cannot_be_told_at_all_says_nothing_of_cutting),
	cmocka_unit_test(a_system_that_knows_no_cutting_is_not_told_to),
	cmocka_unit_test(replies_too_many_for_one_batch_are_sent_all_the_same),
	cmocka_unit_test(what_is_too_long_is_cut),
	cmocka_unit_test(CF_19_a_client_that_has_gone_disturbs_nobody),
	cmocka_unit_test(a_server_may_be_freed_from_its_callback),
};
UNIT_MAIN(tests)
