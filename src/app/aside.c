#include "app/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static bool write_all(int fd, const void *bytes, size_t size)
{
	for (const char *at = bytes; size > 0;) {
		const ssize_t done = write(fd, at, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		size -= (size_t)done;
	}
	return true;
}

static bool read_all(int fd, void *bytes, size_t size)
{
	for (char *at = bytes; size > 0;) {
		const ssize_t done = read(fd, at, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		size -= (size_t)done;
	}
	return true;
}

/* The child holds our sockets: it must not outlive us, whatever it waits for. */
static _Noreturn void be_child(int out, aside_fn fn, const void *ctx, void *result, size_t size)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	const ssize_t len = fn(ctx, result, size);
	const bool is_told = write_all(out, &len, sizeof(len)) &&
			     (len <= 0 || write_all(out, result, (size_t)len));
	_exit(is_told ? 0 : 1);
}

ssize_t aside_run(aside_fn fn, const void *ctx, void *result, size_t size)
{
	int ends[2];
	ssize_t len = -ECHILD;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	const pid_t child = fork();
	if (child == 0)
		be_child(ends[1], fn, ctx, result, size);
	const int err = child < 0 ? -errno : 0;
	close(ends[1]);
	if (child > 0) {
		if (!read_all(ends[0], &len, sizeof(len)) ||
		    (len > 0 && ((size_t)len > size || !read_all(ends[0], result, (size_t)len))))
			len = -ECHILD;
		/* gone already where the parent ignores SIGCHLD, as ours may have had us do */
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	close(ends[0]);
	return err != 0 ? err : len;
}
