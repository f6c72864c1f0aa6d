#include "fake_net.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/bell.h"
#include "net/stream.h"
#include "net/udp.h"
#include "report.h"

#define START_US (UINT64_C(1000) * USEC_PER_SEC)
#define TURNS_MAX 10000u

/* A socket or a connection. What waits for it finds it by its serial number, which outlives it. */
struct endpoint {
	struct endpoint *next;
	struct loop *loop;
	uint64_t serial;
	struct addr peer;
	bool is_stream;
	udp_client_fn on_datagram;
	const struct stream_events *events;
	void *ctx;
	bool is_connected, is_not_reading;
	struct outgoing *outgoing, **outgoing_end; /* until it is connected */
	size_t queued;
};

struct udp_client {
	struct endpoint endpoint;
};
struct stream {
	struct endpoint endpoint;
};

struct outgoing {
	struct outgoing *next;
	size_t wire_len;
	uint8_t wire[];
};

enum event_kind { EVENT_CONNECT, EVENT_MESSAGE, EVENT_BREAK, EVENT_END, EVENT_DRAINED };
struct event {
	struct event *next;
	enum event_kind kind;
	uint64_t endpoint;
	int err;
	uint8_t *wire;
	size_t wire_len;
};

struct manner {
	struct manner *next;
	struct addr server;
	enum fake_manner manner;
};

struct loop {
	struct clock clock;
	struct timers *timers;
	struct endpoint *endpoints;
	uint64_t last_serial;
	struct event *events, **events_end;
	struct fake_sent *sent, **sent_end;
	struct manner *manners;
};

/* --- net/loop.h ---------------------------------------------------------------------------- */

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = report_alloc(sizeof(*loop));

	loop->clock.now_us = START_US;
	loop->events_end = &loop->events;
	loop->sent_end = &loop->sent;
	loop->timers = timer_wheel_new(&loop->clock);
	if (loop->timers == NULL) {
		free(loop);
		return -ENOMEM;
	}
	*ret_loop = loop;
	return 0;
}

static void free_event(struct event *event)
{
	free(event->wire);
	free(event);
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	for (struct event *event = loop->events, *next; event != NULL; event = next) {
		next = event->next;
		free_event(event);
	}
	for (struct fake_sent *sent = loop->sent, *next; sent != NULL; sent = next) {
		next = sent->next;
		free(sent->wire);
		free(sent);
	}
	for (struct manner *manner = loop->manners, *next; manner != NULL; manner = next) {
		next = manner->next;
		free(manner);
	}
	timer_wheel_free(loop->timers);
	free(loop);
}

const struct clock *loop_clock(const struct loop *loop)
{
	return &loop->clock;
}

struct timers *loop_timers(struct loop *loop)
{
	return loop->timers;
}

/* --- endpoints ----------------------------------------------------------------------------- */

/* --- bells, which only several workers have ------------------------------------------------- */

int bell_new(struct loop *loop, void (*fn)(void *ctx), void *ctx, struct bell **ret_bell)
{
	(void)loop;
	(void)fn;
	(void)ctx;
	(void)ret_bell;
	return -ENOSYS;
}

void bell_free(struct bell *bell)
{
	(void)bell;
}

void bell_ring(struct bell *bell)
{
	(void)bell;
}

static enum fake_manner manner_of(const struct loop *loop, const struct addr *server)
{
	for (const struct manner *manner = loop->manners; manner != NULL; manner = manner->next) {
		if (addr_equal(&manner->server, server))
			return manner->manner;
	}
	return FAKE_OPEN;
}

void fake_net_set_manner(struct loop *loop, const struct addr *server, enum fake_manner manner)
{
	struct manner *newest = report_alloc(sizeof(*newest));

	*newest = (struct manner){ .next = loop->manners, .server = *server, .manner = manner };
	loop->manners = newest;
}

static int endpoint_init(struct endpoint *endpoint, struct loop *loop, const struct addr *to)
{
	if (manner_of(loop, to) == FAKE_NO_ROUTE)
		return -ENETUNREACH;
	endpoint->loop = loop;
	endpoint->serial = ++loop->last_serial;
	endpoint->peer = *to;
	endpoint->outgoing_end = &endpoint->outgoing;
	endpoint->next = loop->endpoints;
	loop->endpoints = endpoint;
	return 0;
}

static void endpoint_done(struct endpoint *endpoint)
{
	struct endpoint **link = &endpoint->loop->endpoints;

	while (*link != endpoint)
		link = &(*link)->next;
	*link = endpoint->next;
	for (struct outgoing *outgoing = endpoint->outgoing, *next; outgoing != NULL;
	     outgoing = next) {
		next = outgoing->next;
		free(outgoing);
	}
}

