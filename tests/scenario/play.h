/* play.h: one scenario being played: the real worker between scripted clients and servers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "fake_net.h"
#include "net/client.h"
#include "query/worker.h"
#include "scn.h"
#include "wire_build.h"
#include "wire_see.h"

/* A client's question. It is its own listener: what the worker does with it, it does with this. */
struct play_asked {
	struct play_asked *next; /* in the order of asking */
	struct play *play;
	char *client;
	int line;
	uint8_t *wire;
	size_t wire_len;
	struct wire_seen seen; /* as far as it parses */
	bool is_opaque;	       /* signed and such: only its ID may change on the way */
	unsigned holds;
	uint8_t *got;
	size_t got_len;
	int got_line; /* of the script, played when the answer came */
	uint64_t asked_us, got_us;
	bool is_dropped;
	bool is_closed; /* the script has seen what became of it */
};

/* A reply that a server gave. */
struct play_said {
	struct play_said *next; /* newest first */
	struct addr server;
	struct wire_seen seen;
	uint8_t *wire;
	unsigned bits; /* play_bits() of the question it answers */
	int line;
};

struct play_client {
	struct play_client *next;
	char *name;
	struct addr addr;
};

struct play_mode {
	bool is_lenient;      /* memory fails: nothing is compared, only survived */
	uint64_t fail_at;     /* which allocation; 0 for none */
	bool takes_long_way;  /* without the fast path */
	bool fails_from_asks; /* counted from the first question on, not from the start */
};

struct play {
	struct play_mode mode;
	struct loop *loop;
	struct worker *worker;
	struct server_table *servers;
	struct plan *plan;
	struct hash_key route_key;
	char *conf_text;
	struct play_asked *asked, **asked_end;
	struct play_said *said;
	struct play_client *clients;
	unsigned client_count;
	const char *last_verb;
	/* servers that need no script, what they have on its way, and how far they have seen */
	struct play_auto *autos;
	struct play_late *late;
	struct fake_sent *met;
	const struct fake_sent *paced; /* the last that `pace` has counted */
	bool has_probes; /* the script expects them; else they are answered without it */
	uint64_t dice;
	struct play_line *lines; /* of the log */
};

/** Plays it; fails with report_fail(). With fail_at, returns whether that many allocations were
 * made. */
bool play_scenario(const struct scn *scn, const struct play_mode *mode);

/** Fails where something has been sent, or has come back, that the script has not looked at. */
void play_expect_no_sent(const struct play *play);
void play_expect_no_got(const struct play *play);

typedef void (*play_verb_fn)(struct play *play, const struct scn_step *step);

/* play_ask.c: clients and their questions */
struct play_client *play_find_client(struct play *play, const char *name);
void play_client(struct play *play, const struct scn_step *step);
void play_ask(struct play *play, const struct scn_step *step);
void play_client_free(struct play *play);

/* play_answer.c: what becomes of them */
void play_answer(struct play *play, const struct scn_step *step);
/** It is what a server that needs no script says, whichever. */
void play_check_any(struct play *play, const struct play_asked *asked);
void play_noanswer(struct play *play, const struct scn_step *step);
void play_dropped(struct play *play, const struct scn_step *step);
void play_ignored(struct play *play, const struct scn_step *step);

/* play_server.c: what servers are asked and do */
void play_server(struct play *play, const struct scn_step *step);
void play_expect(struct play *play, const struct scn_step *step);
void play_unreachable(struct play *play, const struct scn_step *step);
void play_fin(struct play *play, const struct scn_step *step);
void play_silence(struct play *play, const struct scn_step *step);
struct fake_sent *play_find_meant(const struct play *play, const struct scn_words *words,
				  size_t *at);
void play_server_free(struct play *play);

/* play_auto.c: servers that need no script */
/** SERVER answers|deaf|closed [WORDS]; false where it says none of these. */
bool play_auto_set(struct play *play, const struct addr *addr, const struct scn_words *words);
/** The script plays it from now on. */
void play_auto_unset(struct play *play, const struct addr *addr);
void play_auto_free(struct play *play);
void play_sent(struct play *play, const struct scn_step *step);
/** Lets everything happen that waits, and moves the clock on. */
void play_turn(struct play *play);
void play_pass_us(struct play *play, uint64_t us);
/** 181s or 400ms */
uint64_t play_read_us(const char *text);

/* play_fill.c: the sets of the packet filter */
void play_kernel(struct play *play, const struct scn_step *step);
void play_filled(struct play *play, const struct scn_step *step);
/** Fails where something was put into a set that the script has not looked at. */
void play_expect_no_filled(const struct play *play);

/* play_log.c: what the log says */
void play_log_start(struct play *play);
void play_log_end(struct play *play);
void play_log(struct play *play, const struct scn_step *step);

/* play_counted.c: what is counted of squashes */
void play_counted(struct play *play, const struct scn_step *step);

/* play_known.c: what is known of a question */
void play_known(struct play *play, const struct scn_step *step);

/* play_crowd.c: many clients of such servers */
void play_crowd(struct play *play, const struct scn_step *step);

/* play_warm.c: families that are kept warm */
void play_knock(struct play *play, const struct scn_step *step);
void play_pace(struct play *play, const struct scn_step *step);
void play_family(struct play *play, const struct scn_step *step);

/* play_device.c: what is known of devices */
void play_device(struct play *play, const struct scn_step *step);

/* play_reply.c: what servers say */
void play_reply(struct play *play, const struct scn_step *step);
void play_note_said(struct play *play, const struct fake_sent *sent,
		    const struct wire_seen *question, const struct wire_build *build);

/** What makes questions of the same name, type and class others: RD, CD and DO. */
unsigned play_bits(const struct wire_seen *question);
/** The value of KEY=VALUE, or NULL where the word is no such. */
const char *play_value(const char *word, const char *key);
/** CODE:HEX */
uint16_t play_option(const char *text, uint8_t *ret_data, size_t max, size_t *ret_len);
/** ADDRESS/BITS as the RDATA of a client subnet option (RFC 7871 section 6); returns its length. */
#define PLAY_ECS_MAX 20
size_t play_ecs(const char *text, uint8_t ret_data[PLAY_ECS_MAX]);
