/* Preloaded into the program under test: does what somebody would who had got into it, at the first
 * question that comes, and says on stderr how each attempt ended. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

static volatile sig_atomic_t was_caught;

/* The filter of a build for tests kills: here it is enough to know that it would have. */
static void on_caught(int number)
{
	(void)number;
	was_caught = 1;
}

static void tell(const char *what, long done)
{
	char line[128];
	const int len = snprintf(line, sizeof(line), "notice: intruder: %s: %s\n", what,
				 was_caught || done < 0 ? "refused" : "DONE");

	if (write(STDERR_FILENO, line, (size_t)len) != len)
		_exit(1);
	was_caught = 0;
}

static long all_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];

	memset(words, 0xff, sizeof(words));
	return syscall(SYS_capset, &header, words);
}

static void intrude(void)
{
	const struct sigaction catch = { .sa_handler = on_caught };
	const gid_t roots = 0;

	sigaction(SIGSYS, &catch, NULL);
	tell("setuid", syscall(SYS_setuid, 0));
	tell("seteuid", syscall(SYS_setresuid, -1, 0, -1));
	tell("setgid", syscall(SYS_setgid, 0));
	tell("setgroups", syscall(SYS_setgroups, 1, &roots));
	tell("capset", all_capabilities());
	tell("shadow", syscall(SYS_openat, AT_FDCWD, "/etc/shadow", O_RDONLY));
	tell("write", syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_WRONLY));
	tell("chroot", syscall(SYS_chroot, "/"));
	tell("end", -1);
}

EXPORTED int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
		      struct timespec *timeout)
{
	static atomic_flag has_begun = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&has_begun))
		intrude();
	return (int)syscall(SYS_recvmmsg, fd, messages, count, flags, timeout);
}
