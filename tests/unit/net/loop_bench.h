/* loop_bench.h: a loop for one test, that is run until something has happened.
 *
 * Callbacks of a test do not assert: they note what came and stop the loop. */
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/addr.h"
#include "net/loop.h"
#include "unit.h"

#define LOOP_BENCH_LIMIT_US (5u * USEC_PER_SEC)
/* Where memory was short nobody may come to stop the loop any more. */
#define LOOP_BENCH_STARVED_US 150000u
#define LOOP_BENCH_LOOK_US 20000u

struct loop_bench {
	struct loop *loop;
	struct timer look;
	uint64_t limit_us, starved_us; /* left */
	bool has_run_out;
};

static inline void loop_bench_on_look(void *ctx)
{
	struct loop_bench *bench = ctx;
	const uint64_t left_us = unit_is_starved() && bench->starved_us < bench->limit_us
					 ? bench->starved_us
					 : bench->limit_us;
	const uint64_t next_us = left_us < LOOP_BENCH_LOOK_US ? left_us : LOOP_BENCH_LOOK_US;

	if (left_us == 0) {
		bench->has_run_out = true;
		loop_stop(bench->loop);
		return;
	}
	bench->limit_us -= next_us;
	bench->starved_us -= bench->starved_us < next_us ? bench->starved_us : next_us;
	timer_start(loop_timers(bench->loop), &bench->look, next_us);
}

static inline void loop_bench_init(struct loop_bench *bench)
{
	assert_int_equal(loop_new(&bench->loop), 0);
	unit_own(bench->loop, loop_free);
	timer_init(&bench->look, loop_bench_on_look, bench);
}

/* Runs until loop_stop(); false where that did not come in time. */
static inline bool loop_bench_runs(struct loop_bench *bench, uint64_t limit_us)
{
	bench->has_run_out = false;
	bench->limit_us = limit_us;
	bench->starved_us = LOOP_BENCH_STARVED_US;
	loop_bench_on_look(bench);
	const int err = loop_run(bench->loop);
	timer_stop(loop_timers(bench->loop), &bench->look);
	return err == 0 && !bench->has_run_out;
}

/* The same, where it must come. */
static inline void loop_bench_run(struct loop_bench *bench)
{
	assert_true(loop_bench_runs(bench, LOOP_BENCH_LIMIT_US));
}

static inline void loop_bench_pass(struct loop_bench *bench, uint64_t us)
{
	assert_false(loop_bench_runs(bench, us));
}

static inline struct addr loop_bench_addr(const char *text, uint16_t port)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, 1, &addr), 0);
	addr.port = port;
	return addr;
}

/* --- sockets of the other side: plain, and blocking for a while only --- */

static inline void loop_bench_close(const int *fd)
{
	close(*fd);
}

static inline int loop_bench_socket(int type, const char *bind_to)
{
	const struct addr addr = loop_bench_addr(bind_to, 0);
	const struct timeval patience = { .tv_sec = 2 };
	struct sockaddr_storage sockaddr;
	const socklen_t len = addr_to_sockaddr(&addr, &sockaddr);
	int *fd = unit_zalloc(sizeof(*fd));

	*fd = socket(sockaddr.ss_family, type | SOCK_CLOEXEC, 0);
	assert_true(*fd >= 0);
	unit_own(fd, loop_bench_close);
	assert_int_equal(setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&sockaddr, len), 0);
	return *fd;
}

/* Resets a TCP connection; the descriptor stays, as one of nothing. */
static inline void loop_bench_hang_up(int fd)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	const int nothing = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	assert_true(nothing >= 0);
	dup3(nothing, fd, O_CLOEXEC);
	close(nothing);
}

static inline struct addr loop_bench_local(int fd)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = sizeof(sockaddr);
	struct addr addr;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sockaddr, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sockaddr, &addr), 0);
	return addr;
}

static inline void loop_bench_connect(int fd, const struct addr *to)
{
	struct sockaddr_storage sockaddr;
	const socklen_t len = addr_to_sockaddr(to, &sockaddr);

	assert_int_equal(connect(fd, (struct sockaddr *)&sockaddr, len), 0);
}

static inline void loop_bench_say(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, 0), len);
}

static inline void loop_bench_assert_heard(int fd, const void *bytes, size_t len)
{
	uint8_t heard[256];

	assert_int_equal(recv(fd, heard, sizeof(heard), 0), len);
	assert_memory_equal(heard, bytes, len);
}
