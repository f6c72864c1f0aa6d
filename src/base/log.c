#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* Under PIPE_BUF, so that a line is written whole or not at all. */
#define LINE_MAX_LEN 2048

static struct {
	enum log_level level;
	enum log_target target;
	bool for_journal;
	log_tap_fn tap;
	void *tap_ctx;
	int syslog_fd; /* connected to the system's log, or -1 */
} present = { .level = LEVEL_INFO, .syslog_fd = -1 };

/* Of syslog_fd, which whoever writes a line may connect anew, and of lines as a whole. What else is
 * in there changes only while one thread runs. */
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
	occupy_stderr();
	present.level = level;
	present.target = target;
	present.for_journal = getenv("JOURNAL_STREAM") != NULL;
	close_syslog();
	if (target == LOG_TO_SYSLOG)
		connect_syslog();
}

void log_set_level(enum log_level level)
{
	present.level = level;
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

/* Loses the line rather than wait for a reader that has stopped, or die (SIGPIPE) of one that
 * has gone. */
static void write_stderr(const char *line, size_t len)
{
	struct pollfd stderr_poll = { .fd = STDERR_FILENO, .events = POLLOUT };
	if (poll(&stderr_poll, 1, 0) != 1 || (stderr_poll.revents & POLLOUT) == 0)
		return;

	sigset_t pipe_signal, before;
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
	if (write(STDERR_FILENO, line, len) < 0 && errno == EPIPE && !sigismember(&before, SIGPIPE))
		sigtimedwait(&pipe_signal, NULL, &(struct timespec){ 0 });
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* "<30>Nov 22 08:00:00 courierdns[4711]: text" (RFC 3164 section 4.1). The line is lost where there
 * is no room for it; a logger that was started anew is found again. */
static void write_syslog(enum log_level level, char *line, size_t len)
{
	char head[80], stamp[32];
	const time_t now = time(NULL);
	struct tm local;

	if (localtime_r(&now, &local) == NULL ||
	    strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &local) == 0)
		return;
	const int head_len = snprintf(head, sizeof(head), "<%d>%s courierdns[%ld]: ",
				      LOG_DAEMON | levels[level].priority, stamp, (long)getpid());
	if (head_len < 0 || (size_t)head_len >= sizeof(head))
		return;
	struct iovec parts[2] = { { .iov_base = head, .iov_len = (size_t)head_len },
				  { .iov_base = line, .iov_len = len } };
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	for (unsigned tries = 0; tries < 2; tries++) {
		if (present.syslog_fd >= 0 &&
		    (sendmsg(present.syslog_fd, &message, MSG_NOSIGNAL) >= 0 || errno == EAGAIN))
			return;
		connect_syslog();
	}
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
		len = put_escaped(line, 0,
				  present.for_journal ? levels[level].journal : levels[level].word);
	len = put_escaped(line, len, text);
	pthread_mutex_lock(&writing);
	if (present.target == LOG_TO_SYSLOG) {
		write_syslog(level, line, len);
	} else {
		line[len++] = '\n';
		write_stderr(line, len);
	}
	pthread_mutex_unlock(&writing);
out:
	errno = err_before;
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
