/* Over a real socket, at a time of our own. */
#include "side/control.h"

#include "side/side_bench.h"

#define LARGE 600000u
#define STEPS 5u

struct seen {
	struct loop_bench bench;
	uint64_t turned_away;
	struct control *control;
	unsigned runs, steps;
};

static enum control_code greet(struct seen *seen, const struct control_request *request, FILE *out)
{
	if (request->count != 2) {
		fputs("whom?\n", out);
		return CONTROL_USAGE;
	}
	seen->runs++;
	fprintf(out, "hello %s\n", request->words[1]);
	return CONTROL_DONE;
}

/* A step for each turn of the loop, and a letter for each step. */
static enum control_code count(struct seen *seen, struct control_work *work, FILE *out)
{
	seen->steps++;
	putc('a' + (int)work->words[0], out);
	return ++work->words[0] < STEPS ? CONTROL_MORE : CONTROL_DONE;
}

static enum control_code run(void *ctx, const struct control_request *request,
			     struct control_work *work, FILE *out)
{
	struct seen *seen = ctx;
	const char *word = request->words[0];

	if (strcmp(word, "greet") == 0)
		return greet(seen, request, out);
	if (strcmp(word, "count") == 0)
		return count(seen, work, out);
	if (strcmp(word, "endless") == 0)
		return CONTROL_MORE;
	if (strcmp(word, "refuse") == 0)
		fputs("no\n", out);
	for (unsigned i = 0; strcmp(word, "tell") == 0 && i < LARGE; i++)
		putc('x', out);
	return strcmp(word, "refuse") == 0 ? CONTROL_REFUSED : CONTROL_DONE;
}

static void free_seen(struct seen *seen)
{
	control_free(seen->control);
}

static struct seen *open_control(void)
{
	struct seen *seen = unit_zalloc(sizeof(*seen));

	loop_bench_init(&seen->bench);
	unit_own(seen, free_seen);
	assert_int_equal(control_new(seen->bench.loop, local_bench_path("socket"), run, seen,
				     &seen->turned_away, &seen->control),
			 0);
	return seen;
}

static void settle(struct seen *seen)
{
	loop_bench_pass(&seen->bench, 30000);
}

static void jump(struct seen *seen, uint64_t us)
{
	skew_us += us;
	settle(seen);
}

static const struct reply *take(struct seen *seen, int fd)
{
	return reply_after(&seen->bench, fd, 100);
}

static void assert_reply(struct seen *seen, const char *request, size_t len, const char *wanted)
{
	const int fd = local_bench_connect("socket");

	local_bench_say(fd, request, len);
	const struct reply *reply = take(seen, fd);
	assert_string_equal(reply->text, wanted);
	assert_true(reply->is_closed);
}
#define ASSERT_REPLY(seen, request, wanted) assert_reply(seen, request, sizeof(request) - 1, wanted)

static void a_command_is_run_and_its_text_comes_back(void **state)
{
	(void)state;
	struct seen *seen = open_control();

	ASSERT_REPLY(seen, "greet\0world\0\0", "0\nhello world\n");
	ASSERT_REPLY(seen, "refuse\0\0", "1\nno\n");
	ASSERT_REPLY(seen, "nothing\0\0", "0\n");
	assert_int_equal(seen->turned_away, 0);
}

static void what_is_not_understood_is_told_and_not_run(void **state)
{
	(void)state;
	struct seen *seen = open_control();

	ASSERT_REPLY(seen, "greet\0\0", "2\nwhom?\n");
	ASSERT_REPLY(seen, "\0", "1\nthe request is not one\n");
	ASSERT_REPLY(seen, "refuse\0\0\0", "1\nthe request is not one\n");
	assert_int_equal(seen->runs, 0);
}

static void a_request_may_come_byte_by_byte(void **state)
{
	static const char request[] = "greet\0you\0";
	(void)state;
	struct seen *seen = open_control();
	const int fd = local_bench_connect("socket");

	for (size_t i = 0; i < sizeof(request); i++) {
		assert_int_equal(seen->runs, 0);
		local_bench_say(fd, request + i, 1);
		loop_bench_pass(&seen->bench, 2000);
	}
	assert_string_equal(take(seen, fd)->text, "0\nhello you\n");
}

