#include "front/listener_stream.h"

#include "base/list.h"
#include "base/mem.h"

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

/* Lives until its stream is gone and no request holds it. */
struct connection {
	bool has_ended, is_paused; /* the client has sent FIN; reading is paused */
	uint32_t holders;	   /* requests that still hold it */
	struct stream *stream;	   /* NULL once closed */
	struct listener_stream_table *table;
	struct list link;      /* in the table while there is a stream */
	uint32_t taken;	       /* bytes given to the stream since the start, modulo 2^32 */
	uint32_t left_at_look; /* of those, gone to the client when it was last quiet */
	uint64_t alive_us;     /* its last sign of life */
	uint64_t leave_by_us;  /* 0: it need not */
	struct timer quiet;    /* nothing has happened for limits.tcp_idle */
	struct addr from, local;
	struct addr client; /* whose it is: addr_client() */
};

/* The fewer connections are free, the shorter may one of them be quiet (as unbound does, whose
 * steps these are; but a client that is far away should still have the time to ask): at half of all
 * this share of limits.tcp_idle is 1, at 35 and 20 percent a quarter and a quarter of that, below a
 * quarter of that. */
static uint32_t crowding(const struct listener_stream_table *table)
{
	const struct conf *conf = worker_plan(table->worker)->conf;
	const uint32_t max = worker_part(table->worker, conf->tcp_clients);
	const uint32_t free_percent = table->count < max ? (max - table->count) * 100 / max : 0;

	if (free_percent >= 35)
		return free_percent >= 50 ? 1 : 4;
	return free_percent >= 20 ? 16 : 64;
}

/* An hour at most, for which 32 bits are enough. */
static uint32_t idle_us(const struct listener_stream_table *table)
{
	return worker_plan(table->worker)->conf->tcp_idle_ms * USEC_PER_MSEC / crowding(table);
}

/* May it be quiet. */
static uint32_t quiet_us(const struct connection *connection)
{
	const uint32_t idle = idle_us(connection->table);

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
	connection->taken += (uint32_t)wire_len + 2;
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
static uint32_t patience_us(struct connection *connection)
{
	const uint32_t idle = quiet_us(connection);
	const size_t queued = stream_queued(connection->stream);
	const uint32_t left = connection->taken - (uint32_t)queued;
	const uint64_t since_us = stream_partial_since(connection->stream);
	const bool is_taking = left != connection->left_at_look;

	connection->left_at_look = left;
	if (queued > 0)
		return is_taking ? idle : 0;
	if (since_us == 0)
		return connection->holders > 0 ? idle : 0;
	const uint64_t late_us = loop_clock(connection->table->loop)->now_us - since_us;
	return late_us < idle ? idle - (uint32_t)late_us : 0;
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
	    crowding(table) == 1)
		stats_count(worker_stats(table->worker), STAT_LIMIT_TCP_IDLE);
	else
		limit_hit(worker_limits(table->worker), LIMIT_TCP_IDLE, &connection->from);
	connection_close(connection, true);
}

static void on_quiet(void *ctx)
{
	struct connection *connection = ctx;
	const uint32_t longer_us = patience_us(connection);

	if (longer_us == 0)
		close_quiet(connection);
	else
		timer_start(loop_timers(connection->table->loop), &connection->quiet, longer_us);
}

static uint32_t count_of(const struct listener_stream_table *table, const struct addr *client)
{
	uint32_t count = 0;

	for (const struct list *link = list_first(&table->connections); link != NULL;
	     link = list_next(&table->connections, link))
		count += addr_same_host(&LIST_ITEM(link, const struct connection, link)->client,
					client);
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
	const uint32_t idle = idle_us(table);
	const uint64_t now_us = loop_clock(table->loop)->now_us;
	struct list *link = list_first(&table->connections), *next;

	for (unsigned i = 0; i < LOOK_AT && link != NULL; i++, link = next) {
		struct connection *connection = LIST_ITEM(link, struct connection, link);

		next = list_next(&table->connections, link);
		if (now_us - connection->alive_us < idle)
			return;
		if (!is_idle(connection) ||
		    now_us - stream_partial_since(connection->stream) < idle)
			continue;
		limit_hit(worker_limits(table->worker), LIMIT_TCP_IDLE, &connection->from);
		connection_close(connection, true);
	}
}

/* For one that is not counted yet. */
static bool has_room(const struct connection *connection)
{
	struct listener_stream_table *table = connection->table;
	const struct conf *conf = worker_plan(table->worker)->conf;
	enum limit limit = LIMIT_TCP_CLIENTS_PER_ADDRESS;

	if (count_of(table, &connection->client) < conf->tcp_clients_per_address) {
		if (crowding(table) > 1)
			close_idle(table);
		if (table->count < worker_part(table->worker, conf->tcp_clients) ||
		    make_room(table, LIMIT_TCP_CLIENTS))
			return true;
		limit = LIMIT_TCP_CLIENTS;
	}
	limit_hit(worker_limits(table->worker), limit, &connection->from);
	return false;
}

static struct connection *connection_new(struct listener_stream_table *table,
					 const struct stream *stream)
{
	struct connection *connection = mem_zalloc(sizeof(*connection));

	if (connection == NULL)
		return NULL;
	connection->table = table;
	connection->from = stream_peer(stream);
	connection->client = addr_client(&connection->from).net;
	connection->local = stream_local(stream);
	timer_init(&connection->quiet, on_quiet, connection);
	return connection;
}

static void on_accept(void *ctx, struct stream *stream)
{
	struct listener_stream_table *table = ctx;

	if (stream == NULL) {
		if (!make_room(table, LIMIT_DESCRIPTORS))
			limit_hit(worker_limits(table->worker), LIMIT_DESCRIPTORS, NULL);
		return;
	}
	struct connection *connection = connection_new(table, stream);
	if (connection == NULL || !has_room(connection)) {
		mem_free(connection);
		stream_free(stream);
		return;
	}
	connection->stream = stream;
	table->count++;
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
			struct stream_listener **ret_listener)
{
	return stream_listener_new(table->loop, bind_to, on_accept, table, ret_listener);
}
