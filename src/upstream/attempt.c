#include "upstream/attempt.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "upstream/packet_match.h"

/* What we ask: longer only with a client's options, which are then left out. */
#define QUERY_MAX 4096u
/* So many packets that do not match are no accident: somebody is trying IDs and would meet the
 * right one some time. The port is closed then, and where TCP fails another is asked from, which is
 * good for a few more. */
#define MISMATCHES_MAX 4u
#define MISMATCHES_MAX_ALONE 64u
/* A connection that breaks may be bad luck; two in a row are not. */
#define STREAM_FAILURES_MAX 2u
/* TCP sends again by itself; what we can do is to try another connection, where the first one seems
 * to be dead. */
#define STREAM_RESEND_US (800u * USEC_PER_MSEC)
/* One that is down is being probed: what is out waits for that, and is sent again when it is back.
 */
#define DOWN_RESEND_US (1200u * USEC_PER_MSEC)
/* A connection may have to be made first. */
#define STREAM_PATIENCE 2u
#define PATIENCE_MAX_US (400u * USEC_PER_MSEC)

static uint64_t now_us(const struct attempt *attempt)
{
	return loop_clock(attempt->question->loop)->now_us;
}

/* A question lives for seconds. */
static uint32_t since(const struct attempt *attempt, uint64_t us)
{
	return (uint32_t)(now_us(attempt) - us);
}

static void count(const struct attempt *attempt, enum stat stat)
{
	stats_count(attempt->question->stats, stat);
}

/* Against the server, too. */
static void count_failure(const struct attempt *attempt, enum stat stat,
			  enum server_failure failure)
{
	count(attempt, stat);
	server_count_failure(attempt->server, failure);
}

static void tell(struct attempt *attempt, enum attempt_news news)
{
	attempt->question->on_news(attempt->question->ctx, attempt, news, NULL);
}

/* --- what may be done ---------------------------------------------------------------------- */

/* Where UDP is silent the last packet goes over TCP: what loses datagrams may not lose streams. */
static bool goes_by_stream(const struct attempt *attempt)
{
	const bool udp_is_silent = attempt->udp_sends >= ATTEMPT_SENDS_MAX && !attempt->is_udp_dead;

	return (attempt->needs_stream || attempt->prefers_stream || udp_is_silent) &&
	       !attempt->is_stream_dead;
}

static bool is_out_on(const struct attempt *attempt, unsigned stream)
{
	return attempt->stream_sends > 0 && transport_stream_is_out(&attempt->streams[stream]);
}

/* One of them is free where the attempt is askable. */
static struct transport_question *free_stream(struct attempt *attempt)
{
	return &attempt->streams[is_out_on(attempt, 0) ? 1 : 0];
}

bool attempt_is_askable(const struct attempt *attempt)
{
	if (attempt->has_failed || attempt->is_refused ||
	    attempt->udp_sends + attempt->stream_sends >= (int)ATTEMPT_PACKETS_MAX)
		return false;
	if (goes_by_stream(attempt))
		return attempt->stream_sends < ATTEMPT_SENDS_MAX &&
		       !(is_out_on(attempt, 0) && is_out_on(attempt, 1));
	return !attempt->needs_stream && !attempt->is_udp_dead &&
	       attempt->udp_sends < ATTEMPT_SENDS_MAX;
}

static bool is_out_by_stream(const struct attempt *attempt)
{
	return is_out_on(attempt, 0) || is_out_on(attempt, 1);
}

bool attempt_has_hope(const struct attempt *attempt)
{
	return transport_udp_is_open(&attempt->udp) || is_out_by_stream(attempt) ||
	       (attempt->is_owed && attempt_is_askable(attempt));
}

bool attempt_is_unheard(const struct attempt *attempt, uint32_t for_us)
{
	return !attempt->has_spoken && attempt->unheard_sends > 0 && attempt_has_hope(attempt) &&
	       since(attempt, attempt->first_us) >= for_us;
}

