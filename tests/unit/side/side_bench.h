/* side_bench.h: a time that may jump, in place of the clock in base/, and what a client has been
 * told so far. */
#pragma once

#include <errno.h>
#include <time.h>

#include "net/local_bench.h"

static uint64_t skew_us;

void clock_tick(struct clock *clock)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	clock->now_us =
		(uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000 + skew_us;
}

struct reply {
	size_t len;
	bool is_closed;
	char text[2 << 20];
};

/* What is there, and no waiting for more. */
static inline void reply_take(struct reply *reply, int fd)
{
	for (;;) {
		const ssize_t len = recv(fd, reply->text + reply->len,
					 sizeof(reply->text) - 1 - reply->len, MSG_DONTWAIT);
		if (len <= 0) {
			reply->is_closed = len == 0 || errno == ECONNRESET;
			return;
		}
		reply->len += (size_t)len;
	}
}

/* What has come after so many turns of the loop, fewer where it is closed before; good until the
 * next call. */
static inline const struct reply *reply_after(struct loop_bench *bench, int fd, unsigned turns)
{
	static struct reply reply;

	memset(&reply, 0, sizeof(reply));
	for (unsigned i = 0; i < turns && !reply.is_closed; i++) {
		loop_bench_pass(bench, 1000);
		reply_take(&reply, fd);
	}
	return &reply;
}
