#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "call_count.h"
#include "loop_bench.h"
#include "net/udp.h"
#include "unit.h"

#define LONGEST 65507u

struct seen {
	struct loop_bench bench;
	struct udp_client *client, *other;
	unsigned count, stop_at;
	size_t lens[4]; /* of the first ones */
	uint8_t bytes[4][64];
	int err;
	bool is_freeing;
};

static void free_clients(struct seen *seen)
{
	udp_client_free(seen->client);
	udp_client_free(seen->other);
}

static struct seen *new_seen(void)
{
	struct seen *seen = unit_zalloc(sizeof(*seen));

	loop_bench_init(&seen->bench);
	unit_own(seen, free_clients);
	seen->stop_at = 1;
	return seen;
}

static void on_reply(void *ctx, int err, uint8_t *wire, size_t wire_len)
{
	struct seen *seen = ctx;

	seen->err = err;
	if (seen->count < 4 && err == 0) {
		seen->lens[seen->count] = wire_len;
		memcpy(seen->bytes[seen->count], wire,
		       wire_len < sizeof(seen->bytes[0]) ? wire_len : sizeof(seen->bytes[0]));
	}
	if (++seen->count == seen->stop_at)
		loop_stop(seen->bench.loop);
	if (seen->is_freeing) {
		udp_client_free(seen->client);
		seen->client = NULL;
	}
}

static void put(struct udp_client *client, const char *text)
{
	assert_int_equal(udp_client_send(client, (const uint8_t *)text, strlen(text)), 0);
}

static void end_turn(struct seen *seen)
{
	loop_bench_pass(&seen->bench, 0);
}

static void open_so(struct seen *seen, const struct conf_server *server, struct udp_client **client)
{
	assert_int_equal(udp_client_new(seen->bench.loop, server, on_reply, seen, client), 0);
	assert_non_null(*client);
}

static void ask_so(struct seen *seen, const struct conf_server *server, const char *text)
{
	open_so(seen, server, &seen->client);
	put(seen->client, text);
	end_turn(seen);
}

static void ask(struct seen *seen, const struct addr *server, const char *text)
{
	const struct conf_server how = { .addr = *server };

	ask_so(seen, &how, text);
}

/* Waits for the question and connects the server's socket to who asked. */
static struct addr asker_of(int fd)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = sizeof(sockaddr);
	uint8_t bytes[64];
	struct addr addr;

	assert_true(recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&sockaddr, &len) > 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sockaddr, &addr), 0);
	return addr;
}

static void a_server_is_asked_and_heard(void **state)
{
	static const char *const addresses[] = { "127.0.0.5", "::1" };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct seen *seen = new_seen();
		const int fd = loop_bench_socket(SOCK_DGRAM, addresses[i]);
		const struct addr server = loop_bench_local(fd);
		ask(seen, &server, "question");
		const struct addr asker = asker_of(fd);
		loop_bench_connect(fd, &asker);
		loop_bench_say(fd, "answer", 6);
		loop_bench_say(fd, "", 0);
		seen->stop_at = 2;
		loop_bench_run(&seen->bench);
		assert_int_equal(seen->err, 0);
		assert_int_equal(seen->lens[0], 6);
		assert_memory_equal(seen->bytes[0], "answer", 6);
		assert_int_equal(seen->lens[1], 0);
	}
}

static void UF_29_what_others_send_is_not_heard(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const int other_port = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const int other_host = loop_bench_socket(SOCK_DGRAM, "127.0.0.6");
	const struct addr server = loop_bench_local(fd);
	(void)state;

	ask(seen, &server, "question");
	const struct addr asker = asker_of(fd);
	loop_bench_connect(other_port, &asker);
	loop_bench_connect(other_host, &asker);
	loop_bench_connect(fd, &asker);
	loop_bench_say(other_port, "forged", 6);
	loop_bench_say(other_host, "forged", 6);
	loop_bench_say(fd, "right", 5);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->lens[0], 5);
	loop_bench_pass(&seen->bench, 5000);
	assert_int_equal(seen->count, 1);
}

