#include "upstream/probe.h"

#include <string.h>

#include "upstream/packet_match.h"

#define EDNS_SIZE 1232u
#define QUERY_MAX (PROBE_QUESTION_MAX + 64u)

/* RD, and one question. */
static const uint8_t header[MESSAGE_HEADER_LEN] = { [2] = 1, [5] = 1 };
/* The root, NS, IN. */
static const uint8_t root[] = { 0, 0, 2, 0, 1 };

static void put_question(struct probe *probe, const uint8_t *question, size_t len)
{
	memcpy(probe->question, header, sizeof(header));
	memcpy(probe->question + sizeof(header), question, len);
	probe->question_len = sizeof(header) + len;
}

static struct query_view view_of_question(const struct probe *probe)
{
	struct query_view view;

	if (query_view_parse(&view, probe->question, probe->question_len) != QUERY_OK)
		UNREACHABLE();
	return view;
}

/* A header alone, which says that it does not know EDNS, is a sign of life too. */
static bool is_reply(const struct probe *probe, uint16_t id, const uint8_t *wire, size_t wire_len)
{
	const struct query_view view = view_of_question(probe);
	struct message_facts facts;
	enum message_quality quality;

	return packet_match(&view, id, wire, wire_len, &facts, &quality) != PACKET_OTHER;
}

static void on_datagram(struct transport_datagram *question, int err, uint8_t *wire,
			size_t wire_len)
{
	struct probe *probe = question->ctx;

	if (err != 0 || is_reply(probe, question->id, wire, wire_len))
		probe->fn(probe, err, false);
}

static void on_stream(struct transport_question *stream, int err, uint8_t *wire, size_t wire_len)
{
	struct probe *probe = stream->ctx;

	if (err == 0)
		transport_stream_hang_up(probe->ways->streams);
	if (err == 0 && is_reply(probe, stream->id, wire, wire_len))
		probe->fn(probe, 0, true);
}

void probe_init(struct probe *probe, const struct probe_ways *ways, struct server *server,
		probe_fn fn)
{
	*probe = (struct probe){ .ways = ways, .server = server, .fn = fn };
	probe->udp.fn = on_datagram;
	probe->stream.fn = on_stream;
	probe->udp.ctx = probe->stream.ctx = probe;
	probe->udp.is_alone = probe->stream.is_alone = true;
	put_question(probe, root, sizeof(root));
}

void probe_set_question(struct probe *probe, const struct query_view *view)
{
	probe_close(probe);
	if (view != NULL)
		put_question(probe, view->name, view->question_len);
	else
		put_question(probe, root, sizeof(root));
}

int probe_send(struct probe *probe, bool by_stream)
{
	const struct conf_server *how = server_how(probe->server);
	const struct query_view view = view_of_question(probe);
	const struct query_out out = { .with_edns = !server_lacks_edns(
					       probe->server,
					       loop_clock(probe->ways->loop)->now_us),
				       .edns_size = EDNS_SIZE };
	uint8_t query[QUERY_MAX];
	const size_t len = query_view_write(query, sizeof(query), &view, &out);
	int err = 0;

	if (by_stream) {
		transport_stream_forget(&probe->stream);
		return transport_stream_ask(probe->ways->streams, how, false, &probe->stream, query,
					    len);
	}
	if (!transport_udp_is_open(&probe->udp))
		err = transport_udp_open(probe->ways->datagrams, probe->server, &probe->udp);
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
