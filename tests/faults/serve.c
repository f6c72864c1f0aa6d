#include "serve.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "delayed.h"
#include "packet.h"

#define BATCH 64u
#define CONNECTIONS_MAX 4096
#define STREAM_BUFFER 16384u

struct connection {
	int fd; /* -1: free */
	uint32_t generation;
	size_t got;
	uint8_t buffer[STREAM_BUFFER];
};

static const struct serve_script *script;
static int loop, udp_socket = -1, tcp_socket = -1, signals;
static struct connection connections[CONNECTIONS_MAX];
static uint64_t connection_count;

uint64_t serve_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15u;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

uint64_t serve_connections(void)
{
	return connection_count;
}

/* --- sending ------------------------------------------------------------------------------- */

static struct mmsghdr batch[BATCH];
static struct iovec batch_iov[BATCH];
static struct sockaddr_in batch_to[BATCH];
static uint8_t batch_wire[BATCH][PACKET_MAX];
static unsigned batch_count;

static void batch_flush(void)
{
	for (unsigned done = 0; done < batch_count;) {
		int sent = sendmmsg(udp_socket, batch + done, batch_count - done, 0);

		if (sent < 0 && (errno == EINTR || errno == ECONNREFUSED))
			continue; /* an earlier one found nobody; this one has not been sent */
		done += sent > 0 ? (unsigned)sent : 1; /* what does not go is lost */
	}
	batch_count = 0;
}

static void send_datagram(const struct sockaddr_in *to, const uint8_t *wire, size_t len)
{
	unsigned at = batch_count++;

	memcpy(batch_wire[at], wire, len);
	batch_to[at] = *to;
	batch_iov[at] = (struct iovec){ batch_wire[at], len };
	batch[at].msg_hdr = (struct msghdr){ .msg_name = &batch_to[at],
					     .msg_namelen = sizeof(batch_to[at]),
					     .msg_iov = &batch_iov[at],
					     .msg_iovlen = 1 };
	if (batch_count == BATCH)
		batch_flush();
}

static void connection_close(struct connection *connection)
{
	close(connection->fd);
	connection->fd = -1;
	connection->generation++;
}

static void send_message(struct connection *connection, const uint8_t *wire, size_t len)
{
	uint8_t framed[PACKET_MAX + 2] = { (uint8_t)(len >> 8), (uint8_t)len };

	memcpy(framed + 2, wire, len);
	if (send(connection->fd, framed, len + 2, MSG_NOSIGNAL) != (ssize_t)len + 2)
		connection_close(connection);
}

static void send_due(void)
{
	const struct delayed *first;

	while ((first = delayed_first()) != NULL && first->due_us <= now_us()) {
		struct connection *connection =
			first->connection < 0 ? NULL : &connections[first->connection];

		if (connection == NULL)
			send_datagram(&first->to, first->wire, first->len);
		else if (connection->fd >= 0 && connection->generation == first->generation)
			send_message(connection, first->wire, first->len);
		delayed_drop_first();
	}
	batch_flush();
}

void serve_reply(const struct serve_asker *asker, const uint8_t *wire, size_t len,
		 uint64_t delay_us)
{
	struct delayed packet = { .due_us = now_us() + delay_us,
				  .to = asker->from,
				  .connection = asker->connection,
				  .generation = asker->generation,
				  .len = (uint16_t)len };

	if (delay_us > 0) {
		memcpy(packet.wire, wire, len);
		delayed_add(&packet);
	} else if (asker->connection < 0) {
		send_datagram(&asker->from, wire, len);
	} else {
		send_message(&connections[asker->connection], wire, len);
	}
}

/* --- receiving ----------------------------------------------------------------------------- */

static void on_udp(void)
{
	static uint8_t wire[BATCH][4096];
	static struct sockaddr_in from[BATCH];
	static struct iovec iov[BATCH];
	static struct mmsghdr got[BATCH];

	for (unsigned at = 0; at < BATCH; at++) {
		iov[at] = (struct iovec){ wire[at], sizeof(wire[at]) };
		got[at].msg_hdr = (struct msghdr){ .msg_name = &from[at],
						   .msg_namelen = sizeof(from[at]),
						   .msg_iov = &iov[at],
						   .msg_iovlen = 1 };
	}
	int count = recvmmsg(udp_socket, got, BATCH, MSG_DONTWAIT, NULL);

	for (int at = 0; at < count; at++) {
		struct serve_asker asker = { .from = from[at], .connection = -1 };

		script->on_message(&asker, wire[at], got[at].msg_len);
	}
	batch_flush();
}

