#include "upstream/transport_stream.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"
#include "base/random.h"
#include "net/stream.h"
#include "wire/message.h"

/* Beyond so many questions at once on the first connection a second one takes its share. There are
 * no more of them, so that a server sees few from us (RFC 7766 section 6.2.2), but for those that
 * have fallen silent: the route may have changed under them. */
#define BUSY_QUESTIONS 100u
#define CONNECTIONS_MAX 2u
#define CONNECTIONS_MAX_WITH_SILENT 4u
/* Those for one question alone, beside these. */
#define CONNECTIONS_MAX_ALONE 8u
/* At this number of questions a connection takes no more. */
#define FULL_QUESTIONS 1000u
/* Owed an answer and nothing heard for so long: it may be dead. */
#define SILENCE_US (1u * USEC_PER_SEC)
#define IDLE_US (10u * USEC_PER_SEC)
/* So many messages that nobody asked for, and the peer is talking nonsense. */
#define STRANGERS_MAX 16u

struct transport_connection {
	struct transport_stream *transport;
	struct list link; /* in transport->connections until its end */
	struct stream *stream;
	bool is_connected;
	bool has_answered;
	bool is_alone; /* for the one question that it was opened for */
	bool is_held;  /* in use further up the stack: not to be freed */
	unsigned question_count, forgotten, strangers;
	struct list questions;
	uint64_t heard_us; /* last answer, or when the first of the questions out was asked */
	struct timer idle;
	struct conf_server server;
};

struct transport_stream {
	struct loop *loop;
	struct stats *stats;
	struct list connections;
	struct transport_connection *speaking; /* whose message is being handed out */
	bool has_hung_up;		       /* on it */
};

static uint64_t now_us(const struct transport_stream *transport)
{
	return loop_clock(transport->loop)->now_us;
}

/* --- lists --------------------------------------------------------------------------------- */

static void link_question(struct transport_connection *connection,
			  struct transport_question *question)
{
	question->connection = connection;
	list_add(&connection->questions, &question->link);
	connection->question_count++;
}

static void unlink_question(struct transport_question *question)
{
	list_remove(&question->link);
	question->connection->question_count--;
	question->connection = NULL;
}

static struct transport_question *question_of(struct list *link)
{
	return link == NULL ? NULL : LIST_ITEM(link, struct transport_question, link);
}

static struct transport_question *find_question(const struct transport_connection *connection,
						uint16_t id)
{
	const struct list *questions = &connection->questions;
	struct list *link = list_first(questions);

	while (link != NULL && question_of(link)->id != id)
		link = list_next(questions, link);
	return question_of(link);
}

/* --- the end of a connection --------------------------------------------------------------- */

static void connection_free(struct transport_connection *connection)
{
	timer_stop(loop_timers(connection->transport->loop), &connection->idle);
	stream_free(connection->stream);
	mem_free(connection);
}

/* It is out of the list first, so that what is lost is not put on it again. */
static void connection_lost(struct transport_connection *connection, int err)
{
	struct transport_question *question;

	list_remove(&connection->link);
	connection->is_held = true;
	while ((question = question_of(list_first(&connection->questions))) != NULL) {
		unlink_question(question);
		question->was_reused = question->was_reused || connection->has_answered;
		question->fn(question, err, NULL, 0);
	}
	connection_free(connection);
}

static void connection_close(struct transport_connection *connection)
{
	list_remove(&connection->link);
	connection_free(connection);
}

static void on_idle(void *ctx)
{
	connection_close(ctx);
}

static void rest(struct transport_connection *connection)
{
	struct transport_stream *transport = connection->transport;

	if (connection->question_count == 0)
		timer_start(loop_timers(transport->loop), &connection->idle, IDLE_US);
}

/* --- what a connection tells --------------------------------------------------------------- */

static void on_connected(void *ctx)
{
	struct transport_connection *connection = ctx;

	connection->is_connected = true;
}

/* An answer to a question that was forgotten; or nonsense, which is no sign of life. */
static void on_stranger(struct transport_connection *connection)
{
	if (connection->forgotten > 0) {
		connection->forgotten--;
		connection->heard_us = now_us(connection->transport);
		return;
	}
	stats_count(connection->transport->stats, STAT_UPSTREAM_MISMATCHED);
	if (++connection->strangers == STRANGERS_MAX)
		connection_lost(connection, ERR_MALFORMED);
}

static void on_message(void *ctx, uint8_t *wire, size_t wire_len)
{
	struct transport_connection *connection = ctx;
	struct transport_stream *transport = connection->transport;
	struct transport_question *question = NULL;

	if (wire_len >= MESSAGE_HEADER_LEN)
		question = find_question(connection, message_id(wire));
	if (question == NULL) {
		on_stranger(connection);
		return;
	}
	unlink_question(question);
	connection->heard_us = now_us(transport);
	connection->has_answered = true;
	connection->is_held = true;
	transport->speaking = connection;
	question->fn(question, 0, wire, wire_len);
	transport->speaking = NULL;
	connection->is_held = false;
	if (transport->has_hung_up) {
		transport->has_hung_up = false;
		list_add(&transport->connections, &connection->link);
		connection_lost(connection, ERR_MALFORMED);
		return;
	}
	rest(connection);
}

static void on_end(void *ctx)
{
	connection_lost(ctx, -ECONNRESET);
}

static void on_broken(void *ctx, int err)
{
	connection_lost(ctx, err);
}

static const struct stream_events stream_events = {
	.on_message = on_message,
	.on_connected = on_connected,
	.on_end = on_end,
	.on_broken = on_broken,
};

