#include "front/listener_stream.h"

#include <errno.h>

#include "base/list.h"
#include "base/mem.h"
#include "net/stream.h"

/* Reading pauses while this much waits to be taken by the client, or this many of its questions
 * wait for us: who does not read is not worked for (bytes stay below STREAM_QUEUE_MAX). */
#define QUEUE_PAUSE 65536u
#define QUESTIONS_PAUSE 1000u
/* Connections that are looked at when one comes: more of them may go than come. */
#define LOOK_AT 8u
#define LINGER_US (2u * USEC_PER_SEC)
/* Of a connection to an address that is not served any more: how long it may be quiet, and whether
 * it is or not. */
#define LEAVE_IDLE_US (300u * USEC_PER_MSEC)
#define LEAVE_US (2u * USEC_PER_SEC)

struct listener_stream_table {
	struct loop *loop;
	struct worker *worker;
	/* In the order of their last sign of life, longest ago first. */
	struct list connections;
	uint32_t count;
};

struct listener_stream {
	struct listener_stream_table *table;
	struct stream_listener *socket;
};

/* Lives until its stream is gone and no request holds it. */
struct connection {
	struct listener_stream_table *table;
	struct list link;      /* in the table while there is a stream */
	struct stream *stream; /* NULL once closed */
	struct addr from, local;
	struct addr client;	   /* whose it is: addr_client() */
	struct timer quiet;	   /* nothing has happened for limits.tcp_idle */
	uint32_t holders;	   /* requests that still hold it */
	uint64_t taken;		   /* bytes given to the stream since the start */
	uint64_t alive_us;	   /* its last sign of life */
	uint64_t leave_by_us;	   /* 0: it need not */
	uint64_t left_at_look;	   /* of those, gone to the client when it was last quiet */
	bool has_ended, is_paused; /* the client has sent FIN; reading is paused */
};

/* The fewer connections are free, the shorter may one of them be quiet (as unbound does, whose
 * steps these are; but a client that is far away should still have the time to ask). */
static uint64_t idle_us(const struct listener_stream_table *table)
{
	const struct conf *conf = worker_plan(table->worker)->conf;
	const uint64_t idle = (uint64_t)conf->tcp_idle_ms * USEC_PER_MSEC;
	const uint32_t max = worker_part(table->worker, conf->tcp_clients);
	const uint32_t free = table->count < max ? max - table->count : 0;
	const uint64_t free_percent = (uint64_t)free * 100 / max;

	if (free_percent >= 50)
		return idle;
	if (free_percent >= 35)
		return idle / 4;
	return free_percent >= 20 ? idle / 16 : idle / 64;
}

static bool is_crowded(const struct listener_stream_table *table)
{
	return idle_us(table) <
	       (uint64_t)worker_plan(table->worker)->conf->tcp_idle_ms * USEC_PER_MSEC;
}

/* May it be quiet. */
static uint64_t quiet_us(const struct connection *connection)
{
	const uint64_t idle = idle_us(connection->table);

	return connection->leave_by_us > 0 && idle > LEAVE_IDLE_US ? LEAVE_IDLE_US : idle;
}

static void note_life(struct connection *connection)
{
	struct listener_stream_table *table = connection->table;

	list_remove(&connection->link);
	list_add(&table->connections, &connection->link);
	connection->alive_us = loop_clock(table->loop)->now_us;
	timer_start(loop_timers(table->loop), &connection->quiet, quiet_us(connection));
}

static void free_if_unused(struct connection *connection)
{
	if (connection->stream == NULL && connection->holders == 0)
		mem_free(connection);
}

static void connection_close(struct connection *connection, bool at_once)
{
	struct stream *stream = connection->stream;

	if (stream == NULL)
		return;
	timer_stop(loop_timers(connection->table->loop), &connection->quiet);
	list_remove(&connection->link);
	connection->table->count--;
	connection->stream = NULL;
	if (at_once)
		stream_free(stream);
	else
		stream_finish(stream, LINGER_US);
	free_if_unused(connection);
}

/* Nothing more will be asked; or enough. */
static bool has_ended(const struct connection *connection)
{
	return connection->has_ended ||
	       (connection->leave_by_us > 0 &&
		connection->leave_by_us <= loop_clock(connection->table->loop)->now_us);
}

static void set_reading(struct connection *connection)
{
	bool pause = stream_queued(connection->stream) >= QUEUE_PAUSE ||
		     connection->holders >= QUESTIONS_PAUSE;

	if (pause != connection->is_paused) {
		connection->is_paused = pause;
		stream_set_reading(connection->stream, !pause);
	}
}

/* --- what a request may do with its client --- */

static void client_send(const struct client *client, const uint8_t *wire, size_t wire_len)
{
	struct connection *connection = client->listener;

	if (connection->stream == NULL)
		return;
	if (stream_send(connection->stream, wire, wire_len) != 0) {
		connection_close(connection, true);
		return;
	}
	connection->taken += wire_len + 2;
	note_life(connection);
	set_reading(connection);
}

