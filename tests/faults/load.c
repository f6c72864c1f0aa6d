/* A load client: asks names nobody asked before (or the same few again and again), each once, waits
 * five seconds for each, and says what came back, as one line of JSON (tally.h). Either so many at
 * a time (--window) or so many a second whatever comes back (--rate). A truncated answer is asked
 * for again over TCP, as resolvers in hosts do.
 *
 *	load --server 127.1.1.1@5300 --source 127.1.2.1 --tag a1 --window 50 --count 10000
 *	load --server 127.1.1.1@5300 --source 127.1.2.1 --tag a1 --rate 100 --seconds 60 --repeat 50
 *
 * Or as many do: --popular 2000 --hits 65 asks in so many per cent one of so many names, the one of
 * rank r as often as 1/r says (Zipf's law); --couriers 5 one of Apple's; the rest is new. Over TCP
 * are --tcp-share 5 per cent.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "delayed.h"
#include "packet.h"
#include "serve.h"
#include "stream_ask.h"
#include "tally.h"

#define SOURCES_MAX 1024u
#define RING (1u << 22) /* questions that may wait at the same time */
#define TICK_US 1000u
#define BATCH 32u
#define SEND_AT_ONCE 256u /* before looking at what has come */

static struct {
	struct sockaddr_in server, source;
	unsigned sources; /* addresses from `source` on, asked from in turn */
	const char *tag, *zone;
	unsigned zones;	 /* without `zone`: as many of our own */
	uint64_t repeat; /* names asked again and again; 0: each once */
	uint64_t count, window, seconds_us, wait_us;
	double rate; /* a second; 0: by window */
	uint64_t popular;
	unsigned hits, couriers, tcp_share; /* per cent */
	bool is_tcp, is_traced;
} plan = { .sources = 1, .tag = "x", .zones = 100, .wait_us = 5000000 };

struct slot {
	uint64_t asked_us;
	struct stream_ask *stream;
	bool is_waiting;
};

static struct slot *ring;
static int loop, ticker, sockets[SOURCES_MAX];
static uint64_t next_number, oldest, waiting, began_us;

/* --- names and numbers --------------------------------------------------------------------- */

/* Always the same for a number, which is all that is remembered of a question. */
static uint64_t drawn(uint64_t number)
{
	uint64_t state = number * 0x9e3779b97f4a7c15u + 1;

	return serve_random(&state);
}

#define RANKS 65536u
static uint32_t *ranks;

static void draw_ranks(void)
{
	uint64_t random = 1;

	ranks = malloc(RANKS * sizeof(*ranks));
	if (ranks == NULL)
		err(1, "memory");
	for (unsigned at = 0; at < RANKS; at++) {
		double share = (double)(serve_random(&random) >> 11) * 0x1p-53;

		ranks[at] = (uint32_t)exp(share * log((double)plan.popular)) - 1;
	}
}

static bool is_by_stream(uint64_t number)
{
	return plan.is_tcp || (drawn(number) >> 48) % 100 < plan.tcp_share;
}

/* One that many ask for. 0 where it is not. */
static size_t known_name_of(uint64_t number, uint8_t *name)
{
	const uint64_t random = drawn(number);
	const unsigned percent = (unsigned)((random >> 32) % 100);
	char text[200];

	if (percent < plan.couriers) {
		if (random % 2 == 0)
			snprintf(text, sizeof(text), "courier.push.apple.com");
		else
			snprintf(text, sizeof(text), "%u-courier.push.apple.com",
				 10 + (unsigned)(random >> 8) % 40);
	} else if (percent < plan.couriers + plan.hits) {
		const uint32_t rank = ranks[random % RANKS];
		snprintf(text, sizeof(text), "p%u-%s.zone%u.example", rank, plan.tag,
			 rank % plan.zones);
	} else {
		return 0;
	}
	return packet_name(name, 256, text);
}

