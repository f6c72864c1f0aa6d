#include "app/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

/* What a child of ours, which is in the sandbox by then, does: 0 is well. */
typedef int (*inside_fn)(void);

static int status_of(inside_fn inside, enum sandbox_refusal refusal)
{
	int status = 0;
	const pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(sandbox_enter(refusal) != 0 ? 99 : inside());
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void assert_well(inside_fn inside)
{
	if (!sandbox_is_built())
		skip();
	assert_int_equal(status_of(inside, SANDBOX_FAILS), 0);
	assert_int_equal(status_of(inside, SANDBOX_KILLS), 0);
}

static bool is_missing(long done)
{
	return done == -1 && errno == ENOSYS;
}

/* The number of the first that is there after all. */
static int try_what_is_forbidden(void)
{
	char *const none[] = { NULL };
	const long tries[] = {
		is_missing(execve("/bin/true", none, none)),
		is_missing(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY)),
		is_missing(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR)),
		is_missing(syscall(SYS_openat, AT_FDCWD, "/tmp/made", O_RDONLY | O_CREAT, 0600)),
		is_missing(socket(AF_PACKET, SOCK_RAW, 0)),
		is_missing(socket(AF_VSOCK, SOCK_STREAM, 0)),
		is_missing(syscall(SYS_setuid, 0)),
		is_missing(syscall(SYS_kill, getppid(), 0)),
		is_missing(syscall(SYS_tgkill, getppid(), getppid(), 0)),
		is_missing(syscall(SYS_ptrace, 0, 0, 0, 0)),
		is_missing(syscall(SYS_unshare, 0x10000000)),
		is_missing(prctl(PR_SET_DUMPABLE, 1)),
		is_missing(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)),
		is_missing(syscall(SYS_mmap, NULL, 4096, PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
	};
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (!tries[i])
			return (int)i + 1;
	}
	return is_missing(mprotect(page, 4096, PROT_READ | PROT_EXEC)) ? 0 : 98;
}

static void what_it_never_does_it_cannot_do_OP_13(void **state)
{
	(void)state;
	if (!sandbox_is_built())
		skip();
	assert_int_equal(status_of(try_what_is_forbidden, SANDBOX_FAILS), 0);
}

/* Without, all of it can be done by who may: so the filter it is that says no. */
static int open_to_write(void)
{
	return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY) >= 0 ? 0 : 1;
}

static int enter_without_processes(void)
{
	const struct rlimit none = { 0, 0 };

	if ((getuid() == 0 && setresuid(65534, 65534, 65534) != 0) ||
	    setrlimit(RLIMIT_NPROC, &none) != 0)
		return 90;
	return sandbox_enter(SANDBOX_FAILS) != 0 ? 99 : try_what_is_forbidden();
}

static void where_no_child_can_make_the_filter_it_is_made_here(void **state)
{
	int status = 0;

	(void)state;
	if (!sandbox_is_built())
		skip();
	const pid_t child = fork();
	if (child == 0)
		_exit(enter_without_processes());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void a_test_is_killed_by_what_is_not_there(void **state)
{
	(void)state;
	if (!sandbox_is_built())
		skip();
	assert_int_equal(open_to_write(), 0);
	const int status = status_of(open_to_write, SANDBOX_KILLS);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void *set_it(void *ctx)
{
	*(int *)ctx = 1;
	(void)pthread_setname_np(pthread_self(), "worker 2");
	return NULL;
}

static int start_a_thread(void)
{
	pthread_t thread;
	int is_set = 0;

	if (pthread_create(&thread, NULL, set_it, &is_set) != 0 || pthread_join(thread, NULL) != 0)
		return 1;
	return is_set ? 0 : 2;
}

static void threads_can_be_started_later(void **state)
{
	(void)state;
	assert_well(start_a_thread);
}

static void *ask_to_write(void *ctx)
{
	*(int *)ctx = is_missing(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY)) ? 1 : 2;
	return NULL;
}

static int ask_in_a_thread(void)
{
	pthread_t thread;
	int answer = 0;

	if (pthread_create(&thread, NULL, ask_to_write, &answer) != 0 ||
	    pthread_join(thread, NULL) != 0)
		return 3;
	return answer == 1 ? 0 : 4;
}

static void the_filter_holds_in_them_too(void **state)
{
	(void)state;
	if (!sandbox_is_built())
		skip();
	assert_int_equal(status_of(ask_in_a_thread, SANDBOX_FAILS), 0);
}

/* More than one page and less than what is mapped; then what is. */
static int use_memory(void)
{
	for (size_t size = 16; size < (size_t)64 << 20; size *= 2) {
		char *bytes = malloc(size);

		if (bytes == NULL)
			return 1;
		memset(bytes, 1, size);
		bytes = realloc(bytes, size * 3);
		if (bytes == NULL)
			return 2;
		free(bytes);
	}
	return 0;
}

static void memory_is_taken_and_given_back(void **state)
{
	(void)state;
	assert_well(use_memory);
}

static int die_of_abort(void)
{
	abort();
}

static void a_failed_assertion_is_still_one(void **state)
{
	(void)state;
	if (!sandbox_is_built())
		skip();
	const int status = status_of(die_of_abort, SANDBOX_KILLS);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void where_it_is_not_built_that_is_said(void **state)
{
	(void)state;
	if (sandbox_is_built())
		skip();
	assert_int_equal(sandbox_enter(SANDBOX_FAILS), -ENOTSUP);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_it_never_does_it_cannot_do_OP_13),
	cmocka_unit_test(where_no_child_can_make_the_filter_it_is_made_here),
	cmocka_unit_test(a_test_is_killed_by_what_is_not_there),
	cmocka_unit_test(threads_can_be_started_later),
	cmocka_unit_test(the_filter_holds_in_them_too),
	cmocka_unit_test(memory_is_taken_and_given_back),
	cmocka_unit_test(a_failed_assertion_is_still_one),
	cmocka_unit_test(where_it_is_not_built_that_is_said),
};
UNIT_MAIN_PLAIN(tests)