static void client_drop(const struct client *client)
{
	connection_close(client->listener, true);
}

static void client_hold(const struct client *client)
{
	struct connection *connection = client->listener;

	connection->holders++;
}

static void client_release(const struct client *client)
{
	struct connection *connection = client->listener;

	connection->holders--;
	if (connection->stream == NULL)
		free_if_unused(connection);
	else if (connection->holders == 0 && has_ended(connection))
		connection_close(connection, false);
	else
		set_reading(connection);
}

static const struct client_ops client_ops = {
	.send = client_send,
	.drop = client_drop,
	.hold = client_hold,
	.release = client_release,
};

/* --- what the stream tells --- */

static void on_message(void *ctx, uint8_t *wire, size_t wire_len)
{
	struct connection *connection = ctx;
	struct worker *worker = connection->table->worker;
	const struct client client = { .ops = &client_ops,
				       .listener = connection,
				       .from = connection->from,
				       .local = connection->local,
				       .is_stream = true };

	note_life(connection);
	/* whatever the query leads to, the connection is there until the end */
	client_hold(&client);
	worker_take_query(worker, &client, wire, wire_len);
	client_release(&client);
}

static void on_end(void *ctx)
{
	struct connection *connection = ctx;

	connection->has_ended = true;
	if (connection->holders == 0)
		connection_close(connection, false);
}

static void on_broken(void *ctx, int err)
{
	(void)err; /* clients come and go */
	connection_close(ctx, true);
}

static void on_drained(void *ctx)
{
	struct connection *connection = ctx;

	note_life(connection);
	set_reading(connection);
}

static const struct stream_events stream_events = {
	.on_message = on_message,
	.on_end = on_end,
	.on_broken = on_broken,
	.on_drained = on_drained,
};

/* --- limits --- */

/* It waits neither for an answer nor for the client to take one. */
static bool is_idle(const struct connection *connection)
{
	return connection->holders == 0 && stream_queued(connection->stream) == 0;
}

/* How much longer it may stay quiet; 0 is the end. A connection that waits for our answer is not
 * idle. A message may take limits.tcp_idle from its first byte, however its bytes are spread; and
 * so long a client may take none of what waits for it. */
static uint64_t patience_us(struct connection *connection)
{
	const uint64_t idle = quiet_us(connection);
	const uint64_t now_us = loop_clock(connection->table->loop)->now_us;
	const size_t queued = stream_queued(connection->stream);
	const uint64_t left = connection->taken - queued;
	const uint64_t since_us = stream_partial_since(connection->stream);
	const bool is_taking = left != connection->left_at_look;

	connection->left_at_look = left;
	if (queued > 0)
		return is_taking ? idle : 0;
	if (since_us != 0)
		return since_us + idle > now_us ? since_us + idle - now_us : 0;
	return connection->holders > 0 ? idle : 0;
}

/* That a client which has all it asked for leaves its connection open is nothing to tell. */
static void close_quiet(struct connection *connection)
{
	struct listener_stream_table *table = connection->table;

	if (connection->leave_by_us > 0) {
		connection_close(connection, false);
		return;
	}
	if (is_idle(connection) && stream_partial_since(connection->stream) == 0 &&
	    !is_crowded(table))
		stats_add(worker_stats(table->worker), STAT_LIMIT_TCP_IDLE, 1);
	else
		limit_hit(worker_limits(table->worker), LIMIT_TCP_IDLE, &connection->from);
	connection_close(connection, true);
}

static void on_quiet(void *ctx)
{
	struct connection *connection = ctx;
	const uint64_t longer_us = patience_us(connection);

	if (longer_us == 0)
		close_quiet(connection);
	else
		timer_start(loop_timers(connection->table->loop), &connection->quiet, longer_us);
}

static uint32_t count_from(const struct listener_stream_table *table, const struct addr *from)
{
	const struct addr client = addr_client(from).net;
	uint32_t count = 0;

	for (const struct list *link = list_first(&table->connections); link != NULL;
	     link = list_next(&table->connections, link))
		count += addr_same_host(&LIST_ITEM(link, const struct connection, link)->client,
					&client);
	return count;
}

/* At the limit the one that has been idle longest makes room; one that is not idle never. */
static bool make_room(struct listener_stream_table *table, enum limit limit)
{
	for (struct list *link = list_first(&table->connections); link != NULL;
	     link = list_next(&table->connections, link)) {
		struct connection *c = LIST_ITEM(link, struct connection, link);

		if (!is_idle(c))
			continue;
		limit_hit(worker_limits(table->worker), limit, &c->from);
		connection_close(c, true);
		return true;
	}
	return false;
}

/* Timers were set when there was more room than now. Those that have been quiet longest are looked
 * at first. */
