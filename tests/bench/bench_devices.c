/* Prints what the timeline of devices costs those who are answered from the cache: with it
 * (limits.devices = 1024) and without (0), for names of a stage and for others. "inside" is from
 * the packet in memory to the reply in memory; "whole" is the processor time of a question over
 * loopback, with what the system needs for receiving and sending. Asserts nothing: the machine's
 * mood is in every figure, though with and without are measured in turns and the best of each is
 * shown. The last column is what it adds inside, of a whole hit without it; the last row is of
 * questions as devices ask them, of which a third are for names of a stage. Demanded there: at most
 * 2 %. Usage: bench_devices [turns] */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "conf/conf_load.h"
#include "net/loop.h"
#include "net/udp.h"
#include "query/worker.h"
#include "upstream/server_table.h"
#include "wire/message.h"

#define SLICE 20000u
#define WINDOW 16u
#define CLIENTS 200u
#define MESSAGE 512u

enum kind { OTHER, STAGE, COURIER, KINDS };
static const struct {
	const char *text;
	const char *name;
} kinds[KINDS] = {
	[OTHER] = { "another name", "host-000000.example.org" },
	[STAGE] = { "a stage's name", "init.push.apple.com" },
	[COURIER] = { "a numbered courier", "17-courier.push.apple.com" },
};

static struct loop *loop;
static struct worker *workers[2]; /* without and with */
static struct udp_server *servers[2];
static uint8_t queries[KINDS][MESSAGE];
static size_t query_lens[KINDS];
static unsigned left; /* answers until the loop stops; 0: it does not run */

static void give_up(const char *why)
{
	fprintf(stderr, "bench_devices: %s: %s\n", why, strerror(errno));
	exit(1);
}

static double now_ns(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void must(bool holds, const char *why)
{
	if (!holds)
		give_up(why);
}

static void make_queries(void)
{
	for (unsigned i = 0; i < KINDS; i++) {
		uint8_t *at = queries[i];
		size_t len = 0;

		at[2] = 1; /* RD */
		at[5] = 1;
		must(name_from_text(kinds[i].name, at + MESSAGE_HEADER_LEN, &len) == 0, "name");
		memcpy(at + MESSAGE_HEADER_LEN + len, "\0\1\0\1", 4);
		query_lens[i] = MESSAGE_HEADER_LEN + len + 4;
	}
}

/* --- who answers and who asks, each in a process of its own ----------------------------------- */

static int bind_loopback(struct addr *ret_addr)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = sizeof(sockaddr);
	struct addr addr;
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);

	must(fd >= 0 && addr_parse("127.0.0.1", 0, &addr) == 0, "socket");
	must(bind(fd, (struct sockaddr *)&sockaddr, addr_to_sockaddr(&addr, &sockaddr)) == 0,
	     "bind");
	must(getsockname(fd, (struct sockaddr *)&sockaddr, &len) == 0 &&
		     addr_from_sockaddr((struct sockaddr *)&sockaddr, ret_addr) == 0,
	     "getsockname");
	return fd;
}

/* Every name has the same four addresses, as couriers do. */
static void answer_all(int fd)
{
	static const uint8_t record[] = "\xc0\14\0\1\0\1\0\1\121\200\0\4\21\71\222\204";
	uint8_t message[MESSAGE];
	struct sockaddr_storage from;

	for (;;) {
		socklen_t from_len = sizeof(from);
		const ssize_t got =
			recvfrom(fd, message, 200, 0, (struct sockaddr *)&from, &from_len);
		size_t len = MESSAGE_HEADER_LEN;

		if (got < MESSAGE_HEADER_LEN)
			continue;
		len += name_len(message + len) + 4;
		message_set_flags(message, FLAG_QR | FLAG_RD | FLAG_RA);
		memcpy(message + 6, "\0\4\0\0\0\0", 6);
		for (unsigned i = 0; i < 4; i++, len += sizeof(record) - 1)
			memcpy(message + len, record, sizeof(record) - 1);
		(void)sendto(fd, message, len, 0, (struct sockaddr *)&from, from_len);
	}
}

/* Asks WINDOW at a time until it has SLICE answers. */
static void ask_slice(const struct addr *server, enum kind kind)
{
	const struct timeval second = { .tv_sec = 1 };
	struct sockaddr_storage to;
	const socklen_t to_len = addr_to_sockaddr(server, &to);
	struct addr local;
	const int fd = bind_loopback(&local);
	uint8_t reply[MESSAGE];

	must(connect(fd, (struct sockaddr *)&to, to_len) == 0, "connect");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	for (unsigned got = 0; got < SLICE;) {
		for (unsigned i = 0; i < WINDOW; i++)
			(void)send(fd, queries[kind], query_lens[kind], 0);
		for (unsigned i = 0; i < WINDOW && recv(fd, reply, sizeof(reply), 0) > 0; i++)
			got++;
	}
	_exit(0);
}

/* --- ours ------------------------------------------------------------------------------------- */

static void count_answer(void)
{
	if (left > 0 && --left == 0)
		loop_stop(loop);
}

static void reply_into_memory(const struct client *client, const uint8_t *wire, size_t wire_len)
{
	(void)client;
	(void)wire;
	(void)wire_len;
	count_answer();
}

static void reply_by_socket(const struct client *client, const uint8_t *wire, size_t wire_len)
{
	udp_server_send(*(struct udp_server **)client->listener, client, wire, wire_len);
	count_answer();
}

static void do_nothing(const struct client *client)
{
	(void)client;
}