static void UF_31_a_closed_port_is_told(void **state)
{
	struct seen *seen = new_seen();
	const struct addr nobody = loop_bench_addr("127.0.0.1", 1);
	(void)state;

	seen->is_freeing = true;
	ask(seen, &nobody, "question");
	assert_int_equal(seen->count, 0);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->err, -ECONNREFUSED);
}

static void a_client_may_be_freed_from_its_callback(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const struct addr server = loop_bench_local(fd);
	(void)state;

	seen->is_freeing = true;
	ask(seen, &server, "question");
	const struct addr asker = asker_of(fd);
	loop_bench_connect(fd, &asker);
	loop_bench_say(fd, "one", 3);
	loop_bench_say(fd, "two", 3);
	loop_bench_run(&seen->bench);
	loop_bench_pass(&seen->bench, 5000);
	assert_int_equal(seen->count, 1);
}

static void the_longest_datagram_arrives_whole(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const struct addr server = loop_bench_local(fd);
	static uint8_t longest[LONGEST];
	(void)state;

	ask(seen, &server, "question");
	const struct addr asker = asker_of(fd);
	loop_bench_connect(fd, &asker);
	loop_bench_say(fd, longest, sizeof(longest));
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->lens[0], sizeof(longest));
}

#define CLIENTS 200u

static void assert_ports_are_random(struct seen *seen, int fd, const struct conf_server *server)
{
	uint16_t ports[CLIENTS];
	unsigned same = 0, neighbours = 0;

	for (size_t i = 0; i < CLIENTS; i++) {
		ask_so(seen, server, "question");
		ports[i] = asker_of(fd).port;
		udp_client_free(seen->client);
		seen->client = NULL;
		for (size_t j = 0; j < i; j++)
			same += ports[j] == ports[i];
		neighbours += i > 0 && ports[i] - ports[i - 1] < 8 && ports[i - 1] - ports[i] < 8;
	}
	/* by chance: 0.7 and 0.1 expected */
	assert_true(same < 12);
	assert_true(neighbours < 8);
}

static void SP_01_source_ports_cannot_be_foreseen(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const struct conf_server server = { .addr = loop_bench_local(fd) };
	const struct conf_server from = { .addr = server.addr,
					  .source = loop_bench_addr("127.0.0.9", 0) };
	(void)state;

	assert_ports_are_random(seen, fd, &server);
	assert_ports_are_random(seen, fd, &from);
}

/* --- the client's way --- */

static void a_server_is_asked_from_the_source_address_and_by_the_interface(void **state)
{
	static const struct {
		const char *server, *source;
	} ways[] = { { "127.0.0.5", "127.0.0.9" }, { "::1", "::1" } };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct seen *seen = new_seen();
		const int fd = loop_bench_socket(SOCK_DGRAM, ways[i].server);
		const struct conf_server server = { .addr = loop_bench_local(fd),
						    .source = loop_bench_addr(ways[i].source, 0),
						    .interface = "lo" };
		ask_so(seen, &server, "question");
		const struct addr asker = asker_of(fd);
		assert_true(addr_same_host(&asker, &server.source));
		loop_bench_connect(fd, &asker);
		loop_bench_say(fd, "answer", 6);
		loop_bench_run(&seen->bench);
		assert_int_equal(seen->err, 0);
		assert_int_equal(seen->lens[0], 6);
	}
}

static void FO_15_a_way_that_is_not_here_is_refused(void **state)
{
	struct seen *seen = new_seen();
	struct udp_client **client = &seen->client;
	struct conf_server server = { .addr = loop_bench_addr("127.0.0.5", 53),
				      .source = loop_bench_addr("192.0.2.77", 0) };
	(void)state;

	assert_int_equal(udp_client_new(seen->bench.loop, &server, on_reply, seen, client),
			 -EADDRNOTAVAIL);
	server.source = (struct addr){ .family = ADDR_NONE };
	memcpy(server.interface, "none0", sizeof("none0"));
	assert_int_equal(udp_client_new(seen->bench.loop, &server, on_reply, seen, client),
			 -ENODEV);
}

