#include "lookup.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../faults/delayed.h"
#include "../faults/packet.h"
#include "../faults/serve.h"
#include "../faults/stream_ask.h"
#include "records.h"

#define LOOKUPS_MAX 16384u
#define SECOND_US 1000000u
#define FIRST_WAIT_US SECOND_US
#define LONGEST_WAIT_US (120 * SECOND_US)
#define SENDS_BEFORE_SWITCH 2
#define SET_ASIDE_US (60 * SECOND_US)
#define PROBE_EVERY_US (30 * SECOND_US)
#define STREAM_PATIENCE_US (10 * SECOND_US)
#define SUSPICIOUS_US (10 * SECOND_US)

enum { NOERROR = 0, NXDOMAIN = 3, REFUSED = 5, NOTAUTH = 9 };

struct lookup {
	struct lookup_servers *servers; /* NULL: free */
	uint8_t name[256];
	size_t name_len;
	unsigned type, what, server, sends; /* sends: to this server */
	bool was_refused[LOOKUP_SERVERS];   /* said something like SERVFAIL */
	bool is_probe, is_waiting;	    /* waiting: for a probe to be answered */
	uint16_t id;
	int fd;
	struct stream_ask *stream;
	void *owner;
	uint64_t due_us, wait_us, asked_us; /* asked: by the wall clock, as the system's stamps */
};

static struct lookup lookups[LOOKUPS_MAX];
static unsigned highest, active; /* those at `highest` and above are free */
static uint64_t random_state, sent, questions, set_aside;
static lookup_done_fn lookup_done;
static int loop;

static uint64_t wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

static void watch(int fd, uint64_t what, uint32_t how)
{
	struct epoll_event event = { .events = how, .data.u64 = what };

	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0)
		err(1, "epoll_ctl");
}

void lookup_init(uint64_t seed, lookup_done_fn done)
{
	struct rlimit limit;

	random_state = seed;
	lookup_done = done;
	loop = epoll_create1(EPOLL_CLOEXEC);
	if (loop < 0)
		err(1, "epoll");
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	stream_asks_init();
}

static struct lookup *new_lookup(void)
{
	for (unsigned at = 0; at < LOOKUPS_MAX; at++) {
		if (lookups[at].servers != NULL)
			continue;
		highest = at >= highest ? at + 1 : highest;
		active++;
		return &lookups[at];
	}
	errx(1, "more than %u questions wait", LOOKUPS_MAX);
}

static void end_stream(struct lookup *lookup)
{
	if (lookup->stream != NULL)
		stream_ask_end(lookup->stream);
	lookup->stream = NULL;
}

static void end_lookup(struct lookup *lookup)
{
	end_stream(lookup);
	close(lookup->fd);
	if (lookup->is_probe)
		lookup->servers->is_probing = false;
	lookup->servers = NULL;
	active--;
}

/* --- servers ------------------------------------------------------------------------------- */

static bool is_set_aside(const struct lookup_servers *servers, unsigned at)
{
	return servers->set_aside_until_us[at] > now_us();
}

static void put_aside(struct lookup_servers *servers, unsigned at)
{
	if (!is_set_aside(servers, at))
		set_aside++;
	servers->set_aside_until_us[at] = now_us() + SET_ASIDE_US;
}

/* False where every one is set aside or has refused; then `server` stays. */
static bool pick_server(struct lookup *lookup)
{
	for (unsigned at = 0; at < lookup->servers->count; at++) {
		if (is_set_aside(lookup->servers, at) || lookup->was_refused[at])
			continue;
		lookup->server = at;
		lookup->sends = 0;
		lookup->wait_us = FIRST_WAIT_US;
		return true;
	}
	return false;
}

static struct lookup *start(struct lookup_servers *servers, const uint8_t *name, size_t name_len,
			    unsigned type, uint64_t after_us)
{
	struct lookup *lookup = new_lookup();

	*lookup = (struct lookup){ .servers = servers,
				   .name_len = name_len,
				   .type = type,
				   .id = (uint16_t)serve_random(&random_state),
				   .wait_us = FIRST_WAIT_US,
				   .due_us = now_us() + after_us };
	memcpy(lookup->name, name, name_len);
	lookup->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (lookup->fd < 0 ||
	    setsockopt(lookup->fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){ 1 }, sizeof(int)) != 0 ||
	    bind(lookup->fd, (struct sockaddr *)&servers->from, sizeof(servers->from)) != 0)
		err(1, "socket");
	watch(lookup->fd, (uint64_t)(lookup - lookups), EPOLLIN);
	return lookup;
}

