#include "base/log.h"

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
	log_tap_fn tap;
	void *tap_ctx;
	dev_t device;	 /* of standard error */
	ino_t inode;	 /* likewise */
	bool is_socket;	 /* likewise */
	int own_fd;	 /* standard error, by a description of our own; or -1 */
	int syslog_fd;	 /* connected to the system's log, or -1 */
	size_t rest_len; /* of `rest` */
} present = { .level = LEVEL_INFO, .own_fd = -1, .syslog_fd = -1 };

/* Of a write that standard error has taken a part of: goes before anything else. Begins as zeros,
 * which need no place in the file. */
static char rest[WRITE_MAX];

/* Of syslog_fd, which whoever writes a line may connect anew, of the rest, and of lines as a whole.
 * What else is in there changes only while one thread runs. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static const struct {
	const char *word, *journal;
	int priority;
} levels[] = {
	[LEVEL_ERROR] = { "error: ", "<3>", LOG_ERR },
	[LEVEL_WARNING] = { "warning: ", "<4>", LOG_WARNING },
	[LEVEL_NOTICE] = { "notice: ", "<5>", LOG_NOTICE },
	[LEVEL_INFO] = { "info: ", "<6>", LOG_INFO },
	[LEVEL_DEBUG] = { "debug: ", "<7>", LOG_DEBUG },
};

/* A closed descriptor 2 would soon be somebody's socket, and our lines would go there. */
static void occupy_stderr(void)
{
	if (fcntl(STDERR_FILENO, F_GETFD) >= 0 || errno != EBADF)
		return;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && fd != STDERR_FILENO) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
}

/* The description that we were given is not ours alone to make O_NONBLOCK. It is opened once: later
 * we may not be allowed to. */
static void open_stderr(void)
{
	struct stat given;

	occupy_stderr();
	if (fstat(STDERR_FILENO, &given) != 0)
		return;
	if (given.st_dev != present.device || given.st_ino != present.inode) {
		if (present.own_fd >= 0)
			close(present.own_fd);
		present.own_fd = -1;
		present.rest_len = 0;
	}
	present.device = given.st_dev;
	present.inode = given.st_ino;
	present.is_socket = S_ISSOCK(given.st_mode);
	if (present.own_fd < 0 && (S_ISFIFO(given.st_mode) || isatty(STDERR_FILENO)))
		present.own_fd =
			open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
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
	open_stderr();
	present.level = level;
	present.target = target;
	present.for_journal = is_journal();
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

/* How much of it standard error takes without our waiting for a reader that has stopped, or dying
 * (SIGPIPE) of one that has gone; 0 is nothing. */
static size_t put(const char *bytes, size_t len)
{
	sigset_t pipe_signal, before;
	ssize_t taken;

	if (present.is_socket) {
		taken = send(STDERR_FILENO, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		return taken > 0 ? (size_t)taken : 0;
	}
	if (present.own_fd < 0 && !has_room())
		return 0;
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
	taken = write(present.own_fd >= 0 ? present.own_fd : STDERR_FILENO, bytes, len);
	if (taken < 0 && errno == EPIPE && !sigismember(&before, SIGPIPE))
		sigtimedwait(&pipe_signal, NULL, &(struct timespec){ 0 });
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return taken > 0 ? (size_t)taken : 0;
}

static bool put_rest(void)
{
	if (present.rest_len > 0) {
		const size_t taken = put(rest, present.rest_len);

		present.rest_len -= taken;
		memmove(rest, rest + taken, present.rest_len);
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
	present.rest_len = len - taken;
	memcpy(rest, lines + taken, present.rest_len);
	return true;
}

/* "<30>Nov 22 08:00:00 courierdns[4711]: text" (RFC 3164 section 4.1). False where there is no room
 * for it; a logger that was started anew is found again. */
static bool write_syslog(enum log_level level, const char *line, size_t len)
{
	char head[80], stamp[32];
	const time_t now = time(NULL);
	struct tm local;

	if (localtime_r(&now, &local) == NULL ||
	    strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &local) == 0)
		return false;
	const int head_len = snprintf(head, sizeof(head), "<%d>%s courierdns[%ld]: ",
				      LOG_DAEMON | levels[level].priority, stamp, (long)getpid());
	if (head_len < 0 || (size_t)head_len >= sizeof(head))
		return false;
	struct iovec parts[2] = { { .iov_base = head, .iov_len = (size_t)head_len },
				  { .iov_base = (char *)(uintptr_t)line, .iov_len = len } };
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	for (unsigned tries = 0; tries < 2; tries++) {
		if (present.syslog_fd >= 0) {
			if (sendmsg(present.syslog_fd, &message, MSG_NOSIGNAL) >= 0)
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
	return present.for_journal ? levels[level].journal : levels[level].word;
}

void log_write(enum log_level level, const char *format, ...)
{
	const int err_before = errno;
	char text[LINE_MAX_LEN], line[LINE_MAX_LEN];
	size_t len = 0;
	va_list args;

	va_start(args, format);
	int text_len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (text_len < 0)
		goto out;
	if (present.tap != NULL) {
		present.tap(present.tap_ctx, level, text);
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
	present.tap(present.tap_ctx, (enum log_level)lines[0], text);
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
	size_t (*const write_some)(const char *lines, size_t len) =
		present.tap != NULL		  ? tap_line
		: present.target == LOG_TO_SYSLOG ? write_syslog_line
						  : write_stderr_lines;
	size_t done = 0, some = 1;

	pthread_mutex_lock(&writing);
	while (done < len && some > 0) {
		some = write_some(lines + done, len - done);
		done += some;
	}
	pthread_mutex_unlock(&writing);
	return done;
}

void log_tap(log_tap_fn fn, void *ctx)
{
	present.tap = fn;
	present.tap_ctx = ctx;
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