static void close_idle(struct listener_stream_table *table)
{
	const uint64_t idle = idle_us(table);
	const uint64_t now_us = loop_clock(table->loop)->now_us;
	struct list *link = list_first(&table->connections), *next;

	for (unsigned i = 0; i < LOOK_AT && link != NULL; i++, link = next) {
		struct connection *connection = LIST_ITEM(link, struct connection, link);

		next = list_next(&table->connections, link);
		if (connection->alive_us + idle > now_us)
			return;
		if (!is_idle(connection) ||
		    stream_partial_since(connection->stream) + idle > now_us)
			continue;
		limit_hit(worker_limits(table->worker), LIMIT_TCP_IDLE, &connection->from);
		connection_close(connection, true);
	}
}

static bool has_room(struct listener_stream_table *table, const struct addr *from)
{
	const struct conf *conf = worker_plan(table->worker)->conf;
	struct limits *limits = worker_limits(table->worker);

	if (count_from(table, from) >= conf->tcp_clients_per_address) {
		limit_hit(limits, LIMIT_TCP_CLIENTS_PER_ADDRESS, from);
		return false;
	}
	if (is_crowded(table))
		close_idle(table);
	if (table->count < worker_part(table->worker, conf->tcp_clients) ||
	    make_room(table, LIMIT_TCP_CLIENTS))
		return true;
	limit_hit(limits, LIMIT_TCP_CLIENTS, from);
	return false;
}

static void on_accept(void *ctx, struct stream *stream)
{
	struct listener_stream *listener = ctx;
	struct listener_stream_table *table = listener->table;
	struct connection *connection = NULL;

	if (stream == NULL) {
		if (!make_room(table, LIMIT_DESCRIPTORS))
			limit_hit(worker_limits(table->worker), LIMIT_DESCRIPTORS, NULL);
		return;
	}
	const struct addr from = stream_peer(stream);
	if (has_room(table, &from))
		connection = mem_zalloc(sizeof(*connection));
	if (connection == NULL) {
		stream_free(stream);
		return;
	}
	connection->table = table;
	connection->stream = stream;
	connection->from = from;
	connection->client = addr_client(&from).net;
	connection->local = stream_local(stream);
	table->count++;
	timer_init(&connection->quiet, on_quiet, connection);
	note_life(connection);
	stream_attach(stream, &stream_events, connection);
}

/* --- coming and going --- */

struct listener_stream_table *listener_stream_table_new(struct loop *loop, struct worker *worker)
{
	struct listener_stream_table *table = mem_zalloc(sizeof(*table));

	if (table == NULL)
		return NULL;
	list_init(&table->connections);
	table->loop = loop;
	table->worker = worker;
	return table;
}

void listener_stream_table_free(struct listener_stream_table *table)
{
	if (table == NULL)
		return;
	for (struct list *link; (link = list_first(&table->connections)) != NULL;)
		connection_close(LIST_ITEM(link, struct connection, link), true);
	mem_free(table);
}

uint32_t listener_stream_connections(const struct listener_stream_table *table)
{
	return table->count;
}

void listener_stream_dismiss(struct listener_stream_table *table,
			     bool (*is_served)(void *ctx, const struct addr *local), void *ctx)
{
	for (struct list *link = list_first(&table->connections), *next; link != NULL;
	     link = next) {
		struct connection *connection = LIST_ITEM(link, struct connection, link);

		next = list_next(&table->connections, link);
		if (is_served(ctx, &connection->local)) {
			connection->leave_by_us = 0; /* it may be so again */
			continue;
		}
		if (connection->leave_by_us == 0)
			connection->leave_by_us = loop_clock(table->loop)->now_us + LEAVE_US;
		timer_start(loop_timers(table->loop), &connection->quiet, quiet_us(connection));
	}
}

int listener_stream_new(struct listener_stream_table *table, const struct addr *bind_to,
			struct listener_stream **ret_listener)
{
	struct listener_stream *listener = mem_zalloc(sizeof(*listener));

	if (listener == NULL)
		return -ENOMEM;
	listener->table = table;
	int err = stream_listener_new(table->loop, bind_to, on_accept, listener, &listener->socket);
	if (err != 0) {
		mem_free(listener);
		return err;
	}
	*ret_listener = listener;
	return 0;
}

void listener_stream_free(struct listener_stream *listener)
{
	if (listener == NULL)
		return;
	stream_listener_free(listener->socket);
	mem_free(listener);
}

void listener_stream_let_in(struct listener_stream *listener, bool on)
{
	stream_listener_let_in(listener->socket, on);
}

int listener_stream_give(const struct listener_stream *listener, uid_t uid, gid_t gid)
{
	return stream_listener_give(listener->socket, uid, gid);
}

void listener_stream_empty(struct listener_stream *listener)
{
	stream_listener_empty(listener->socket);
}

struct addr listener_stream_local(const struct listener_stream *listener)
{
	return stream_listener_local(listener->socket);
}
