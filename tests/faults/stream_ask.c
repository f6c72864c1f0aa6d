#include "stream_ask.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct stream_ask asks[STREAM_ASKS_MAX];
static uint16_t unused[STREAM_ASKS_MAX];
static size_t unused_count;

void stream_asks_init(void)
{
	for (size_t at = 0; at < STREAM_ASKS_MAX; at++) {
		asks[at].fd = -1;
		unused[unused_count++] = (uint16_t)(STREAM_ASKS_MAX - 1 - at);
	}
}

struct stream_ask *stream_ask_start(const struct sockaddr_in *from, const struct sockaddr_in *to,
				    const uint8_t *wire, size_t wire_len, uint64_t number)
{
	/* closed with a reset: the port is free at once for another question */
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (unused_count == 0)
		return NULL;
	struct stream_ask *ask = &asks[unused[unused_count - 1]];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return NULL;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (bind(fd, (const struct sockaddr *)from, sizeof(*from)) != 0 ||
	    (connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0 && errno != EINPROGRESS)) {
		close(fd);
		return NULL;
	}
	unused_count--;
	ask->fd = fd;
	ask->number = number;
	ask->sent = ask->got = 0;
	ask->asked[0] = (uint8_t)(wire_len >> 8);
	ask->asked[1] = (uint8_t)wire_len;
	memcpy(ask->asked + 2, wire, wire_len);
	ask->asked_len = wire_len + 2;
	return ask;
}

size_t stream_ask_reply_len(const struct stream_ask *ask)
{
	return (size_t)ask->reply[0] << 8 | ask->reply[1];
}

enum stream_news stream_ask_go_on(struct stream_ask *ask)
{
	if (ask->sent < ask->asked_len) {
		ssize_t sent = send(ask->fd, ask->asked + ask->sent, ask->asked_len - ask->sent,
				    MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN ? STREAM_WAITS : STREAM_BROKE;
		ask->sent += (size_t)sent;
	}
	for (;;) {
		ssize_t got =
			recv(ask->fd, ask->reply + ask->got, sizeof(ask->reply) - ask->got, 0);

		if (got < 0 && errno == EAGAIN)
			return STREAM_WAITS;
		if (got <= 0)
			return STREAM_BROKE;
		ask->got += (size_t)got;
		if (ask->got >= 2 && ask->got >= stream_ask_reply_len(ask) + 2)
			return STREAM_HAS_REPLY;
	}
}

void stream_ask_end(struct stream_ask *ask)
{
	close(ask->fd);
	ask->fd = -1;
	unused[unused_count++] = (uint16_t)stream_ask_place(ask);
}

struct stream_ask *stream_ask_at(size_t place)
{
	return &asks[place];
}

size_t stream_ask_place(const struct stream_ask *ask)
{
	return (size_t)(ask - asks);
}
