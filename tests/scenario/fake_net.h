/* fake_net.h: what stands in for net/loop, net/udp and net/stream in a scenario.
 *
 * Packets wait in queues, callbacks come from fake_net_turn() and fake_net_pass() only, and time
 * moves when told to. Whatever leaves for a server stays on record. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/loop.h"

/* One message that left for a server. */
struct fake_sent {
	struct fake_sent *next; /* in the order of leaving */
	struct addr to;
	bool via_stream;
	uint64_t endpoint; /* which socket it left by */
	uint64_t at_us;
	int line; /* of the script, played when it left */
	uint8_t *wire;
	size_t wire_len;
	bool is_expected, is_replied; /* the player's */
};

/* How a server meets what comes; FAKE_OPEN is where it starts. */
enum fake_manner {
	FAKE_OPEN,	  /* datagrams arrive, connections are made */
	FAKE_REFUSES_TCP, /* connecting is refused */
	FAKE_IGNORES_TCP, /* connecting leads to nothing */
	FAKE_NO_ROUTE,	  /* no socket towards it can be made */
};

const struct fake_sent *fake_net_sent(const struct loop *loop);
void fake_net_set_manner(struct loop *loop, const struct addr *server, enum fake_manner manner);

/* What a server does about a message; each arrives in the next turn, and comes to nothing when the
 * socket has been closed (then they return false). */
bool fake_net_reply(struct loop *loop, const struct fake_sent *to, const uint8_t *wire,
		    size_t wire_len);
/** ICMP port unreachable and such; a stream breaks. */
bool fake_net_break(struct loop *loop, const struct fake_sent *to, int err);
/** FIN; for streams. */
bool fake_net_end(struct loop *loop, const struct fake_sent *to);

/** Delivers everything that waits and runs what is due, until nothing is. */
void fake_net_turn(struct loop *loop);
/** Moves the clock on, stopping at every timer on the way. */
void fake_net_pass(struct loop *loop, uint64_t us);
/** Sockets and connections that are open. */
size_t fake_net_open(const struct loop *loop);
