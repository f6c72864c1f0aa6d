/* A scripted upstream: answers every question with a record that tells the asked name and type
 * (packet.h), and does to datagrams what the command line says, in per cent, at most one thing
 * to each. What comes over TCP is answered well. SIGUSR1 makes it deaf, SIGUSR2 makes it hear
 *again; at SIGTERM it prints what it did, as JSON.
 *
 *	upstream --listen 127.1.1.1@5300 --seed 7 --drop 30 --no-tcp --deaf-zone victim.example
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
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
#define LATE_US 1000000u

enum fault { DROP, DOUBLE, WRONG_ID, WRONG_NAME, TRUNCATE, LATE, SERVFAIL, CUT, FAULT_COUNT };

static const char *const fault_names[FAULT_COUNT] = {
	"drop", "double", "wrong-id", "wrong-name", "truncate", "late", "servfail", "cut",
};

struct zone {
	uint8_t name[256];
	size_t len;
};

struct connection {
	int fd; /* -1: free */
	uint32_t generation;
	size_t got;
	uint8_t buffer[STREAM_BUFFER];
};

static struct {
	struct sockaddr_in listen;
	unsigned percent[FAULT_COUNT];
	struct zone deaf, absent;
	uint64_t seed, delay_us;
	bool has_tcp, is_deaf;
} script = { .has_tcp = true, .seed = 1 };

static struct {
	uint64_t udp, tcp, connections, unheard, deaf_zone, faults[FAULT_COUNT];
} counts;

static int loop, udp_socket = -1, tcp_socket = -1, signals;
static struct connection connections[CONNECTIONS_MAX];
static uint64_t random_state;

/* splitmix64: the same seed, the same faults */
static uint64_t random_next(void)
{
	uint64_t value = random_state += 0x9e3779b97f4a7c15u;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

/* FAULT_COUNT: none */
static enum fault draw(void)
{
	unsigned number = (unsigned)(random_next() % 100);

	for (int fault = 0; fault < FAULT_COUNT; fault++) {
		if (number < script.percent[fault])
			return (enum fault)fault;
		number -= script.percent[fault];
	}
	return FAULT_COUNT;
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

/* --- answering ----------------------------------------------------------------------------- */

/* Whether there is anything to answer; counts what there is not. */
static bool is_heard(const uint8_t *wire, size_t len, struct question *question)
{
	if (script.is_deaf || !packet_read(wire, len, question)) {
		counts.unheard++;
		return false;
	}
	if (script.deaf.len > 0 && packet_is_below(question->name, question->name_len,
						   script.deaf.name, script.deaf.len)) {
		counts.deaf_zone++;
		return false;
	}
	return true;
}

static enum answer true_answer(const struct question *question)
{
	return script.absent.len > 0 && packet_is_below(question->name, question->name_len,
							script.absent.name, script.absent.len)
		       ? ANSWER_NXDOMAIN
		       : ANSWER_GOOD;
}

static enum answer answer_with(enum fault fault, const struct question *question)
{
	switch (fault) {
	case WRONG_ID:
		return ANSWER_WRONG_ID;
	case WRONG_NAME:
		return ANSWER_WRONG_NAME;
	case TRUNCATE:
		return ANSWER_TRUNCATED;
	case SERVFAIL:
		return ANSWER_SERVFAIL;
	case DROP:
	case DOUBLE:
	case LATE:
	case CUT:
	case FAULT_COUNT:
		break;
	}
	return true_answer(question);
}

static void on_datagram(const struct sockaddr_in *from, const uint8_t *wire, size_t len)
{
	struct question question;

	counts.udp++;
	if (!is_heard(wire, len, &question))
		return;
	enum fault fault = draw();

	if (fault != FAULT_COUNT)
		counts.faults[fault]++;
	if (fault == DROP)
		return;

	struct delayed packet = { .to = *from, .connection = -1 };
	uint64_t delay_us = script.delay_us + (fault == LATE ? LATE_US : 0);

	packet.len = (uint16_t)packet_answer(packet.wire, &question, answer_with(fault, &question));
	if (fault == CUT && packet.len > 30)
		packet.len = 30;
	packet.due_us = now_us() + delay_us;
	for (int times = fault == DOUBLE ? 2 : 1; times > 0; times--) {
		if (delay_us > 0)
			delayed_add(&packet);
		else
			send_datagram(from, packet.wire, packet.len);
	}
}

static void on_message(struct connection *connection, const uint8_t *wire, size_t len)
{
	struct question question;

	counts.tcp++;
	if (!is_heard(wire, len, &question))
		return;

	struct delayed packet = { .due_us = now_us() + script.delay_us,
				  .connection = (int)(connection - connections),
				  .generation = connection->generation };

	packet.len = (uint16_t)packet_answer(packet.wire, &question, true_answer(&question));
	if (script.delay_us > 0)
		delayed_add(&packet);
	else
		send_message(connection, packet.wire, packet.len);
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

	for (int at = 0; at < count; at++)
		on_datagram(&from[at], wire[at], got[at].msg_len);
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
		counts.connections++;
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
		on_message(connection, message + 2, len);
		at += len + 2;
	}
	connection->got -= at;
	memmove(connection->buffer, connection->buffer + at, connection->got);
}

/* --- and the rest -------------------------------------------------------------------------- */

enum { ON_UDP = -1, ON_TCP = -2, ON_SIGNAL = -3 };

static void report(void)
{
	printf("{\"seed\": %llu, \"udp\": %llu, \"tcp\": %llu, \"connections\": %llu",
	       (unsigned long long)script.seed, (unsigned long long)counts.udp,
	       (unsigned long long)counts.tcp, (unsigned long long)counts.connections);
	printf(", \"unheard\": %llu, \"deaf_zone\": %llu", (unsigned long long)counts.unheard,
	       (unsigned long long)counts.deaf_zone);
	for (int fault = 0; fault < FAULT_COUNT; fault++)
		printf(", \"%s\": %llu", fault_names[fault],
		       (unsigned long long)counts.faults[fault]);
	printf("}\n");
}

/* True when it is over. */
static bool on_signal(void)
{
	struct signalfd_siginfo signal;

	if (read(signals, &signal, sizeof(signal)) != sizeof(signal))
		return false;
	if (signal.ssi_signo == SIGUSR1 || signal.ssi_signo == SIGUSR2) {
		script.is_deaf = signal.ssi_signo == SIGUSR1;
		return false;
	}
	report();
	return true;
}

static void serve(void)
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
	if (fd < 0 || bind(fd, (struct sockaddr *)&script.listen, sizeof(script.listen)) != 0 ||
	    (kind == SOCK_STREAM && listen(fd, 1024) != 0))
		err(1, "bind %s", inet_ntop(AF_INET, &script.listen.sin_addr, (char[64]){ 0 }, 64));
	return fd;
}