static void count_none(void *ctx)
{
	unsigned *count = ctx;

	++*count;
}

static void RX_16_no_descriptor_is_told(void **state)
{
	struct seen *seen = new_seen();
	const struct conf_server nobody = { .addr = loop_bench_addr("127.0.0.1", 1) };
	unsigned *none = unit_zalloc(sizeof(*none));
	struct loop_sockets sockets = { .max_outgoing = 1, .on_none = count_none, .ctx = none };
	(void)state;

	loop_limit_sockets(seen->bench.loop, &sockets);
	const int err = udp_client_new(seen->bench.loop, &nobody, on_reply, seen, &seen->client);
	assert_true(err == -EMFILE || unit_is_starved());
	assert_null(seen->client);
	assert_int_equal(*none, 1);
	sockets.max_outgoing = 100000;
	loop_limit_sockets(seen->bench.loop, &sockets);
	assert_int_equal(udp_client_new(seen->bench.loop, &nobody, on_reply, seen, &seen->client),
			 0);
	assert_int_equal(*none, 1);
}

static void it_is_known_from_where_a_server_would_be_asked(void **state)
{
	struct conf_server server = { .addr = loop_bench_addr("127.0.0.1", 53) };
	struct addr source;
	(void)state;

	assert_int_equal(udp_client_source(&server, &source), 0);
	assert_true(addr_same_host(&source, &server.addr));
	assert_int_equal(source.port, 0);
	server.source = loop_bench_addr("127.0.0.9", 0);
	assert_int_equal(udp_client_source(&server, &source), 0);
	assert_true(addr_same_host(&source, &server.source));
	server.source = loop_bench_addr("192.0.2.9", 0);
	assert_int_equal(udp_client_source(&server, &source), -EADDRNOTAVAIL);
}

/* --- together --- */

#define MANY 40u

static void what_is_asked_in_one_turn_leaves_in_one_call(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const struct conf_server server = { .addr = loop_bench_local(fd) };
	(void)state;

	open_so(seen, &server, &seen->client);
	call_count_reset();
	for (unsigned i = 0; i < MANY; i++)
		put(seen->client, i % 2 == 0 ? "one" : "two");
	assert_int_equal(call_count(CALL_SENDMMSG), 0);
	end_turn(seen);
	assert_int_equal(call_count(CALL_SENDMMSG), 1);
	for (unsigned i = 0; i < MANY; i++)
		loop_bench_assert_heard(fd, i % 2 == 0 ? "one" : "two", 3);
	end_turn(seen);
	assert_int_equal(call_count(CALL_SENDMMSG), 1);
}

static void each_socket_has_a_call_of_its_own(void **state)
{
	struct seen *seen = new_seen();
	const int one = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const int two = loop_bench_socket(SOCK_DGRAM, "127.0.0.6");
	const struct conf_server first = { .addr = loop_bench_local(one) };
	const struct conf_server second = { .addr = loop_bench_local(two) };
	(void)state;

	open_so(seen, &first, &seen->client);
	open_so(seen, &second, &seen->other);
	call_count_reset();
	for (unsigned i = 0; i < MANY; i++)
		put(i % 3 == 0 ? seen->client : seen->other, i % 3 == 0 ? "one" : "other");
	end_turn(seen);
	assert_int_equal(call_count(CALL_SENDMMSG), 2);
	for (unsigned i = 0; i < MANY; i++)
		loop_bench_assert_heard(i % 3 == 0 ? one : two, i % 3 == 0 ? "one" : "other",
					i % 3 == 0 ? 3 : 5);
}

