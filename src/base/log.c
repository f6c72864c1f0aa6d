#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 2048
/* PIPE_BUF: what is no longer goes into a pipe whole or not at all, and one with room has room for
 * so much. */
#define WRITE_MAX 4096u

static struct {
	enum log_level level;
	enum log_target target;
	bool for_journal;
	bool is_socket;		  /* standard error */
	int fd;			  /* that, or it by a description of our own */
	int syslog_fd;		  /* connected to the system's log, or -1 */
	size_t rest_at, rest_len; /* of `rest` */
	dev_t device;		  /* of standard error */
	ino_t inode;		  /* likewise */
} present = { .level = LEVEL_INFO, .fd = STDERR_FILENO, .syslog_fd = -1 };

/* Of tests, by themselves: what nobody sets the link makes nothing of. */
static log_tap_fn tap;
static void *tap_ctx;

/* Of a write that standard error has taken a part of: goes before anything else. Begins as zeros,
 * which need no place in the file. */
static char rest[WRITE_MAX];

/* Of syslog_fd, which whoever writes a line may connect anew, of the rest, and of lines as a whole.
 * What else is in there changes only while one thread runs. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static const char words[][10] = {
	[LEVEL_ERROR] = "error: ", [LEVEL_WARNING] = "warning: ", [LEVEL_NOTICE] = "notice: ",
	[LEVEL_INFO] = "info: ",   [LEVEL_DEBUG] = "debug: ",
};
/* as syslog numbers them, which is in our order */
static const char journal_words[][4] = {
	[LEVEL_ERROR] = "<3>", [LEVEL_WARNING] = "<4>", [LEVEL_NOTICE] = "<5>",
	[LEVEL_INFO] = "<6>",  [LEVEL_DEBUG] = "<7>",
};
static_assert(LOG_ERR == 3 && LOG_DEBUG == LOG_ERR + LEVEL_DEBUG, "the order of syslog's levels");

/* A closed descriptor 2 would soon be somebody's socket, and our lines would go there. What is
 * opened takes the lowest that is free, and so this one sooner or later. */
static bool look_at_stderr(struct stat *ret_given)
{
	while (fstat(STDERR_FILENO, ret_given) != 0) {
		if (errno != EBADF || open("/dev/null", O_WRONLY) < 0)
			return false;
	}
	return true;
}

/* The description that we were given is not ours alone to make O_NONBLOCK. It is opened once: later
 * we may not be allowed to. */
static void open_stderr(void)
{
	struct stat given;

	if (!look_at_stderr(&given))
		return;
	if (given.st_dev == present.device && given.st_ino == present.inode)
		return;
	if (present.fd != STDERR_FILENO)
		close(present.fd);
	present.fd = STDERR_FILENO;
	present.rest_len = 0;
	present.device = given.st_dev;
	present.inode = given.st_ino;
	present.is_socket = S_ISSOCK(given.st_mode);
	if (!(S_ISFIFO(given.st_mode) || isatty(STDERR_FILENO)))
		return;
	const int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		present.fd = fd;
}

/* Who has put another file in its place inherits the name of the journal's all the same
 * (systemd.exec(5)). */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[48];

	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)present.device,
		       (uintmax_t)present.inode);
	return stream != NULL && strcmp(stream, own) == 0;
}

static void close_syslog(void)
{
	if (present.syslog_fd >= 0)
		close(present.syslog_fd);
	present.syslog_fd = -1;
}

/* syslog(3) waits for a logger that has stopped reading, and we with it: so its words are said by
 * ourselves, to a socket that never waits. */
static void connect_syslog(void)
{
	const struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };

	close_syslog();
	present.syslog_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (present.syslog_fd >= 0 &&
	    connect(present.syslog_fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		close_syslog();
}

void log_open(enum log_level level, enum log_target target)
{
	(void)signal(SIGPIPE, SIG_IGN); /* of a reader that has gone we do not die */
	open_stderr();
	present.level = level;
	present.target = target;
	present.for_journal = COURIERDNS_SYSTEMD && is_journal();
	close_syslog();
	if (target == LOG_TO_SYSLOG)
		connect_syslog();
}

void log_set_level(enum log_level level)
{
	present.level = level;
}

enum log_level log_level(void)
{
	return present.level;
}

bool log_is_on(enum log_level level)
{
	return level <= present.level;
}

/* Appends `text`, with what a terminal or a log reader could take for more than text (control
 * bytes, line ends, anything beyond ASCII) as \xNN. Always leaves room for the line end. */
static size_t put_escaped(char *line, size_t len, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;
		if (byte >= 0x20 && byte < 0x7f) {
			if (len + 2 > LINE_MAX_LEN)
				break;
			line[len++] = (char)byte;
			continue;
		}
		if (len + 5 > LINE_MAX_LEN)
			break;
		line[len++] = '\\';
		line[len++] = 'x';
		line[len++] = digits[byte >> 4];
		line[len++] = digits[byte & 15];
	}
	return len;
}

static bool has_room(void)
{
	struct pollfd stderr_poll = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&stderr_poll, 1, 0) == 1 && (stderr_poll.revents & POLLOUT) != 0;
}

/* How much of it standard error takes without our waiting for a reader that has stopped; 0 is
 * nothing. */
static size_t put(const char *bytes, size_t len)
{
	ssize_t taken = 0;

	if (present.is_socket)
		taken = send(STDERR_FILENO, bytes, len, MSG_DONTWAIT);
	else if (present.fd != STDERR_FILENO || has_room())
		taken = write(present.fd, bytes, len);
	return taken > 0 ? (size_t)taken : 0;
}

