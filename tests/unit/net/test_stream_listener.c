#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "loop_bench.h"
#include "net/stream.h"
#include "stream_bench.h"
#include "unit.h"

/* --- the listener --- */

static void both_ends_are_known(void **state)
{
	struct stream_bench *seen = new_seen();
	const struct addr server = serve(seen, "0.0.0.0");
	const struct addr asked = loop_bench_addr("127.0.0.9", server.port);
	(void)state;

	seen->fd = loop_bench_socket(SOCK_STREAM, "127.0.0.3");
	loop_bench_connect(seen->fd, &asked);
	seen->stops_on_accept = true;
	loop_bench_run(&seen->bench);
	const struct addr from = loop_bench_local(seen->fd);
	assert_non_null(seen->stream);
	const struct addr peer = stream_peer(seen->stream), local = stream_local(seen->stream);
	assert_true(addr_equal(&peer, &from));
	assert_true(addr_equal(&local, &asked));
}

static void a_port_with_a_listener_is_refused(void **state)
{
	struct stream_bench *seen = new_seen();
	struct stream_listener *second = NULL;
	const struct addr server = serve(seen, "127.0.0.1");
	(void)state;

	const int err = stream_listener_new(seen->bench.loop, &server, on_accept, seen, &second);
	unit_own(second, stream_listener_free);
	assert_true(err == -EADDRINUSE || unit_is_starved());
}

static void listeners_of_both_families_share_a_port(void **state)
{
	struct stream_bench *seen = new_seen();
	struct stream_listener *second = NULL;
	struct addr both = serve(seen, "0.0.0.0");
	(void)state;

	both = loop_bench_addr("::", both.port);
	assert_int_equal(stream_listener_new(seen->bench.loop, &both, on_accept, seen, &second), 0);
	unit_own(second, stream_listener_free);
}

static void the_accept_callback_may_free_the_stream_and_the_listener(void **state)
{
	struct stream_bench *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");
	(void)state;

	seen->frees_on_accept = true;
	seen->stops_on_accept = true;
	for (unsigned i = 0; i < 2; i++) {
		seen->fd = loop_bench_socket(SOCK_STREAM, "127.0.0.1");
		loop_bench_connect(seen->fd, &server);
	}
	seen->frees_listener = true;
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->accepted, 1);
	assert_closed(seen);
}

static uint64_t cpu_us(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * USEC_PER_SEC +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void restore_limit(const struct rlimit *limit)
{
	setrlimit(RLIMIT_NOFILE, limit);
}

static void at_the_descriptor_limit_accepting_waits_and_goes_on(void **state)
{
	struct stream_bench *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");
	struct rlimit *limit = unit_zalloc(sizeof(*limit));
	(void)state;

	seen->fd = loop_bench_socket(SOCK_STREAM, "127.0.0.1");
	loop_bench_connect(seen->fd, &server);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, limit), 0);
	unit_own(limit, restore_limit);
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = limit->rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	const uint64_t start_us = cpu_us();
	loop_bench_pass(&seen->bench, 60000);
	assert_int_equal(seen->accepted, 0);
	assert_in_range(seen->refused, 1,
			5); /* it is looked at again, more often where we are late */
	assert_true(cpu_us() - start_us < 30000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, limit), 0);
	seen->stops_on_accept = true;
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->accepted, 1);
}

static void RX_16_some_descriptors_are_left_for_files(void **state)
{
	struct stream_bench *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");
	struct loop_sockets sockets = { .max_incoming = 1 };
	(void)state;

	loop_limit_sockets(seen->bench.loop, &sockets);
	seen->fd = loop_bench_socket(SOCK_STREAM, "127.0.0.1");
	loop_bench_connect(seen->fd, &server);
	loop_bench_pass(&seen->bench, 20000);
	assert_int_equal(seen->accepted, 0);
	assert_in_range(seen->refused, 1,
			5); /* it is looked at again, more often where we are late */
	sockets.max_incoming = 100000;
	loop_limit_sockets(seen->bench.loop, &sockets);
	const int second = loop_bench_socket(SOCK_STREAM, "127.0.0.1");
	loop_bench_connect(second, &server);
	seen->stops_on_accept = true;
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->accepted, 1);
}

/* --- outgoing --- */

static void connect_so(struct stream_bench *seen, const struct conf_server *server)
{
	assert_int_equal(
		stream_connect(seen->bench.loop, server, &stream_bench_events, seen, &seen->stream),
		0);
	assert_int_equal(seen->connects + seen->breaks, 0);
}

static void connect_to(struct stream_bench *seen, const struct addr *server)
{
	const struct conf_server how = { .addr = *server };

	connect_so(seen, &how);
}