/* --- asking -------------------------------------------------------------------------------- */

static int connection_new(struct transport_stream *transport, const struct conf_server *server,
			  bool is_alone, struct transport_connection **ret_connection)
{
	struct transport_connection *connection = mem_zalloc(sizeof(*connection));

	if (connection == NULL)
		return -ENOMEM;
	connection->transport = transport;
	connection->server = *server;
	connection->is_alone = is_alone;
	list_init(&connection->questions);
	timer_init(&connection->idle, on_idle, connection);
	int err = stream_connect(transport->loop, server, &stream_events, connection,
				 &connection->stream);
	if (err != 0) {
		mem_free(connection);
		return err;
	}
	list_add(&transport->connections, &connection->link);
	*ret_connection = connection;
	return 0;
}

static bool is_silent(const struct transport_connection *connection)
{
	return connection->question_count > 0 &&
	       now_us(connection->transport) - connection->heard_us >= SILENCE_US;
}

/* The connections to one server: those for one question alone, or the others. */
struct survey {
	struct transport_connection *best; /* the least busy of the good ones */
	unsigned good;			   /* not silent */
	unsigned all;
};

static struct survey survey(const struct transport_stream *transport,
			    const struct conf_server *server, bool is_alone)
{
	struct survey found = { .best = NULL };

	for (struct list *link = list_first(&transport->connections); link != NULL;
	     link = list_next(&transport->connections, link)) {
		struct transport_connection *c = LIST_ITEM(link, struct transport_connection, link);

		if (c->is_alone != is_alone || !conf_server_equal(&c->server, server))
			continue;
		found.all++;
		if (is_silent(c))
			continue;
		found.good++;
		if (found.best == NULL || c->question_count < found.best->question_count)
			found.best = c;
	}
	return found;
}

/* The best connection, or a new one where there is none, where it is busy, or where one is wished
 * for; within the limits. */
static int choose(struct transport_stream *transport, const struct conf_server *server,
		  bool is_alone, bool anew, struct transport_connection **ret_connection)
{
	const struct survey found = survey(transport, server, is_alone);
	const bool wants_new =
		found.best == NULL || anew || found.best->question_count >= BUSY_QUESTIONS;
	const bool may_have_new = is_alone ? found.all < CONNECTIONS_MAX_ALONE
					   : wants_new && found.good < CONNECTIONS_MAX &&
						     found.all < CONNECTIONS_MAX_WITH_SILENT;

	if (may_have_new)
		return connection_new(transport, server, is_alone, ret_connection);
	if (is_alone || found.best == NULL || found.best->question_count >= FULL_QUESTIONS)
		return ERR_LIMIT;
	*ret_connection = found.best;
	return 0;
}

static int put_on(struct transport_connection *connection, struct transport_question *question,
		  uint8_t *query, size_t query_len)
{
	struct transport_stream *transport = connection->transport;

	do
		question->id = random_u16();
	while (find_question(connection, question->id) != NULL);
	message_set_id(query, question->id);
	int err = stream_send(connection->stream, query, query_len);
	if (err != 0)
		return err;
	question->asked_us = now_us(transport);
	question->was_reused = connection->is_connected;
	if (connection->question_count == 0)
		connection->heard_us = question->asked_us;
	link_question(connection, question);
	timer_stop(loop_timers(transport->loop), &connection->idle);
	return 0;
}

int transport_stream_ask(struct transport_stream *transport, const struct conf_server *server,
			 bool anew, struct transport_question *question, uint8_t *query,
			 size_t query_len)
{
	struct transport_connection *connection;

	assert(question->connection == NULL);
	int err = choose(transport, server, question->is_alone, anew, &connection);
	if (err != 0)
		return err;
	err = put_on(connection, question, query, query_len);
	if (err != 0)
		rest(connection);
	return err;
}

bool transport_stream_is_out(const struct transport_question *question)
{
	return question->connection != NULL;
}

/* A connection on which nothing is out any more is kept only if it has shown since that it is
 * alive, and does not owe us the rest of a message. */
void transport_stream_forget(struct transport_question *question)
{
	struct transport_connection *connection = question->connection;

	if (connection == NULL)
		return;
	unlink_question(question);
	connection->forgotten++;
	if (connection->question_count > 0 || connection->is_held)
		return;
	if (connection->heard_us <= question->asked_us ||
	    stream_partial_since(connection->stream) != 0)
		connection_close(connection);
	else
		rest(connection);
}

void transport_stream_hang_up(struct transport_stream *transport)
{
	if (transport->speaking == NULL || transport->has_hung_up)
		return;
	transport->has_hung_up = true;
	list_remove(&transport->speaking->link);
}

/* --- beginning and end --------------------------------------------------------------------- */

struct transport_stream *transport_stream_new(struct loop *loop, struct stats *stats)
{
	struct transport_stream *transport = mem_zalloc(sizeof(*transport));

	if (transport == NULL)
		return NULL;
	list_init(&transport->connections);
	transport->loop = loop;
	transport->stats = stats;
	return transport;
}

void transport_stream_close_all(struct transport_stream *transport)
{
	for (struct list *link; (link = list_first(&transport->connections)) != NULL;) {
		struct transport_connection *connection =
			LIST_ITEM(link, struct transport_connection, link);

		assert(connection->question_count == 0);
		connection_close(connection);
	}
}

void transport_stream_free(struct transport_stream *transport)
{
	if (transport == NULL)
		return;
	transport_stream_close_all(transport);
	mem_free(transport);
}
