#include "app/ctl_ask.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "side/control.h"

/* Text by the page. */
#define ROOM_FIRST 65536u

static int connect_to(const char *path, int *ret_fd)
{
	const struct timeval patience = { .tv_sec = CTL_ASK_PATIENCE_S };
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	memcpy(at.sun_path, path, strlen(path) + 1);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ||
	    connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0) {
		const int err = -errno;

		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static int send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		const ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		bytes += sent;
		len -= (size_t)sent;
	}
	return 0;
}

/* To the end. Whatever breaks behind the first byte is an end too: the daemon need not have read
 * all that we said. */
static int receive_all(int fd, struct ctl_reply *reply)
{
	size_t room = 0;

	for (;;) {
		if (reply->len == room) {
			room = room == 0 ? ROOM_FIRST : 2 * room;
			char *larger = room > CTL_ASK_MAX ? NULL : mem_realloc(reply->bytes, room);
			if (larger == NULL)
				return -ENOMEM;
			reply->bytes = larger;
		}
		const ssize_t len = recv(fd, reply->bytes + reply->len, room - reply->len, 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len == 0 || (len < 0 && errno == ECONNRESET))
			return 0;
		if (len < 0)
			return -errno;
		reply->len += (size_t)len;
	}
}

/* A digit, a line feed, the text. */
static int read_reply(struct ctl_reply *reply)
{
	if (reply->len < 2 || reply->bytes[1] != '\n')
		return -EPROTO;
	switch (reply->bytes[0]) {
	case '0' + CONTROL_DONE:
		reply->code = EXIT_CODE_OK;
		break;
	case '0' + CONTROL_REFUSED:
		reply->code = EXIT_CODE_REFUSED;
		break;
	case '0' + CONTROL_USAGE:
		reply->code = EXIT_CODE_USAGE;
		break;
	default:
		return -EPROTO;
	}
	reply->text = reply->bytes + 2;
	reply->len -= 2;
	return 0;
}

int ctl_ask(const char *path, const char *const words[], struct ctl_reply *ret_reply)
{
	char request[CONTROL_REQUEST_MAX];
	size_t request_len = 0;
	struct ctl_reply reply = { .len = 0 };
	int fd = -1;
	int err = control_request_write(words, request, sizeof(request), &request_len);

	if (err == 0)
		err = connect_to(path, &fd);
	if (err == 0)
		err = send_all(fd, request, request_len);
	if (err == 0)
		err = receive_all(fd, &reply);
	if (err == 0)
		err = read_reply(&reply);
	if (fd >= 0)
		close(fd);
	if (err == 0)
		*ret_reply = reply;
	else
		ctl_ask_done(&reply);
	return err;
}

void ctl_ask_done(struct ctl_reply *reply)
{
	mem_free(reply->bytes);
	reply->bytes = NULL;
}