void attempt_note_silence(struct attempt *attempt)
{
	if (attempt->is_silence_noted || !attempt_is_unheard(attempt, attempt->patience_us))
		return;
	attempt->is_silence_noted = true;
	count(attempt, STAT_UPSTREAM_TIMEOUTS);
	server_note_silence(attempt->server, now_us(attempt));
}

static void close_all(struct attempt *attempt)
{
	transport_udp_close(&attempt->udp);
	for (unsigned i = 0; i < 2 && attempt->stream_sends > 0; i++)
		transport_stream_forget(&attempt->streams[i]);
}

/* --- what a packet means ------------------------------------------------------------------- */

/* Whatever it says, it is alive, and took so long. What is sent from here on is another question,
 * or asked in another way. */
static void note_reply(struct attempt *attempt)
{
	if (attempt->unheard_sends > 0)
		server_note_reply(attempt->server, now_us(attempt),
				  since(attempt, attempt->first_us),
				  since(attempt, attempt->last_us), attempt->unheard_sends);
	attempt->unheard_sends = 0;
}

/* Sends again at once, in the new way that has just been decided on; where that cannot be the
 * attempt is stuck, unless something else is still out. */
static void resend(struct attempt *attempt)
{
	if (attempt_is_askable(attempt) && attempt_send(attempt) == 0)
		tell(attempt, ATTEMPT_RESENT);
	else
		tell(attempt, ATTEMPT_STUCK);
}

/* SERVER_FAILURE_COUNT for what is none. */
static enum server_failure failure_of(unsigned rcode)
{
	switch (rcode) {
	case RCODE_SERVFAIL:
		return SERVER_FAILED_SERVFAIL;
	case RCODE_REFUSED:
		return SERVER_FAILED_REFUSED;
	case RCODE_NOTIMP:
		return SERVER_FAILED_NOTIMP;
	case RCODE_FORMERR:
		return SERVER_FAILED_FORMERR;
	default:
		return SERVER_FAILURE_COUNT;
	}
}

/* Without EDNS, on the same server (RFC 6891 section 6.2.2). That it lacks EDNS is worth
 * remembering only if there was nothing in our OPT but what is in all of them: a client's option
 * may be what it did not like; and a server that answers with an OPT knows EDNS. */
static void ask_without_edns(struct attempt *attempt, bool has_opt)
{
	const struct query_view *view = attempt->question->view;

	attempt->may_lack_edns = !has_opt && !view->has_ecs && !view->has_private_option;
	attempt->with_edns = false;
	close_all(attempt); /* what was sent with EDNS will be refused as well */
	resend(attempt);
}

static void take_failure(struct attempt *attempt, const struct attempt_reply *reply)
{
	count_failure(attempt, STAT_UPSTREAM_FAILURES, failure_of(message_rcode(&reply->facts)));
	attempt->has_failed = true;
	close_all(attempt);
	attempt->question->on_news(attempt->question->ctx, attempt, ATTEMPT_FAILED, reply);
}

/* TC over UDP: the whole is to be had over TCP (RFC 2181 section 9). */
static void take_truncated(struct attempt *attempt)
{
	attempt->needs_stream = true;
	server_count_failure(attempt->server, SERVER_FAILED_TRUNCATED);
	transport_udp_close(&attempt->udp);
	if (is_out_on(attempt, 0))
		tell(attempt, ATTEMPT_RESENT);
	else
		resend(attempt);
}

static void ask_by_stream_too(struct attempt *attempt)
{
	if (attempt->prefers_stream)
		return;
	attempt->prefers_stream = true;
	if (attempt_is_askable(attempt) && attempt_send(attempt) == 0)
		tell(attempt, ATTEMPT_RESENT);
}

/* Over UDP it may be forged: it is as if it had not come, but that the question goes over TCP as
 * well, where forging is harder (D13). */
