#include "app/doctor_ask.h"

#include <errno.h>

#include "base/mem.h"
#include "base/random.h"
#include "upstream/packet_match.h"
#include "wire/cursor.h"
#include "wire/name.h"

#define AGAIN_US (1u * USEC_PER_SEC)
/* A port that is closed for the moment of a restart is asked once more. */
#define REFUSED_AGAIN_US (200u * USEC_PER_MSEC)
#define EDNS_SIZE 1232u

static uint32_t now_us(const struct doctor_ask *ask)
{
	return (uint32_t)loop_clock(ask->asker->loop)->now_us;
}

static void wake(struct doctor_ask *ask, struct timer *timer, uint32_t delay_us)
{
	timer_start(loop_timers(ask->asker->loop), timer, delay_us);
}

static void close_udp(struct doctor_ask *ask)
{
	timer_stop(loop_timers(ask->asker->loop), &ask->again);
	udp_client_free(ask->udp);
	ask->udp = NULL;
}

static void close_all(struct doctor_ask *ask, enum doctor_ask_state state)
{
	ask->state = state;
	ask->took_ms = (now_us(ask) - ask->started_us) / USEC_PER_MSEC;
	timer_stop(loop_timers(ask->asker->loop), &ask->end);
	close_udp(ask);
	stream_free(ask->stream);
}

static void finish(struct doctor_ask *ask, enum doctor_ask_state state)
{
	close_all(ask, state);
	ask->asker->fn(ask->asker->ctx, ask);
}

static void on_end(void *ctx)
{
	struct doctor_ask *ask = ctx;

	finish(ask, ask->err == 0 ? DOCTOR_ASK_SILENT : DOCTOR_ASK_UNSENT);
}

/* Told from the loop, as everything is. */
static void fail_soon(struct doctor_ask *ask, int err)
{
	ask->err = err;
	wake(ask, &ask->end, 0);
}

static void keep_reply(struct doctor_ask *ask, const uint8_t *wire)
{
	ask->wire = mem_dup(wire, ask->facts.wire_len);
	if (ask->wire == NULL) {
		ask->err = -ENOMEM;
		finish(ask, DOCTOR_ASK_UNSENT);
		return;
	}
	finish(ask, DOCTOR_ASK_REPLY);
}

/* Whether it is the reply, which then stands in facts. */
static bool is_reply(struct doctor_ask *ask, const uint8_t *wire, size_t wire_len)
{
	enum message_quality quality;
	struct message_facts facts;
	const uint16_t id = message_id(ask->query);

	if (packet_match(&ask->view, id, wire, wire_len, &facts, &quality) == PACKET_OTHER) {
		ask->strangers++;
		return false;
	}
	ask->facts = facts;
	return true;
}

/* --- TCP ----------------------------------------------------------------------------------- */

static void on_stream_message(void *ctx, uint8_t *wire, size_t wire_len)
{
	struct doctor_ask *ask = ctx;

	if (is_reply(ask, wire, wire_len))
		keep_reply(ask, wire);
}

static void on_stream_end(void *ctx)
{
	finish(ctx, DOCTOR_ASK_BROKEN);
}

static void on_stream_broken(void *ctx, int err)
{
	struct doctor_ask *ask = ctx;

	ask->err = err;
	if (err == -ENETUNREACH || err == -EADDRNOTAVAIL || err == -EACCES)
		finish(ask, DOCTOR_ASK_UNSENT);
	else
		finish(ask, err == -ECONNREFUSED ? DOCTOR_ASK_CLOSED : DOCTOR_ASK_BROKEN);
}

static const struct stream_events stream_events = { .on_message = on_stream_message,
						    .on_end = on_stream_end,
						    .on_broken = on_stream_broken };

static int open_stream(struct doctor_ask *ask)
{
	int err = stream_connect(ask->asker->loop, ask->to, &stream_events, ask, &ask->stream);

	if (err != 0)
		return err;
	return stream_send(ask->stream, ask->query, ask->query_len);
}

/* --- UDP ----------------------------------------------------------------------------------- */