static void more_than_waits_for_the_end_of_a_turn_leaves_sooner(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const struct conf_server server = { .addr = loop_bench_local(fd) };
	static uint8_t large[4000], heard[sizeof(large) + 1];
	(void)state;

	open_so(seen, &server, &seen->client);
	call_count_reset();
	for (unsigned i = 0; i < 100; i++)
		put(seen->client, "small");
	assert_int_equal(call_count(CALL_SENDMMSG), 1);
	for (unsigned i = 0; i < 100; i++) {
		if (i == 64)
			end_turn(seen);
		loop_bench_assert_heard(fd, "small", 5);
	}
	for (unsigned i = 0; i < 9; i++) {
		memset(large, (int)i, sizeof(large));
		assert_int_equal(udp_client_send(seen->client, large, sizeof(large)), 0);
	}
	end_turn(seen);
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(recv(fd, heard, sizeof(heard), 0), sizeof(large));
		assert_int_equal(heard[sizeof(large) - 1], i);
	}
}

static void what_nobody_could_take_is_refused(void **state)
{
	struct seen *seen = new_seen();
	const struct conf_server server = { .addr = loop_bench_addr("127.0.0.5", 53) };
	static const uint8_t wire[UDP_CLIENT_MAX + 1];
	(void)state;

	open_so(seen, &server, &seen->client);
	assert_int_equal(udp_client_send(seen->client, wire, sizeof(wire)), -EMSGSIZE);
}

static void what_one_that_was_freed_had_to_send_does_not_leave(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const struct conf_server server = { .addr = loop_bench_local(fd) };
	(void)state;

	open_so(seen, &server, &seen->client);
	open_so(seen, &server, &seen->other);
	put(seen->client, "freed");
	put(seen->other, "other");
	put(seen->client, "freed");
	udp_client_free(seen->client);
	seen->client = NULL;
	end_turn(seen);
	loop_bench_assert_heard(fd, "other", 5);
	assert_int_equal(recv(fd, (uint8_t[8]){ 0 }, 8, MSG_DONTWAIT), -1);
	put(seen->other, "again");
	end_turn(seen);
	loop_bench_assert_heard(fd, "again", 5);
}

static void a_burst_of_replies_takes_two_calls(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const struct addr server = loop_bench_local(fd);
	(void)state;

	ask(seen, &server, "question");
	const struct addr asker = asker_of(fd);
	loop_bench_connect(fd, &asker);
	for (unsigned i = 0; i < MANY; i++)
		loop_bench_say(fd, "reply", 5);
	seen->stop_at = MANY;
	call_count_reset();
	loop_bench_run(&seen->bench);
	assert_int_equal(call_count(CALL_RECVMMSG), 2);
	assert_int_equal(seen->count, MANY);
}

/* The first is longer than any that was asked for, and so is the last. */
static void of_several_that_are_too_long_one_is_whole(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const struct addr server = loop_bench_local(fd);
	static uint8_t long_one[8000];
	(void)state;

	ask(seen, &server, "question");
	const struct addr asker = asker_of(fd);
	loop_bench_connect(fd, &asker);
	loop_bench_say(fd, long_one, 5000);
	loop_bench_say(fd, "short", 5);
	loop_bench_say(fd, long_one, 4096);
	loop_bench_say(fd, long_one, sizeof(long_one));
	seen->stop_at = 4;
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->lens[0], 4096);
	assert_int_equal(seen->lens[1], 5);
	assert_memory_equal(seen->bytes[1], "short", 5);
	assert_int_equal(seen->lens[2], 4096);
	assert_int_equal(seen->lens[3], sizeof(long_one));
}

/* --- cut by the system --- */

/* Texts of all lengths up to 32, and one that is longer than any link takes; among others so many
 * alike. `heard` says how often each length has come. */
