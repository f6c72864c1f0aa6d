#include "responder_tcp.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../faults/packet.h"

#define CONNECTIONS 65536 /* by descriptor */
#define BUFFER 131072u
#define EVENTS 64

/* What a read left over: the beginning of a message. Most leave nothing. */
struct rest {
	size_t len;
	uint8_t *bytes;
};

static struct rest rests[CONNECTIONS];
static uint8_t input[BUFFER], output[BUFFER];
static int loop;

static void watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0)
		err(1, "epoll_ctl");
}

static void take_all(int listening)
{
	for (;;) {
		const int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (fd < CONNECTIONS)
			watch(fd);
		else
			close(fd);
	}
}

static void hang_up(int fd)
{
	free(rests[fd].bytes);
	rests[fd] = (struct rest){ 0, NULL };
	close(fd);
}

static void keep_rest(struct rest *rest, const uint8_t *bytes, size_t len)
{
	rest->bytes = len == 0 ? NULL : malloc(len);
	rest->len = len;
	if (len > 0 && rest->bytes == NULL)
		err(1, "memory");
	if (len > 0)
		memcpy(rest->bytes, bytes, len);
}

static bool send_out(int fd, size_t *len)
{
	const bool is_sent = *len == 0 || send(fd, output, *len, MSG_NOSIGNAL) == (ssize_t)*len;

	*len = 0;
	return is_sent;
}

/* Returns where the first message begins that is not whole. */
static size_t answer_all(const struct responder *responder, int fd, size_t got)
{
	size_t at = 0, out = 0;

	while (got - at >= 2) {
		const size_t len = packet_get16(input + at);

		if (got - at < len + 2)
			break;
		if (len <= RESPONDER_MAX) {
			uint8_t *reply = output + out;

			memcpy(reply + 2, input + at + 2, len);
			const size_t reply_len = responder->answer(reply + 2, len);
			packet_put16(reply, (unsigned)reply_len);
			out += reply_len == 0 ? 0 : reply_len + 2;
		}
		at += len + 2;
		responder->shared->tcp++;
		if (BUFFER - out < RESPONDER_MAX + 2 && !send_out(fd, &out))
			break;
	}
	(void)send_out(fd, &out);
	return at;
}

static void on_stream(const struct responder *responder, int fd)
{
	struct rest *rest = &rests[fd];
	size_t got = rest->len;

	if (got > 0)
		memcpy(input, rest->bytes, got);
	const ssize_t size = recv(fd, input + got, BUFFER - got, MSG_DONTWAIT);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size <= 0) {
		hang_up(fd);
		return;
	}
	free(rest->bytes);
	got += (size_t)size;
	const size_t at = answer_all(responder, fd, got);

	keep_rest(rest, input + at, got - at);
}

void responder_tcp_serve(const struct responder *responder, int listening)
{
	loop = epoll_create1(EPOLL_CLOEXEC);
	/* the connections themselves stay blocking when written to: the load always reads */
	if (loop < 0 || fcntl(listening, F_SETFL, O_NONBLOCK) != 0)
		err(1, "epoll");
	watch(listening);
	for (;;) {
		struct epoll_event events[EVENTS];
		const int count = epoll_wait(loop, events, EVENTS, -1);

		for (int at = 0; at < count; at++) {
			if (events[at].data.fd == listening)
				take_all(listening);
			else
				on_stream(responder, events[at].data.fd);
		}
	}
}
