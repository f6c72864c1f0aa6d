/* Real sockets, in a directory of their own. */
#include "net/local.h"

#include <sys/stat.h>

#include "base/mem.h"
#include "local_bench.h"

#define LARGE (1u << 20)

struct seen {
	struct loop_bench bench;
	struct local_listener *listener;
	struct local *local; /* the last one */
	unsigned accepted, overs;
	char heard[64];
	size_t heard_len, answer_len;
	int err;
	bool answers, frees_on_bytes;
};

static void on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	struct seen *seen = ctx;

	for (size_t i = 0; i < len && seen->heard_len < sizeof(seen->heard); i++)
		seen->heard[seen->heard_len++] = (char)bytes[i];
	if (seen->frees_on_bytes) {
		local_free(seen->local);
		seen->local = NULL;
	}
	if (seen->answers) {
		char *answer = mem_zalloc(seen->answer_len);

		if (answer != NULL && local_answer(seen->local, answer, seen->answer_len) != 0)
			seen->err = -ENOMEM;
	}
	loop_stop(seen->bench.loop);
}

static void on_over(void *ctx, int err)
{
	struct seen *seen = ctx;

	seen->overs++;
	seen->err = err;
	local_free(seen->local);
	seen->local = NULL;
	loop_stop(seen->bench.loop);
}

static const struct local_events events = { .on_bytes = on_bytes, .on_over = on_over };

static void on_accept(void *ctx, struct local *local)
{
	struct seen *seen = ctx;

	local_free(seen->local);
	seen->local = local;
	seen->accepted++;
	local_attach(local, &events, seen);
	loop_stop(seen->bench.loop);
}

static void free_seen(struct seen *seen)
{
	local_free(seen->local);
	local_listener_free(seen->listener);
}

static struct seen *new_seen(void)
{
	struct seen *seen = unit_zalloc(sizeof(*seen));

	loop_bench_init(&seen->bench);
	unit_own(seen, free_seen);
	return seen;
}

static int listen_at(struct seen *seen, const char *name)
{
	return local_listener_new(seen->bench.loop, local_bench_path(name), on_accept, seen,
				  &seen->listener);
}

static struct seen *listening(void)
{
	struct seen *seen = new_seen();

	assert_int_equal(listen_at(seen, "socket"), 0);
	return seen;
}

static struct seen *accepted(int *ret_fd)
{
	struct seen *seen = listening();

	*ret_fd = local_bench_connect("socket");
	loop_bench_run(&seen->bench);
	assert_non_null(seen->local);
	return seen;
}

/* --- the file --- */

static mode_t mode_of(const char *name)
{
	struct stat status;

	assert_int_equal(lstat(local_bench_path(name), &status), 0);
	return status.st_mode;
}

static bool is_there(const char *name)
{
	return access(local_bench_path(name), F_OK) == 0;
}

static void owner_and_group_may_connect_whatever_the_umask(void **state)
{
	(void)state;
	const mode_t before = umask(0);
	struct seen *seen = new_seen();
	const int err = listen_at(seen, "socket");

	assert_int_equal(umask(before), 0); /* and it is as it was */
	assert_int_equal(err, 0);
	assert_int_equal(mode_of("socket") & 07777, 0660);
	assert_true(S_ISSOCK(mode_of("socket")));
}

static void its_directory_is_made(void **state)
{
	(void)state;
	struct seen *seen = new_seen();

	assert_int_equal(listen_at(seen, "made/socket"), 0);
	assert_int_equal(mode_of("made") & 07022, 0);
	local_listener_free(seen->listener);
	seen->listener = NULL;
	assert_int_equal(listen_at(seen, "no/such/socket"), -ENOENT);
}

static void the_file_goes_with_the_listener(void **state)
{
	(void)state;
	struct seen *seen = listening();

	local_listener_free(seen->listener);
	seen->listener = NULL;
	assert_false(is_there("socket"));
}

static void a_file_that_is_another_s_by_now_stays(void **state)
{
	(void)state;
	struct seen *seen = listening(), *other = new_seen();

	assert_true(local_listener_is_there(seen->listener));
	assert_int_equal(unlink(local_bench_path("socket")), 0);
	assert_false(local_listener_is_there(seen->listener));
	assert_int_equal(listen_at(other, "socket"), 0);
	assert_false(local_listener_is_there(seen->listener));
	assert_true(local_listener_is_there(other->listener));
	local_listener_free(seen->listener);
	seen->listener = NULL;
	assert_true(is_there("socket"));
}

static void bind_plain(const char *name, int type, bool listens)
{
	const struct sockaddr_un at = local_bench_address(name);
	const int fd = local_bench_socket_of(type);

	(void)unlink(at.sun_path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	if (listens)
		assert_int_equal(listen(fd, 0), 0);
}

static void a_socket_that_nobody_listens_on_is_replaced(void **state)
{
	(void)state;
	struct seen *seen = new_seen();

	bind_plain("stale", SOCK_STREAM, false);
	assert_int_equal(listen_at(seen, "stale"), 0);
	(void)local_bench_connect("stale");
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->accepted, 1);
	assert_int_equal(unlink(local_bench_path("stale")), 0);
}

static void a_socket_that_somebody_listens_on_is_left_alone(void **state)
{
	(void)state;
	struct seen *seen = listening(), *second = new_seen();

	const int err = listen_at(second, "socket");
	assert_true(err == -EADDRINUSE || (unit_is_starved() && err == -ENOMEM));
	assert_int_equal(local_holder(local_bench_path("socket")), getpid());
	(void)local_bench_connect("socket");
	while (seen->accepted < 2) /* the look of local_holder(), and this one */
		loop_bench_run(&seen->bench);
	assert_int_equal(second->accepted, 0);
}