static void take_other_datagram(struct attempt *attempt)
{
	const bool has_stream = is_out_by_stream(attempt);
	if (++attempt->mismatches % (has_stream ? MISMATCHES_MAX : MISMATCHES_MAX_ALONE) == 0) {
		transport_udp_close(&attempt->udp);
		if (!has_stream)
			resend(attempt);
		return;
	}
	ask_by_stream_too(attempt);
}

/* What is lost over TCP is asked for once more, by who asks the servers in turn. */
static void take_stream_failure(struct attempt *attempt)
{
	if (++attempt->stream_failures >= STREAM_FAILURES_MAX)
		attempt->is_stream_dead = true;
	tell(attempt, ATTEMPT_STUCK);
}

/* Over TCP nobody else speaks: the server is broken, or the connection out of step. */
static void take_other_message(struct attempt *attempt)
{
	count_failure(attempt, STAT_UPSTREAM_MISMATCHED, SERVER_FAILED_MISMATCH);
	transport_stream_hang_up(attempt->question->streams);
	take_stream_failure(attempt);
}

static void take_reply(struct attempt *attempt, const struct attempt_reply *reply)
{
	const struct message_facts *facts = &reply->facts;
	const unsigned rcode = message_rcode(facts);

	if (attempt->with_edns && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP)) {
		ask_without_edns(attempt, facts->has_opt);
	} else if (failure_of(rcode) != SERVER_FAILURE_COUNT) {
		take_failure(attempt, reply);
	} else {
		if (attempt->may_lack_edns)
			server_note_lacks_edns(attempt->server, now_us(attempt));
		attempt->question->on_news(attempt->question->ctx, attempt, ATTEMPT_ANSWERED,
					   reply);
	}
}

static bool has_case(const struct attempt *attempt, const struct attempt_reply *reply)
{
	const struct query_view *view = attempt->question->view;

	return letter_case_take_back(&attempt->letters, view->name, view->name_len, reply->wire,
				     reply->facts.wire_len);
}

static void take_packet(struct attempt *attempt, uint16_t id, uint8_t *wire, size_t wire_len,
			bool by_stream)
{
	struct attempt_reply reply;

	reply.wire = wire; /* the rest where it matches */
	attempt->has_spoken = true;
	enum packet_match match = packet_match(attempt->question->view, id, wire, wire_len,
					       &reply.facts, &reply.quality);
	if (match == PACKET_REPLY && !by_stream && !has_case(attempt, &reply))
		match = PACKET_OTHER;

	if (match == PACKET_REPLY || (match == PACKET_BARE_ERROR && attempt->with_edns))
		note_reply(attempt);
	if (match == PACKET_BARE_ERROR && attempt->with_edns)
		ask_without_edns(attempt, false);
	else if (match == PACKET_REPLY && (reply.facts.flags & FLAG_TC) == 0)
		take_reply(attempt, &reply);
	else if (by_stream)
		take_other_message(attempt);
	else if (match == PACKET_REPLY)
		take_truncated(attempt);
	else {
		count_failure(attempt, STAT_UPSTREAM_MISMATCHED, SERVER_FAILED_MISMATCH);
		take_other_datagram(attempt);
	}
}

/* --- what the transports tell -------------------------------------------------------------- */

static void note_error(struct attempt *attempt, int err)
{
	server_note_error(attempt->server, err, now_us(attempt));
}

/* There is no way to it over UDP. */
static void lose_datagrams(struct attempt *attempt, int err)
{
	count(attempt, STAT_UPSTREAM_FAILURES);
	note_error(attempt, err);
	attempt->is_udp_dead = true;
	transport_udp_close(&attempt->udp);
}

static void on_datagram(struct transport_datagram *question, int err, uint8_t *wire,
			size_t wire_len)
{
	struct attempt *attempt = question->ctx;

	if (err == 0 && wire == NULL) { /* no guess at this question: it does not close the port */
		attempt->has_spoken = true;
		ask_by_stream_too(attempt);
		return;
	}
	if (err == 0) {
		take_packet(attempt, question->id, wire, wire_len, false);
		return;
	}
	lose_datagrams(attempt, err);
	tell(attempt, ATTEMPT_STUCK);
}

