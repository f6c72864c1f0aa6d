#include "upstream/transport_udp.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"
#include "base/random.h"
#include "net/udp.h"
#include "server_internal.h"
#include "upstream/packet_match.h"
#include "wire/message.h"

#define PLACES 64u
#define ALL UINT64_MAX
/* So many sockets to one server may take questions: ports enough to be guessed. */
#define TAKING_MAX 512u
/* Closed ones are kept for the next, up to this. */
#define SPARE_MAX 64u

/* Always true: it is in its server's list if and only if it takes questions, and then some place is
 * left; `out` is within `used`; once nothing is out any more it takes none, does not know its
 * server, which may have gone, and is freed as soon as nobody holds it. */
struct transport_socket {
	struct list link; /* in its server's; among the spare ones */
	struct transport_udp *transport;
	struct server *server;
	struct udp_client *client;
	bool is_held;  /* in use further up the stack: not to be freed */
	bool is_alone; /* for the one question that it was opened for */
	uint64_t used; /* places that have ever been taken */
	uint64_t out;  /* those whose questions are out */
	uint16_t ids[PLACES];
	struct transport_datagram *questions[PLACES];
};

struct transport_udp {
	struct loop *loop;
	struct stats *stats;
	struct list spare;
	unsigned spare_count;
};

static bool has(uint64_t places, unsigned place)
{
	return (places >> place & 1) != 0;
}

/* --- the end of a socket ------------------------------------------------------------------- */

/* It takes no more questions. */
static void retire(struct transport_socket *socket)
{
	struct server_sockets *taking = &socket->server->sockets;

	if (!list_has(&socket->link))
		return;
	list_remove(&socket->link);
	taking->count--;
	if (taking->latest == socket)
		taking->latest = NULL;
}

static void give_back(struct transport_socket *socket)
{
	struct transport_udp *transport = socket->transport;

	if (transport->spare_count == SPARE_MAX) {
		mem_free(socket);
		return;
	}
	transport->spare_count++;
	list_add(&transport->spare, &socket->link);
}

static void socket_free(struct transport_socket *socket)
{
	udp_client_free(socket->client);
	give_back(socket);
}

static void remove_question(struct transport_socket *socket, struct transport_datagram *question)
{
	socket->out &= ~(UINT64_C(1) << question->place);
	question->socket = NULL;
	if (socket->out != 0)
		return;
	retire(socket);
	socket->server = NULL;
}

/* --- what a socket tells ------------------------------------------------------------------- */

/* The first from this place on. */
static struct transport_datagram *first_out(const struct transport_socket *socket, unsigned place)
{
	while (place < PLACES && !has(socket->out, place))
		place++;
	return place < PLACES ? socket->questions[place] : NULL;
}

static void tell_error(struct transport_socket *socket, int err)
{
	struct transport_datagram *question;

	retire(socket); /* before what is lost is asked anew */
	while ((question = first_out(socket, 0)) != NULL) {
		remove_question(socket, question);
		question->fn(question, err, NULL, 0);
	}
}

/* Whose question it is about, or the only one that is out; NULL for none. */
static struct transport_datagram *addressee(const struct transport_socket *socket,
					    const uint8_t *wire, size_t wire_len)
{
	struct transport_datagram *question = first_out(socket, 0);

	assert(question != NULL);
	if (first_out(socket, question->place + 1u) == NULL)
		return question;
	while (question != NULL &&
	       (question->view == NULL || !packet_match_question(question->view, wire, wire_len)))
		question = first_out(socket, question->place + 1u);
	return question;
}

/* Its ID is none of ours. Who guesses at one question has to name it, so that others need not fear
 * for theirs; where it is about nothing that we have asked, any may be meant. Whoever goes on meets
 * no new ones here. */
static void take_stranger(struct transport_socket *socket, uint8_t *wire, size_t wire_len)
{
	struct transport_datagram *question = addressee(socket, wire, wire_len);
	unsigned place = 0;

	retire(socket);
	if (question != NULL) {
		question->fn(question, 0, wire, wire_len);
		return;
	}
	stats_count(socket->transport->stats, STAT_UPSTREAM_MISMATCHED);
	server_count_failure(socket->server, SERVER_FAILED_MISMATCH);
	while ((question = first_out(socket, place)) != NULL) {
		place = question->place + 1u;
		question->fn(question, 0, NULL, 0);
	}
}

static void take_packet(struct transport_socket *socket, uint8_t *wire, size_t wire_len)
{
	const bool has_id = wire_len >= MESSAGE_HEADER_LEN;
	const uint16_t id = has_id ? message_id(wire) : 0;
	const unsigned place = id % PLACES;
	struct transport_datagram *question = socket->questions[place];

	if (socket->is_alone) {
		question = first_out(socket, 0);
		assert(question != NULL);
		question->fn(question, 0, wire, wire_len);
	} else if (!has_id || !has(socket->used, place) || socket->ids[place] != id) {
		take_stranger(socket, wire, wire_len);
	} else if (has(socket->out, place)) { /* else one more answer to what is settled */
		question->fn(question, 0, wire, wire_len);
	}
}

