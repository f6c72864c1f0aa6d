/* UDP: each lane is a connected socket; what it may ask goes out as one send, which the system cuts
 * into datagrams (UDP_SEGMENT). */
#include <err.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "load.h"

#define SLOTS 256u
#define BURST 64u /* datagrams that one send may become */
#define BATCH 64u
#define REPLY_MAX 1500u
#define LOOK_NS 20000000u /* for what is lost, so often */
#define FLOOD 256u	  /* more at once is too much for a socket as the system makes it: */
#define RAMP_NS 20000000u /* they begin spread over so long */

struct slot {
	uint64_t sent_ns;
	struct mix_asked asked;
	uint8_t generation; /* the upper half of the ID: a late reply to an earlier one is none */
	bool is_waiting;
};

struct lane {
	int fd;
	unsigned free_count;
	uint8_t free[SLOTS];
	struct slot slots[SLOTS];
};

struct load_lanes {
	struct lane lanes[LOAD_LANES_MAX];
	struct pollfd polled[LOAD_LANES_MAX];
	unsigned waiting, next_lane;
	uint64_t next_look_ns, next_due_ns;
	uint64_t end_ns; /* what comes later does not count */
	bool is_dry;
};

static int opened(const struct load *load, unsigned at)
{
	static const int segment = MIX_QUESTION_LEN, large = 8 << 20;
	const struct sockaddr_in from = load_source(load->plan, at);
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof(large)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&from, sizeof(from)) != 0 ||
	    connect(fd, (const struct sockaddr *)&load->server, sizeof(load->server)) != 0 ||
	    setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0)
		err(1, "socket");
	return fd;
}

static void udp_open(struct load *load)
{
	const struct load_plan *plan = load->plan;
	const unsigned window = plan->rate > 0 ? SLOTS : plan->window / plan->lanes;

	if (window == 0 || window > SLOTS)
		errx(64, "a window of 1 to %u on each of %u sockets", SLOTS, plan->lanes);
	load->lanes = calloc(1, sizeof(*load->lanes));
	if (load->lanes == NULL)
		err(1, "memory");
	for (unsigned at = 0; at < plan->lanes; at++) {
		struct lane *lane = &load->lanes->lanes[at];

		lane->fd = opened(load, at);
		load->lanes->polled[at] = (struct pollfd){ .fd = lane->fd, .events = POLLIN };
		while (lane->free_count < window) {
			lane->free[lane->free_count] = (uint8_t)lane->free_count;
			lane->free_count++;
		}
	}
}

/* --- asking -------------------------------------------------------------------------------- */

static uint8_t *put_next(struct load *load, struct lane *lane, uint8_t *at, uint64_t now_ns)
{
	struct mix_asked asked;

	if (load->lanes->is_dry || !mix_draw(load->mix, &asked)) {
		load->lanes->is_dry = true;
		return at;
	}
	const uint8_t which = lane->free[--lane->free_count];
	struct slot *slot = &lane->slots[which];

	slot->sent_ns = now_ns;
	slot->asked = asked;
	slot->generation++;
	slot->is_waiting = true;
	load->lanes->waiting++;
	load->score.asked++;
	return mix_put(at, (uint16_t)(slot->generation << 8 | which), &asked);
}

/* As many as are free, up to `count`. */
static void ask(struct load *load, struct lane *lane, unsigned count)
{
	uint8_t wire[BURST * MIX_QUESTION_LEN], *end = wire;
	const uint64_t now_ns = score_now_ns();

	if (count > BURST)
		count = BURST;
	while (count-- > 0 && lane->free_count > 0)
		end = put_next(load, lane, end, now_ns);
	const size_t len = (size_t)(end - wire);

	/* The first time may only tell that an earlier one found nobody. */
	if (len > 0 && send(lane->fd, wire, len, 0) < 0)
		(void)!send(lane->fd, wire, len, 0);
}

static void refill(struct load *load, struct lane *lane)
{
	const unsigned window = load->plan->window / load->plan->lanes;

	/* Half a window at a time, so that bursts stay bursts; of a large one less, or what waits
	 * for its lost ones keeps the two halves from being out by turns. */
	const unsigned part = window > BURST ? BURST / 4 : (window + 1) / 2;
	const unsigned least = load->plan->is_in_step ? window : part;

	if (load->plan->rate > 0 || lane->free_count < least)
		return;
	ask(load, lane, lane->free_count);
}