static void assert_all_arrive(struct seen *seen, int fd, unsigned alike)
{
	static uint8_t text[3000], heard_text[4000];
	unsigned heard[sizeof(text) + 1] = { 0 };

	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)('a' + i % 26);
	for (unsigned i = 1; i <= 32; i++) {
		assert_int_equal(udp_client_send(seen->client, text, i), 0);
		if (i <= alike)
			assert_int_equal(udp_client_send(seen->client, text, 20), 0);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(udp_client_send(seen->client, text, sizeof(text)), 0);
	end_turn(seen);
	for (unsigned i = 0; i < 34 + alike; i++) {
		const ssize_t len = recv(fd, heard_text, sizeof(heard_text), 0);

		assert_in_range(len, 1, sizeof(text));
		assert_memory_equal(heard_text, text, (size_t)len);
		heard[len]++;
	}
	for (unsigned i = 1; i <= 32; i++)
		assert_int_equal(heard[i], i == 20 ? alike + 1 : 1);
	assert_int_equal(heard[sizeof(text)], 2);
}

static void what_is_equally_long_is_cut_by_the_system(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const struct conf_server server = { .addr = loop_bench_local(fd) };
	(void)state;

	call_cut_err = 0;
	open_so(seen, &server, &seen->client);
	call_count_reset();
	assert_all_arrive(seen, fd, 28);
	assert_int_equal(call_count(CALL_SENDMMSG), 1);
	assert_int_equal(call_cuts, 1); /* but not what is too long for that */
}

static void where_the_system_cuts_nothing_each_goes_by_itself(void **state)
{
	static const int errs[] = { EIO, EINVAL, EMSGSIZE, EOPNOTSUPP };
	(void)state;

	for (unsigned i = 0; i < 4; i++) {
		struct seen *seen = new_seen();
		const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
		const struct conf_server server = { .addr = loop_bench_local(fd) };

		open_so(seen, &server, &seen->client);
		call_cut_err = errs[i];
		call_count_reset();
		assert_all_arrive(seen, fd, 28);
		assert_in_range(call_count(CALL_SENDMMSG), 2, 3);
		assert_all_arrive(seen, fd, 20); /* and it is not tried again */
		assert_in_range(call_count(CALL_SENDMMSG), 3, 4);
		assert_int_equal(call_cuts, 0);
		call_cut_err = 0;
	}
}

static void a_system_that_has_never_heard_of_cutting_is_not_asked_to(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const struct conf_server server = { .addr = loop_bench_local(fd) };
	(void)state;

	open_so(seen, &server, &seen->client);
	call_knows_no_cut = true;
	call_count_reset();
	assert_all_arrive(seen, fd, 28);
	assert_int_equal(call_cuts, 0);
	call_knows_no_cut = false;
}

static void an_error_is_told_where_the_system_cuts_too(void **state)
{
	struct seen *seen = new_seen();
	const struct addr nobody = loop_bench_addr("127.0.0.1", 1);
	(void)state;

	seen->stop_at = 0;
	ask(seen, &nobody, "question");
	put(seen->client, "again");
	put(seen->client, "alike");
	loop_bench_pass(&seen->bench, 5000);
	assert_int_equal(seen->count, 1);
	assert_int_equal(seen->err, -ECONNREFUSED);
}

/* --- errors of what was sent --- */

static void UF_31_the_error_of_an_earlier_send_is_told_once_and_later(void **state)
{
	struct seen *seen = new_seen();
	const struct addr nobody = loop_bench_addr("127.0.0.1", 1);
	(void)state;

	seen->stop_at = 0;
	ask(seen, &nobody, "question"); /* the answer to which is waiting now */
	put(seen->client, "again");
	put(seen->client, "and again");
	assert_int_equal(seen->count, 0);
	loop_bench_pass(&seen->bench, 5000);
	assert_int_equal(seen->count, 1);
	assert_int_equal(seen->err, -ECONNREFUSED);
	/* the socket is as good as before */
	put(seen->client, "once more");
	loop_bench_pass(&seen->bench, 5000);
	assert_int_equal(seen->count, 2);
}

