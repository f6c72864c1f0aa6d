/* TCP: each lane is a connection with many questions on their way, or, with is_each, a place where
 * one connection after the other asks one question. */
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../faults/packet.h"
#include "load.h"

#define BURST 128u /* questions of one send */
#define FRAME_LEN (MIX_QUESTION_LEN + 2)
#define BUFFER 65538u

struct lane {
	int fd; /* -1: none */
	unsigned waiting, sent;
	uint64_t began_ns; /* of the youngest question */
	bool is_connecting;
	size_t got;
	uint8_t buffer[BUFFER];
};

struct load_lanes {
	struct lane lanes[LOAD_LANES_MAX];
	struct pollfd polled[LOAD_LANES_MAX];
	unsigned waiting;
	uint64_t end_ns;
	bool is_dry; /* nothing is left to ask */
};

static unsigned window_of(const struct load *load)
{
	return load->plan->is_each ? 1 : load->plan->window / load->plan->lanes;
}

/* What has not come will not come. A reset instead of the usual end, or ports run out. */
static void hang_up(struct load *load, struct lane *lane)
{
	static const struct linger at_once = { .l_onoff = 1 };

	load->score.lost += lane->waiting;
	load->lanes->waiting -= lane->waiting;
	lane->waiting = 0;
	if (lane->fd < 0)
		return;
	setsockopt(lane->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(lane->fd);
	lane->fd = -1;
}

static void dial(struct load *load, struct lane *lane)
{
	static const int on = 1;
	const struct sockaddr_in from =
		load_source(load->plan, (unsigned)(lane - load->lanes->lanes));

	lane->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (lane->fd < 0)
		err(1, "socket");
	setsockopt(lane->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(lane->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(lane->fd, (const struct sockaddr *)&from, sizeof(from)) != 0)
		err(1, "bind");
	if (connect(lane->fd, (const struct sockaddr *)&load->server, sizeof(load->server)) != 0 &&
	    errno != EINPROGRESS)
		err(1, "connect");
	lane->got = 0;
	lane->is_connecting = true;
	lane->began_ns = score_now_ns();
}

static size_t put_questions(struct load *load, struct lane *lane, uint8_t *wire, unsigned count)
{
	uint8_t *end = wire;
	struct mix_asked asked;

	while (count-- > 0 && !load->lanes->is_dry) {
		if (!mix_draw(load->mix, &asked)) {
			load->lanes->is_dry = true;
			break;
		}
		end = mix_put(packet_put16(end, MIX_QUESTION_LEN), (uint16_t)lane->sent++, &asked);
		lane->waiting++;
		load->lanes->waiting++;
		load->score.asked++;
	}
	return (size_t)(end - wire);
}

static void ask(struct load *load, struct lane *lane)
{
	uint8_t wire[BURST * FRAME_LEN];
	const unsigned window = window_of(load);

	/* half a window at a time */
	const unsigned least = load->plan->is_in_step ? window : (window + 1) / 2;

	if (lane->is_connecting || window - lane->waiting < least)
		return;
	const size_t len = put_questions(load, lane, wire, window - lane->waiting);

	lane->began_ns = score_now_ns();
	/* so little always fits, unless the other side is gone */
	if (len > 0 && send(lane->fd, wire, len, MSG_NOSIGNAL) != (ssize_t)len)
		hang_up(load, lane);
}

/* The replies in the buffer. */
static void take_replies(struct load *load, struct lane *lane, uint64_t now_ns)
{
	size_t at = 0;

	while (lane->got - at >= 2) {
		const uint8_t *frame = lane->buffer + at;
		const size_t len = packet_get16(frame);

		if (lane->got - at < len + 2)
			break;
		at += len + 2;
		if (lane->waiting == 0)
			continue;
		lane->waiting--;
		load->lanes->waiting--;
		score_reply(&load->score, load_is_right(load, NULL, frame + 2, len),
			    now_ns <= load->lanes->end_ns, now_ns - lane->began_ns);
	}
	lane->got -= at;
	memmove(lane->buffer, lane->buffer + at, lane->got);
}

static void receive(struct load *load, struct lane *lane)
{
	static const int on = 1;
	const ssize_t size = recv(lane->fd, lane->buffer + lane->got, BUFFER - lane->got, 0);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size <= 0) {
		hang_up(load, lane);
		return;
	}
	lane->got += (size_t)size;
	take_replies(load, lane, score_now_ns());
	/* a server that writes reply by reply may wait for this; it does not last */
	if (lane->waiting > 0)
		setsockopt(lane->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
	if (load->plan->is_each && lane->waiting == 0)
		hang_up(load, lane);
}

static void on_lane(struct load *load, struct lane *lane, short events)
{
	if (lane->is_connecting && (events & (POLLERR | POLLHUP)) != 0) {
		load->score.asked++;
		load->score.lost++;
		hang_up(load, lane);
		return;
	}
	if ((events & POLLOUT) != 0)
		lane->is_connecting = false;
	if ((events & (POLLIN | POLLERR | POLLHUP)) != 0)
		receive(load, lane);
}

static void give_up_old(struct load *load, struct lane *lane, uint64_t now_ns)
{
	if (lane->fd < 0 || lane->began_ns + load->plan->wait_ns > now_ns)
		return;
	if (lane->is_connecting) {
		load->score.asked++;
		load->score.lost++;
	}
	if (lane->is_connecting || lane->waiting > 0)
		hang_up(load, lane);
}

static void turn(struct load *load, bool is_asking)
{
	struct load_lanes *lanes = load->lanes;

	for (unsigned at = 0; at < load->plan->lanes; at++) {
		struct lane *lane = &lanes->lanes[at];

		if (is_asking && lane->fd < 0)
			dial(load, lane);
		if (is_asking && lane->fd >= 0)
			ask(load, lane);
		lanes->polled[at] =
			(struct pollfd){ .fd = lane->fd,
					 .events = lane->is_connecting ? POLLOUT : POLLIN };
	}
	(void)poll(lanes->polled, load->plan->lanes, 10);
	const uint64_t now_ns = score_now_ns();

	for (unsigned at = 0; at < load->plan->lanes; at++) {
		if (lanes->polled[at].revents != 0)
			on_lane(load, &lanes->lanes[at], lanes->polled[at].revents);
		give_up_old(load, &lanes->lanes[at], now_ns);
	}
}

static void tcp_open(struct load *load)
{
	const unsigned window = window_of(load);

	if (window == 0 || window > BURST)
		errx(64, "a window of 1 to %u on each of %u connections", BURST, load->plan->lanes);
	load->lanes = calloc(1, sizeof(*load->lanes));
	if (load->lanes == NULL)
		err(1, "memory");
	for (unsigned at = 0; at < load->plan->lanes; at++)
		load->lanes->lanes[at].fd = -1;
}

static bool tcp_run(struct load *load, uint64_t end_ns)
{
	struct load_lanes *lanes = load->lanes;

	lanes->end_ns = end_ns;
	while (score_now_ns() < end_ns && !(lanes->is_dry && lanes->waiting == 0))
		turn(load, true);
	return !lanes->is_dry;
}

/* Connections that are not needed again would only be in the way of the next server. */
static void tcp_drain(struct load *load)
{
	while (load->lanes->waiting > 0)
		turn(load, false);
	for (unsigned at = 0; at < load->plan->lanes && load->plan->is_each; at++)
		hang_up(load, &load->lanes->lanes[at]);
}

const struct load_way load_tcp = { tcp_open, tcp_run, tcp_drain };
