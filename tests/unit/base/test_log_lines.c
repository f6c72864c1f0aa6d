#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "stderr_pipe.h"

#define LINES 5000u
static char lines[LINES * 100];

/* So many numbered ones of `text_len` bytes, as log_write_lines() wants them. */
static size_t make_lines(unsigned count, size_t text_len)
{
	size_t len = 0;

	for (unsigned i = 0; i < count; i++) {
		char *text = lines + len + 1;
		lines[len] = i % 2 == 0 ? LEVEL_INFO : LEVEL_NOTICE;
		memset(text, 'x', text_len);
		char number[16];
		const int number_len = snprintf(number, sizeof(number), "%05u ", i);
		memcpy(text, number, (size_t)number_len);
		text[text_len] = '\n';
		len += text_len + 2;
	}
	return len;
}

/* The lines in `said` are the first ones, whole and in order; how many. */
static unsigned check_said(const char *text, size_t text_len)
{
	unsigned count = 0;

	for (const char *at = text; *at != '\0'; count++) {
		char start[32];
		const int start_len = snprintf(start, sizeof(start), "%s: %05u xx",
					       count % 2 == 0 ? "info" : "notice", count);
		assert_memory_equal(at, start, (size_t)start_len);
		const char *end = strchr(at, '\n');
		assert_non_null(end);
		assert_int_equal(end - at, (count % 2 == 0 ? 6u : 8u) + text_len);
		at = end + 1;
	}
	return count;
}

static void many_lines_are_written_with_their_levels(void **state)
{
	(void)state;
	log_set_level(LEVEL_ERROR); /* which makes no difference */
	const size_t len = make_lines(300, 97);
	assert_int_equal(log_write_lines(lines, len), len);
	assert_int_equal(check_said(stderr_pipe_said(), 97), 300);
	assert_int_equal(log_write_lines(lines, 0), 0);
	assert_string_equal(stderr_pipe_said(), "");
}

/* What a terminal is told comes to its reader by the kernel's own time. */
static const char *said_soon(void)
{
	struct pollfd reader = { .fd = stderr_pipe_reader, .events = POLLIN };

	(void)poll(&reader, 1, 1000);
	return stderr_pipe_said();
}

/* And makes room that late, too. */
static void let_settle(void)
{
	int before, now = -1;

	do {
		before = now;
		(void)poll(NULL, 0, 20);
		assert_int_equal(ioctl(stderr_pipe_reader, FIONREAD, &now), 0);
	} while (now != before);
}

/* `write_end` is standard error; its reader takes nothing until all that it takes is written. */
static void check_full(size_t text_len)
{
	const size_t len = make_lines(LINES, text_len);
	size_t taken = 0, some;

	while ((some = log_write_lines(lines + taken, len - taken)) > 0) {
		taken += some;
		let_settle();
	}
	assert_in_range(taken, 1, len - 1);
	assert_int_equal(taken % (text_len + 2), 0);
	assert_int_equal(log_write_lines(lines + taken, len - taken), 0);
	LOG(LEVEL_ERROR, "lost, or it would stand in a line");

	/* what comes goes on where it ended */
	size_t said_len = 0;
	static char all[2 * sizeof(lines)];
	for (unsigned i = 0; taken < len && i < 10000; i++) {
		some = strlen(said_soon());
		memcpy(all + said_len, stderr_pipe_text, some);
		said_len += some;
		taken += log_write_lines(lines + taken, len - taken);
	}
	assert_int_equal(taken, len);
	for (some = 1; some > 0; said_len += some) {
		LOG(LEVEL_ERROR, "-"); /* after the rest of a line, if there is one */
		some = strlen(said_soon());
		memcpy(all + said_len, stderr_pipe_text, some);
		if (strcmp(stderr_pipe_text + some - 9, "error: -\n") == 0) {
			said_len += some - 9;
			break;
		}
	}
	all[said_len] = '\0';
	for (char *more = all; (more = strstr(more, "error: -\n")) != NULL;)
		memmove(more, more + 9, strlen(more + 9) + 1);
	assert_int_equal(check_said(all, text_len), LINES);
}

static void a_full_pipe_takes_whole_lines_and_the_rest_later(void **state)
{
	(void)state;
	check_full(97);
	check_full(50);
}

