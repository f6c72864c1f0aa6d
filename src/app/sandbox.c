#include "app/sandbox.h"

#include <errno.h>

#if COURIERDNS_SECCOMP && !defined(COURIERDNS_SANITIZED)
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "app/aside.h"
#include "base/mem.h"

/* By name, for not each system has all of them; what this libseccomp has not heard of is left out.
 * On 32 bits and in musl the same is done by others: those are in here too. */
static const char calls[] =
	/* sockets; recv and send are those of arm */
	"accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg "
	"recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown "
	/* the loop, its bells, signals that become readable; what watches files */
	"epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 "
	"inotify_add_watch inotify_init inotify_init1 inotify_rm_watch pipe pipe2 poll ppoll "
	"ppoll_time64 pselect6 pselect6_time64 select _newselect signalfd4 socketpair timerfd_create "
	"timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 "
	/* descriptors and files: configuration, resolv.conf, /proc; lines of the log */
	"_llseek access close dup dup2 dup3 faccessat faccessat2 fcntl fcntl64 fstat fstat64 fstatat64 "
	"getcwd getdents getdents64 lseek lstat lstat64 newfstatat pread64 read readlink readlinkat "
	"readv stat stat64 statx write writev "
	/* the control socket, which moves */
	"mkdir mkdirat umask unlink unlinkat "
	/* memory */
	"brk madvise mincore mremap munmap "
	/* time, and chance */
	"clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
	"clock_nanosleep_time64 getrandom gettimeofday nanosleep time "
	/* threads that a reload starts; their end, and that of the program */
	"exit exit_group futex futex_time64 get_robust_list membarrier rseq sched_getaffinity "
	"sched_yield set_robust_list set_tid_address "
	/* signals */
	"restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack sigprocmask sigreturn "
	/* who and where we are */
	"getegid getegid32 geteuid geteuid32 getgid getgid32 getpid getppid getrlimit getrusage gettid "
	"getuid getuid32 setrlimit sysinfo ugetrlimit uname";

#define NAME_MAX_LEN 32u
#define FILTER_SIZE sizeof(struct sock_filter) /* of one of its instructions */

#define WORD(value) ((scmp_datum_t)(uint32_t)(value))
#define IS(at, value)                           \
	{                                       \
		at, SCMP_CMP_EQ, WORD(value), 0 \
	}
/* none of the bits */
#define IS_WITHOUT(at, mask)                          \
	{                                             \
		at, SCMP_CMP_MASKED_EQ, WORD(mask), 0 \
	}
#define HAS(at, mask)                                          \
	{                                                      \
		at, SCMP_CMP_MASKED_EQ, WORD(mask), WORD(mask) \
	}
#define TO_WRITE (O_ACCMODE | O_CREAT | O_TRUNC)

