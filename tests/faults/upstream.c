/* A scripted upstream: answers every question with a record that tells the asked name and type
 * (packet.h), and does to datagrams what the command line says, in per cent (4.8), at most one
 *thing to each. Apple's couriers it knows. What comes over TCP is answered well. SIGUSR1 makes it
 *deaf, SIGUSR2 makes it hear again; at SIGTERM it prints what it did, as JSON.
 *
 *	upstream --listen 127.1.1.1@5300 --seed 7 --drop 30 --no-tcp --deaf-zone victim.example
 */
#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "packet.h"
#include "serve.h"

#define LATE_US 1000000u

enum fault { DROP, DOUBLE, WRONG_ID, WRONG_NAME, TRUNCATE, LATE, SERVFAIL, CUT, FAULT_COUNT };

static const char *const fault_names[FAULT_COUNT] = {
	"drop", "double", "wrong-id", "wrong-name", "truncate", "late", "servfail", "cut",
};

struct zone {
	uint8_t name[256];
	size_t len;
};

static struct {
	unsigned share[FAULT_COUNT]; /* of 10,000 */
	struct zone deaf, absent;
	uint64_t seed, delay_us;
	bool is_deaf;
} script = { .seed = 1 };

static struct {
	uint64_t udp, tcp, unheard, deaf_zone, faults[FAULT_COUNT];
} counts;

static uint64_t random_state;

/* FAULT_COUNT: none */
static enum fault draw(void)
{
	unsigned number = (unsigned)(serve_random(&random_state) % 10000);

	for (int fault = 0; fault < FAULT_COUNT; fault++) {
		if (number < script.share[fault])
			return (enum fault)fault;
		number -= script.share[fault];
	}
	return FAULT_COUNT;
}

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
	if (packet_is_courier(question->name, question->name_len))
		return ANSWER_COURIER;
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

static void on_datagram(const struct serve_asker *asker, const struct question *question)
{
	uint8_t wire[PACKET_MAX];
	enum fault fault = draw();

	if (fault != FAULT_COUNT)
		counts.faults[fault]++;
	if (fault == DROP)
		return;
	size_t len = packet_answer(wire, question, answer_with(fault, question));

	if (fault == CUT && len > 30)
		len = 30;
	for (int times = fault == DOUBLE ? 2 : 1; times > 0; times--)
		serve_reply(asker, wire, len, script.delay_us + (fault == LATE ? LATE_US : 0));
}

static void on_message(const struct serve_asker *asker, const uint8_t *wire, size_t len)
{
	uint8_t reply[PACKET_MAX];
	struct question question;

	*(asker->connection < 0 ? &counts.udp : &counts.tcp) += 1;
	if (!is_heard(wire, len, &question))
		return;
	if (asker->connection < 0)
		on_datagram(asker, &question);
	else
		serve_reply(asker, reply, packet_answer(reply, &question, true_answer(&question)),
			    script.delay_us);
}

static void on_signal(int number)
{
	script.is_deaf = number == SIGUSR1;
}

static void report(void)
{
	printf("{\"seed\": %llu, \"udp\": %llu, \"tcp\": %llu, \"connections\": %llu",
	       (unsigned long long)script.seed, (unsigned long long)counts.udp,
	       (unsigned long long)counts.tcp, (unsigned long long)serve_connections());
	printf(", \"unheard\": %llu, \"deaf_zone\": %llu", (unsigned long long)counts.unheard,
	       (unsigned long long)counts.deaf_zone);
	for (int fault = 0; fault < FAULT_COUNT; fault++)
		printf(", \"%s\": %llu", fault_names[fault],
		       (unsigned long long)counts.faults[fault]);
	printf("}\n");
}

static void read_zone(struct zone *zone, const char *text)
{
	zone->len = packet_name(zone->name, sizeof(zone->name), text);
	if (zone->len == 0)
		errx(64, "%s is no name", text);
}

static void read_options(int argc, char **argv, struct serve_script *ret_server)
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
			ret_server->listen = serve_address(optarg, 53);
		else if (option == SEED)
			script.seed = strtoull(optarg, NULL, 10);
		else if (option == DEAF_ZONE)
			read_zone(&script.deaf, optarg);
		else if (option == NX_ZONE)
			read_zone(&script.absent, optarg);
		else if (option == DELAY)
			script.delay_us = 1000 * strtoull(optarg, NULL, 10);
		else if (option == NO_TCP)
			ret_server->has_tcp = false;
		else if (option >= 0 && option < FAULT_COUNT)
			script.share[option] = (unsigned)(strtod(optarg, NULL) * 100 + 0.5);
		else
			exit(64);
	}
}

int main(int argc, char **argv)
{
	struct serve_script server = { .has_tcp = true,
				       .on_message = on_message,
				       .on_signal = on_signal };

	read_options(argc, argv, &server);
	random_state = script.seed;
	serve(&server);
	report();
	return 0;
}
