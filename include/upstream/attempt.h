/* upstream/attempt.h: what one exchange has with one server: what was sent, and what came of it.
 *
 * Knows how a server is asked (UDP or TCP, with EDNS or without, how often, how soon again) and
 * what a packet from it means, and tells the server's record of it; which servers are asked, and
 * what the client is told, is the exchange's business. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stats.h"
#include "net/loop.h"
#include "upstream/letter_case.h"
#include "upstream/server.h"
#include "upstream/transport_stream.h"
#include "upstream/transport_udp.h"
#include "wire/name.h"
#include "wire/query_view.h"

/* Sends of one question to one server over one transport (D6; RFC 9520 section 3.1). */
#define ATTEMPT_SENDS_MAX 3u
/* And over both, whatever the cause. */
#define ATTEMPT_PACKETS_MAX 4u
/* In an outage it is waking up that costs: what waits for a server that is down wakes at whole
 * multiples of this, together with others. */
#define ATTEMPT_TOGETHER_US (50u * USEC_PER_MSEC)

struct attempt;

enum attempt_news {
	ATTEMPT_ANSWERED,
	ATTEMPT_FAILED, /* it said SERVFAIL, REFUSED, NOTIMP or FORMERR: it is asked no more */
	ATTEMPT_STUCK,	/* nothing comes of what was sent last */
	ATTEMPT_RESENT, /* it has been asked anew, in another way */
};

struct attempt_reply {
	uint8_t *wire; /* good until the call returns; may be changed */
	struct message_facts facts;
	enum message_quality quality;
};

/* What all attempts of an exchange share. */
struct attempt_question {
	struct loop *loop;
	struct stats *stats;
	struct transport_udp *datagrams;
	struct transport_stream *streams;
	const struct query_view *view;
	bool via_stream;
	bool strip_ecs;
	uint16_t edns_size;
	/** `reply` with ANSWERED and FAILED, else NULL. Never from inside a call of this module;
	 * the attempt may be done() with when it returns. */
	void (*on_news)(void *ctx, struct attempt *attempt, enum attempt_news news,
			const struct attempt_reply *reply);
	void *ctx;
};

/* Filled in by attempt_init(), and the module's own; to be read: server, late_us, due_us,
 * has_failed, has_spoken; to be written: is_judged and is_refused. */
struct attempt {
	uint8_t udp_sends, stream_sends, stream_failures;
	uint8_t unheard_sends; /* since it answered, or since the start */
	bool with_edns;
	bool may_lack_edns;  /* it has refused EDNS, in a way that tells of the server itself */
	bool needs_stream;   /* the client's wish, or TC: a UDP reply is of no use */
	bool prefers_stream; /* a packet came that did not match */
	bool is_udp_dead, is_stream_dead; /* it cannot be reached that way */
	bool has_spoken;		  /* something came from it, though not the answer */
	bool has_failed;
	bool is_refused; /* what it said is not what was wanted */
	bool is_judged;	 /* for the owner */
	bool is_owed;	 /* the last send came to nothing for want of our own resources */
	bool is_silence_noted;
	unsigned mismatches;  /* packets that were not the answer, over UDP */
	struct attempt *next; /* for the owner */
	const struct attempt_question *question;
	struct server *server;
	uint64_t first_us, last_us; /* when the first and the last of the unheard sends were */
	uint32_t patience_us;	    /* the server's usual time, after which it is late */
	uint64_t late_us;	    /* when it is, reckoned from the last send */
	uint64_t due_us;	    /* when it is to be sent again */
	struct transport_datagram udp;
	struct letter_case letters; /* over UDP; TCP needs none */
	/* A second one on another connection, where the first seems to lead nowhere. Not even
	 * zeroed while stream_sends is 0, for most never need them. */
	struct transport_question streams[2];
};

/** The question is borrowed. */
void attempt_init(struct attempt *attempt, const struct attempt_question *question,
		  struct server *server, bool randomize_case);
/** Closes everything; one that is refused stays so. */
void attempt_done(struct attempt *attempt);
/** It may be sent, or sent again. */
bool attempt_is_askable(const struct attempt *attempt);
/** Something is out that may be answered, or will be when there is room for it. */
bool attempt_has_hope(const struct attempt *attempt);
/** The question does not wait for this server any longer, or no longer alone: if it is late and
 * nothing has come from it, that is told, once. */
void attempt_note_silence(struct attempt *attempt);
/** It has been asked for so long, and nothing has come from it. */
bool attempt_is_unheard(const struct attempt *attempt, uint32_t for_us);
/** Sends once. A negative code where that came to nothing because of the server or the way to it;
 * what failed for want of our own resources is lost like a packet. Must be askable. */
MUST_CHECK int attempt_send(struct attempt *attempt);
/** Puts off the next send if the server is down and has been sent it; true then. */
bool attempt_postpone(struct attempt *attempt);
/** It has failed over UDP: asks it once more, over TCP. False where that cannot be done. */
bool attempt_ask_again_by_stream(struct attempt *attempt);
