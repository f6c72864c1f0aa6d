/* delayed.h: packets that go out later: a heap ordered by when. */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"

struct delayed {
	uint64_t due_us;
	struct sockaddr_in to; /* over UDP */
	int connection;	       /* over TCP; -1: over UDP */
	uint32_t generation;   /* of that connection */
	uint16_t len;
	uint8_t wire[PACKET_MAX];
};

/** Copies it; ends the program where memory is short. */
void delayed_add(const struct delayed *packet);
/** The first one, or NULL; good until the next call of the others. */
const struct delayed *delayed_first(void);
void delayed_drop_first(void);

uint64_t now_us(void);