static bool put_rest(void)
{
	if (present.rest_len > 0) {
		const size_t taken = put(rest + present.rest_at, present.rest_len);

		present.rest_at += taken;
		present.rest_len -= taken;
	}
	return present.rest_len == 0;
}

/* At most WRITE_MAX bytes of whole lines; false where nothing of it has been taken. Of what was
 * taken in part nobody else's words come before the rest. */
static bool write_stderr(const char *lines, size_t len)
{
	const size_t taken = put_rest() ? put(lines, len) : 0;

	if (taken == 0)
		return false;
	present.rest_at = 0;
	present.rest_len = len - taken;
	memcpy(rest, lines + taken, present.rest_len);
	return true;
}

/* "<30>Nov 22 08:00:00 courierdns[4711]: text" (RFC 3164 section 4.1). False where there is no room
 * for it; a logger that was started anew is found again. */
static bool write_syslog(enum log_level level, const char *line, size_t len)
{
	char message[80 + LINE_MAX_LEN], stamp[32];
	struct timespec now;
	struct tm local;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (localtime_r(&now.tv_sec, &local) == NULL ||
	    strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &local) == 0)
		return false;
	const int message_len =
		snprintf(message, sizeof(message), "<%d>%s courierdns[%d]: %.*s",
			 LOG_DAEMON | (LOG_ERR + (int)level), stamp, (int)getpid(), (int)len, line);
	if (message_len < 0 || (size_t)message_len >= sizeof(message))
		return false;
	for (unsigned tries = 0; tries < 2; tries++) {
		if (present.syslog_fd >= 0) {
			if (send(present.syslog_fd, message, (size_t)message_len, 0) >= 0)
				return true;
			if (errno == EAGAIN)
				return false;
		}
		connect_syslog();
	}
	return false;
}

static const char *prefix_of(enum log_level level)
{
	return COURIERDNS_SYSTEMD && present.for_journal ? journal_words[level] : words[level];
}

PRINTF_LIKE(2, 0)
static void write_line(enum log_level level, const char *format, va_list args)
{
	const int err_before = errno;
	char text[LINE_MAX_LEN], line[LINE_MAX_LEN];
	size_t len = 0;

	if (vsnprintf(text, sizeof(text), format, args) < 0)
		goto out;
	if (tap != NULL) {
		tap(tap_ctx, level, text);
		goto out;
	}
	if (present.target == LOG_TO_STDERR)
		len = put_escaped(line, 0, prefix_of(level));
	len = put_escaped(line, len, text);
	pthread_mutex_lock(&writing);
	if (present.target == LOG_TO_SYSLOG) {
		(void)write_syslog(level, line, len);
	} else {
		line[len++] = '\n';
		(void)write_stderr(line, len);
	}
	pthread_mutex_unlock(&writing);
out:
	errno = err_before;
}

void log_write(enum log_level level, const char *format, ...)
{
	va_list args;

	if (!log_is_on(level))
		return;
	va_start(args, format);
	write_line(level, format, args);
	va_end(args);
}

void log_answer(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(LEVEL_NOTICE, format, args);
	va_end(args);
}

/* --- many lines ---------------------------------------------------------------------------- */

/* Bytes of the first line, with its level and line end. */
static size_t line_len(const char *lines, size_t len)
{
	const char *end = memchr(lines + 1, '\n', len - 1);

	return (size_t)(end + 1 - lines);
}

static size_t tap_line(const char *lines, size_t len)
{
	const size_t its = line_len(lines, len);
	char text[LOG_TEXT_MAX + 1];

	memcpy(text, lines + 1, its - 2);
	text[its - 2] = '\0';
	tap(tap_ctx, (enum log_level)lines[0], text);
	return its;
}

static size_t write_syslog_line(const char *lines, size_t len)
{
	const size_t its = line_len(lines, len);

	return write_syslog((enum log_level)lines[0], lines + 1, its - 2) ? its : 0;
}

/* As many as one write takes. */
static size_t write_stderr_lines(const char *lines, size_t len)
{
	char out[WRITE_MAX];
	size_t used = 0, done = 0;

	while (done < len) {
		const char *prefix = prefix_of((enum log_level)lines[done]);
		const size_t prefix_len = strlen(prefix);
		const size_t its = line_len(lines + done, len - done);

		if (used + prefix_len + its - 1 > sizeof(out))
			break;
		memcpy(out + used, prefix, prefix_len);
		memcpy(out + used + prefix_len, lines + done + 1, its - 1);
		used += prefix_len + its - 1;
		done += its;
	}
	return write_stderr(out, used) ? done : 0;
}

size_t log_write_lines(const char *lines, size_t len)
{
	size_t done = 0, some = 1;

	pthread_mutex_lock(&writing);
	while (done < len && some > 0) {
		if (tap != NULL)
			some = tap_line(lines + done, len - done);
		else if (present.target == LOG_TO_SYSLOG)
			some = write_syslog_line(lines + done, len - done);
		else
			some = write_stderr_lines(lines + done, len - done);
		done += some;
	}
	pthread_mutex_unlock(&writing);
	return done;
}

void log_tap(log_tap_fn fn, void *ctx)
{
	tap = fn;
	tap_ctx = ctx;
}

bool log_minute_allows(struct log_minute *minute, uint64_t now_us, uint64_t *ret_held_back)
{
	if (now_us < minute->next_us) {
		minute->held_back++;
		return false;
	}
	*ret_held_back = minute->held_back;
	*minute = (struct log_minute){ .next_us = now_us + 60000000u };
	return true;
}