static void a_request_that_is_too_long_is_refused(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	char *bytes = unit_zalloc(CONTROL_REQUEST_MAX + 1);
	const int fd = local_bench_connect("socket");

	memset(bytes, 'a', CONTROL_REQUEST_MAX + 1);
	local_bench_say(fd, bytes, CONTROL_REQUEST_MAX + 1);
	assert_string_equal(take(seen, fd)->text, "1\nthe request is too long\n");
	assert_int_equal(seen->turned_away, 1);
}

static void who_says_nothing_is_let_go(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	const int fd = local_bench_connect("socket"), half = local_bench_connect("socket");

	local_bench_say(half, "gree", 4);
	settle(seen);
	assert_false(local_bench_is_closed(fd));
	jump(seen, CONTROL_PATIENCE_US - USEC_PER_SEC);
	assert_false(local_bench_is_closed(fd));
	assert_false(local_bench_is_closed(half));
	jump(seen, USEC_PER_SEC);
	assert_true(local_bench_is_closed(fd));
	assert_true(local_bench_is_closed(half));
	assert_int_equal(seen->turned_away, 2);
}

static void a_large_reply_waits_for_a_peer_that_takes_some_of_it(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	const int fd = local_bench_connect("socket");
	char some[65536];

	local_bench_say(fd, "tell\0\0", 6);
	settle(seen);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(recv(fd, some, sizeof(some), MSG_DONTWAIT) > 0);
		settle(seen);
		jump(seen, CONTROL_PATIENCE_US);
	}
	assert_int_equal(seen->turned_away, 0);
	ASSERT_REPLY(seen, "greet\0a\0\0", "0\nhello a\n"); /* nobody else waits for it */
	const struct reply *rest = take(seen, fd);
	assert_true(rest->is_closed);
	assert_int_equal(rest->text[rest->len - 1], 'x');
}

static void who_takes_nothing_of_it_is_let_go(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	const int fd = local_bench_connect("socket");

	local_bench_say(fd, "tell\0\0", 6);
	settle(seen);
	jump(seen, CONTROL_PATIENCE_US);
	if (seen->turned_away == 0) /* some had left since it was looked at */
		jump(seen, CONTROL_PATIENCE_US);
	assert_int_equal(seen->turned_away, 1);
	const struct reply *rest = take(seen, fd);
	assert_true(rest->is_closed);
	assert_in_range(rest->len, 1, LARGE - 1);
}

static void who_goes_midway_hurts_nobody(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	const int fd = local_bench_connect("socket"), other = local_bench_connect("socket");

	local_bench_say(fd, "tell\0\0", 6);
	local_bench_say(other, "gr", 2);
	settle(seen);
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	assert_int_equal(shutdown(other, SHUT_RDWR), 0);
	settle(seen);
	ASSERT_REPLY(seen, "greet\0a\0\0", "0\nhello a\n");
}

static void who_hangs_makes_room_the_oldest_first(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	int fds[CONTROL_CONNECTIONS_MAX];

	for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		fds[i] = local_bench_connect("socket");
	settle(seen);
	ASSERT_REPLY(seen, "greet\0a\0\0", "0\nhello a\n");
	assert_true(local_bench_is_closed(fds[0]));
	assert_false(local_bench_is_closed(fds[1]));
	assert_int_equal(seen->turned_away, 1);
}

static void who_is_being_answered_does_not(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	int fds[CONTROL_CONNECTIONS_MAX];

	for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		fds[i] = local_bench_connect("socket");
		local_bench_say(fds[i], "tell\0\0", 6);
	}
	settle(seen);
	const int one_more = local_bench_connect("socket");
	settle(seen);
	assert_true(local_bench_is_closed(one_more));
	assert_int_equal(take(seen, fds[0])->len, LARGE + 2);
}