static void start_probe(struct lookup_servers *servers)
{
	uint8_t name[256];

	if (servers->is_probing)
		return;
	servers->is_probing = true;
	start(servers, name, packet_name(name, sizeof(name), "apple.com"), RECORD_NS, 0)->is_probe =
		true;
}

/* Somebody has answered: what waits for it is sent again at once. */
static void take_back(struct lookup_servers *servers, unsigned server)
{
	if (!is_set_aside(servers, server) && !servers->is_probing)
		return;
	servers->set_aside_until_us[server] = 0;
	for (unsigned at = 0; at < highest; at++) {
		struct lookup *lookup = &lookups[at];

		if (lookup->servers != servers)
			continue;
		if (lookup->is_probe) {
			end_lookup(lookup);
		} else if (lookup->is_waiting) {
			lookup->due_us = now_us();
		}
	}
}

/* --- asking -------------------------------------------------------------------------------- */

static bool send_stream(struct lookup *lookup, const uint8_t *wire, size_t len)
{
	end_stream(lookup);
	lookup->stream =
		stream_ask_start(&lookup->servers->from, &lookup->servers->to[lookup->server], wire,
				 len, (uint64_t)(lookup - lookups));
	if (lookup->stream == NULL)
		return false;
	watch(lookup->stream->fd, LOOKUPS_MAX + stream_ask_place(lookup->stream),
	      EPOLLIN | EPOLLOUT | EPOLLET);
	lookup->due_us = now_us() + STREAM_PATIENCE_US;
	return true;
}

static void send_question(struct lookup *lookup, bool by_stream)
{
	const struct sockaddr_in *to = &lookup->servers->to[lookup->server];
	uint8_t wire[PACKET_MAX];
	size_t len = packet_ask(wire, lookup->id, lookup->name, lookup->name_len, lookup->type);

	sent++;
	lookup->sends++;
	lookup->due_us = now_us() + lookup->wait_us;
	lookup->wait_us =
		2 * lookup->wait_us < LONGEST_WAIT_US ? 2 * lookup->wait_us : LONGEST_WAIT_US;
	if (by_stream && send_stream(lookup, wire, len))
		return;
	(void)!sendto(lookup->fd, wire, len, 0, (const struct sockaddr *)to, sizeof(*to));
}

/* To the first server that is not set aside; where all are, a probe will tell. */
static void ask(struct lookup *lookup)
{
	struct lookup_servers *servers = lookup->servers;

	if (lookup->asked_us == 0) {
		lookup->asked_us = wall_us();
		questions++;
	}
	lookup->is_waiting = !pick_server(lookup);
	if (!lookup->is_waiting) {
		send_question(lookup, now_us() < servers->stream_until_us);
		return;
	}
	lookup->due_us = now_us() + PROBE_EVERY_US;
	start_probe(servers);
}

void lookup_start(struct lookup_servers *servers, const uint8_t *name, size_t name_len,
		  unsigned type, uint64_t after_us, void *owner, unsigned what)
{
	struct lookup *lookup = start(servers, name, name_len, type, after_us);

	lookup->owner = owner;
	lookup->what = what;
	if (after_us == 0)
		ask(lookup);
}

static void on_due(struct lookup *lookup)
{
	struct lookup_servers *servers = lookup->servers;

	end_stream(lookup);
	if (lookup->is_probe) {
		lookup->wait_us = PROBE_EVERY_US;
		lookup->server = (lookup->server + 1) % servers->count;
		send_question(lookup, false);
	} else if (lookup->asked_us == 0 || lookup->is_waiting) {
		ask(lookup);
	} else if (lookup->sends >= SENDS_BEFORE_SWITCH) {
		put_aside(servers, lookup->server);
		ask(lookup);
	} else {
		send_question(lookup, now_us() < servers->stream_until_us);
	}
}

void lookup_tick(uint64_t now)
{
	for (unsigned at = 0; at < highest; at++)
		if (lookups[at].servers != NULL && lookups[at].due_us <= now)
			on_due(&lookups[at]);
	while (highest > 0 && lookups[highest - 1].servers == NULL)
		highest--;
}

void lookup_cancel(const void *owner, void (*settle)(unsigned what, uint64_t waited_us))
{
	for (unsigned at = 0; at < highest; at++) {
		struct lookup *lookup = &lookups[at];

		if (lookup->servers == NULL || lookup->owner != owner)
			continue;
		if (lookup->asked_us != 0)
			settle(lookup->what, wall_us() - lookup->asked_us);
		end_lookup(lookup);
	}
}

/* --- what comes back ----------------------------------------------------------------------- */

