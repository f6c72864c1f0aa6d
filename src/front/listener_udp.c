#include "front/listener_udp.h"

#include <errno.h>

#include "base/mem.h"
#include "net/udp.h"

struct listener_udp {
	struct worker *worker;
	struct udp_server *server;
};

static void client_send(const struct client *client, const uint8_t *wire, size_t wire_len)
{
	const struct listener_udp *listener = client->listener;
	const struct udp_peer peer = { .from = client->from,
				       .local = client->local,
				       .interface = client->interface };

	udp_server_send(listener->server, &peer, wire, wire_len);
}

/* Silence is what UDP gives by itself, and a listener outlives the requests that came by it. */
static void client_nothing(const struct client *client)
{
	(void)client;
}

static const struct client_ops client_ops = {
	.send = client_send,
	.drop = client_nothing,
	.hold = client_nothing,
	.release = client_nothing,
};

static void on_datagram(void *ctx, const struct udp_peer *peer, const uint8_t *wire,
			size_t wire_len, bool is_cut)
{
	struct listener_udp *listener = ctx;
	const struct client client = { .ops = &client_ops,
				       .listener = listener,
				       .from = peer->from,
				       .local = peer->local,
				       .interface = peer->interface };

	(void)is_cut; /* what was cut off makes it malformed, and it is answered as such */
	worker_take_query(listener->worker, &client, wire, wire_len);
}

int listener_udp_new(struct loop *loop, struct worker *worker, const struct addr *bind_to,
		     struct listener_udp **ret_listener)
{
	struct listener_udp *listener = mem_zalloc(sizeof(*listener));

	if (listener == NULL)
		return -ENOMEM;
	listener->worker = worker;
	int err = udp_server_new(loop, bind_to, on_datagram, listener, &listener->server);
	if (err != 0) {
		mem_free(listener);
		return err;
	}
	*ret_listener = listener;
	return 0;
}

void listener_udp_free(struct listener_udp *listener)
{
	if (listener == NULL)
		return;
	udp_server_free(listener->server);
	mem_free(listener);
}

struct addr listener_udp_local(const struct listener_udp *listener)
{
	return udp_server_local(listener->server);
}