static void one_that_is_freed_when_it_hears_of_an_error_is_no_trouble(void **state)
{
	struct seen *seen = new_seen();
	const struct addr nobody = loop_bench_addr("127.0.0.1", 1);
	(void)state;

	seen->stop_at = 0;
	ask(seen, &nobody, "question");
	for (unsigned i = 0; i < 100; i++)
		put(seen->client, "again"); /* some of which leave, and fail, at once */
	assert_int_equal(seen->count, 0);
	seen->is_freeing = true;
	loop_bench_pass(&seen->bench, 5000);
	assert_int_equal(seen->count, 1);
	assert_null(seen->client);
}

static void one_that_has_failed_and_is_freed_hears_nothing(void **state)
{
	struct seen *seen = new_seen();
	const struct addr nobody = loop_bench_addr("127.0.0.1", 1);
	(void)state;

	ask(seen, &nobody, "question");
	for (unsigned i = 0; i < 65; i++)
		put(seen->client, "again");
	udp_client_free(seen->client);
	seen->client = NULL;
	loop_bench_pass(&seen->bench, 5000);
	assert_int_equal(seen->count, 0);
}

/* --- closed ones are used again --- */

static void a_hundred_that_come_and_go_stay_themselves(void **state)
{
	struct seen *seen = new_seen();
	const int fd = loop_bench_socket(SOCK_DGRAM, "127.0.0.5");
	const struct conf_server server = { .addr = loop_bench_local(fd) };
	static struct udp_client *clients[100];
	char text[8];
	(void)state;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 100; i++) {
			clients[i] = NULL;
			const int err = udp_client_new(seen->bench.loop, &server, on_reply, seen,
						       &clients[i]);
			if (err != 0)
				continue; /* memory is short */
			(void)snprintf(text, sizeof(text), "%u", i);
			put(clients[i], text);
		}
		end_turn(seen);
		for (unsigned i = 0; i < 100; i++) {
			(void)snprintf(text, sizeof(text), "%u", i);
			if (clients[i] != NULL)
				loop_bench_assert_heard(fd, text, strlen(text));
		}
		for (unsigned i = 0; i < 100; i++)
			udp_client_free(clients[i]);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(it_is_known_from_where_a_server_would_be_asked),
	cmocka_unit_test(a_server_is_asked_and_heard),
	cmocka_unit_test(UF_29_what_others_send_is_not_heard),
	cmocka_unit_test(UF_31_a_closed_port_is_told),
	cmocka_unit_test(a_client_may_be_freed_from_its_callback),
	cmocka_unit_test(the_longest_datagram_arrives_whole),
	cmocka_unit_test(SP_01_source_ports_cannot_be_foreseen),
	cmocka_unit_test(a_server_is_asked_from_the_source_address_and_by_the_interface),
	cmocka_unit_test(FO_15_a_way_that_is_not_here_is_refused),
	cmocka_unit_test(RX_16_no_descriptor_is_told),
	cmocka_unit_test(what_is_asked_in_one_turn_leaves_in_one_call),
	cmocka_unit_test(each_socket_has_a_call_of_its_own),
	cmocka_unit_test(more_than_waits_for_the_end_of_a_turn_leaves_sooner),
	cmocka_unit_test(what_nobody_could_take_is_refused),
	cmocka_unit_test(what_one_that_was_freed_had_to_send_does_not_leave),
	cmocka_unit_test(a_burst_of_replies_takes_two_calls),
	cmocka_unit_test(of_several_that_are_too_long_one_is_whole),
	cmocka_unit_test(what_is_equally_long_is_cut_by_the_system),
	cmocka_unit_test(where_the_system_cuts_nothing_each_goes_by_itself),
	cmocka_unit_test(a_system_that_has_never_heard_of_cutting_is_not_asked_to),
	cmocka_unit_test(an_error_is_told_where_the_system_cuts_too),
	cmocka_unit_test(UF_31_the_error_of_an_earlier_send_is_told_once_and_later),
	cmocka_unit_test(one_that_is_freed_when_it_hears_of_an_error_is_no_trouble),
	cmocka_unit_test(one_that_has_failed_and_is_freed_hears_nothing),
	cmocka_unit_test(a_hundred_that_come_and_go_stay_themselves),
};
UNIT_MAIN(tests)
