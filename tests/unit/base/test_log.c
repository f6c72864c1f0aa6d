#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stderr_pipe.h"

static void an_event_is_a_line(void **state)
{
	(void)state;
	LOG(LEVEL_WARNING, "%s: %d", "text", 42);
	assert_string_equal(stderr_pipe_said(), "warning: text: 42\n");
	LOG(LEVEL_ERROR, "bad");
	LOG(LEVEL_DEBUG, "fine");
	assert_string_equal(stderr_pipe_said(), "error: bad\ndebug: fine\n");
}

static void what_is_off_is_not_written(void **state)
{
	(void)state;
	log_set_level(LEVEL_NOTICE);
	assert_int_equal(log_level(), LEVEL_NOTICE);
	assert_true(log_is_on(LEVEL_ERROR) && log_is_on(LEVEL_NOTICE));
	assert_false(log_is_on(LEVEL_INFO));
	LOG(LEVEL_INFO, "%d", 1);
	assert_string_equal(stderr_pipe_said(), "");
	LOG(LEVEL_NOTICE, "%d", 1);
	assert_string_equal(stderr_pipe_said(), "notice: 1\n");
}

static void what_was_asked_for_is_written_whatever_the_level(void **state)
{
	(void)state;
	log_set_level(LEVEL_ERROR);
	log_answer("%s %d", "queries", 3);
	assert_string_equal(stderr_pipe_said(), "notice: queries 3\n");
}

/* The stream is standard error, but for what is added to the numbers of that. */
static void name_journal(unsigned more_device, unsigned more_inode)
{
	char stream[64];
	struct stat is;

	assert_int_equal(fstat(STDERR_FILENO, &is), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)is.st_dev + more_device,
		 (uintmax_t)is.st_ino + more_inode);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(LEVEL_DEBUG, LOG_TO_STDERR);
}

static void journal_gets_its_prefix(void **state)
{
	(void)state;
	name_journal(0, 0);
	LOG(LEVEL_ERROR, "e");
	LOG(LEVEL_WARNING, "w");
	LOG(LEVEL_NOTICE, "n");
	LOG(LEVEL_INFO, "i");
	LOG(LEVEL_DEBUG, "d");
	assert_string_equal(stderr_pipe_said(),
			    COURIERDNS_SYSTEMD
				    ? "<3>e\n<4>w\n<5>n\n<6>i\n<7>d\n"
				    : "error: e\nwarning: w\nnotice: n\ninfo: i\ndebug: d\n");
	unsetenv("JOURNAL_STREAM");
}

static void what_is_not_the_journals_stream_gets_words(void **state)
{
	(void)state;
	name_journal(0, 1);
	LOG(LEVEL_ERROR, "another inode");
	name_journal(1, 0);
	LOG(LEVEL_ERROR, "another device");
	setenv("JOURNAL_STREAM", "", 1);
	log_open(LEVEL_DEBUG, LOG_TO_STDERR);
	LOG(LEVEL_ERROR, "nothing");
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(stderr_pipe_said(),
			    "error: another inode\nerror: another device\nerror: nothing\n");
}

static void CF_23_text_cannot_forge_a_line(void **state)
{
	(void)state;
	LOG(LEVEL_INFO, "a\nerror: forged\r\x1b[31m\x7f\x9b\\");
	assert_string_equal(stderr_pipe_said(),
			    "info: a\\x0aerror: forged\\x0d\\x1b[31m\\x7f\\x9b\\\n");
}

static void long_text_is_cut_but_stays_one_line(void **state)
{
	(void)state;
	static char text[5000];
	for (size_t i = 0; i < 2; i++) {
		memset(text, i == 0 ? 'x' : '\n', sizeof(text) - 1);
		LOG(LEVEL_INFO, "%s", text);
		const char *line = stderr_pipe_said();
		const size_t len = strlen(line);
		assert_in_range(len, 2000, 2048);
		assert_ptr_equal(strchr(line, '\n'), line + len - 1);
	}
}

static void reader_that_stopped_does_not_stop_us(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) /* more than a pipe holds */
		LOG(LEVEL_INFO, "line %d", i);
	const char *line = stderr_pipe_said();
	assert_true(strlen(line) > 4096);
	assert_int_equal(line[strlen(line) - 1], '\n');
	LOG(LEVEL_INFO, "again");
	assert_string_equal(stderr_pipe_said(), "info: again\n");
}

static void reader_that_has_gone_does_not_kill_us(void **state)
{
	(void)state;
	sigset_t pending;
	stderr_pipe_break();
	errno = 4711;
	LOG(LEVEL_ERROR, "to nobody");
	assert_int_equal(errno, 4711);
	sigpending(&pending);
	assert_false(sigismember(&pending, SIGPIPE));
}

static void closed_stderr_is_nobody_elses_socket(void **state)
{
	(void)state;
	close(STDERR_FILENO);
	log_open(LEVEL_DEBUG, LOG_TO_STDERR);
	LOG(LEVEL_ERROR, "to nobody");
	assert_true(fcntl(STDERR_FILENO, F_GETFD) >= 0);
}

static void keep_line(void *ctx, enum log_level level, const char *text)
{
	snprintf(ctx, 64, "%d %s", (int)level, text);
}

static void lines_can_be_listened_to(void **state)
{
	(void)state;
	char line[64] = "";
	log_tap(keep_line, line);
	LOG(LEVEL_NOTICE, "%s changed", "it");
	log_tap(NULL, NULL);
	assert_string_equal(line, "2 it changed");
	assert_string_equal(stderr_pipe_said(), "");
	LOG(LEVEL_NOTICE, "again");
	assert_string_equal(stderr_pipe_said(), "notice: again\n");
}

static void minute_allows_one_line_and_counts_the_rest(void **state)
{
	(void)state;
	struct log_minute minute = { 0 };
	uint64_t held_back = 77;

	assert_true(log_minute_allows(&minute, 0, &held_back));
	assert_int_equal(held_back, 0);
	held_back = 77;
	for (uint64_t at_us = 0; at_us < 60000000; at_us += 20000000)
		assert_false(log_minute_allows(&minute, at_us, &held_back));
	assert_false(log_minute_allows(&minute, 59999999, &held_back));
	assert_int_equal(held_back, 77);
	assert_true(log_minute_allows(&minute, 60000000, &held_back));
	assert_int_equal(held_back, 4);
	assert_false(log_minute_allows(&minute, 60000001, &held_back));
	assert_true(log_minute_allows(&minute, 500000000, &held_back));
	assert_int_equal(held_back, 1);
	assert_string_equal(stderr_pipe_said(), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stderr_pipe_open, stderr_pipe_close)

static const struct CMUnitTest tests[] = {
	TEST(an_event_is_a_line),
	TEST(what_is_off_is_not_written),
	TEST(what_was_asked_for_is_written_whatever_the_level),
	TEST(journal_gets_its_prefix),
	TEST(what_is_not_the_journals_stream_gets_words),
	TEST(CF_23_text_cannot_forge_a_line),
	TEST(long_text_is_cut_but_stays_one_line),
	TEST(reader_that_stopped_does_not_stop_us),
	TEST(reader_that_has_gone_does_not_kill_us),
	TEST(closed_stderr_is_nobody_elses_socket),
	TEST(lines_can_be_listened_to),
	TEST(minute_allows_one_line_and_counts_the_rest),
};

UNIT_MAIN_PLAIN(tests)