/* Or eight who take a byte now and then would have all there is. */
static void who_is_slow_to_take_it_makes_room_too(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	int fds[CONTROL_CONNECTIONS_MAX];
	char some[65536];

	for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		fds[i] = local_bench_connect("socket");
		local_bench_say(fds[i], "tell\0\0", 6);
		settle(seen);
	}
	for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		assert_true(recv(fds[i], some, sizeof(some), MSG_DONTWAIT) > 0);
	settle(seen);
	jump(seen, CONTROL_PATIENCE_US);
	assert_int_equal(seen->turned_away, 0);
	ASSERT_REPLY(seen, "greet\0a\0\0", "0\nhello a\n");
	assert_int_equal(seen->turned_away, 1);
}

static void what_takes_several_turns_is_one_reply(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	const int fd = local_bench_connect("socket"), other = local_bench_connect("socket");

	local_bench_say(fd, "count\0\0", 7);
	local_bench_say(other, "count\0\0", 7);
	assert_string_equal(take(seen, fd)->text, "0\nabcde");
	assert_string_equal(take(seen, other)->text, "0\nabcde");
	assert_int_equal(seen->steps, 2 * STEPS);
}

static void others_are_answered_while_it_takes_them(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	const int fd = local_bench_connect("socket");

	local_bench_say(fd, "endless\0\0", 9);
	settle(seen);
	ASSERT_REPLY(seen, "greet\0a\0\0", "0\nhello a\n");
	jump(seen, 2 * CONTROL_PATIENCE_US);
	assert_false(local_bench_is_closed(fd));
	assert_int_equal(seen->turned_away, 0);
}

static void who_goes_meanwhile_puts_an_end_to_it(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	const int fd = local_bench_connect("socket"), more = local_bench_connect("socket");

	local_bench_say(fd, "endless\0\0", 9);
	local_bench_say(more, "endless\0\0", 9);
	settle(seen);
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	local_bench_say(more, "x", 1);
	settle(seen);
	assert_true(local_bench_is_closed(more));
	assert_int_equal(seen->turned_away, 1);
	ASSERT_REPLY(seen, "greet\0a\0\0", "0\nhello a\n");
}

static void what_is_open_ends_with_the_control(void **state)
{
	(void)state;
	struct seen *seen = open_control();
	const int fd = local_bench_connect("socket"), large = local_bench_connect("socket"),
		  endless = local_bench_connect("socket");

	local_bench_say(large, "tell\0\0", 6);
	local_bench_say(endless, "endless\0\0", 9);
	settle(seen);
	control_free(seen->control);
	seen->control = NULL;
	assert_true(local_bench_is_closed(fd));
	assert_int_equal(access(local_bench_path("socket"), F_OK), -1);
}

static const struct CMUnitTest tests[] = {
#define CONTROL_TEST(name)                                                \
	cmocka_unit_test_setup_teardown(name, local_bench_make_directory, \
					local_bench_remove_directory)
	CONTROL_TEST(a_command_is_run_and_its_text_comes_back),
	CONTROL_TEST(what_is_not_understood_is_told_and_not_run),
	CONTROL_TEST(a_request_may_come_byte_by_byte),
	CONTROL_TEST(a_request_that_is_too_long_is_refused),
	CONTROL_TEST(who_says_nothing_is_let_go),
	CONTROL_TEST(a_large_reply_waits_for_a_peer_that_takes_some_of_it),
	CONTROL_TEST(who_takes_nothing_of_it_is_let_go),
	CONTROL_TEST(who_goes_midway_hurts_nobody),
	CONTROL_TEST(who_hangs_makes_room_the_oldest_first),
	CONTROL_TEST(who_is_being_answered_does_not),
	CONTROL_TEST(who_is_slow_to_take_it_makes_room_too),
	CONTROL_TEST(what_takes_several_turns_is_one_reply),
	CONTROL_TEST(others_are_answered_while_it_takes_them),
	CONTROL_TEST(who_goes_meanwhile_puts_an_end_to_it),
	CONTROL_TEST(what_is_open_ends_with_the_control),
};
UNIT_MAIN(tests)
