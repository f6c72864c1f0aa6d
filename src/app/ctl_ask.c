#include "app/ctl_ask.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/local.h"
#include "side/control.h"

/* Text by the page. */
#define ROOM_FIRST 65536u

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
	static const uint8_t codes[] = {
		[CONTROL_DONE] = EXIT_CODE_OK,
		[CONTROL_REFUSED] = EXIT_CODE_REFUSED,
		[CONTROL_USAGE] = EXIT_CODE_USAGE,
	};

	if (reply->len < 2 || reply->bytes[1] != '\n')
		return -EPROTO;
	const unsigned digit = (unsigned)reply->bytes[0] - '0';
	if (digit >= sizeof(codes))
		return -EPROTO;
	reply->code = codes[digit];
	reply->text = reply->bytes + 2;
	reply->len -= 2;
	return 0;
}

int ctl_ask(const char *path, const char *const words[], struct ctl_reply *ret_reply)
{
	char request[CONTROL_REQUEST_MAX];
	size_t request_len = 0;
	struct ctl_reply reply = { .len = 0 };
	const struct timeval patience = { .tv_sec = CTL_ASK_PATIENCE_S };
	int fd = -1;
	int err = control_request_write(words, request, sizeof(request), &request_len);

	if (err == 0)
		fd = local_connect(path, &patience);
	if (err == 0 && fd < 0)
		err = fd;
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