/* A server without TCP may be well otherwise; one that there is no way to is not. */
static void note_stream_error(struct attempt *attempt, int err)
{
	count(attempt, STAT_UPSTREAM_FAILURES);
	if (err == -ENETUNREACH || err == -EHOSTUNREACH)
		note_error(attempt, err);
	else
		server_count_failure(attempt->server, SERVER_FAILED_CONNECTION);
}

static bool is_refusal(int err)
{
	return err == -ECONNREFUSED || err == -EHOSTUNREACH || err == -ENETUNREACH ||
	       err == -EACCES || err == -EPERM || err == -ETIMEDOUT;
}

static void on_stream(struct transport_question *question, int err, uint8_t *wire, size_t wire_len)
{
	struct attempt *attempt = question->ctx;

	if (err == 0) {
		if (question->is_alone)
			transport_stream_hang_up(attempt->question->streams);
		take_packet(attempt, question->id, wire, wire_len, true);
		return;
	}
	if (is_refusal(err))
		attempt->is_stream_dead = true;
	if (question->was_reused && attempt->stream_failures == 0 && goes_by_stream(attempt)) {
		resend(attempt);
		return;
	}
	note_stream_error(attempt, err);
	take_stream_failure(attempt);
}

/* --- sending ------------------------------------------------------------------------------- */

static size_t write_as_asked(const struct attempt *attempt, uint8_t query[QUERY_MAX])
{
	const struct attempt_question *question = attempt->question;
	const struct query_out how = { .with_edns = attempt->with_edns,
				       .edns_size = question->edns_size,
				       .strip_ecs = question->strip_ecs };

	const size_t len = query_view_write(query, QUERY_MAX, question->view, &how);
	if (len > 0 || question->view->is_opaque)
		return len;
	struct query_view bare = *question->view;
	bare.options_len = 0;
	return query_view_write(query, QUERY_MAX, &bare, &how);
}

static size_t write_query(const struct attempt *attempt, bool by_stream, uint8_t query[QUERY_MAX])
{
	const size_t len = write_as_asked(attempt, query);

	if (len > 0 && attempt->letters.is_random && !by_stream)
		letter_case_flip(&attempt->letters, query + MESSAGE_HEADER_LEN,
				 attempt->question->view->name_len);
	return len;
}

static int send_datagram(struct attempt *attempt, uint8_t *query, size_t len)
{
	int err = 0;

	attempt->udp_sends++;
	if (!transport_udp_is_open(&attempt->udp))
		err = transport_udp_open(attempt->question->datagrams, attempt->server,
					 &attempt->udp);
	if (err == 0)
		err = transport_udp_send(&attempt->udp, query, len);
	return err;
}

/* A zone transfer goes on with messages that nobody here is waiting for: its connection ends with
 * the first. */
static bool has_more_to_come(const struct attempt *attempt)
{
	return attempt->question->view->type == TYPE_AXFR ||
	       attempt->question->view->type == TYPE_IXFR;
}

static int send_by_stream(struct attempt *attempt, uint8_t *query, size_t len)
{
	struct transport_question *question = free_stream(attempt);

	if (attempt->stream_sends == 0)
		memset(attempt->streams, 0, sizeof(attempt->streams));
	question->fn = on_stream;
	question->ctx = attempt;
	question->is_alone = has_more_to_come(attempt);
	return transport_stream_ask(attempt->question->streams, server_how(attempt->server),
				    attempt->stream_sends++ > 0, question, query, len);
}