static void read_address(char *text)
{
	char *port = strchr(text, '@');

	if (port != NULL)
		*port++ = '\0';
	script.listen.sin_family = AF_INET;
	script.listen.sin_port = htons((uint16_t)strtoul(port == NULL ? "53" : port, NULL, 10));
	if (inet_pton(AF_INET, text, &script.listen.sin_addr) != 1)
		errx(64, "%s is no address", text);
}

static void read_zone(struct zone *zone, const char *text)
{
	zone->len = packet_name(zone->name, sizeof(zone->name), text);
	if (zone->len == 0)
		errx(64, "%s is no name", text);
}

static void read_options(int argc, char **argv)
{
	enum { LISTEN = FAULT_COUNT, SEED, DEAF_ZONE, NX_ZONE, DELAY, NO_TCP, OPTION_COUNT };
	struct option options[OPTION_COUNT + 1] = {
		[LISTEN] = { "listen", required_argument, NULL, LISTEN },
		[SEED] = { "seed", required_argument, NULL, SEED },
		[DEAF_ZONE] = { "deaf-zone", required_argument, NULL, DEAF_ZONE },
		[NX_ZONE] = { "nx-zone", required_argument, NULL, NX_ZONE },
		[DELAY] = { "delay-ms", required_argument, NULL, DELAY },
		[NO_TCP] = { "no-tcp", no_argument, NULL, NO_TCP },
	};
	int option;

	for (int fault = 0; fault < FAULT_COUNT; fault++)
		options[fault] =
			(struct option){ fault_names[fault], required_argument, NULL, fault };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == LISTEN)
			read_address(optarg);
		else if (option == SEED)
			script.seed = strtoull(optarg, NULL, 10);
		else if (option == DEAF_ZONE)
			read_zone(&script.deaf, optarg);
		else if (option == NX_ZONE)
			read_zone(&script.absent, optarg);
		else if (option == DELAY)
			script.delay_us = 1000 * strtoull(optarg, NULL, 10);
		else if (option == NO_TCP)
			script.has_tcp = false;
		else if (option >= 0 && option < FAULT_COUNT)
			script.percent[option] = (unsigned)strtoul(optarg, NULL, 10);
		else
			exit(64);
	}
}

int main(int argc, char **argv)
{
	sigset_t set;

	read_options(argc, argv);
	random_state = script.seed;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int at = 0; at < CONNECTIONS_MAX; at++)
		connections[at].fd = -1;
	loop = epoll_create1(EPOLL_CLOEXEC);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	watch(signals, ON_SIGNAL);
	udp_socket = bound(SOCK_DGRAM);
	watch(udp_socket, ON_UDP);
	if (script.has_tcp) {
		tcp_socket = bound(SOCK_STREAM);
		watch(tcp_socket, ON_TCP);
	}
	printf("ready\n");
	fflush(stdout);
	serve();
	return 0;
}