/* As systemd gives one: a socket, which the one who gave it may have made to wait. */
static void use_socket(int size)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	close(stderr_pipe_reader);
	stderr_pipe_reader = ends[0];
	log_open(LEVEL_DEBUG, LOG_TO_STDERR);
}

static void a_full_socket_takes_whole_lines_and_the_rest_later(void **state)
{
	(void)state;
	use_socket(100000);
	check_full(97);
}

static void a_socket_that_takes_half_a_line_gets_the_other_half_first(void **state)
{
	(void)state;
	use_socket(1); /* the least that there is: less than what is written at once */
	check_full(97);
	check_full(61);
}

/* Has lines written to a socket that takes a part of them, as it does when there is little room. */
static void write_in_part(void)
{
	const size_t len = make_lines(39, 97);

	for (unsigned others = 0; others < 20; others++) {
		use_socket(1);
		for (unsigned i = 0; i < others; i++)
			LOG(LEVEL_INFO, "another");
		(void)log_write_lines(lines, len);
		const char *said = stderr_pipe_said();
		if (said[strlen(said) - 1] != '\n')
			return;
	}
	fail_msg("all were taken whole");
}

static void a_reload_keeps_the_other_half_of_a_line(void **state)
{
	(void)state;
	write_in_part();
	log_open(LEVEL_DEBUG, LOG_TO_STDERR);
	LOG(LEVEL_ERROR, "next");
	assert_non_null(strstr(stderr_pipe_said(), "x\nerror: next\n"));
}

/* Who has never seen the beginning of a line is not told its end. */
static void another_stream_begins_with_a_line(void **state)
{
	(void)state;
	write_in_part();
	use_socket(100000);
	LOG(LEVEL_ERROR, "first");
	assert_string_equal(stderr_pipe_said(), "error: first\n");
}

static void a_socket_whose_reader_has_gone_does_not_kill_us(void **state)
{
	(void)state;
	use_socket(100000);
	stderr_pipe_break();
	LOG(LEVEL_ERROR, "to nobody");
	assert_int_equal(log_write_lines(lines, make_lines(1, 97)), 0);
}

static void a_terminal_that_nobody_reads_does_not_stop_us(void **state)
{
	(void)state;
	const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	assert_int_equal(grantpt(terminal), 0);
	assert_int_equal(unlockpt(terminal), 0);
	const int end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	assert_true(end >= 0);
	struct termios how;
	assert_int_equal(tcgetattr(end, &how), 0);
	cfmakeraw(&how);
	assert_int_equal(tcsetattr(end, TCSANOW, &how), 0);
	dup2(end, STDERR_FILENO);
	close(end);
	close(stderr_pipe_reader);
	stderr_pipe_reader = terminal;
	log_open(LEVEL_DEBUG, LOG_TO_STDERR);
	check_full(97);
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0); /* others share that */
}

static void count_line(void *ctx, enum log_level level, const char *text)
{
	unsigned *count = ctx;
	char start[16];

	snprintf(start, sizeof(start), "%05u xx", *count);
	assert_memory_equal(text, start, 8);
	assert_int_equal(level, *count % 2 == 0 ? LEVEL_INFO : LEVEL_NOTICE);
	assert_int_equal(strlen(text), 97);
	++*count;
}

static void many_lines_can_be_listened_to(void **state)
{
	(void)state;
	unsigned count = 0;
	const size_t len = make_lines(10, 97);
	log_tap(count_line, &count);
	assert_int_equal(log_write_lines(lines, len), len);
	log_tap(NULL, NULL);
	assert_int_equal(count, 10);
	assert_string_equal(stderr_pipe_said(), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stderr_pipe_open, stderr_pipe_close)

static const struct CMUnitTest tests[] = {
	TEST(many_lines_are_written_with_their_levels),
	TEST(a_full_pipe_takes_whole_lines_and_the_rest_later),
	TEST(a_full_socket_takes_whole_lines_and_the_rest_later),
	TEST(a_socket_that_takes_half_a_line_gets_the_other_half_first),
	TEST(a_reload_keeps_the_other_half_of_a_line),
	TEST(another_stream_begins_with_a_line),
	TEST(a_socket_whose_reader_has_gone_does_not_kill_us),
	TEST(a_terminal_that_nobody_reads_does_not_stop_us),
	TEST(many_lines_can_be_listened_to),
};

UNIT_MAIN_PLAIN(tests)