static size_t name_of(uint64_t number, uint8_t *name)
{
	uint64_t which = plan.repeat > 0 ? number % plan.repeat : number;
	char text[200];

	if (plan.popular > 0) {
		const size_t len = known_name_of(number, name);
		if (len > 0)
			return len;
	}

	if (plan.zone != NULL)
		snprintf(text, sizeof(text), "n%llu-%s.%s", (unsigned long long)which, plan.tag,
			 plan.zone);
	else
		snprintf(text, sizeof(text), "n%llu-%s.zone%u.example", (unsigned long long)which,
			 plan.tag, (unsigned)(which % plan.zones));
	return packet_name(name, 256, text);
}

static struct slot *slot_of(uint64_t number)
{
	return &ring[number % RING];
}

static uint16_t id_of(uint64_t number)
{
	return (uint16_t)(number / plan.sources);
}

/* The youngest question that went out from this source with this ID; false where there is none. */
static bool number_of(unsigned source, uint16_t id, uint64_t *ret_number)
{
	if (next_number <= source)
		return false;
	uint64_t last = (next_number - 1 - source) / plan.sources;
	uint64_t back = (uint16_t)(last - id);

	if (back > last)
		return false;
	*ret_number = (last - back) * plan.sources + source;
	return *ret_number >= oldest && slot_of(*ret_number)->is_waiting;
}

static struct sockaddr_in source_address(unsigned at)
{
	struct sockaddr_in address = plan.source;

	address.sin_addr.s_addr = htonl(ntohl(address.sin_addr.s_addr) + at);
	return address;
}

/* --- asking -------------------------------------------------------------------------------- */

static void watch(int fd, uint64_t what, uint32_t how)
{
	struct epoll_event event = { .events = how, .data.u64 = what };

	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0)
		err(1, "epoll_ctl");
}

/* What an event is about: a socket of ours, or these, a stream's place behind the last. */
enum { ON_TICK = SOURCES_MAX, ON_STREAM };

static void settle(uint64_t number, enum verdict verdict)
{
	struct slot *slot = slot_of(number);

	if (slot->stream != NULL)
		stream_ask_end(slot->stream);
	tally_reply(verdict, slot->asked_us, now_us());
	slot->stream = NULL;
	slot->is_waiting = false;
	waiting--;
}

static void ask_by_stream(uint64_t number)
{
	uint8_t name[256], wire[PACKET_MAX];
	struct sockaddr_in from = source_address((unsigned)(number % plan.sources));
	size_t wire_len = packet_ask(wire, id_of(number), name, name_of(number, name), PACKET_A);
	struct slot *slot = slot_of(number);

	slot->stream = stream_ask_start(&from, &plan.server, wire, wire_len, number);
	if (slot->stream == NULL)
		settle(number, VERDICT_TRUNCATED);
	else
		watch(slot->stream->fd, ON_STREAM + stream_ask_place(slot->stream),
		      EPOLLIN | EPOLLOUT | EPOLLET);
}

static void ask(void)
{
	uint8_t name[256], wire[PACKET_MAX];
	uint64_t number = next_number++;
	struct slot *slot = slot_of(number);

	if (slot->is_waiting)
		errx(1, "more than %u questions wait", RING);
	*slot = (struct slot){ .asked_us = now_us(), .is_waiting = true };
	waiting++;
	size_t name_len = name_of(number, name);
	tally_sent();
	if (packet_is_courier(name, name_len))
		tally_courier();
	if (is_by_stream(number)) {
		ask_by_stream(number);
		return;
	}
	size_t wire_len = packet_ask(wire, id_of(number), name, name_len, PACKET_A);
	int fd = sockets[number % plan.sources];

	/* The first time may only tell that an earlier one found nobody. */
	if (send(fd, wire, wire_len, 0) < 0 && errno == ECONNREFUSED)
		(void)!send(fd, wire, wire_len, 0);
}

static bool may_ask(void)
{
	if (plan.count > 0 && next_number >= plan.count)
		return false;
	return plan.seconds_us == 0 || now_us() < began_us + plan.seconds_us;
}

/* By rate: when the next question is due. Who asks later than that says so. */
static uint64_t due_us(void)
{
	return began_us + (uint64_t)((double)next_number / plan.rate * 1e6);
}

