/* upstream/transport_udp.h: a question to a server in datagrams.
 *
 * A socket for each question, connected and on a port of the system's random choice, so that only
 * the asked server's packets are delivered at all (RFC 5452 section 9.2). The question may be sent
 * again: from the same port and with the same ID, because each further pair that is awaited would
 * make a forger's guess easier (section 5), and so that a late answer to an earlier send still
 * counts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "net/udp.h"

struct transport_udp {
	struct udp_client *socket; /* NULL while it is closed */
	uint16_t id;
};

/** Opens it and draws its ID. `fn` is told of every packet from the server's address and port until
 * it is closed. -errno of the socket; -ENOMEM. */
MUST_CHECK int transport_udp_open(struct transport_udp *question, struct loop *loop,
				  const struct conf_server *server, udp_client_fn fn, void *ctx);
bool transport_udp_is_open(const struct transport_udp *question);
/** Sends `query` with the question's ID written into it. */
MUST_CHECK int transport_udp_send(struct transport_udp *question, uint8_t *query, size_t query_len);
void transport_udp_close(struct transport_udp *question); /* fine when it is closed */