static struct endpoint *find_endpoint(const struct loop *loop, uint64_t serial)
{
	struct endpoint *endpoint = loop->endpoints;

	while (endpoint != NULL && endpoint->serial != serial)
		endpoint = endpoint->next;
	return endpoint;
}

static void record(const struct endpoint *endpoint, const uint8_t *wire, size_t wire_len)
{
	struct loop *loop = endpoint->loop;
	struct fake_sent *sent = report_alloc(sizeof(*sent));

	*sent = (struct fake_sent){
		.to = endpoint->peer,
		.via_stream = endpoint->is_stream,
		.endpoint = endpoint->serial,
		.at_us = loop->clock.now_us,
		.line = report_line(),
		.wire = report_dup(wire, wire_len),
		.wire_len = wire_len,
	};
	*loop->sent_end = sent;
	loop->sent_end = &sent->next;
}

static struct event *add_event(struct loop *loop, enum event_kind kind, uint64_t endpoint)
{
	struct event *event = report_alloc(sizeof(*event));

	event->kind = kind;
	event->endpoint = endpoint;
	*loop->events_end = event;
	loop->events_end = &event->next;
	return event;
}

/* --- net/udp.h, towards servers ------------------------------------------------------------ */

int udp_client_new(struct loop *loop, const struct conf_server *to, udp_client_fn fn, void *ctx,
		   struct udp_client **ret_client)
{
	struct udp_client *client = mem_zalloc(sizeof(*client));

	if (client == NULL)
		return -ENOMEM;
	int err = endpoint_init(&client->endpoint, loop, &to->addr);
	if (err != 0) {
		mem_free(client);
		return err;
	}
	client->endpoint.on_datagram = fn;
	client->endpoint.ctx = ctx;
	*ret_client = client;
	return 0;
}

void udp_client_free(struct udp_client *client)
{
	if (client == NULL)
		return;
	endpoint_done(&client->endpoint);
	mem_free(client);
}

int udp_client_send(struct udp_client *client, const uint8_t *wire, size_t wire_len)
{
	record(&client->endpoint, wire, wire_len);
	return 0;
}

/* --- net/stream.h, towards servers --------------------------------------------------------- */

int stream_connect(struct loop *loop, const struct conf_server *to,
		   const struct stream_events *events, void *ctx, struct stream **ret_stream)
{
	struct stream *stream = mem_zalloc(sizeof(*stream));

	if (stream == NULL)
		return -ENOMEM;
	int err = endpoint_init(&stream->endpoint, loop, &to->addr);
	if (err != 0) {
		mem_free(stream);
		return err;
	}
	stream->endpoint.is_stream = true;
	stream->endpoint.events = events;
	stream->endpoint.ctx = ctx;
	add_event(loop, EVENT_CONNECT, stream->endpoint.serial);
	*ret_stream = stream;
	return 0;
}

void stream_free(struct stream *stream)
{
	if (stream == NULL)
		return;
	endpoint_done(&stream->endpoint);
	mem_free(stream);
}

void stream_finish(struct stream *stream, uint64_t linger_us)
{
	(void)linger_us;
	stream_free(stream);
}

int stream_send(struct stream *stream, const uint8_t *wire, size_t wire_len)
{
	struct endpoint *endpoint = &stream->endpoint;

	if (endpoint->queued + wire_len + 2 > STREAM_QUEUE_MAX)
		return ERR_LIMIT;
	if (endpoint->is_connected) {
		record(endpoint, wire, wire_len);
		add_event(endpoint->loop, EVENT_DRAINED, endpoint->serial);
		return 0;
	}
	struct outgoing *outgoing = report_alloc(sizeof(*outgoing) + wire_len);
	outgoing->wire_len = wire_len;
	memcpy(outgoing->wire, wire, wire_len);
	*endpoint->outgoing_end = outgoing;
	endpoint->outgoing_end = &outgoing->next;
	endpoint->queued += wire_len + 2;
	return 0;
}

size_t stream_queued(const struct stream *stream)
{
	return stream->endpoint.queued;
}

void stream_set_reading(struct stream *stream, bool on)
{
	stream->endpoint.is_not_reading = !on;
}

uint64_t stream_partial_since(const struct stream *stream)
{
	(void)stream;
	return 0;
}

struct addr stream_peer(const struct stream *stream)
{
	return stream->endpoint.peer;
}

struct addr stream_local(const struct stream *stream)
{
	(void)stream;
	return (struct addr){ .bytes = { 127, 0, 0, 1 }, .family = ADDR_IPV4 };
}

/* --- what servers do ----------------------------------------------------------------------- */

const struct fake_sent *fake_net_sent(const struct loop *loop)
{
	return loop->sent;
}

