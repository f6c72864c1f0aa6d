#include "front/listener_udp.h"

#include <errno.h>

#include "base/mem.h"
#include "net/udp.h"

struct listener_udp {
	struct worker *worker;
	struct udp_server *server;
	uint32_t holders; /* requests whose answer is to be sent by it */
};

static void client_send(const struct client *client, const uint8_t *wire, size_t wire_len)
{
	const struct listener_udp *listener = client->listener;

	udp_server_send(listener->server, client, wire, wire_len);
}

static uint8_t *client_reserve(const struct client *client, size_t *ret_max)
{
	const struct listener_udp *listener = client->listener;

	return udp_server_reserve(listener->server, ret_max);
}

static void client_commit(const struct client *client, size_t wire_len)
{
	const struct listener_udp *listener = client->listener;

	udp_server_commit(listener->server, client, wire_len);
}

/* Silence is what UDP gives by itself. */
static void client_drop(const struct client *client)
{
	(void)client;
}

static void client_hold(const struct client *client)
{
	struct listener_udp *listener = client->listener;

	listener->holders++;
}

static void client_release(const struct client *client)
{
	struct listener_udp *listener = client->listener;

	listener->holders--;
}

static const struct client_ops client_ops = {
	.send = client_send,
	.reserve = client_reserve,
	.commit = client_commit,
	.drop = client_drop,
	.hold = client_hold,
	.release = client_release,
};

/* What is too long has been cut, which makes it malformed, and it is answered as such. */
static void on_messages(void *ctx, const struct client_message *messages, unsigned count)
{
	const struct listener_udp *listener = ctx;

	worker_take_messages(listener->worker, messages, count);
}

int listener_udp_new(struct loop *loop, struct worker *worker, const struct addr *bind_to,
		     struct listener_udp **ret_listener)
{
	struct listener_udp *listener = mem_zalloc(sizeof(*listener));

	if (listener == NULL)
		return -ENOMEM;
	listener->worker = worker;
	const struct client client = { .ops = &client_ops, .listener = listener };
	int err = udp_server_new(loop, bind_to, &client, on_messages, listener, &listener->server);
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

void listener_udp_let_in(struct listener_udp *listener, bool on)
{
	udp_server_let_in(listener->server, on);
}

int listener_udp_give(const struct listener_udp *listener, uid_t uid, gid_t gid)
{
	return udp_server_give(listener->server, uid, gid);
}

void listener_udp_leave(struct listener_udp *listener)
{
	udp_server_leave(listener->server);
}

int listener_udp_return(struct listener_udp *listener)
{
	return udp_server_return(listener->server);
}

bool listener_udp_is_idle(const struct listener_udp *listener)
{
	return listener->holders == 0;
}
