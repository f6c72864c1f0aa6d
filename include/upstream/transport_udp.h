/* upstream/transport_udp.h: a question to a server in a datagram.
 *
 * A socket for each question, connected and on a port of the kernel's random choice, so that only
 * the asked server's packets are delivered at all (RFC 5452 section 9.2). */
#pragma once

#include "net/udp.h"

/* A question out, and the socket that waits for what comes back; NULL when there is none. */
struct transport_udp {
	struct udp_client *socket;
};

/** `fn` is told of every packet from the server's address and port until the question is closed, never
 * from inside this call. -errno of the socket. */
MUST_CHECK int transport_udp_ask(struct loop *loop, const struct addr *server, const uint8_t *query,
				 size_t query_len, udp_client_fn fn, void *ctx,
				 struct transport_udp *ret_question);
void transport_udp_close(struct transport_udp *question); /* fine when it is closed */
