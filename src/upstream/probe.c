#include "upstream/probe.h"

#include "upstream/packet_match.h"

#define EDNS_SIZE 1232u
#define QUERY_MAX 64u

/* RD, one question: the root, NS, IN. */
static const uint8_t question[] = { 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1 };

static struct query_view view_of_question(void)
{
	struct query_view view;

	if (query_view_parse(&view, question, sizeof(question)) != QUERY_OK)
		UNREACHABLE();
	return view;
}

/* A header alone, which says that it does not know EDNS, is a sign of life too. */
static bool is_reply(uint16_t id, const uint8_t *wire, size_t wire_len)
{
	const struct query_view view = view_of_question();
	struct message_facts facts;
	enum message_quality quality;

	return packet_match(&view, id, wire, wire_len, &facts, &quality) != PACKET_OTHER;
}

static void on_datagram(void *ctx, int err, uint8_t *wire, size_t wire_len)
{
	struct probe *probe = ctx;

	if (err != 0)
		transport_udp_close(&probe->udp);
	if (err != 0 || is_reply(probe->udp.id, wire, wire_len))
		probe->fn(probe, err, false);
}

static void on_stream(struct transport_question *stream, int err, uint8_t *wire, size_t wire_len)
{
	struct probe *probe = stream->ctx;

	if (err == 0)
		transport_stream_hang_up(probe->streams);
	if (err == 0 && is_reply(stream->id, wire, wire_len))
		probe->fn(probe, 0, true);
}

void probe_init(struct probe *probe, struct loop *loop, struct transport_stream *streams,
		struct server *server, probe_fn fn)
{
	*probe = (struct probe){ .loop = loop, .streams = streams, .server = server, .fn = fn };
	probe->stream =
		(struct transport_question){ .fn = on_stream, .ctx = probe, .is_alone = true };
}

int probe_send(struct probe *probe, bool by_stream)
{
	const struct conf_server *how = server_how(probe->server);
	const struct query_view view = view_of_question();
	const struct query_out out = { .with_edns = !server_lacks_edns(
					       probe->server, loop_clock(probe->loop)->now_us),
				       .edns_size = EDNS_SIZE };
	uint8_t query[QUERY_MAX];
	const size_t len = query_view_write(query, sizeof(query), &view, &out);
	int err = 0;

	if (by_stream) {
		transport_stream_forget(&probe->stream);
		return transport_stream_ask(probe->streams, how, false, &probe->stream, query, len);
	}
	if (!transport_udp_is_open(&probe->udp))
		err = transport_udp_open(&probe->udp, probe->loop, how, on_datagram, probe);
	if (err == 0)
		err = transport_udp_send(&probe->udp, query, len);
	if (err != 0)
		transport_udp_close(&probe->udp);
	return err;
}

void probe_close(struct probe *probe)
{
	transport_udp_close(&probe->udp);
	transport_stream_forget(&probe->stream);
}
