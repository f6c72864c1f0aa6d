#include "upstream/attempt.h"

#include <assert.h>
#include <errno.h>

#include "upstream/packet_match.h"

/* What we ask: longer only with a client's options, which are then left out. */
#define QUERY_MAX 4096u
/* A connection that breaks may be bad luck; two in a row are not. */
#define STREAM_FAILURES_MAX 2u

static uint64_t now_us(const struct attempt *attempt)
{
	return loop_clock(attempt->question->loop)->now_us;
}

static void count(const struct attempt *attempt, enum stat stat)
{
	stats_add(attempt->question->stats, stat, 1);
}

static void tell(struct attempt *attempt, enum attempt_news news)
{
	attempt->question->on_news(attempt->question->ctx, attempt, news, NULL);
}

/* --- what may be done ---------------------------------------------------------------------- */

static bool goes_by_stream(const struct attempt *attempt)
{
	return (attempt->needs_stream || attempt->prefers_stream) && !attempt->is_stream_dead;
}

/* One of them is free where the attempt is askable. */
static struct transport_question *free_stream(struct attempt *attempt)
{
	return &attempt->streams[transport_stream_is_out(&attempt->streams[0]) ? 1 : 0];
}

bool attempt_is_askable(const struct attempt *attempt)
{
	if (attempt->has_failed ||
	    attempt->udp_sends + attempt->stream_sends >= (int)ATTEMPT_PACKETS_MAX)
		return false;
	if (goes_by_stream(attempt))
		return attempt->stream_sends < ATTEMPT_SENDS_MAX &&
		       !(transport_stream_is_out(&attempt->streams[0]) &&
			 transport_stream_is_out(&attempt->streams[1]));
	return !attempt->needs_stream && !attempt->is_udp_dead &&
	       attempt->udp_sends < ATTEMPT_SENDS_MAX;
}

bool attempt_has_hope(const struct attempt *attempt)
{
	return transport_udp_is_open(&attempt->udp) ||
	       transport_stream_is_out(&attempt->streams[0]) ||
	       transport_stream_is_out(&attempt->streams[1]);
}

static void close_all(struct attempt *attempt)
{
	transport_udp_close(&attempt->udp);
	transport_stream_forget(&attempt->streams[0]);
	transport_stream_forget(&attempt->streams[1]);
}

/* --- what a packet means ------------------------------------------------------------------- */

/* Sends again at once, in the new way that has just been decided on; where that cannot be the
 * attempt is stuck, unless something else is still out. */
static void resend(struct attempt *attempt)
{
	if (attempt_is_askable(attempt) && attempt_send(attempt) == 0)
		tell(attempt, ATTEMPT_RESENT);
	else
		tell(attempt, ATTEMPT_STUCK);
}

static bool is_failure(unsigned rcode)
{
	return rcode == RCODE_SERVFAIL || rcode == RCODE_REFUSED || rcode == RCODE_NOTIMP ||
	       rcode == RCODE_FORMERR;
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
	count(attempt, STAT_UPSTREAM_FAILURES);
	attempt->has_failed = true;
	close_all(attempt);
	attempt->question->on_news(attempt->question->ctx, attempt, ATTEMPT_FAILED, reply);
}

/* TC over UDP: the whole is to be had over TCP (RFC 2181 section 9). */
static void take_truncated(struct attempt *attempt)
{
	attempt->needs_stream = true;
	transport_udp_close(&attempt->udp);
	if (transport_stream_is_out(&attempt->streams[0]))
		tell(attempt, ATTEMPT_RESENT);
	else
		resend(attempt);
}

/* Over UDP it may be forged: it is as if it had not come, but that the question goes over TCP as
 * well, where forging is harder (D13). */
static void take_other_datagram(struct attempt *attempt)
{
	count(attempt, STAT_UPSTREAM_MISMATCHED);
	if (attempt->prefers_stream)
		return;
	attempt->prefers_stream = true;
	if (attempt_is_askable(attempt) && attempt_send(attempt) == 0)
		tell(attempt, ATTEMPT_RESENT);
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
	count(attempt, STAT_UPSTREAM_MISMATCHED);
	transport_stream_hang_up(attempt->question->streams);
	take_stream_failure(attempt);
}

static void take_reply(struct attempt *attempt, const struct attempt_reply *reply)
{
	const struct message_facts *facts = &reply->facts;
	const unsigned rcode = message_rcode(facts);

	if (attempt->with_edns && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP)) {
		ask_without_edns(attempt, facts->has_opt);
	} else if (is_failure(rcode)) {
		take_failure(attempt, reply);
	} else {
		if (attempt->may_lack_edns)
			server_note_lacks_edns(attempt->server, now_us(attempt));
		attempt->question->on_news(attempt->question->ctx, attempt, ATTEMPT_ANSWERED,
					   reply);
	}
}