bool fake_net_reply(struct loop *loop, const struct fake_sent *to, const uint8_t *wire,
		    size_t wire_len)
{
	struct event *event = add_event(loop, EVENT_MESSAGE, to->endpoint);

	event->wire = report_dup(wire, wire_len);
	event->wire_len = wire_len;
	return find_endpoint(loop, to->endpoint) != NULL;
}

bool fake_net_break(struct loop *loop, const struct fake_sent *to, int err)
{
	add_event(loop, EVENT_BREAK, to->endpoint)->err = err;
	return find_endpoint(loop, to->endpoint) != NULL;
}

bool fake_net_end(struct loop *loop, const struct fake_sent *to)
{
	assert(to->via_stream);
	add_event(loop, EVENT_END, to->endpoint);
	return find_endpoint(loop, to->endpoint) != NULL;
}

size_t fake_net_open(const struct loop *loop)
{
	size_t open = 0;

	for (const struct endpoint *at = loop->endpoints; at != NULL; at = at->next)
		open++;
	return open;
}

/* --- turns and time ------------------------------------------------------------------------ */

static void connect_endpoint(struct endpoint *endpoint)
{
	struct loop *loop = endpoint->loop;
	const enum fake_manner manner = manner_of(loop, &endpoint->peer);

	if (manner == FAKE_IGNORES_TCP)
		return;
	if (manner != FAKE_OPEN) {
		endpoint->events->on_broken(endpoint->ctx, -ECONNREFUSED);
		return;
	}
	endpoint->is_connected = true;
	for (struct outgoing *outgoing; (outgoing = endpoint->outgoing) != NULL;) {
		endpoint->outgoing = outgoing->next;
		record(endpoint, outgoing->wire, outgoing->wire_len);
		free(outgoing);
	}
	endpoint->outgoing_end = &endpoint->outgoing;
	if (endpoint->queued > 0)
		add_event(loop, EVENT_DRAINED, endpoint->serial);
	endpoint->queued = 0;
	if (endpoint->events->on_connected != NULL)
		endpoint->events->on_connected(endpoint->ctx);
}

static void deliver_to_stream(struct endpoint *endpoint, struct event *event)
{
	const struct stream_events *events = endpoint->events;

	switch (event->kind) {
	case EVENT_CONNECT:
		connect_endpoint(endpoint);
		return;
	case EVENT_MESSAGE:
		events->on_message(endpoint->ctx, event->wire, event->wire_len);
		return;
	case EVENT_BREAK:
		events->on_broken(endpoint->ctx, event->err);
		return;
	case EVENT_END:
		events->on_end(endpoint->ctx);
		return;
	case EVENT_DRAINED:
		if (events->on_drained != NULL)
			events->on_drained(endpoint->ctx);
		return;
	}
	UNREACHABLE();
}

/* Takes out the first event whose endpoint reads, or is gone. */
static struct event *take_event(struct loop *loop, struct endpoint **ret_endpoint)
{
	for (struct event **link = &loop->events; *link != NULL; link = &(*link)->next) {
		struct event *event = *link;

		*ret_endpoint = find_endpoint(loop, event->endpoint);
		if (*ret_endpoint != NULL && (*ret_endpoint)->is_not_reading &&
		    event->kind != EVENT_DRAINED)
			continue;
		*link = event->next;
		if (loop->events_end == &event->next)
			loop->events_end = link;
		return event;
	}
	return NULL;
}

static bool deliver_one(struct loop *loop)
{
	struct endpoint *endpoint;
	struct event *event = take_event(loop, &endpoint);

	if (event == NULL)
		return false;
	if (endpoint != NULL && endpoint->is_stream)
		deliver_to_stream(endpoint, event);
	else if (endpoint != NULL)
		endpoint->on_datagram(endpoint->ctx, event->err, event->wire, event->wire_len);
	free_event(event);
	return true;
}

static void note_turn(unsigned *turns)
{
	if (++*turns > TURNS_MAX)
		report_fail("it never comes to rest");
}

void fake_net_turn(struct loop *loop)
{
	unsigned turns = 0;
	bool is_busy;

	do {
		is_busy = false;
		while (deliver_one(loop)) {
			is_busy = true;
			note_turn(&turns);
		}
		if (timer_next_due(loop->timers) <= loop->clock.now_us) {
			is_busy = true;
			timer_run_due(loop->timers);
			note_turn(&turns);
		}
	} while (is_busy);
}

void fake_net_pass(struct loop *loop, uint64_t us)
{
	const uint64_t target_us = loop->clock.now_us + us;
	uint64_t next_us;

	while ((next_us = timer_next_due(loop->timers)) <= target_us) {
		if (next_us > loop->clock.now_us)
			loop->clock.now_us = next_us;
		fake_net_turn(loop);
	}
	loop->clock.now_us = target_us;
	fake_net_turn(loop);
}
