/* The upstream of the measurements: knows every name of a mix (mix.h), and that some do not exist;
 * so late and with so much loss as the shared file says (responder.h), where it counts too.
 *
 *	origin --listen 127.1.1.3@5300 --shared FILE
 */
#include <string.h>

#include "../faults/packet.h"
#include "mix.h"
#include "responder.h"

#define TTL 86400u /* longer than any measurement */
#define TYPE_CNAME 5u
#define TYPE_SOA 6u
#define CLASS_IN 1u

static const uint8_t target_name[] = "\22courier-push-apple\3com\6akadns\3net";

static uint8_t *put_head(uint8_t *at, unsigned type, uint32_t ttl, unsigned len)
{
	return packet_put16(packet_put32(packet_put16(packet_put16(at, type), CLASS_IN), ttl), len);
}

/* Of akadns.net, as Apple's names have it. */
static uint8_t *put_soa(uint8_t *at)
{
	static const uint8_t names[] = "\10internal\6akadns\3net\0\12hostmaster\6akamai\3com";
	static const uint32_t numbers[] = { 1629813934, 90000, 90000, 90000, 180 };

	memcpy(at, "\6akadns\3net", 12);
	at = put_head(at + 12, TYPE_SOA, 180, sizeof(names) + 20);
	memcpy(at, names, sizeof(names));
	at += sizeof(names);
	for (unsigned field = 0; field < 5; field++)
		at = packet_put32(at, numbers[field]);
	return at;
}

/* NOERROR with the alias, if it is asked for, and no address. */
static size_t put_courier(uint8_t *wire, const struct question *question, bool is_alias)
{
	uint8_t *at = wire + PACKET_HEADER + question->name_len + 4;

	packet_put16(wire + 2, 0x8080 | (packet_get16(wire + 2) & 0x0110));
	packet_put16(wire + 6, is_alias);
	packet_put16(wire + 8, 1);
	packet_put16(wire + 10, question->has_opt);
	if (is_alias) {
		at = put_head(packet_put16(at, 0xc00c), TYPE_CNAME, 300, sizeof(target_name));
		memcpy(at, target_name, sizeof(target_name));
		at += sizeof(target_name);
	}
	at = put_soa(at);
	if (question->has_opt)
		at = packet_put_opt(at);
	return (size_t)(at - wire);
}

static size_t answer(uint8_t *wire, size_t len)
{
	uint8_t asked_wire[RESPONDER_MAX];
	struct question question;
	struct mix_asked asked = { MIX_HOT, 0 };

	if (len > RESPONDER_MAX)
		return 0;
	memcpy(asked_wire, wire, len);
	if (!packet_read(asked_wire, len, &question))
		return 0;
	const bool is_ours = mix_read(question.name, question.name_len, &asked);

	if (is_ours && asked.kind == MIX_COURIER)
		return put_courier(wire, &question, true);
	if (packet_is_below(question.name, question.name_len, target_name, sizeof(target_name)) ||
	    question.type != PACKET_A)
		return put_courier(wire, &question, false);
	if (asked.kind == MIX_ABSENT_NAME)
		return packet_answer(wire, &question, ANSWER_NXDOMAIN);
	const size_t answer_len = packet_answer(wire, &question, ANSWER_GOOD);

	packet_put32(wire + PACKET_HEADER + question.name_len + 4 + 6, TTL);
	return answer_len;
}

int main(int argc, char **argv)
{
	struct responder responder = { .answer = answer };

	responder_read_options(argc, argv, &responder);
	responder_serve(&responder);
}