/* What is to be done if nothing comes; reckoned from this send, whether it has left or not. */
static void plan_next(struct attempt *attempt, bool by_stream)
{
	uint32_t patience_us = server_hedge_us(attempt->server), resend_us = STREAM_RESEND_US;

	if (!by_stream)
		resend_us = server_resend_us(attempt->server, attempt->udp_sends);
	else if ((patience_us *= STREAM_PATIENCE) > PATIENCE_MAX_US)
		patience_us = PATIENCE_MAX_US;
	attempt->patience_us = patience_us;
	attempt->late_us = now_us(attempt) + patience_us;
	attempt->due_us = now_us(attempt) + resend_us;
	attempt_postpone(attempt);
}

bool attempt_postpone(struct attempt *attempt)
{
	if (server_state(attempt->server) != SERVER_DOWN || attempt->is_owed)
		return false;
	attempt->due_us = now_us(attempt) + DOWN_RESEND_US + ATTEMPT_TOGETHER_US - 1;
	attempt->due_us -= attempt->due_us % ATTEMPT_TOGETHER_US;
	return true;
}

/* A packet that did not match says nothing of the server, nor does it that TCP was tried for it:
 * the time runs from what was sent before. */
static void note_sent(struct attempt *attempt, bool by_stream)
{
	const uint64_t now = now_us(attempt);

	count(attempt, by_stream ? STAT_UPSTREAM_TCP : STAT_UPSTREAM_UDP);
	server_note_sent(attempt->server, by_stream, now);
	if (by_stream && attempt->prefers_stream && attempt->unheard_sends > 0)
		return;
	if (attempt->unheard_sends++ == 0)
		attempt->first_us = now;
	attempt->last_us = now;
}

/* A connection that takes no more is no fault of the server's. */
static void note_unsent(struct attempt *attempt, bool by_stream, int err)
{
	if (!by_stream) {
		lose_datagrams(attempt, err);
	} else if (err != ERR_LIMIT) {
		note_stream_error(attempt, err);
		attempt->is_stream_dead = true;
	}
}

int attempt_send(struct attempt *attempt)
{
	uint8_t query[QUERY_MAX];

	assert(attempt_is_askable(attempt));
	const bool by_stream = goes_by_stream(attempt);
	const size_t len = write_query(attempt, by_stream, query);
	if (len == 0) {
		attempt->has_failed = true;
		return ERR_NO_SPACE;
	}
	const int err = by_stream ? send_by_stream(attempt, query, len)
				  : send_datagram(attempt, query, len);
	attempt->is_owed = err != 0 && err_is_lack(err);
	if (err != 0 && !attempt->is_owed)
		note_unsent(attempt, by_stream, err);
	plan_next(attempt, by_stream);
	if (err == 0)
		note_sent(attempt, by_stream);
	return attempt->is_owed ? 0 : err;
}

bool attempt_ask_again_by_stream(struct attempt *attempt)
{
	if (attempt->needs_stream || attempt->stream_sends > 0 || attempt->is_stream_dead)
		return false;
	attempt->needs_stream = true;
	attempt->has_failed = false;
	if (attempt_is_askable(attempt) && attempt_send(attempt) == 0)
		return true;
	attempt->has_failed = true;
	return false;
}

/* --- beginning and end --------------------------------------------------------------------- */

void attempt_init(struct attempt *attempt, const struct attempt_question *question,
		  struct server *server, bool randomize_case)
{
	memset(attempt, 0, offsetof(struct attempt, letters));
	attempt->letters.is_random = false;
	attempt->question = question;
	attempt->server = server;
	attempt->udp.fn = on_datagram;
	attempt->udp.ctx = attempt;
	attempt->udp.view = question->view;
	attempt->needs_stream = question->via_stream;
	/* an opaque question goes as the client wrote it, and there is no OPT of ours to leave
	 * out */
	attempt->with_edns =
		!question->view->is_opaque && !server_lacks_edns(server, now_us(attempt));
	if (randomize_case && !question->view->is_opaque)
		letter_case_draw(&attempt->letters, question->view->name_len);
}

void attempt_done(struct attempt *attempt)
{
	close_all(attempt);
}