static void ask_what_is_due(void)
{
	for (unsigned asked = 0; asked < SEND_AT_ONCE && may_ask(); asked++) {
		if (plan.rate > 0) {
			uint64_t now = now_us(), due = due_us();

			if (due > now)
				return;
		} else if (waiting >= plan.window) {
			return;
		}
		ask();
	}
}

/* --- what comes back ----------------------------------------------------------------------- */

static void take_reply(uint64_t number, const uint8_t *wire, size_t wire_len)
{
	uint8_t name[256];
	enum verdict verdict = packet_judge(wire, wire_len, name, name_of(number, name));

	if (verdict == VERDICT_TRUNCATED && slot_of(number)->stream == NULL)
		ask_by_stream(number);
	else
		settle(number, verdict);
}

static void on_datagrams(unsigned source)
{
	static uint8_t wire[BATCH][4096];
	struct iovec iov[BATCH];
	struct mmsghdr got[BATCH];

	for (unsigned at = 0; at < BATCH; at++) {
		iov[at] = (struct iovec){ wire[at], sizeof(wire[at]) };
		got[at].msg_hdr = (struct msghdr){ .msg_iov = &iov[at], .msg_iovlen = 1 };
	}
	int count = recvmmsg(sockets[source], got, BATCH, MSG_DONTWAIT, NULL);

	for (int at = 0; at < count; at++) {
		uint64_t number;
		uint16_t id = (uint16_t)(wire[at][0] << 8 | wire[at][1]);

		if (number_of(source, id, &number))
			take_reply(number, wire[at], got[at].msg_len);
		else
			tally_stray();
	}
}

static void on_stream(struct stream_ask *stream)
{
	if (stream->fd < 0)
		return; /* an event that was on its way when it ended */
	switch (stream_ask_go_on(stream)) {
	case STREAM_WAITS:
		return;
	case STREAM_HAS_REPLY:
		take_reply(stream->number, stream->reply + 2, stream_ask_reply_len(stream));
		return;
	case STREAM_BROKE:
		settle(stream->number, VERDICT_SILENT);
		return;
	}
}

static void give_up_old(void)
{
	uint64_t now = now_us();

	for (; oldest < next_number; oldest++) {
		const struct slot *slot = slot_of(oldest);

		if (!slot->is_waiting)
			continue;
		if (slot->asked_us + plan.wait_us > now)
			return;
		settle(oldest, VERDICT_SILENT);
	}
}

/* The ticker counts on while we do not run: what it counted is how late we are. */
static void on_tick(void)
{
	uint64_t ticks;

	if (read(ticker, &ticks, sizeof(ticks)) == sizeof(ticks))
		tally_late((ticks - 1) * TICK_US);
	give_up_old();
}

static void run(void)
{
	while (may_ask() || waiting > 0) {
		struct epoll_event events[64];
		bool is_behind = plan.rate > 0 && may_ask() && due_us() <= now_us();
		int count = epoll_wait(loop, events, 64, is_behind ? 0 : -1);

		for (int at = 0; at < count; at++) {
			uint64_t what = events[at].data.u64;

			if (what < SOURCES_MAX)
				on_datagrams((unsigned)what);
			else if (what == ON_TICK)
				on_tick();
			else
				on_stream(stream_ask_at(what - ON_STREAM));
		}
		ask_what_is_due();
	}
}

/* --- set-up -------------------------------------------------------------------------------- */

static void open_sockets(void)
{
	static const int large = 4 << 20;

	for (unsigned at = 0; at < plan.sources && !plan.is_tcp; at++) {
		struct sockaddr_in from = source_address(at);
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
		if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
		    connect(fd, (struct sockaddr *)&plan.server, sizeof(plan.server)) != 0)
			err(1, "socket");
		sockets[at] = fd;
		watch(fd, at, EPOLLIN);
	}
}