static void on_datagram(void *ctx, int err, uint8_t *wire, size_t wire_len)
{
	struct transport_socket *socket = ctx;

	socket->is_held = true;
	if (err != 0)
		tell_error(socket, err);
	else
		take_packet(socket, wire, wire_len);
	socket->is_held = false;
	if (socket->out == 0)
		socket_free(socket);
}

/* --- finding one --------------------------------------------------------------------------- */

static int socket_new(struct transport_udp *transport, struct server *server,
		      struct transport_socket **ret_socket)
{
	struct list *spare = list_first(&transport->spare);
	struct transport_socket *socket = spare == NULL
						  ? mem_alloc(sizeof(*socket))
						  : LIST_ITEM(spare, struct transport_socket, link);

	if (socket == NULL)
		return -ENOMEM;
	if (spare != NULL) {
		list_remove(spare);
		transport->spare_count--;
	}
	socket->link = (struct list){ .next = NULL };
	socket->transport = transport;
	socket->server = server;
	socket->used = socket->out = 0;
	socket->is_held = socket->is_alone = false;
	int err = udp_client_new(transport->loop, server_how(server), on_datagram, socket,
				 &socket->client);
	if (err != 0) {
		give_back(socket);
		return err;
	}
	*ret_socket = socket;
	return 0;
}

static struct transport_socket *any_of(const struct server_sockets *taking)
{
	struct list *link = list_first(&taking->list);

	for (uint32_t skip = random_below(taking->count); skip > 0 && link != NULL; skip--)
		link = list_next(&taking->list, link);
	assert(link != NULL);
	return LIST_ITEM(link, struct transport_socket, link);
}

/* One for all questions of this turn, as far as it has places. */
static int choose(struct transport_udp *transport, struct server *server,
		  struct transport_socket **ret_socket)
{
	struct server_sockets *taking = &server->sockets;
	const uint64_t now_us = loop_clock(transport->loop)->now_us;
	int err = -EMFILE;

	if (taking->latest == NULL || taking->latest_us != now_us) {
		if (taking->count < TAKING_MAX)
			err = socket_new(transport, server, &taking->latest);
		if (err == 0) {
			list_add(&taking->list, &taking->latest->link);
			taking->count++;
		} else if (err_is_lack(err) && taking->count > 0) {
			taking->latest = any_of(taking);
		} else {
			return err;
		}
		taking->latest_us = now_us;
	}
	*ret_socket = taking->latest;
	return 0;
}

/* Where the place that was drawn is taken, the next one that is not: whoever does not know which
 * those are cannot tell one from another. */
static uint16_t draw_id(const struct transport_socket *socket)
{
	const uint16_t id = random_u16();
	unsigned place = id % PLACES;

	assert(socket->used != ALL);
	while (has(socket->used, place))
		place = (place + 1) % PLACES;
	return (uint16_t)(id - id % PLACES + place);
}

int transport_udp_open(struct transport_udp *transport, struct server *server,
		       struct transport_datagram *question)
{
	struct transport_socket *socket = NULL;

	assert(question->socket == NULL);
	int err = question->is_alone ? socket_new(transport, server, &socket)
				     : choose(transport, server, &socket);
	if (err != 0)
		return err;
	assert(socket != NULL);
	socket->is_alone = question->is_alone;
	question->socket = socket;
	question->id = draw_id(socket);
	question->place = question->id % PLACES;
	socket->ids[question->place] = question->id;
	socket->questions[question->place] = question;
	socket->used |= UINT64_C(1) << question->place;
	socket->out |= UINT64_C(1) << question->place;
	if (socket->used == ALL)
		retire(socket);
	return 0;
}

bool transport_udp_is_open(const struct transport_datagram *question)
{
	return question->socket != NULL;
}

int transport_udp_send(struct transport_datagram *question, uint8_t *query, size_t query_len)
{
	message_set_id(query, question->id);
	return udp_client_send(question->socket->client, query, query_len);
}

void transport_udp_close(struct transport_datagram *question)
{
	struct transport_socket *socket = question->socket;

	if (socket == NULL)
		return;
	remove_question(socket, question);
	if (socket->out == 0 && !socket->is_held)
		socket_free(socket);
}

/* --- beginning and end --------------------------------------------------------------------- */

struct transport_udp *transport_udp_new(struct loop *loop, struct stats *stats)
{
	struct transport_udp *transport = mem_zalloc(sizeof(*transport));

	if (transport == NULL)
		return NULL;
	transport->loop = loop;
	transport->stats = stats;
	list_init(&transport->spare);
	return transport;
}

void transport_udp_free(struct transport_udp *transport)
{
	if (transport == NULL)
		return;
	for (struct list *link; (link = list_first(&transport->spare)) != NULL;) {
		list_remove(link);
		mem_free(LIST_ITEM(link, struct transport_socket, link));
	}
	mem_free(transport);
}
