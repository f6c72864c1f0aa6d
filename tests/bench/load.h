/* load.h: ways to put a load on one server: what each of load_udp.c and load_tcp.c does, for
 * load.c. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "mix.h"
#include "score.h"

#define LOAD_LANES_MAX 64u

struct load_plan {
	struct sockaddr_in source; /* the first of as many addresses as there are lanes */
	unsigned lanes;		   /* sockets, or connections, that are open at once */
	unsigned window;	   /* questions that wait at the same time, on all lanes */
	double rate;		   /* UDP: so many a second whatever comes back; 0: by window */
	uint64_t wait_ns;	   /* what has not come by then is lost */
	bool is_each;		   /* TCP: a connection for each question */
	bool is_in_step;	   /* the next burst when all of the last is back */
};

/* The load on one server. `is_echo`: any reply to a question is a right one. */
struct load {
	const struct load_plan *plan;
	struct sockaddr_in server;
	bool is_echo;
	struct mix *mix;
	struct score score;
	struct load_lanes *lanes; /* the way's own */
};

struct load_way {
	void (*open)(struct load *load);
	/* Asks and takes replies until `end_ns`; false where there is nothing left to ask. */
	bool (*run)(struct load *load, uint64_t end_ns);
	/* Takes what is still to come. */
	void (*drain)(struct load *load);
};

extern const struct load_way load_udp, load_tcp;

/** The address that lane `at` asks from. */
struct sockaddr_in load_source(const struct load_plan *plan, unsigned at);
/** Whether the reply is right. `asked` NULL: it speaks for itself. */
bool load_is_right(const struct load *load, const struct mix_asked *asked, const uint8_t *wire,
		   size_t wire_len);
