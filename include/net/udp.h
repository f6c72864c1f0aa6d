/* net/udp.h: datagrams, in batches: a bound socket that serves clients, and connected ones towards
 * servers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "conf/conf.h"
#include "net/client.h"
#include "net/loop.h"

/* --- towards clients --- */

struct udp_server;
/** Datagrams that came together, in their order, each of up to UDP_SERVER_MAX bytes (longer ones
 * come cut). Their clients know from where, to which of our addresses and by which interface: a
 * reply on a wildcard socket must leave from the address that was asked (RFC 2181 section 4.1). On
 * a socket that is bound to one address that is the one, and the interface is 0. */
#define UDP_SERVER_MAX 4096
#define UDP_SERVER_BATCH 64u /* datagrams at a time, at most */
typedef void (*udp_server_fn)(void *ctx, const struct client_message *messages, unsigned count);

/** Binds. `client` is what all its clients have in common: ops, listener. -EADDRINUSE,
 * -EADDRNOTAVAIL, -EACCES and such as the system says. */
MUST_CHECK RARELY int udp_server_new(struct loop *loop, const struct addr *bind_to,
				     const struct client *client, udp_server_fn fn, void *ctx,
				     struct udp_server **ret_server);
RARELY void udp_server_free(struct udp_server *server); /* NULL is fine */
/** Whether sockets of ours may be bound to the same port (loop_set_binding()). */
RARELY void udp_server_let_in(struct udp_server *server, bool on);
/** The socket becomes that user's: others of that user may be bound to the same port. -errno. */
MUST_CHECK RARELY int udp_server_give(const struct udp_server *server, uid_t uid, gid_t gid);
/** Not from inside the callback. What has arrived is handed out, from inside this call, and nothing
 * more comes: what is sent to this address goes to whoever else of ours is bound to it, if anybody.
 * Replies are still sent. */
RARELY void udp_server_leave(struct udp_server *server);
/** Takes up again what it has left. -errno. */
MUST_CHECK RARELY int udp_server_return(struct udp_server *server);
/** The bound address, its port as the system chose it where 0 was asked. */
struct addr udp_server_local(const struct udp_server *server);
/** Sends from to->local, together with others: what is sent from inside the callback leaves with
 * its batch, the rest at the end of the loop's turn. A datagram that the system will not take is
 * lost, as datagrams are. */
void udp_server_send(struct udp_server *server, const struct client *to, const uint8_t *wire,
		     size_t wire_len);
/** A place for a reply of at least UDP_SERVER_MAX bytes and 255 more, good until the next call for
 * any server of the loop; udp_server_commit() sends what was written there. */
uint8_t *udp_server_reserve(struct udp_server *server, size_t *ret_max);
void udp_server_commit(struct udp_server *server, const struct client *to, size_t wire_len);

/* --- towards servers --- */

struct udp_client; /* a socket connected to one address, from an unpredictable port */
/** `err` 0 and a datagram, or a negative code (-ECONNREFUSED: ICMP port unreachable) and none. The
 * callback may free the client. */
typedef void (*udp_client_fn)(void *ctx, int err, uint8_t *wire, size_t wire_len);

/** From the source address and by the interface that `to` names, where it does. -EADDRNOTAVAIL and
 * -ENODEV where those are not here, and such as the system says. */
MUST_CHECK int udp_client_new(struct loop *loop, const struct conf_server *to, udp_client_fn fn,
			      void *ctx, struct udp_client **ret_client);
/** The address of ours, without a port, that it would be asked from now. -errno where there is no
 * way to it. Sends nothing. */
MUST_CHECK int udp_client_source(const struct conf_server *to, struct addr *ret_source);
void udp_client_free(struct udp_client *client); /* NULL is fine; what has not left is forgotten */
/** Leaves at the end of the loop's turn, in one call with what else this client is given until
 * then. What the system says of that is told by the callback; what it has no room for is lost.
 * -EMSGSIZE beyond UDP_CLIENT_MAX. */
#define UDP_CLIENT_MAX 16384
MUST_CHECK int udp_client_send(struct udp_client *client, const uint8_t *wire, size_t wire_len);
