#include "upstream/transport_stream.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "wire/message.h"

/* Beyond so many questions at once a second connection spreads them; there are no more than that, so
 * that a server sees few connections from us (RFC 7766 section 6.2.2). */
#define BUSY_QUESTIONS 100u
#define CONNECTIONS_MAX 2u
#define IDLE_US (10u * USEC_PER_SEC)
/* A question forgotten earlier than that says nothing about its connection. */
#define DEAF_US (1u * USEC_PER_SEC)

struct connection {
	struct transport_stream *transport;
	struct connection *next, *prev;
	struct addr server;
	struct stream *stream;
	struct transport_question *questions;
	unsigned question_count;
	bool is_connected;
	bool is_deaf; /* ends on the next turn of the loop */
	uint64_t heard_us; /* when the last whole message came */
	struct timer idle;
};

struct transport_stream {
	struct loop *loop;
	struct connection *connections;
};

/* Linked to its connection while it waits there. */
struct transport_question {
	struct connection *connection;
	struct transport_question *next, *prev;
	transport_stream_fn fn;
	void *ctx;
	bool is_retry;
	uint64_t put_us; /* on its connection */
	size_t query_len;
	uint8_t query[];
};

/* --- lists --- */

static void link_question(struct connection *connection, struct transport_question *question)
{
	question->connection = connection;
	question->prev = NULL;
	question->next = connection->questions;
	if (question->next != NULL)
		question->next->prev = question;
	connection->questions = question;
	connection->question_count++;
}

static void unlink_question(struct transport_question *question)
{
	struct connection *connection = question->connection;

	*(question->prev != NULL ? &question->prev->next : &connection->questions) =
		question->next;
	if (question->next != NULL)
		question->next->prev = question->prev;
	question->connection = NULL;
	connection->question_count--;
}

static void unlink_connection(struct connection *connection)
{
	struct transport_stream *transport = connection->transport;

	*(connection->prev != NULL ? &connection->prev->next : &transport->connections) =
		connection->next;
	if (connection->next != NULL)
		connection->next->prev = connection->prev;
}

static struct transport_question *find_question(struct connection *connection, uint16_t id)
{
	struct transport_question *question = connection->questions;

	while (question != NULL && message_id(question->query) != id)
		question = question->next;
	return question;
}

/* --- connections --- */

static void connection_free(struct connection *connection)
{
	timer_stop(loop_timers(connection->transport->loop), &connection->idle);
	stream_free(connection->stream);
	mem_free(connection);
}

static int put_on(struct connection *connection, struct transport_question *question)
{
	uint16_t id;

	do
		id = random_u16();
	while (find_question(connection, id) != NULL);
	message_set_id(question->query, id);
	int err = stream_send(connection->stream, question->query, question->query_len);
	if (err != 0)
		return err;
	link_question(connection, question);
	question->put_us = loop_clock(connection->transport->loop)->now_us;
	timer_stop(loop_timers(connection->transport->loop), &connection->idle);
	return 0;
}

static int put_on_any(struct transport_stream *transport, const struct addr *server,
		      struct transport_question *question);

/* The connection is over. What waited on it is asked anew, once, unless it never came about at all;
 * the rest hears of it. It is out of the list, so that nothing new is put on it meanwhile. */
static void connection_end(struct connection *connection, int err)
{
	struct transport_stream *transport = connection->transport;
	struct transport_question *question;

	unlink_connection(connection);
	while ((question = connection->questions) != NULL) {
		unlink_question(question);
		if (connection->is_connected && !question->is_retry) {
			question->is_retry = true;
			if (put_on_any(transport, &connection->server, question) == 0)
				continue;
		}
		(void)question->fn(question->ctx, err, NULL, 0);
		mem_free(question);
	}
	connection_free(connection);
}

static void rest(struct connection *connection)
{
	if (connection->questions == NULL && !connection->is_deaf)
		timer_start(loop_timers(connection->transport->loop), &connection->idle, IDLE_US);
}

static void on_connected(void *ctx)
{
	struct connection *connection = ctx;

	connection->is_connected = true;
}

/* Answers to questions that were forgotten come too; their IDs are found no more. */
static void on_message(void *ctx, uint8_t *wire, size_t wire_len)
{
	struct connection *connection = ctx;
	struct transport_question *question = NULL;

	connection->heard_us = loop_clock(connection->transport->loop)->now_us;
	if (wire_len >= MESSAGE_HEADER_LEN)
		question = find_question(connection, message_id(wire));
	if (question == NULL)
		return;
	unlink_question(question);
	rest(connection);
	if (question->fn(question->ctx, 0, wire, wire_len)) {
		mem_free(question);
		return;
	}
	link_question(connection, question);
	connection_end(connection, ERR_MALFORMED);
}