static void start_ticker(void)
{
	const struct timespec tick = { .tv_nsec = TICK_US * 1000 };
	const struct itimerspec every = { tick, tick };

	ticker = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (ticker < 0 || timerfd_settime(ticker, 0, &every, NULL) != 0)
		err(1, "timer");
	watch(ticker, ON_TICK, EPOLLIN);
}

enum option_id {
	SERVER,
	SOURCE,
	SOURCES,
	TAG,
	ZONE,
	ZONES,
	REPEAT,
	COUNT,
	WINDOW,
	RATE,
	SECONDS,
	WAIT,
	TCP,
	TRACE,
	POPULAR,
	HITS,
	COURIERS,
	TCP_SHARE
};

static void take_option(enum option_id option, char *value)
{
	switch (option) {
	case SERVER:
		plan.server = serve_address(value, 0);
		break;
	case SOURCE:
		plan.source = serve_address(value, 0);
		break;
	case SOURCES:
		plan.sources = (unsigned)strtoul(value, NULL, 10);
		break;
	case TAG:
		plan.tag = value;
		break;
	case ZONE:
		plan.zone = value;
		break;
	case ZONES:
		plan.zones = (unsigned)strtoul(value, NULL, 10);
		break;
	case REPEAT:
		plan.repeat = strtoull(value, NULL, 10);
		break;
	case COUNT:
		plan.count = strtoull(value, NULL, 10);
		break;
	case WINDOW:
		plan.window = strtoull(value, NULL, 10);
		break;
	case RATE:
		plan.rate = strtod(value, NULL);
		break;
	case SECONDS:
		plan.seconds_us = (uint64_t)(strtod(value, NULL) * 1e6);
		break;
	case WAIT:
		plan.wait_us = (uint64_t)(strtod(value, NULL) * 1e6);
		break;
	case TCP:
		plan.is_tcp = true;
		break;
	case TRACE:
		plan.is_traced = true;
		break;
	case POPULAR:
		plan.popular = strtoull(value, NULL, 10);
		break;
	case HITS:
		plan.hits = (unsigned)strtoul(value, NULL, 10);
		break;
	case COURIERS:
		plan.couriers = (unsigned)strtoul(value, NULL, 10);
		break;
	case TCP_SHARE:
		plan.tcp_share = (unsigned)strtoul(value, NULL, 10);
		break;
	}
}

static void read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "server", required_argument, NULL, SERVER },
		{ "source", required_argument, NULL, SOURCE },
		{ "sources", required_argument, NULL, SOURCES },
		{ "tag", required_argument, NULL, TAG },
		{ "zone", required_argument, NULL, ZONE },
		{ "zones", required_argument, NULL, ZONES },
		{ "repeat", required_argument, NULL, REPEAT },
		{ "count", required_argument, NULL, COUNT },
		{ "window", required_argument, NULL, WINDOW },
		{ "rate", required_argument, NULL, RATE },
		{ "seconds", required_argument, NULL, SECONDS },
		{ "wait", required_argument, NULL, WAIT },
		{ "tcp", no_argument, NULL, TCP },
		{ "trace", no_argument, NULL, TRACE },
		{ "popular", required_argument, NULL, POPULAR },
		{ "hits", required_argument, NULL, HITS },
		{ "couriers", required_argument, NULL, COURIERS },
		{ "tcp-share", required_argument, NULL, TCP_SHARE },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			exit(64);
		take_option((enum option_id)option, optarg);
	}
	if (plan.sources == 0 || plan.sources > SOURCES_MAX || plan.zones == 0 ||
	    (plan.window == 0) == (plan.rate <= 0) || (plan.count == 0 && plan.seconds_us == 0))
		errx(64, "one of --window and --rate, and --count or --seconds");
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (plan.popular > 0)
		draw_ranks();
	ring = calloc(RING, sizeof(*ring));
	loop = epoll_create1(EPOLL_CLOEXEC);
	if (ring == NULL || loop < 0)
		err(1, "set-up");
	stream_asks_init();
	open_sockets();
	start_ticker();
	began_us = now_us();
	tally_start(began_us, plan.is_traced);
	ask_what_is_due();
	run();
	tally_report(now_us());
	return 0;
}