static const struct client_ops in_memory = {
	.send = reply_into_memory, .drop = do_nothing, .hold = do_nothing, .release = do_nothing
};
static const struct client_ops by_socket = {
	.send = reply_by_socket, .drop = do_nothing, .hold = do_nothing, .release = do_nothing
};

static void on_messages(void *ctx, const struct client_message *messages, unsigned count)
{
	worker_take_messages(*(struct worker **)ctx, messages, count);
}

static struct client client_number(unsigned n)
{
	return (struct client){ .ops = &in_memory,
				.from = { .bytes = { 10, 0, 0, (uint8_t)(n % CLIENTS) },
					  .port = 40000,
					  .family = ADDR_IPV4 } };
}

static void start_worker(size_t which, const struct addr *upstream)
{
	struct complaints *complaints = complaint_new();
	struct conf *conf = NULL;
	struct plan *plan = NULL;
	struct hash_key key;
	struct addr any;
	char text[800];

	snprintf(text, sizeof(text),
		 "limits = { devices = %u; }; cache = { prefetch = false; };"
		 "upstreams = { default = { servers = [ \"127.0.0.1@%u\" ]; }; };"
		 "couriers = ( { name = \"apple\"; pre_resolve = \"off\";"
		 " alias = \"courier.push.apple.com\";"
		 " target = \"courier-push-apple.com.akadns.net\";"
		 " variants = [ \"{n}-courier.push.apple.com\" ]; } );",
		 which == 1 ? 1024u : 0u, upstream->port);
	hash_key_draw(&key);
	if (conf_load_text(text, "bench", complaints, &conf) != 0)
		give_up(complaint_kept(complaints) > 0 ? complaint_text(complaints, 0) : "conf");
	must(plan_new(conf, &key, server_table_new(), complaints, &plan) == 0, "plan");
	must(worker_new(loop, plan, NULL, &workers[which]) == 0, "worker");
	must(addr_parse("127.0.0.1", 0, &any) == 0, "address");
	const struct client common = { .ops = &by_socket, .listener = &servers[which] };
	must(udp_server_new(loop, &any, &common, on_messages, &workers[which], &servers[which]) ==
		     0,
	     "udp");
	complaint_free(complaints);
}

static void fill(size_t which)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		const struct client client = client_number(0);

		left = 1;
		worker_take_query(workers[which], &client, queries[kind], query_lens[kind]);
		must(loop_run(loop) == 0, "loop");
	}
}

static double time_inside(size_t which, enum kind kind)
{
	const double from = now_ns(CLOCK_PROCESS_CPUTIME_ID);

	left = 0;
	for (unsigned i = 0; i < SLICE; i++) {
		const struct client client = client_number(i);
		worker_take_query(workers[which], &client, queries[kind], query_lens[kind]);
	}
	return (now_ns(CLOCK_PROCESS_CPUTIME_ID) - from) / SLICE;
}

static double time_whole(size_t which, enum kind kind)
{
	const struct addr server = udp_server_local(servers[which]);
	const pid_t asker = fork();

	must(asker >= 0, "fork");
	if (asker == 0)
		ask_slice(&server, kind);
	const double from = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	left = SLICE;
	must(loop_run(loop) == 0, "loop");
	const double took = now_ns(CLOCK_PROCESS_CPUTIME_ID) - from;
	must(waitpid(asker, NULL, 0) == asker, "wait");
	return took / SLICE;
}

/* The best of so many turns, without and with. */
static void time_both(double (*time_one)(size_t which, enum kind kind), enum kind kind,
		      unsigned turns, double best[2])
{
	best[0] = best[1] = 1e12;
	for (unsigned i = 0; i < 2 * turns; i++) {
		const double ns = time_one(i % 2, kind);

		if (ns < best[i % 2])
			best[i % 2] = ns;
	}
}

static void print_row(const char *text, const double inside[2], const double whole[2])
{
	printf("  %-20s %10.0f %10.0f %10.0f %10.0f %7.1f%%\n", text, inside[0], inside[1],
	       whole[0], whole[1], 100 * (inside[1] - inside[0]) / whole[0]);
}

/* Of 361 questions that a telephone was seen to ask in five hours 52 were for numbered couriers. As
 * many again are taken for other stages. */
static double share(double ns[KINDS][2], size_t which)
{
	return (4 * ns[OTHER][which] + ns[STAGE][which] + ns[COURIER][which]) / 6;
}

int main(int argc, char **argv)
{
	double inside[KINDS][2], whole[KINDS][2], day[2][2];
	const unsigned turns = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 15;
	struct addr upstream;

	make_queries();
	const int fd = bind_loopback(&upstream);
	const pid_t answerer = fork();
	must(answerer >= 0, "fork");
	if (answerer == 0)
		answer_all(fd);
	must(loop_new(&loop) == 0, "loop");
	for (size_t which = 0; which < 2; which++) {
		start_worker(which, &upstream);
		fill(which);
	}
	printf("  %-20s %10s %10s %10s %10s %8s\n", "hit, ns", "inside", "with", "whole", "with",
	       "of whole");
	for (enum kind kind = 0; kind < KINDS; kind++) {
		time_both(time_inside, kind, turns, inside[kind]);
		time_both(time_whole, kind, turns, whole[kind]);
		print_row(kinds[kind].text, inside[kind], whole[kind]);
	}
	for (size_t which = 0; which < 2; which++) {
		day[0][which] = share(inside, which);
		day[1][which] = share(whole, which);
	}
	print_row("a device's day", day[0], day[1]);
	kill(answerer, SIGKILL);
	return 0;
}