static void ask_what_is_due(struct load *load, uint64_t now_ns)
{
	struct load_lanes *lanes = load->lanes;

	while (lanes->next_due_ns <= now_ns) {
		struct lane *lane = &lanes->lanes[lanes->next_lane++ % load->plan->lanes];

		if (now_ns - lanes->next_due_ns > load->score.late_ns)
			load->score.late_ns = now_ns - lanes->next_due_ns;
		lanes->next_due_ns += (uint64_t)(1e9 / load->plan->rate);
		if (lane->free_count > 0) {
			ask(load, lane, 1);
		} else {
			load->score.asked++;
			load->score.lost++;
		}
	}
}

/* --- what comes back ----------------------------------------------------------------------- */

static void settle(struct load *load, struct lane *lane, unsigned which)
{
	lane->slots[which].is_waiting = false;
	lane->free[lane->free_count++] = (uint8_t)which;
	load->lanes->waiting--;
}

static void take_reply(struct load *load, struct lane *lane, const uint8_t *wire, size_t wire_len,
		       uint64_t now_ns)
{
	if (wire_len < MIX_QUESTION_LEN)
		return;
	const struct slot *slot = &lane->slots[wire[1]];

	if (!slot->is_waiting || slot->generation != wire[0])
		return;
	score_reply(&load->score, load_is_right(load, &slot->asked, wire, wire_len),
		    now_ns <= load->lanes->end_ns, now_ns - slot->sent_ns);
	settle(load, lane, wire[1]);
}

static void receive(struct load *load, struct lane *lane)
{
	static uint8_t wire[BATCH][REPLY_MAX];
	static struct iovec iov[BATCH];
	static struct mmsghdr got[BATCH];

	for (unsigned at = 0; at < BATCH; at++) {
		iov[at] = (struct iovec){ wire[at], REPLY_MAX };
		got[at].msg_hdr = (struct msghdr){ .msg_iov = &iov[at], .msg_iovlen = 1 };
	}
	const int count = recvmmsg(lane->fd, got, BATCH, MSG_DONTWAIT, NULL);
	const uint64_t now_ns = score_now_ns();

	for (int at = 0; at < count; at++)
		take_reply(load, lane, wire[at], got[at].msg_len, now_ns);
}

static void give_up_old(struct load *load, uint64_t now_ns)
{
	for (unsigned at = 0; at < load->plan->lanes; at++) {
		struct lane *lane = &load->lanes->lanes[at];

		for (unsigned which = 0; which < SLOTS; which++) {
			const struct slot *slot = &lane->slots[which];

			if (slot->is_waiting && slot->sent_ns + load->plan->wait_ns < now_ns) {
				load->score.lost++;
				settle(load, lane, which);
			}
		}
	}
}

/* One turn: waits until there is something to do, or until `until_ns`. */
static void turn(struct load *load, uint64_t until_ns, bool is_asking)
{
	struct load_lanes *lanes = load->lanes;
	uint64_t now_ns = score_now_ns();

	if (lanes->next_look_ns <= now_ns) {
		give_up_old(load, now_ns);
		lanes->next_look_ns = now_ns + LOOK_NS;
	}
	if (until_ns > lanes->next_look_ns)
		until_ns = lanes->next_look_ns;
	const uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	const struct timespec wait = { .tv_sec = (time_t)(wait_ns / 1000000000u),
				       .tv_nsec = (long)(wait_ns % 1000000000u) };

	(void)ppoll(lanes->polled, load->plan->lanes, &wait, NULL);
	for (unsigned at = 0; at < load->plan->lanes; at++) {
		if (lanes->polled[at].revents != 0)
			receive(load, &lanes->lanes[at]);
		if (is_asking)
			refill(load, &lanes->lanes[at]);
	}
}

static bool udp_run(struct load *load, uint64_t end_ns)
{
	struct load_lanes *lanes = load->lanes;
	const bool is_by_rate = load->plan->rate > 0;

	lanes->end_ns = end_ns;
	lanes->next_due_ns = score_now_ns();
	for (unsigned at = 0; at < load->plan->lanes; at++) {
		refill(load, &lanes->lanes[at]);
		if (load->plan->window > FLOOD)
			turn(load, score_now_ns() + RAMP_NS / load->plan->lanes, false);
	}
	for (;;) {
		const uint64_t now_ns = score_now_ns();

		if (now_ns >= end_ns || (lanes->is_dry && lanes->waiting == 0))
			break;
		if (is_by_rate)
			ask_what_is_due(load, now_ns);
		turn(load, is_by_rate && lanes->next_due_ns < end_ns ? lanes->next_due_ns : end_ns,
		     true);
	}
	return !lanes->is_dry;
}

static void udp_drain(struct load *load)
{
	while (load->lanes->waiting > 0)
		turn(load, UINT64_MAX, false);
}

const struct load_way load_udp = { udp_open, udp_run, udp_drain };
