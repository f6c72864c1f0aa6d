#include "responder.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../faults/serve.h"
#include "responder_tcp.h"
#include "score.h"

#define BATCH 64u
#define LATER 16384u /* replies that may wait for their time: a ring, as all wait equally long */

struct reply {
	uint64_t due_ns;
	struct sockaddr_in to;
	size_t len;
	uint8_t wire[RESPONDER_MAX];
};

static struct reply later[LATER];
static unsigned later_first, later_count;
static uint64_t random_state = 1;

static uint8_t wires[BATCH][RESPONDER_MAX];
static struct sockaddr_in peers[BATCH];
static struct iovec iov[BATCH];
static struct mmsghdr in[BATCH], out[BATCH];

static void put_out(unsigned at, void *wire, size_t len, struct sockaddr_in *to)
{
	iov[at] = (struct iovec){ wire, len };
	out[at].msg_hdr = (struct msghdr){
		.msg_name = to, .msg_namelen = sizeof(*to), .msg_iov = &iov[at], .msg_iovlen = 1
	};
}

static void send_out(int fd, unsigned count)
{
	for (unsigned done = 0; done < count;) {
		const int sent = sendmmsg(fd, out + done, count - done, 0);

		if (sent < 0 && (errno == EINTR || errno == ECONNREFUSED))
			continue; /* an earlier one found nobody; this one has not been sent */
		done += sent > 0 ? (unsigned)sent : 1; /* what does not go is lost */
	}
}

/* Up to BATCH, into `wires` and `peers`. */
static unsigned receive(int fd, int flags)
{
	for (unsigned at = 0; at < BATCH; at++) {
		iov[at] = (struct iovec){ wires[at], RESPONDER_MAX };
		in[at].msg_hdr = (struct msghdr){ .msg_name = &peers[at],
						  .msg_namelen = sizeof(peers[at]),
						  .msg_iov = &iov[at],
						  .msg_iovlen = 1 };
	}
	const int count = recvmmsg(fd, in, BATCH, flags, NULL);

	return count < 0 ? 0 : (unsigned)count;
}

static void answer_now(const struct responder *responder, int fd, unsigned count)
{
	unsigned replies = 0;

	for (unsigned at = 0; at < count; at++) {
		const size_t len = responder->answer(wires[at], in[at].msg_len);

		if (len > 0)
			put_out(replies++, wires[at], len, &peers[at]);
	}
	send_out(fd, replies);
}

static void answer_later(const struct responder *responder, unsigned count)
{
	const struct responder_shared *shared = responder->shared;
	const uint64_t due_ns = score_now_ns() + 1000 * shared->delay_us;

	for (unsigned at = 0; at < count; at++) {
		struct reply *reply = &later[(later_first + later_count) % LATER];
		const size_t len = responder->answer(wires[at], in[at].msg_len);

		if (len == 0 || later_count == LATER ||
		    serve_random(&random_state) % 1000000 < shared->loss_per_million)
			continue;
		later_count++;
		reply->due_ns = due_ns;
		reply->to = peers[at];
		reply->len = len;
		memcpy(reply->wire, wires[at], len);
	}
}

/* How long until the next one is due: 0: now. */
static uint64_t send_due(int fd)
{
	for (;;) {
		const uint64_t now_ns = score_now_ns();
		unsigned count = 0;

		while (count < BATCH && count < later_count) {
			struct reply *reply = &later[(later_first + count) % LATER];

			if (reply->due_ns > now_ns)
				break;
			put_out(count++, reply->wire, reply->len, &reply->to);
		}
		send_out(fd, count);
		later_first = (later_first + count) % LATER;
		later_count -= count;
		if (count < BATCH)
			return later_count == 0 ? UINT64_MAX : later[later_first].due_ns - now_ns;
	}
}

static _Noreturn void serve_udp(const struct responder *responder, int fd)
{
	struct responder_shared *shared = responder->shared;

	for (;;) {
		const bool is_delayed = shared->delay_us + shared->loss_per_million > 0;
		unsigned count;

		if (later_count > 0) {
			const uint64_t wait_ns = send_due(fd);
			const struct timespec wait = { .tv_nsec = (long)(wait_ns % 1000000000u) };
			struct pollfd polled = { .fd = fd, .events = POLLIN };

			(void)ppoll(&polled, 1, &wait, NULL);
			count = receive(fd, MSG_DONTWAIT);
		} else {
			count = receive(fd, MSG_WAITFORONE);
		}
		shared->udp += count;
		if (is_delayed)
			answer_later(responder, count);
		else
			answer_now(responder, fd, count);
	}
}

static int bound(const struct responder *responder, int kind)
{
	static const int on = 1, large = 8 << 20;
	const int fd = socket(AF_INET, kind | SOCK_CLOEXEC, 0);

	if (kind == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	else if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof(large)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&responder->listen, sizeof(responder->listen)) != 0 ||
	    (kind == SOCK_STREAM && listen(fd, 1024) != 0))
		err(1, "bind");
	return fd;
}

void responder_serve(const struct responder *responder)
{
	const int udp = bound(responder, SOCK_DGRAM), tcp = bound(responder, SOCK_STREAM);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(udp);
		responder_tcp_serve(responder, tcp);
	}
	close(tcp);
	printf("ready\n");
	fflush(stdout);
	serve_udp(responder, udp);
}

struct responder_shared *responder_share(const char *path)
{
	const int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *map;

	if (path != NULL && fd < 0)
		err(1, "%s", path);
	map = mmap(NULL, sizeof(struct responder_shared), PROT_READ | PROT_WRITE,
		   fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");
	return map;
}

void responder_read_options(int argc, char **argv, struct responder *responder)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "shared", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'l')
			responder->listen = serve_address(optarg, 53);
		else if (option == 's')
			path = optarg;
		else
			exit(64);
	}
	if (responder->listen.sin_port == 0)
		errx(64, "--listen ADDRESS@PORT");
	responder->shared = responder_share(path);
}