static void watch(int fd, int what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = what };

	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0)
		err(1, "epoll_ctl");
}

static void on_connection(void)
{
	int fd = accept4(tcp_socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (int at = 0; fd >= 0 && at < CONNECTIONS_MAX; at++) {
		if (connections[at].fd >= 0)
			continue;
		connection_count++;
		connections[at].fd = fd;
		connections[at].got = 0;
		watch(fd, at);
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void on_stream(struct connection *connection)
{
	ssize_t size = recv(connection->fd, connection->buffer + connection->got,
			    STREAM_BUFFER - connection->got, 0);
	struct serve_asker asker = { .connection = (int)(connection - connections),
				     .generation = connection->generation };
	size_t at = 0;

	if (size < 0 && errno == EAGAIN)
		return;
	if (size <= 0) {
		connection_close(connection);
		return;
	}
	connection->got += (size_t)size;
	while (connection->fd >= 0 && connection->got - at >= 2) {
		const uint8_t *message = connection->buffer + at;
		size_t len = (size_t)message[0] << 8 | message[1];

		if (len > STREAM_BUFFER - 2) {
			connection_close(connection);
			return;
		}
		if (connection->got - at < len + 2)
			break;
		script->on_message(&asker, message + 2, len);
		at += len + 2;
	}
	connection->got -= at;
	memmove(connection->buffer, connection->buffer + at, connection->got);
}

/* --- and the rest -------------------------------------------------------------------------- */

enum { ON_UDP = -1, ON_TCP = -2, ON_SIGNAL = -3 };

/* True when it is over. */
static bool on_signal(void)
{
	struct signalfd_siginfo signal;

	if (read(signals, &signal, sizeof(signal)) != sizeof(signal))
		return false;
	if (signal.ssi_signo == SIGUSR1 || signal.ssi_signo == SIGUSR2) {
		script->on_signal((int)signal.ssi_signo);
		return false;
	}
	return true;
}

static void run(void)
{
	for (;;) {
		struct epoll_event events[64];
		const struct delayed *first = delayed_first();
		uint64_t now = now_us();
		int wait_ms = first == NULL	     ? -1
			      : first->due_us <= now ? 0
						     : (int)((first->due_us - now + 999) / 1000);
		int count = epoll_wait(loop, events, 64, wait_ms);

		for (int at = 0; at < count; at++) {
			int what = events[at].data.fd;

			if (what == ON_SIGNAL && on_signal())
				return;
			if (what == ON_UDP)
				on_udp();
			else if (what == ON_TCP)
				on_connection();
			else if (what >= 0 && connections[what].fd >= 0)
				on_stream(&connections[what]);
		}
		send_due();
	}
}

static int bound(int kind)
{
	static const int on = 1, large = 4 << 20;
	int fd = socket(AF_INET, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (kind == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	else
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&script->listen, sizeof(script->listen)) != 0 ||
	    (kind == SOCK_STREAM && listen(fd, 1024) != 0))
		err(1, "bind %s",
		    inet_ntop(AF_INET, &script->listen.sin_addr, (char[64]){ 0 }, 64));
	return fd;
}

struct sockaddr_in serve_address(char *text, unsigned port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char *at = strchr(text, '@');

	if (at != NULL) {
		*at++ = '\0';
		port = (unsigned)strtoul(at, NULL, 10);
	}
	address.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		errx(64, "%s is no address", text);
	return address;
}

static void watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	watch(signals, ON_SIGNAL);
}

void serve(const struct serve_script *those)
{
	script = those;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int at = 0; at < CONNECTIONS_MAX; at++)
		connections[at].fd = -1;
	loop = epoll_create1(EPOLL_CLOEXEC);
	watch_signals();
	udp_socket = bound(SOCK_DGRAM);
	watch(udp_socket, ON_UDP);
	if (script->has_tcp) {
		tcp_socket = bound(SOCK_STREAM);
		watch(tcp_socket, ON_TCP);
	}
	printf("ready\n");
	fflush(stdout);
	run();
}
