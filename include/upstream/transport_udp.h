/* upstream/transport_udp.h: questions to servers in datagrams.
 *
 * What is asked of one server in one turn of the loop goes by one socket, so that it leaves in one
 * call and comes back in few; the next turn has a socket of its own. Each is connected and on a
 * port of the system's random choice, so that only the asked server's packets are delivered at all
 * (RFC 5452 section 9.2), serves 64 questions at the most, and is closed when the last of them is
 * settled: where little is asked, each question has a port to itself. Only where very many are
 * open, or no more can be, a turn takes one of those that there are, whichever.
 *
 * A question's ID is drawn at random; its lowest bits say where the question stands in the socket's
 * table, each place of which is used once. It may be sent again: from the same port and with the
 * same ID, because each further pair that is awaited would make a forger's guess easier
 * (section 5), and so that a late answer to an earlier send still counts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stats.h"
#include "net/loop.h"
#include "upstream/server.h"
#include "wire/query_view.h"

struct transport_udp; /* the sockets of one loop */
/** Loop and stats are borrowed. NULL when memory is short. */
struct transport_udp *transport_udp_new(struct loop *loop, struct stats *stats);
void transport_udp_free(struct transport_udp *transport); /* NULL is fine; nothing may be out */

struct transport_datagram;
/** `err` 0 and a packet from the server that has the question's ID, whatever else is in it, or
 * another one and the question; so, too, whatever comes for the only one that is out. With `wire`
 * NULL one came, and has been counted, that is nobody's and may have been meant for this one. The
 * question stays out until it is closed. Else a negative code
 * (-ECONNREFUSED: ICMP port unreachable), and it is out no more. Never from inside a call of this
 * module. */
typedef void (*transport_udp_fn)(struct transport_datagram *question, int err, uint8_t *wire,
				 size_t wire_len);

/* A question out; lives in the struct of who asks, who sets fn, ctx, view and is_alone.
 * Otherwise zeroed is none. */
struct transport_datagram {
	transport_udp_fn fn;
	void *ctx;
	const struct query_view *view; /* the question; NULL: packets go by their IDs alone */
	bool is_alone; /* on a socket of its own: is told of each packet, whatever its ID */
	uint8_t place;
	uint16_t id;
	struct transport_socket *socket; /* NULL: it is not out */
};

/** Finds it a socket and draws its ID. The server must stay until it is closed. -errno of the
 * socket; -ENOMEM. */
MUST_CHECK int transport_udp_open(struct transport_udp *transport, struct server *server,
				  struct transport_datagram *question);
bool transport_udp_is_open(const struct transport_datagram *question);
/** Sends `query` with the question's ID written into it, at the end of this turn. */
MUST_CHECK int transport_udp_send(struct transport_datagram *question, uint8_t *query,
				  size_t query_len);
/** It is settled, and what still comes for it is nobody's; fine when it is not open. */
void transport_udp_close(struct transport_datagram *question);
