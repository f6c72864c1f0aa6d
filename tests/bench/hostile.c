/* A crowd of HTTP clients that mean no good: it keeps so many connections open, or on their way,
 *and each of them says its own kind of nonsense; whoever is let go comes back at once. At SIGTERM
 *it says, as a line of JSON, how many connections were made and how many were answered something.
 *
 *	hostile --server 127.1.1.1@8053 --connections 1000
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../faults/serve.h"
#include "score.h"

#define CONNECTIONS_MAX 4096u
#define HUGE_LEN 60000u
#define DRIBBLE_NS 20000000u /* those who are slow say a line so often */
#define EVENTS 64

enum kind {
	SLOW,  /* a line of a head without end, now and then */
	HUGE,  /* a head that is larger than any */
	ALIEN, /* a request for a host that is not this one */
	EAGER, /* the largest page, and then the next one */
	GONE,  /* connects, and closes */
	KINDS
};

struct peer {
	int fd;
	enum kind kind;
	bool is_connected;
};

static struct sockaddr_in server;
static unsigned peer_count = 1000;
static struct peer peers[CONNECTIONS_MAX];
static int epoll;
static unsigned long long made, answered;
static volatile sig_atomic_t is_over;
static char huge[HUGE_LEN];

static const char begun[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n", dribble[] = "X: a\r\n",
		  alien[] = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		  eager[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

static void on_term(int number)
{
	(void)number;
	is_over = 1;
}

static void watch(struct peer *peer, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = peer };

	if (epoll_ctl(epoll, operation, peer->fd, &event) != 0)
		err(1, "epoll_ctl");
}

static void connect_peer(struct peer *peer)
{
	static const struct linger reset = { .l_onoff = 1 }; /* or ports would run out */

	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (peer->fd < 0 || setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) != 0)
		err(1, "socket");
	peer->is_connected = false;
	(void)connect(peer->fd, (const struct sockaddr *)&server, sizeof(server));
	watch(peer, EPOLL_CTL_ADD, EPOLLOUT);
}

static void come_back(struct peer *peer)
{
	close(peer->fd);
	connect_peer(peer);
}

static void say(struct peer *peer, const char *text, size_t len)
{
	(void)!send(peer->fd, text, len, MSG_NOSIGNAL);
}

/* Its first word. */
static void begin(struct peer *peer)
{
	made++;
	peer->is_connected = true;
	watch(peer, EPOLL_CTL_MOD, EPOLLIN);
	switch (peer->kind) {
	case SLOW:
		say(peer, begun, sizeof(begun) - 1);
		break;
	case HUGE:
		say(peer, huge, sizeof(huge));
		break;
	case ALIEN:
		say(peer, alien, sizeof(alien) - 1);
		break;
	case EAGER:
		say(peer, eager, sizeof(eager) - 1);
		break;
	case GONE:
	case KINDS:
		come_back(peer);
		break;
	}
}

static void on_event(struct peer *peer, uint32_t events)
{
	static char reply[65536];

	if (!peer->is_connected && (events & (EPOLLERR | EPOLLHUP)) == 0) {
		begin(peer);
		return;
	}
	const ssize_t len = recv(peer->fd, reply, sizeof(reply), 0);

	answered += len > 9 && memcmp(reply, "HTTP/1.1 ", 9) == 0;
	if (len <= 0 && !(len < 0 && errno == EAGAIN))
		come_back(peer);
}

static void say_more(void)
{
	for (unsigned at = 0; at < peer_count; at++) {
		if (peers[at].is_connected && peers[at].kind == SLOW)
			say(&peers[at], dribble, sizeof(dribble) - 1);
		else if (peers[at].is_connected && peers[at].kind == HUGE)
			say(&peers[at], huge, sizeof(huge));
	}
}

static void annoy(void)
{
	uint64_t next_ns = score_now_ns() + DRIBBLE_NS;

	for (unsigned at = 0; at < peer_count; at++) {
		peers[at].kind = (enum kind)(at % KINDS);
		connect_peer(&peers[at]);
	}
	while (is_over == 0) {
		struct epoll_event events[EVENTS];
		const int count = epoll_wait(epoll, events, EVENTS, DRIBBLE_NS / 1000000);

		for (int at = 0; at < count; at++)
			on_event(events[at].data.ptr, events[at].events);
		if (score_now_ns() < next_ns)
			continue;
		say_more();
		next_ns = score_now_ns() + DRIBBLE_NS;
	}
}

static void read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "server", required_argument, NULL, 's' },
		{ "connections", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			server = serve_address(optarg, 8053);
		else if (option == 'c')
			peer_count = (unsigned)strtoul(optarg, NULL, 10);
		else
			exit(64);
	}
	if (server.sin_port == 0 || peer_count > CONNECTIONS_MAX)
		errx(64, "--server, and at most %u --connections", CONNECTIONS_MAX);
}

int main(int argc, char **argv)
{
	const struct rlimit files = { CONNECTIONS_MAX + 64, CONNECTIONS_MAX + 64 };

	read_options(argc, argv);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_term }, NULL);
	memset(huge, 'a', sizeof(huge));
	memcpy(huge, begun, sizeof(begun) - 1);
	memcpy(huge + sizeof(begun) - 1, "X: ", 3);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0 || setrlimit(RLIMIT_NOFILE, &files) != 0)
		err(1, "so many connections");
	annoy();
	printf("{\"made\": %llu, \"answered\": %llu}\n", made, answered);
	return 0;
}