static void take_packet(struct attempt *attempt, uint16_t id, uint8_t *wire, size_t wire_len,
			bool by_stream)
{
	struct attempt_reply reply = { .wire = wire };

	attempt->has_spoken = true;
	const enum packet_match match = packet_match(attempt->question->view, id, wire, wire_len,
						     &reply.facts, &reply.quality);

	if (match == PACKET_BARE_ERROR && attempt->with_edns)
		ask_without_edns(attempt, false);
	else if (match == PACKET_REPLY && (reply.facts.flags & FLAG_TC) == 0)
		take_reply(attempt, &reply);
	else if (by_stream)
		take_other_message(attempt);
	else if (match == PACKET_REPLY)
		take_truncated(attempt);
	else
		take_other_datagram(attempt);
}

/* --- what the transports tell -------------------------------------------------------------- */

static void on_datagram(void *ctx, int err, uint8_t *wire, size_t wire_len)
{
	struct attempt *attempt = ctx;

	if (err == 0) {
		take_packet(attempt, attempt->udp.id, wire, wire_len, false);
		return;
	}
	count(attempt, STAT_UPSTREAM_FAILURES);
	attempt->is_udp_dead = true;
	transport_udp_close(&attempt->udp);
	tell(attempt, ATTEMPT_STUCK);
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
	count(attempt, STAT_UPSTREAM_FAILURES);
	if (is_refusal(err))
		attempt->is_stream_dead = true;
	if (question->was_reused && attempt->stream_failures == 0 && goes_by_stream(attempt))
		resend(attempt);
	else
		take_stream_failure(attempt);
}

/* --- sending ------------------------------------------------------------------------------- */

static size_t write_query(const struct attempt *attempt, uint8_t query[QUERY_MAX])
{
	const struct attempt_question *question = attempt->question;
	const struct query_out how = { .with_edns = attempt->with_edns,
				       .edns_size = question->edns_size,
				       .strip_ecs = question->strip_ecs };
	struct query_view bare = *question->view;

	const size_t len = query_view_write(query, QUERY_MAX, question->view, &how);
	if (len > 0 || question->view->is_opaque)
		return len;
	bare.options_len = 0;
	return query_view_write(query, QUERY_MAX, &bare, &how);
}

/* Says nothing about the server. */
static bool is_our_lack(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -ENOBUFS ||
	       err == -EAGAIN;
}

static int send_datagram(struct attempt *attempt, uint8_t *query, size_t len)
{
	int err = 0;

	attempt->udp_sends++;
	if (!transport_udp_is_open(&attempt->udp))
		err = transport_udp_open(&attempt->udp, attempt->question->loop,
					 server_how(attempt->server), on_datagram, attempt);
	if (err == 0)
		err = transport_udp_send(&attempt->udp, query, len);
	if (err == 0)
		count(attempt, STAT_UPSTREAM_UDP);
	else if (!is_our_lack(err)) {
		attempt->is_udp_dead = true;
		transport_udp_close(&attempt->udp);
	}
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

	question->fn = on_stream;
	question->ctx = attempt;
	question->is_alone = has_more_to_come(attempt);
	int err = transport_stream_ask(attempt->question->streams, server_how(attempt->server),
				       attempt->stream_sends > 0, question, query, len);
	attempt->stream_sends++;
	if (err == 0)
		count(attempt, STAT_UPSTREAM_TCP);
	else if (!is_our_lack(err) && err != ERR_LIMIT)
		attempt->is_stream_dead = true;
	return err;
}

int attempt_send(struct attempt *attempt)
{
	uint8_t query[QUERY_MAX];

	assert(attempt_is_askable(attempt));
	const size_t len = write_query(attempt, query);
	if (len == 0) {
		attempt->has_failed = true;
		return ERR_NO_SPACE;
	}
	const int err = goes_by_stream(attempt) ? send_by_stream(attempt, query, len)
						: send_datagram(attempt, query, len);
	if (err == 0 || is_our_lack(err))
		return 0;
	count(attempt, STAT_UPSTREAM_FAILURES);
	return err;
}

/* --- beginning and end --------------------------------------------------------------------- */

void attempt_init(struct attempt *attempt, const struct attempt_question *question,
		  struct server *server)
{
	*attempt = (struct attempt){ .question = question, .server = server };
	attempt->needs_stream = question->via_stream;
	/* an opaque question goes as the client wrote it: there is no OPT of ours to leave out */
	attempt->with_edns =
		!question->view->is_opaque && !server_lacks_edns(server, now_us(attempt));
}

void attempt_done(struct attempt *attempt)
{
	close_all(attempt);
}
