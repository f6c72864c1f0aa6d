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
#include "policy/classify.h"
#include "policy/squash.h"
#include "wire/query_view.h"

#define DOCTOR_ASK_PATIENCE_S 3u

enum doctor_ask_state {
	DOCTOR_ASK_NONE, /* not asked */
	DOCTOR_ASK_WAITING,
	DOCTOR_ASK_REPLY,  /* and what was read of it */
	DOCTOR_ASK_SILENT, /* nothing that was the reply */
	DOCTOR_ASK_CLOSED, /* its host says that nothing listens there */
	DOCTOR_ASK_BROKEN, /* the connection ended without a reply: err, 0 for its plain end */
	DOCTOR_ASK_UNSENT, /* this machine could not send it: err */
};

struct doctor_question {
	const char *name;
	uint16_t type;
	bool is_tcp : 1, with_edns : 1;
	bool is_chaos : 1; /* of class CH */
};

/* On whose behalf: told once of each question, never from inside a call of this module, when its
 * state is final. */
struct doctor_ask;
struct doctor_asker {
	struct loop *loop;
	void (*fn)(void *ctx, struct doctor_ask *ask);
	void *ctx;
};

/* Zero is its start. Open to be read; written by this module alone, and doctor_reply_read(). */
struct doctor_ask {
	enum doctor_ask_state state;
	int err;
	unsigned took_ms;
	unsigned strangers; /* packets that were no reply to it: wrong ID, wrong question, no DNS */
	bool was_truncated; /* over UDP, and then asked over TCP */
	bool is_tcp;
	uint8_t sends, refusals; /* this module's own */

	/* Of a reply, as doctor_reply_read() has it; the shape also of what has none. */
	uint16_t rcode;
	enum squash shape;
	enum verdict verdict;
	unsigned addresses;	 /* records of the answer; the first of them, port 0 */
	uint8_t *wire;		 /* mem_free() it in the end */
	size_t cname_at, soa_at; /* names: the last CNAME's target, the SOA's owner; 0 for none */
	struct addr address;
	struct addr inner; /* the first, hints too, that nobody outside can mean; or ADDR_NONE */

	/* This module's own, but for facts and view. */
	const struct doctor_asker *asker;
	const struct conf_server *to;
	struct udp_client *udp;
	struct stream *stream;
	uint32_t started_us; /* the low part will do */
	struct message_facts facts;
	struct timer again, end;
	struct query_view view;
	size_t query_len;
	uint8_t query[NAME_MAX_LEN + 64];
};

/** Asks. Its server and the asker are borrowed. */
void doctor_ask_start(struct doctor_ask *ask, const struct doctor_asker *asker,
		      const struct conf_server *to, const struct doctor_question *question);
/** Ends it: gives up what is still waited for, without telling. What has no reply has the shape of
 * silence. */
void doctor_ask_end(struct doctor_ask *ask);