static void on_datagram(void *ctx, int err, uint8_t *wire, size_t wire_len);

static void send_again(void *ctx)
{
	struct doctor_ask *ask = ctx;

	if (ask->sends++ == 0)
		wake(ask, &ask->again, AGAIN_US);
	const int err = udp_client_send(ask->udp, ask->query, ask->query_len);
	if (err != 0)
		fail_soon(ask, err);
}

static void switch_to_tcp(struct doctor_ask *ask)
{
	close_udp(ask);
	ask->was_truncated = true;
	const int err = open_stream(ask);
	if (err != 0)
		fail_soon(ask, err);
}

static void on_datagram(void *ctx, int err, uint8_t *wire, size_t wire_len)
{
	struct doctor_ask *ask = ctx;

	if (err == -ECONNREFUSED) {
		if (++ask->refusals > 1)
			finish(ask, DOCTOR_ASK_CLOSED);
		else
			wake(ask, &ask->again, REFUSED_AGAIN_US);
		return;
	}
	/* what cannot be sent is as good as lost, unless it is the first */
	if (err != 0 && ask->sends == 1)
		fail_soon(ask, err);
	if (err != 0 || !is_reply(ask, wire, wire_len))
		return;
	if ((ask->facts.flags & FLAG_TC) != 0)
		switch_to_tcp(ask);
	else
		keep_reply(ask, wire);
}

static int open_udp(struct doctor_ask *ask)
{
	const int err = udp_client_new(ask->asker->loop, ask->to, on_datagram, ask, &ask->udp);

	if (err == 0)
		send_again(ask);
	return err;
}

/* --- beginning and end --------------------------------------------------------------------- */

static void put_edns(struct cursor_out *out)
{
	cursor_put_u8(out, 0);
	cursor_put_u16(out, TYPE_OPT);
	cursor_put_u16(out, EDNS_SIZE);
	cursor_put_u32(out, 0);
	cursor_put_u16(out, 0);
}

static int write_query(struct doctor_ask *ask, const struct doctor_question *question)
{
	uint8_t name[NAME_MAX_LEN];
	size_t name_bytes;
	struct cursor_out out = cursor_into(ask->query, sizeof(ask->query));

	const int err = name_from_text(question->name, name, &name_bytes);
	if (err != 0)
		return err;
	cursor_put_u16(&out, random_u16());
	cursor_put_u16(&out, FLAG_RD);
	cursor_put_u16(&out, 1);
	cursor_put_u32(&out, 0);
	cursor_put_u16(&out, question->with_edns);
	cursor_put(&out, name, name_bytes);
	cursor_put_u16(&out, question->type);
	cursor_put_u16(&out, question->is_chaos ? CLASS_CH : CLASS_IN);
	if (question->with_edns)
		put_edns(&out);
	ask->query_len = cursor_written(&out);
	return query_view_parse(&ask->view, ask->query, ask->query_len) == QUERY_OK ? 0
										    : ERR_MALFORMED;
}

void doctor_ask_start(struct doctor_ask *ask, const struct doctor_asker *asker,
		      const struct conf_server *to, const struct doctor_question *question)
{
	ask->state = DOCTOR_ASK_WAITING;
	ask->asker = asker;
	ask->to = to;
	ask->is_tcp = question->is_tcp;
	ask->started_us = now_us(ask);
	timer_init(&ask->again, send_again, ask);
	timer_init(&ask->end, on_end, ask);
	wake(ask, &ask->end, DOCTOR_ASK_PATIENCE_S * USEC_PER_SEC);
	int err = write_query(ask, question);
	if (err == 0)
		err = ask->is_tcp ? open_stream(ask) : open_udp(ask);
	if (err != 0)
		fail_soon(ask, err);
}

void doctor_ask_end(struct doctor_ask *ask)
{
	if (ask->state == DOCTOR_ASK_WAITING)
		close_all(ask, DOCTOR_ASK_SILENT);
	if (ask->state != DOCTOR_ASK_REPLY)
		ask->shape = SQUASH_SILENT;
}
