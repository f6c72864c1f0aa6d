/* fake_net.h: in place of net/loop, net/udp and net/stream: sockets that a test plays by hand, and
 * time that passes when it says so. Included once by a test program; being there, its functions are
 * linked instead of those in the archive. */
#pragma once

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/udp.h"
#include "unit.h"

#define FAKE_SOCKETS 300u
#define FAKE_SENDS 400u
#define FAKE_WIRE 512u

struct fake_socket {
	unsigned number; /* in the order of opening */
	struct loop *loop;
	struct addr to;
	struct conf_server how; /* `to` among it */
	bool is_stream;
	udp_client_fn fn;
	const struct stream_events *events;
	void *ctx;
};
struct udp_client {
	struct fake_socket socket;
};
struct stream {
	struct fake_socket socket;
};

struct fake_sent {
	unsigned socket; /* its number */
	bool is_stream;
	struct addr to;
	uint64_t at_us;
	size_t len;
	uint8_t wire[FAKE_WIRE]; /* as much of it as fits */
};

struct loop {
	struct clock clock;
	struct timers *timers;
	struct fake_socket *sockets[FAKE_SOCKETS]; /* by number; NULL once closed */
	unsigned opened;
	struct fake_sent sends[FAKE_SENDS];
	unsigned sent;
	/* what the next calls fail with; 0 for not at all */
	int udp_new_fails, udp_send_fails, connect_fails, stream_send_fails;
	uint64_t partial_since_us; /* of every stream */
};

/* --- net/loop.h --- */

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = mem_zalloc(sizeof(*loop));

	if (loop == NULL)
		return -ENOMEM;
	loop->clock.now_us = UINT64_C(1000000) * USEC_PER_SEC;
	loop->timers = timer_wheel_new(&loop->clock);
	if (loop->timers == NULL) {
		mem_free(loop);
		return -ENOMEM;
	}
	*ret_loop = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	timer_wheel_free(loop->timers);
	mem_free(loop);
}

const struct clock *loop_clock(const struct loop *loop)
{
	return &loop->clock;
}

struct timers *loop_timers(struct loop *loop)
{
	return loop->timers;
}

/* --- sockets --- */

static void fake_open(struct fake_socket *socket, struct loop *loop, const struct conf_server *to)
{
	if (loop->opened == FAKE_SOCKETS)
		abort();
	socket->number = loop->opened;
	socket->loop = loop;
	socket->to = to->addr;
	socket->how = *to;
	loop->sockets[loop->opened++] = socket;
}

static void fake_send(const struct fake_socket *socket, const uint8_t *wire, size_t len)
{
	struct loop *loop = socket->loop;

	if (loop->sent == FAKE_SENDS)
		abort();
	struct fake_sent *sent = &loop->sends[loop->sent++];
	*sent = (struct fake_sent){ .socket = socket->number,
				    .is_stream = socket->is_stream,
				    .to = socket->to,
				    .at_us = loop->clock.now_us,
				    .len = len };
	memcpy(sent->wire, wire, len < FAKE_WIRE ? len : FAKE_WIRE);
}

int udp_client_new(struct loop *loop, const struct conf_server *to, udp_client_fn fn, void *ctx,
		   struct udp_client **ret_client)
{
	if (loop->udp_new_fails != 0)
		return loop->udp_new_fails;
	struct udp_client *client = mem_zalloc(sizeof(*client));
	if (client == NULL)
		return -ENOMEM;
	fake_open(&client->socket, loop, to);
	client->socket.fn = fn;
	client->socket.ctx = ctx;
	*ret_client = client;
	return 0;
}

void udp_client_free(struct udp_client *client)
{
	if (client == NULL)
		return;
	client->socket.loop->sockets[client->socket.number] = NULL;
	mem_free(client);
}

