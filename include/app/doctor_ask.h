/* app/doctor_ask.h: one question of the doctor's, asked as a device would ask it.
 *
 * Over UDP from a port of its own, once more after a second, given up after three; over TCP where
 * told so, or where the reply over UDP is truncated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "net/stream.h"
#include "net/udp.h"
#include "wire/query_view.h"

#define DOCTOR_ASK_PATIENCE_US (3u * USEC_PER_SEC)

enum doctor_ask_state {
	DOCTOR_ASK_NONE, /* not asked */
	DOCTOR_ASK_WAITING,
	DOCTOR_ASK_REPLY,  /* wire, facts */
	DOCTOR_ASK_SILENT, /* nothing that was the reply */
	DOCTOR_ASK_CLOSED, /* its host says that nothing listens there */
	DOCTOR_ASK_BROKEN, /* the connection ended without a reply: err, 0 for its plain end */
	DOCTOR_ASK_UNSENT, /* this machine could not send it: err */
};

struct doctor_question {
	const char *name;
	uint16_t type;
	bool is_tcp, with_edns;
	bool is_chaos; /* of class CH */
};

typedef void (*doctor_ask_fn)(void *ctx);

/* Zero is its start. Open to be read; written by this module alone. */
struct doctor_ask {
	enum doctor_ask_state state;
	int err;
	uint8_t *wire; /* the reply */
	struct message_facts facts;
	uint64_t took_us;
	unsigned strangers; /* packets that were no reply to it: wrong ID, wrong question, no DNS */
	bool was_truncated; /* over UDP, and then asked over TCP */

	uint8_t query[NAME_MAX_LEN + 64];
	size_t query_len;
	struct query_view view;
	struct loop *loop;
	const struct conf_server *to;
	bool is_tcp;
	struct udp_client *udp;
	struct stream *stream;
	unsigned sends, refusals;
	uint64_t started_us;
	struct timer again, end;
	doctor_ask_fn fn;
	void *ctx;
};

/** Asks; `fn` is called once, never from inside, when the state is final. `to` is borrowed.
 * ERR_MALFORMED for a name that is none. */
MUST_CHECK int doctor_ask_start(struct doctor_ask *ask, struct loop *loop,
				const struct conf_server *to,
				const struct doctor_question *question, doctor_ask_fn fn,
				void *ctx);
/** Gives up now what is still waited for, without calling `fn`. */
void doctor_ask_give_up(struct doctor_ask *ask);
void doctor_ask_done(struct doctor_ask *ask); /* closes and frees what it holds */