static void a_full_backlog_is_somebody_s_too(void **state)
{
	(void)state;
	struct seen *seen = new_seen();
	const struct sockaddr_un at = local_bench_address("full");

	bind_plain("full", SOCK_STREAM, true);
	for (;;) {
		const int fd = local_bench_socket_of(SOCK_STREAM | SOCK_NONBLOCK);

		if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0)
			break;
	}
	assert_int_equal(listen_at(seen, "full"), unit_is_starved() ? -ENOMEM : -EADDRINUSE);
	assert_int_equal(local_holder(local_bench_path("full")), 0);
}

static void a_datagram_socket_is_somebody_s_too(void **state)
{
	(void)state;
	struct seen *seen = new_seen();

	bind_plain("datagrams", SOCK_DGRAM, false);
	assert_int_equal(listen_at(seen, "datagrams"), unit_is_starved() ? -ENOMEM : -EADDRINUSE);
	assert_true(is_there("datagrams"));
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	(void)state;
	struct seen *seen = new_seen();
	FILE *file = fopen(local_bench_path("file"), "w");

	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(listen_at(seen, "file"), unit_is_starved() ? -ENOMEM : -EEXIST);
	assert_true(S_ISREG(mode_of("file")));
}

static void a_path_is_as_long_as_the_system_lets(void **state)
{
	(void)state;
	struct seen *seen = new_seen();
	char path[109];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(
		local_listener_new(seen->bench.loop, path, on_accept, seen, &seen->listener),
		unit_is_starved() ? -ENOMEM : -ENAMETOOLONG);
	assert_int_equal(local_listener_new(seen->bench.loop, "", on_accept, seen, &seen->listener),
			 unit_is_starved() ? -ENOMEM : -ENOENT);
	assert_int_equal(local_holder(path), 0);
}

/* --- a connection --- */

static void hears_what_is_said_piece_by_piece(void **state)
{
	(void)state;
	int fd;
	struct seen *seen = accepted(&fd);

	local_bench_say(fd, "abc", 3);
	loop_bench_run(&seen->bench);
	local_bench_say(fd, "de", 2);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->heard_len, 5);
	assert_memory_equal(seen->heard, "abcde", 5);
}

static void may_be_freed_while_it_speaks(void **state)
{
	(void)state;
	int fd;
	struct seen *seen = accepted(&fd);

	seen->frees_on_bytes = true;
	local_bench_say(fd, "abc", 3);
	loop_bench_run(&seen->bench);
	assert_true(local_bench_is_closed(fd));
	assert_int_equal(seen->overs, 0);
}

static void a_peer_that_goes_is_told(void **state)
{
	(void)state;
	int fd;
	struct seen *seen = accepted(&fd);

	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->overs, 1);
	assert_int_equal(seen->err, -ECONNRESET);
}

/* Reads all there is until the other end closes. */
static size_t take_all(struct seen *seen, int fd)
{
	char bytes[65536];
	size_t taken = 0;

	while (seen->overs == 0) {
		(void)loop_bench_runs(&seen->bench, 1000);
		for (ssize_t len; (len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0;)
			taken += (size_t)len;
	}
	for (ssize_t len; (len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0;)
		taken += (size_t)len;
	return taken;
}

static void a_large_answer_leaves_as_it_is_taken(void **state)
{
	(void)state;
	int fd;
	struct seen *seen = accepted(&fd);

	seen->answers = true;
	seen->answer_len = LARGE;
	local_bench_say(fd, "?", 1);
	loop_bench_run(&seen->bench);
	loop_bench_pass(&seen->bench, 20000); /* nobody reads, and nobody waits for that */
	assert_int_equal(seen->overs, 0);
	const size_t unsent = local_unsent(seen->local);
	assert_in_range(unsent, 1, LARGE - 1);
	assert_int_equal(take_all(seen, fd), LARGE);
	assert_int_equal(seen->err, 0);
}

static void a_peer_that_goes_midway_is_told(void **state)
{
	(void)state;
	int fd;
	struct seen *seen = accepted(&fd);

	seen->answers = true;
	seen->answer_len = LARGE;
	local_bench_say(fd, "?", 1);
	loop_bench_run(&seen->bench);
	loop_bench_pass(&seen->bench, 20000);
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->overs, 1);
	assert_int_equal(seen->err, -EPIPE);
}

static const struct CMUnitTest tests[] = {
#define LOCAL_TEST(name)                                                  \
	cmocka_unit_test_setup_teardown(name, local_bench_make_directory, \
					local_bench_remove_directory)
	LOCAL_TEST(owner_and_group_may_connect_whatever_the_umask),
	LOCAL_TEST(its_directory_is_made),
	LOCAL_TEST(the_file_goes_with_the_listener),
	LOCAL_TEST(a_file_that_is_another_s_by_now_stays),
	LOCAL_TEST(a_socket_that_nobody_listens_on_is_replaced),
	LOCAL_TEST(a_socket_that_somebody_listens_on_is_left_alone),
	LOCAL_TEST(a_full_backlog_is_somebody_s_too),
	LOCAL_TEST(a_datagram_socket_is_somebody_s_too),
	LOCAL_TEST(a_file_that_is_no_socket_is_left_alone),
	LOCAL_TEST(a_path_is_as_long_as_the_system_lets),
	LOCAL_TEST(hears_what_is_said_piece_by_piece),
	LOCAL_TEST(may_be_freed_while_it_speaks),
	LOCAL_TEST(a_peer_that_goes_is_told),
	LOCAL_TEST(a_large_answer_leaves_as_it_is_taken),
	LOCAL_TEST(a_peer_that_goes_midway_is_told),
};
UNIT_MAIN(tests)