static void connects_sends_what_was_queued_and_hears(void **state)
{
	struct stream_bench *seen = new_seen();
	const int listener = loop_bench_socket(SOCK_STREAM, "127.0.0.1");
	const struct addr server = loop_bench_local(listener);
	(void)state;

	assert_int_equal(listen(listener, 1), 0);
	connect_to(seen, &server);
	assert_int_equal(stream_send(seen->stream, (const uint8_t *)"abc", 3), 0);
	seen->stops_on_drained = true;
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->connects, 1);
	int *accepted = unit_zalloc(sizeof(*accepted));
	*accepted = seen->fd = accept(listener, NULL, NULL);
	assert_true(seen->fd >= 0);
	unit_own(accepted, loop_bench_close);
	assert_heard(seen, "\0\3abc", 5);
	say(seen, "\0\2hi", 4);
	run_for(seen, 1);
	assert_memory_equal(seen->last, "hi", 2);
}

static void a_refused_connection_is_told_and_not_at_once(void **state)
{
	struct stream_bench *seen = new_seen();
	const struct addr nobody = loop_bench_addr("127.0.0.1", 1);
	(void)state;

	connect_to(seen, &nobody);
	assert_int_equal(stream_send(seen->stream, (const uint8_t *)"abc", 3), 0);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->breaks, 1);
	assert_int_equal(seen->err, -ECONNREFUSED);
	assert_int_equal(seen->connects, 0);
}

static void connects_from_the_source_address_and_by_the_interface(void **state)
{
	struct stream_bench *seen = new_seen();
	const int listener = loop_bench_socket(SOCK_STREAM, "127.0.0.5");
	const struct conf_server server = { .addr = loop_bench_local(listener),
					    .source = loop_bench_addr("127.0.0.9", 0),
					    .interface = "lo" };
	(void)state;

	assert_int_equal(listen(listener, 1), 0);
	connect_so(seen, &server);
	const struct addr local = stream_local(seen->stream);
	assert_true(addr_same_host(&local, &server.source));
}

static void FO_15_a_way_that_is_not_here_is_told_and_not_at_once(void **state)
{
	struct stream_bench *seen = new_seen();
	struct conf_server server = { .addr = loop_bench_addr("127.0.0.1", 1),
				      .source = loop_bench_addr("192.0.2.77", 0) };
	(void)state;

	connect_so(seen, &server);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->breaks, 1);
	assert_int_equal(seen->err, -EADDRNOTAVAIL);
	drop_stream(seen);
	seen->breaks = 0;
	server.source = (struct addr){ .family = ADDR_NONE };
	memcpy(server.interface, "none0", sizeof("none0"));
	connect_so(seen, &server);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->err, -ENODEV);
}

static void count_none(void *ctx)
{
	unsigned *count = ctx;

	++*count;
}

static void RX_16_some_descriptors_are_left_for_clients(void **state)
{
	struct stream_bench *seen = new_seen();
	const struct conf_server nobody = { .addr = loop_bench_addr("127.0.0.1", 1) };
	unsigned *none = unit_zalloc(sizeof(*none));
	const struct loop_sockets sockets = { .max_outgoing = 1,
					      .on_none = count_none,
					      .ctx = none };
	(void)state;

	loop_limit_sockets(seen->bench.loop, &sockets);
	assert_int_equal(stream_connect(seen->bench.loop, &nobody, &stream_bench_events, seen,
					&seen->stream),
			 -EMFILE);
	assert_int_equal(*none, 1);
	assert_null(seen->stream);
}

static void freed_while_it_connects(void **state)
{
	struct stream_bench *seen = new_seen();
	const struct addr nobody = loop_bench_addr("127.0.0.1", 1);
	(void)state;

	connect_to(seen, &nobody);
	drop_stream(seen);
	connect_to(seen, &nobody);
	stream_finish(seen->stream, USEC_PER_SEC);
	seen->stream = NULL;
	loop_bench_pass(&seen->bench, 2000);
	assert_int_equal(seen->breaks, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(both_ends_are_known),
	cmocka_unit_test(a_port_with_a_listener_is_refused),
	cmocka_unit_test(listeners_of_both_families_share_a_port),
	cmocka_unit_test(the_accept_callback_may_free_the_stream_and_the_listener),
	cmocka_unit_test(at_the_descriptor_limit_accepting_waits_and_goes_on),
	cmocka_unit_test(RX_16_some_descriptors_are_left_for_files),
	cmocka_unit_test(RX_16_some_descriptors_are_left_for_clients),
	cmocka_unit_test(connects_sends_what_was_queued_and_hears),
	cmocka_unit_test(a_refused_connection_is_told_and_not_at_once),
	cmocka_unit_test(connects_from_the_source_address_and_by_the_interface),
	cmocka_unit_test(FO_15_a_way_that_is_not_here_is_told_and_not_at_once),
	cmocka_unit_test(freed_while_it_connects),
};
UNIT_MAIN(tests)