/* Calls that are allowed where an argument is so. */
static const struct rule {
	const char *call;
	struct scmp_arg_cmp arg;
} rules[] = {
	{ "clone", HAS(0, CLONE_VM | CLONE_THREAD) }, /* no process */
	{ "mmap", IS_WITHOUT(2, PROT_EXEC) },
	{ "mmap",
	  IS_WITHOUT(2, PROT_WRITE) }, /* a library that the system's accounts are looked up by */
	{ "mmap2", IS_WITHOUT(2, PROT_EXEC) },
	{ "mmap2", IS_WITHOUT(2, PROT_WRITE) },
	{ "mprotect", IS_WITHOUT(2, PROT_EXEC) },
	{ "open", IS_WITHOUT(1, TO_WRITE) },
	{ "openat", IS_WITHOUT(2, TO_WRITE) },
	{ "prctl", IS(0, PR_SET_NAME) },
	{ "prctl", IS(0, PR_CAPBSET_READ) }, /* libcap's start, of such a library */
	{ "prlimit64", IS(0, 0) },	     /* our own */
	{ "socket", IS(0, AF_UNIX) },
	{ "socket", IS(0, AF_INET) },
	{ "socket", IS(0, AF_INET6) },
	{ "socket", IS(0, AF_NETLINK) },
	{ "ioctl", IS(1, FIONBIO) },
	{ "ioctl", IS(1, FIONREAD) },
	{ "ioctl", IS(1, SIOCGIFINDEX) },
	{ "ioctl", IS(1, SIOCGIFNAME) },
	{ "ioctl", IS(1, TCGETS) }, /* whether it is a terminal; not to put words in its mouth */
	{ "ioctl", IS(1, TIOCGWINSZ) },
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

bool sandbox_is_built(void)
{
	return true;
}

/* An err that is of a call which this system has not is none. */
static int add(scmp_filter_ctx filter, uint32_t action, const char *name,
	       const struct scmp_arg_cmp *arg)
{
	const int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return 0;
	const int err = seccomp_rule_add_array(filter, action, number, arg == NULL ? 0 : 1, arg);
	return err == -EDOM || err == -EACCES ? 0 : err;
}

static int allow_calls(scmp_filter_ctx filter)
{
	char name[NAME_MAX_LEN];
	int err = 0;

	for (const char *at = calls; *at != '\0' && err == 0; at += strspn(at, " ")) {
		const size_t len = strcspn(at, " ");

		memcpy(name, at, len);
		name[len] = '\0';
		at += len;
		err = add(filter, SCMP_ACT_ALLOW, name, NULL);
	}
	return err;
}

/* On these the arguments of mmap() are in memory, where a filter does not see them, and those of
 * clone() are in another order. */
static bool has_other_arguments(uint32_t arch)
{
	return arch == SCMP_ARCH_S390 || arch == SCMP_ARCH_S390X;
}

static int allow_rules(scmp_filter_ctx filter, pid_t self)
{
	const bool is_bare = has_other_arguments(seccomp_arch_native());
	int err = 0;

	for (size_t i = 0; i < RULE_COUNT && err == 0; i++)
		err = add(filter, SCMP_ACT_ALLOW, rules[i].call, is_bare ? NULL : &rules[i].arg);
	/* abort() */
	const struct scmp_arg_cmp own = IS(0, self);
	if (err == 0)
		err = add(filter, SCMP_ACT_ALLOW, "tgkill", &own);
	/* its flags are in memory: glibc takes clone() then */
	if (err == 0)
		err = add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", NULL);
	return err;
}

struct wanted {
	uint32_t refusal;
	pid_t self; /* not the child's */
};

static int fill(scmp_filter_ctx filter, pid_t self)
{
	/* all threads at once; no slower than without a filter against side channels, which a
	 * kernel before 5.16 would be; a tree of comparisons. What is too new for this libseccomp
	 * or this kernel is done without. */
	int err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (err == 0)
		err = allow_calls(filter);
	if (err == 0)
		err = allow_rules(filter, self);
	return err;
}

static int make(const struct wanted *wanted, scmp_filter_ctx *ret_filter)
{
	scmp_filter_ctx filter = seccomp_init(wanted->refusal);
	const int err = filter == NULL ? -ENOMEM : fill(filter, wanted->self);

	if (err == 0)
		*ret_filter = filter;
	else if (filter != NULL)
		seccomp_release(filter);
	return err;
}

/* An aside_fn: what the kernel takes. */
static ssize_t compile(const void *ctx, void *result, size_t size)
{
	scmp_filter_ctx filter;
	int err = make(ctx, &filter);

	if (err != 0)
		return err;
	const int fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = seccomp_export_bpf(filter, fd);
	return err != 0 ? err : pread(fd, result, size, 0);
}

/* Flags as fill() has them: fewer where the kernel does not know the last ones. */
static int load(void *code, size_t size)
{
	static const unsigned flags[] = {
		SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
			SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG,
		SECCOMP_FILTER_FLAG_TSYNC,
	};
	const struct sock_fprog program = { .len = (unsigned short)(size / FILTER_SIZE),
					    .filter = code };
	long done = -1;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	errno = EINVAL;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && done < 0 && errno == EINVAL; i++)
		done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags[i], &program);
	/* a thread that has another filter is told by its number */
	return done == 0 ? 0 : done > 0 ? -ESRCH : -errno;
}

static int make_and_load(const struct wanted *wanted)
{
	scmp_filter_ctx filter;
	int err = make(wanted, &filter);

	if (err == 0) {
		err = seccomp_load(filter);
		seccomp_release(filter);
	}
	return err;
}

/* What libseccomp takes to make it is a hundred kB and more, which the heap keeps: a child has them
 * where there can be one. */
int sandbox_enter(enum sandbox_refusal refusal)
{
	const size_t size = BPF_MAXINSNS * FILTER_SIZE;
	const struct wanted wanted = {
		.refusal = refusal == SANDBOX_KILLS ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO(ENOSYS),
		.self = getpid(),
	};
	void *code = mem_alloc(size);

	if (code == NULL)
		return -ENOMEM;
	const ssize_t len = aside_run(compile, &wanted, code, size);
	const int err = len > 0 ? load(code, (size_t)len) : make_and_load(&wanted);
	mem_free(code);
	return err;
}
#else
bool sandbox_is_built(void)
{
	return false;
}

int sandbox_enter(enum sandbox_refusal refusal)
{
	(void)refusal;
	return -ENOTSUP;
}
#endif