static void on_end(void *ctx)
{
	connection_end(ctx, -ECONNRESET);
}

static void on_broken(void *ctx, int err)
{
	connection_end(ctx, err);
}

static void on_idle(void *ctx)
{
	connection_end(ctx, -ETIMEDOUT);
}

static const struct stream_events stream_events = {
	.on_message = on_message,
	.on_connected = on_connected,
	.on_end = on_end,
	.on_broken = on_broken,
};

static int connection_new(struct transport_stream *transport, const struct addr *server,
			  struct connection **ret_connection)
{
	struct connection *connection = mem_zalloc(sizeof(*connection));

	if (connection == NULL)
		return -ENOMEM;
	connection->transport = transport;
	connection->server = *server;
	timer_init(&connection->idle, on_idle, connection);
	int err = stream_connect(transport->loop, server, &stream_events, connection,
				 &connection->stream);
	if (err != 0) {
		mem_free(connection);
		return err;
	}
	connection->next = transport->connections;
	if (connection->next != NULL)
		connection->next->prev = connection;
	transport->connections = connection;
	*ret_connection = connection;
	return 0;
}

/* The least busy connection to the server, a new one where that is busy and there may be more. */
static int put_on_any(struct transport_stream *transport, const struct addr *server,
		      struct transport_question *question)
{
	struct connection *best = NULL;
	unsigned count = 0;

	for (struct connection *c = transport->connections; c != NULL; c = c->next) {
		if (c->is_deaf || !addr_equal(&c->server, server))
			continue;
		count++;
		if (best == NULL || c->question_count < best->question_count)
			best = c;
	}
	if (best == NULL || (best->question_count >= BUSY_QUESTIONS && count < CONNECTIONS_MAX)) {
		int err = connection_new(transport, server, &best);
		if (err != 0)
			return err;
	}
	int err = put_on(best, question);
	if (err != 0)
		rest(best);
	return err;
}

/* The question has waited long enough, and meanwhile no whole message came: the server is gone without
 * a word, or owes the rest of a message. */
static bool is_deaf_to(const struct connection *connection,
		       const struct transport_question *question)
{
	return connection->heard_us < question->put_us &&
	       loop_clock(connection->transport->loop)->now_us - question->put_us >= DEAF_US;
}

/* Not now: those whose questions wait on it too may be in the middle of something. */
static void end_soon(struct connection *connection)
{
	connection->is_deaf = true;
	timer_start(loop_timers(connection->transport->loop), &connection->idle, 0);
}

/* --- what others call --- */

struct transport_stream *transport_stream_new(struct loop *loop)
{
	struct transport_stream *transport = mem_zalloc(sizeof(*transport));

	if (transport != NULL)
		transport->loop = loop;
	return transport;
}

void transport_stream_free(struct transport_stream *transport)
{
	struct connection *connection;
	struct transport_question *question;

	if (transport == NULL)
		return;
	while ((connection = transport->connections) != NULL) {
		unlink_connection(connection);
		while ((question = connection->questions) != NULL) {
			unlink_question(question);
			mem_free(question);
		}
		connection_free(connection);
	}
	mem_free(transport);
}

int transport_stream_ask(struct transport_stream *transport, const struct addr *server,
			 const uint8_t *query, size_t query_len, transport_stream_fn fn, void *ctx,
			 struct transport_question **ret_question)
{
	struct transport_question *question = mem_zalloc(sizeof(*question) + query_len);

	if (question == NULL)
		return -ENOMEM;
	question->fn = fn;
	question->ctx = ctx;
	question->query_len = query_len;
	memcpy(question->query, query, query_len);
	int err = put_on_any(transport, server, question);
	if (err != 0) {
		mem_free(question);
		return err;
	}
	*ret_question = question;
	return 0;
}

void transport_stream_forget(struct transport_question *question)
{
	if (question == NULL)
		return;
	struct connection *connection = question->connection;
	if (connection != NULL) {
		unlink_question(question);
		if (is_deaf_to(connection, question))
			end_soon(connection);
		else
			rest(connection);
	}
	mem_free(question);
}