static void take_reply(struct lookup *lookup, unsigned server, const struct reply *reply,
		       uint64_t at_us)
{
	uint64_t took_us = at_us > lookup->asked_us ? at_us - lookup->asked_us : 0;
	unsigned what = lookup->what;
	void *owner = lookup->owner;
	bool is_good =
		reply->rcode == NOERROR || reply->rcode == NXDOMAIN || reply->rcode == NOTAUTH;

	if (lookup->is_probe || is_good)
		take_back(lookup->servers, server);
	if (lookup->servers == NULL)
		return; /* it was the probe */
	if (!is_good) {
		lookup->was_refused[server] = true;
		if (reply->rcode == REFUSED)
			put_aside(lookup->servers, server);
		if (lookup->server != server)
			return;
		end_stream(lookup);
		if (pick_server(lookup)) {
			send_question(lookup, false);
			return;
		}
	}
	end_lookup(lookup);
	lookup_done(owner, what, is_good ? reply : NULL, took_us);
}

static void on_message(struct lookup *lookup, unsigned server, const uint8_t *wire, size_t len,
		       uint64_t at_us)
{
	bool is_stream = lookup->stream != NULL;
	struct reply reply;

	if (!reply_read(wire, len, lookup->name, lookup->name_len, lookup->type, &reply))
		return;
	if (reply.id != lookup->id) {
		lookup->servers->stream_until_us = now_us() + SUSPICIOUS_US;
		if (!is_stream)
			send_question(lookup, true);
	} else if (reply.is_truncated && !is_stream) {
		send_question(lookup, true);
	} else {
		take_reply(lookup, server, &reply, at_us);
	}
}

/* When the system had the packet, as it says itself: so late we may be does not count. */
static uint64_t stamp_us(struct msghdr *header)
{
	struct timespec stamp;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL;
	     part = CMSG_NXTHDR(header, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(part), sizeof(stamp));
		return (uint64_t)stamp.tv_sec * SECOND_US + (uint64_t)stamp.tv_nsec / 1000;
	}
	return wall_us();
}

static void on_datagram(struct lookup *lookup)
{
	uint8_t wire[4096], control[128];
	struct sockaddr_in from;
	struct iovec iov = { wire, sizeof(wire) };
	struct msghdr header = { .msg_name = &from,
				 .msg_namelen = sizeof(from),
				 .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };
	ssize_t len = recvmsg(lookup->fd, &header, MSG_DONTWAIT);

	for (unsigned at = 0; len >= 0 && at < lookup->servers->count; at++) {
		const struct sockaddr_in *server = &lookup->servers->to[at];

		if (from.sin_addr.s_addr == server->sin_addr.s_addr &&
		    from.sin_port == server->sin_port) {
			on_message(lookup, at, wire, (size_t)len, stamp_us(&header));
			return;
		}
	}
}

static void on_stream(struct stream_ask *stream)
{
	if (stream->fd < 0)
		return; /* an event that was on its way when it ended */
	struct lookup *lookup = &lookups[stream->number];

	switch (stream_ask_go_on(stream)) {
	case STREAM_WAITS:
		return;
	case STREAM_HAS_REPLY:
		on_message(lookup, lookup->server, stream->reply + 2, stream_ask_reply_len(stream),
			   wall_us());
		return;
	case STREAM_BROKE:
		end_stream(lookup);
		lookup->sends = SENDS_BEFORE_SWITCH;
		lookup->due_us = now_us() + FIRST_WAIT_US;
		return;
	}
}

void lookup_wait(uint64_t until_us)
{
	struct epoll_event events[64];

	for (;;) {
		uint64_t now = now_us(), left_us = now < until_us ? until_us - now : 0;
		struct timespec left = { .tv_sec = (time_t)(left_us / SECOND_US),
					 .tv_nsec = (long)(left_us % SECOND_US * 1000) };
		int count = epoll_pwait2(loop, events, 64, &left, NULL);

		for (int at = 0; at < count; at++) {
			uint64_t what = events[at].data.u64;

			if (what >= LOOKUPS_MAX)
				on_stream(stream_ask_at(what - LOOKUPS_MAX));
			else if (lookups[what].servers != NULL)
				on_datagram(&lookups[what]);
		}
		if (left_us == 0)
			return;
	}
}

unsigned lookup_active(void)
{
	return active;
}

void lookup_counts(uint64_t *ret_questions, uint64_t *ret_again, uint64_t *ret_set_aside)
{
	*ret_questions = questions;
	*ret_again = sent > questions ? sent - questions : 0;
	*ret_set_aside = set_aside;
}
