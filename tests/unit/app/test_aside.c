#include "app/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#define LARGE (1u << 20) /* more than a pipe holds */

static int touched; /* by whoever runs it here */

static ssize_t tell_who(const void *ctx, void *result, size_t size)
{
	const pid_t pids[] = { getpid(), getppid() };

	touched = *(const int *)ctx;
	assert_int_equal(size, sizeof(pids));
	memcpy(result, pids, sizeof(pids));
	return sizeof(pids);
}

static void only_what_comes_out_is_left_of_it(void **state)
{
	(void)state;
	const int one = 1;
	pid_t pids[2] = { 0 };
	const int next = dup(0);

	assert_int_equal(aside_run(tell_who, &one, pids, sizeof(pids)), sizeof(pids));
	assert_int_not_equal(pids[0], getpid());
	assert_int_equal(pids[1], getpid());
	assert_int_equal(touched, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie */
	assert_int_equal(close(next), 0);
	assert_int_equal(dup(0), next); /* no descriptor */
	assert_int_equal(close(next), 0);
}

static ssize_t fill(const void *ctx, void *result, size_t size)
{
	memset(result, *(const char *)ctx, size);
	return (ssize_t)size;
}

static void more_than_a_pipe_holds_comes_out(void **state)
{
	(void)state;
	static char bytes[LARGE];

	assert_int_equal(aside_run(fill, "x", bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(bytes[0], 'x');
	assert_int_equal(bytes[LARGE - 1], 'x');
}

static ssize_t give_value(const void *ctx, void *result, size_t size)
{
	(void)result;
	(void)size;
	return *(const int *)ctx;
}

static void nothing_and_an_error_come_out(void **state)
{
	(void)state;
	const int values[] = { 0, -ENOTSUP };
	char byte = 'x';

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_int_equal(aside_run(give_value, &values[i], &byte, 1), values[i]);
	assert_int_equal(byte, 'x');
}

static ssize_t die(const void *ctx, void *result, size_t size)
{
	(void)ctx;
	(void)result;
	(void)raise(SIGKILL);
	return (ssize_t)size;
}

static void a_child_that_dies_is_told(void **state)
{
	(void)state;
	char byte;

	assert_int_equal(aside_run(die, NULL, &byte, 1), -ECHILD);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static ssize_t tell_what_its_parent_means_to_it(const void *ctx, void *result, size_t size)
{
	int *number = result;

	(void)ctx;
	return prctl(PR_GET_PDEATHSIG, number) == 0 ? (ssize_t)size : -errno;
}

static void it_does_not_outlive_us(void **state)
{
	(void)state;
	int number = 0;

	assert_int_equal(aside_run(tell_what_its_parent_means_to_it, NULL, &number, sizeof(number)),
			 sizeof(number));
	assert_int_equal(number, SIGKILL);
}

static void who_ignores_what_becomes_of_children_hears_of_it(void **state)
{
	(void)state;
	char byte = 0;

	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction before;
	assert_int_equal(sigaction(SIGCHLD, &ignore, &before), 0);
	const ssize_t len = aside_run(fill, "x", &byte, 1);
	assert_int_equal(sigaction(SIGCHLD, &before, NULL), 0);
	assert_int_equal(len, 1);
	assert_int_equal(byte, 'x');
}

static int try_without_processes(void)
{
	const struct rlimit none = { 0, 0 };
	char byte;

	if ((getuid() == 0 && setresuid(65534, 65534, 65534) != 0) ||
	    setrlimit(RLIMIT_NPROC, &none) != 0)
		return 90;
	return aside_run(fill, "x", &byte, 1) == -EAGAIN ? 0 : 1;
}

static void where_there_can_be_no_child_it_is_told(void **state)
{
	int status = 0;

	(void)state;
	const pid_t child = fork();
	if (child == 0)
		_exit(try_without_processes());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(only_what_comes_out_is_left_of_it),
	cmocka_unit_test(more_than_a_pipe_holds_comes_out),
	cmocka_unit_test(nothing_and_an_error_come_out),
	cmocka_unit_test(a_child_that_dies_is_told),
	cmocka_unit_test(it_does_not_outlive_us),
	cmocka_unit_test(who_ignores_what_becomes_of_children_hears_of_it),
	cmocka_unit_test(where_there_can_be_no_child_it_is_told),
};
UNIT_MAIN_PLAIN(tests)