int udp_client_send(struct udp_client *client, const uint8_t *wire, size_t wire_len)
{
	if (client->socket.loop->udp_send_fails != 0)
		return client->socket.loop->udp_send_fails;
	fake_send(&client->socket, wire, wire_len);
	return 0;
}

int stream_connect(struct loop *loop, const struct conf_server *to,
		   const struct stream_events *events, void *ctx, struct stream **ret_stream)
{
	if (loop->connect_fails != 0)
		return loop->connect_fails;
	struct stream *stream = mem_zalloc(sizeof(*stream));
	if (stream == NULL)
		return -ENOMEM;
	fake_open(&stream->socket, loop, to);
	stream->socket.is_stream = true;
	stream->socket.events = events;
	stream->socket.ctx = ctx;
	*ret_stream = stream;
	return 0;
}

void stream_free(struct stream *stream)
{
	if (stream == NULL)
		return;
	stream->socket.loop->sockets[stream->socket.number] = NULL;
	mem_free(stream);
}

int stream_send(struct stream *stream, const uint8_t *wire, size_t wire_len)
{
	if (stream->socket.loop->stream_send_fails != 0)
		return stream->socket.loop->stream_send_fails;
	fake_send(&stream->socket, wire, wire_len);
	return 0;
}

uint64_t stream_partial_since(const struct stream *stream)
{
	return stream->socket.loop->partial_since_us;
}

/* --- for tests --- */

static inline struct addr fake_addr(unsigned last_byte)
{
	return (struct addr){ .bytes = { 192, 0, 2, (uint8_t)last_byte },
			      .port = 53,
			      .family = ADDR_IPV4 };
}

static inline unsigned fake_open_count(const struct loop *loop)
{
	unsigned open = 0;

	for (unsigned i = 0; i < loop->opened; i++)
		open += loop->sockets[i] != NULL;
	return open;
}

static inline bool fake_is_open(const struct loop *loop, unsigned socket)
{
	return socket < loop->opened && loop->sockets[socket] != NULL;
}

/* What follows does nothing where the socket has been closed, as a network does. */

static inline void fake_deliver(struct loop *loop, unsigned number, const uint8_t *wire, size_t len)
{
	/* on the heap, so that a sanitizer sees who reads it too late */
	static uint8_t copy[65536];
	struct fake_socket *socket = fake_is_open(loop, number) ? loop->sockets[number] : NULL;

	if (len > 0)
		memcpy(copy, wire, len);
	if (socket != NULL && socket->is_stream)
		socket->events->on_message(socket->ctx, copy, len);
	else if (socket != NULL)
		socket->fn(socket->ctx, 0, copy, len);
	memset(copy, 0xee, len);
}

static inline void fake_break(struct loop *loop, unsigned number, int err)
{
	struct fake_socket *socket = fake_is_open(loop, number) ? loop->sockets[number] : NULL;

	if (socket != NULL && socket->is_stream)
		socket->events->on_broken(socket->ctx, err);
	else if (socket != NULL)
		socket->fn(socket->ctx, err, NULL, 0);
}

static inline void fake_connected(struct loop *loop, unsigned number)
{
	struct fake_socket *socket = fake_is_open(loop, number) ? loop->sockets[number] : NULL;

	if (socket != NULL)
		socket->events->on_connected(socket->ctx);
}

static inline void fake_end(struct loop *loop, unsigned number)
{
	struct fake_socket *socket = fake_is_open(loop, number) ? loop->sockets[number] : NULL;

	if (socket != NULL)
		socket->events->on_end(socket->ctx);
}

static inline void fake_pass(struct loop *loop, uint64_t us)
{
	const uint64_t end_us = loop->clock.now_us + us;

	timer_run_due(loop->timers);
	while (timer_next_due(loop->timers) <= end_us) {
		if (timer_next_due(loop->timers) > loop->clock.now_us)
			loop->clock.now_us = timer_next_due(loop->timers);
		timer_run_due(loop->timers);
	}
	loop->clock.now_us = end_us;
}
