/* local_bench.h: a directory of its own, and a client at the other end of a local socket: plain,
 * and blocking for a while only. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop_bench.h"
#include "unit.h"

static char local_bench_directory[64];

static inline int local_bench_make_directory(void **state)
{
	(void)state;
	snprintf(local_bench_directory, sizeof(local_bench_directory), "/tmp/local.XXXXXX");
	return mkdtemp(local_bench_directory) != NULL ? 0 : -1;
}

static inline int local_bench_remove_directory(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", local_bench_directory);
	return system(command);
}

static inline const char *local_bench_path(const char *name)
{
	static char paths[4][256];
	static unsigned at;
	char *path = paths[at++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", local_bench_directory, name);
	return path;
}

static inline struct sockaddr_un local_bench_address(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", local_bench_path(name));
	return at;
}

static inline int local_bench_socket_of(int type)
{
	const struct timeval patience = { .tv_sec = 2 };
	int *fd = unit_zalloc(sizeof(*fd));

	*fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	assert_true(*fd >= 0);
	unit_own(fd, loop_bench_close);
	assert_int_equal(setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return *fd;
}

static inline int local_bench_connect(const char *name)
{
	const struct sockaddr_un at = local_bench_address(name);
	const int fd = local_bench_socket_of(SOCK_STREAM);

	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Nothing is at the other end any more; what was sent before may still be read. */
static inline bool local_bench_is_closed(int fd)
{
	char byte;
	const ssize_t len = recv(fd, &byte, 1, MSG_DONTWAIT);

	return len == 0 || (len < 0 && errno == ECONNRESET);
}

static inline void local_bench_say(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}
