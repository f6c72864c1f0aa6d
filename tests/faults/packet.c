#include "packet.h"

#include <ctype.h>
#include <string.h>

#define TYPE_CNAME 5u
#define TYPE_SOA 6u
#define TYPE_OPT 41u
#define CLASS_IN 1u
#define TTL 300u
#define QNAME_AT 0xc00cu /* a pointer to the name of the question */

uint8_t *packet_put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

uint8_t *packet_put32(uint8_t *at, uint32_t value)
{
	return packet_put16(packet_put16(at, value >> 16), value & 0xffff);
}

unsigned packet_get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

uint32_t packet_get32(const uint8_t *at)
{
	return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

size_t packet_name(uint8_t *out, size_t size, const char *text)
{
	size_t len = 0;

	while (*text != '\0') {
		size_t label = strcspn(text, ".");

		if (label == 0 || label > 63 || len + label + 2 > size)
			return 0;
		out[len++] = (uint8_t)label;
		memcpy(out + len, text, label);
		len += label;
		text += label + (text[label] == '.');
	}
	out[len] = 0;
	return len + 1;
}

/* Length bytes are no letters: they stay as they are. */
static bool same_name(const uint8_t *one, const uint8_t *other, size_t len)
{
	for (size_t at = 0; at < len; at++)
		if (tolower(one[at]) != tolower(other[at]))
			return false;
	return true;
}

bool packet_is_below(const uint8_t *name, size_t name_len, const uint8_t *zone, size_t zone_len)
{
	while (name_len > zone_len) {
		size_t label = *name + 1u;

		name += label;
		name_len -= label < name_len ? label : name_len;
	}
	return name_len == zone_len && same_name(name, zone, name_len);
}

/* 0 where it does not end. Names in questions are not compressed. */
static size_t name_len_at(const uint8_t *wire, size_t wire_len, size_t at)
{
	size_t start = at;

	while (at < wire_len && wire[at] != 0) {
		if (wire[at] > 63)
			return 0;
		at += wire[at] + 1u;
	}
	return at < wire_len ? at + 1 - start : 0;
}

bool packet_read(const uint8_t *wire, size_t wire_len, struct question *question)
{
	if (wire_len < PACKET_HEADER || packet_get16(wire + 4) != 1)
		return false;
	size_t name_len = name_len_at(wire, wire_len, PACKET_HEADER);
	size_t end = PACKET_HEADER + name_len + 4;

	if (name_len == 0 || name_len > 255 || end > wire_len)
		return false;
	*question = (struct question){ .wire = wire,
				       .name = wire + PACKET_HEADER,
				       .name_len = name_len,
				       .type = (uint16_t)packet_get16(wire + end - 4) };
	question->has_opt = packet_get16(wire + 10) == 1 && end + 11 <= wire_len &&
			    wire[end] == 0 && packet_get16(wire + end + 1) == TYPE_OPT;
	return true;
}

/* 32 bits that no other name and type is likely to have. */
static uint32_t digest(const uint8_t *name, size_t name_len, unsigned type)
{
	uint64_t hash = 0xcbf29ce484222325u ^ type;

	for (size_t at = 0; at < name_len; at++)
		hash = (hash ^ (uint64_t)tolower(name[at])) * 0x100000001b3u;
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
	return (uint32_t)(hash >> 32);
}

size_t packet_ask(uint8_t *out, uint16_t id, const uint8_t *name, size_t name_len, unsigned type)
{
	uint8_t *at = packet_put16(out, id);

	at = packet_put16(at, 0x0100);
	at = packet_put32(packet_put32(at, 1u << 16), 0);
	memcpy(at, name, name_len);
	at = packet_put16(packet_put16(at + name_len, type), CLASS_IN);
	return (size_t)(at - out);
}

/* --- the upstream's side ------------------------------------------------------------------- */

static uint8_t *put_record(uint8_t *at, const struct question *question, uint32_t rdata)
{
	at = packet_put32(
		packet_put16(packet_put16(packet_put16(at, QNAME_AT), question->type), CLASS_IN),
		TTL);
	return packet_put32(packet_put16(at, 4), rdata);
}

static uint8_t *put_soa(uint8_t *at)
{
	static const uint8_t names[] = "\2ns\7example\0\4host\7example";

	memcpy(at, "\7example", 9);
	at = packet_put32(packet_put16(packet_put16(at + 9, TYPE_SOA), CLASS_IN), TTL);
	at = packet_put16(at, sizeof(names) + 20);
	memcpy(at, names, sizeof(names));
	at += sizeof(names);
	for (unsigned field = 1; field <= 5; field++)
		at = packet_put32(at, field * 100);
	return at;
}

uint8_t *packet_put_opt(uint8_t *at)
{
	*at++ = 0;
	at = packet_put16(packet_put16(at, TYPE_OPT), 1232);
	return packet_put16(packet_put32(at, 0), 0);
}

static const uint8_t push[] = "\4push\5apple\3com";

bool packet_is_courier(const uint8_t *name, size_t name_len)
{
	return packet_is_below(name, name_len, push, sizeof(push));
}

static uint8_t *put_head(uint8_t *at, unsigned type, uint32_t ttl, size_t len)
{
	return packet_put16(packet_put32(packet_put16(packet_put16(at, type), CLASS_IN), ttl),
			    (unsigned)len);
}

/* The alias itself, or a numbered one, of which the first hop keeps the number's label. As seen. */
static size_t put_courier(uint8_t *wire, const struct question *question)
{
	static const uint8_t target[] = "\22courier-push-apple\3com\6akadns\3net";
	static const uint8_t zone[] = "\6akadns\3net";
	static const uint8_t soa[] = "\10internal\6akadns\3net\0\12hostmaster\6akamai\3com";
	static const uint32_t numbers[] = { 1629813934, 90000, 90000, 90000, 180 };
	const bool is_alias = question->name[0] == 7;
	uint8_t *at = wire + PACKET_HEADER + question->name_len + 4;

	packet_put16(wire + 6, is_alias ? 1 : 2);
	packet_put16(wire + 8, 1);
	at = put_head(packet_put16(at, QNAME_AT), TYPE_CNAME, is_alias ? 279 : 28800,
		      sizeof(target) + (is_alias ? 0 : 3));
	uint8_t *hop = at;
	if (!is_alias) {
		*at++ = 2;
		memcpy(at, question->name + 1, 2);
		at += 2;
	}
	memcpy(at, target, sizeof(target));
	at += sizeof(target);
	if (!is_alias) {
		at = packet_put16(at, 0xc000u | (unsigned)(hop - wire));
		at = put_head(at, TYPE_CNAME, 60, 4 + 2);
		memcpy(at, "\3pop", 4);
		at = packet_put16(at + 4, 0xc000u | (unsigned)(hop + 3 - wire));
	}
	memcpy(at, zone, sizeof(zone));
	at = put_head(at + sizeof(zone), TYPE_SOA, 49, sizeof(soa) + sizeof(numbers));
	memcpy(at, soa, sizeof(soa));
	at += sizeof(soa);
	for (unsigned field = 0; field < 5; field++)
		at = packet_put32(at, numbers[field]);
	return (size_t)(at - wire);
}

/* The first letter becomes another one: as long as the asked name, and never asked by anybody. */
static void change_name(uint8_t *name)
{
	name[1] = name[1] == '#' ? '%' : '#';
}

size_t packet_answer(uint8_t *out, const struct question *question, enum answer answer)
{
	size_t end = PACKET_HEADER + question->name_len + 4;
	bool has_record =
		answer == ANSWER_GOOD || answer == ANSWER_WRONG_ID || answer == ANSWER_WRONG_NAME;
	bool has_soa = answer == ANSWER_NXDOMAIN;
	unsigned rcode = answer == ANSWER_SERVFAIL ? 2 : has_soa ? 3 : 0;
	unsigned rd = packet_get16(question->wire + 2) & 0x0110; /* RD and CD are the asker's */

	memcpy(out, question->wire, end);
	if (answer == ANSWER_WRONG_ID)
		packet_put16(out, packet_get16(out) ^ 0x5a5a);
	if (answer == ANSWER_WRONG_NAME)
		change_name(out + PACKET_HEADER);
	packet_put16(out + 2, 0x8080 | rd | (answer == ANSWER_TRUNCATED ? 0x0200 : 0) | rcode);
	packet_put16(out + 6, has_record);
	packet_put16(out + 8, has_soa);
	packet_put16(out + 10, question->has_opt);

	if (answer == ANSWER_COURIER)
		end = put_courier(out, question);
	uint8_t *at = out + end;
	uint32_t rdata = digest(out + PACKET_HEADER, question->name_len, question->type);

	if (has_record)
		at = put_record(at, question, answer == ANSWER_WRONG_ID ? ~rdata : rdata);
	if (has_soa)
		at = put_soa(at);
	if (question->has_opt)
		at = packet_put_opt(at);
	return (size_t)(at - out);
}

/* --- the client's side --------------------------------------------------------------------- */

/* One A record of the asked name with its digest, and nothing else but an OPT. */
static bool has_right_record(const uint8_t *wire, size_t wire_len, const struct question *question)
{
	size_t end = PACKET_HEADER + question->name_len + 4;

	if (packet_get16(wire + 6) != 1 || packet_get16(wire + 8) != 0 || end >= wire_len)
		return false;
	if (wire[end] >= 0xc0) {
		if (end + 2 > wire_len || packet_get16(wire + end) != QNAME_AT)
			return false;
		end += 2;
	} else {
		if (end + question->name_len > wire_len ||
		    !same_name(wire + end, question->name, question->name_len))
			return false;
		end += question->name_len;
	}
	return end + 14 <= wire_len && packet_get16(wire + end) == PACKET_A &&
	       packet_get16(wire + end + 2) == CLASS_IN && packet_get16(wire + end + 8) == 4 &&
	       packet_get32(wire + end + 10) ==
		       digest(question->name, question->name_len, PACKET_A);
}

/* The end of the record at `at`, *ret_ttl where its TTL is; 0 where it does not end. */
static size_t skip_record(const uint8_t *wire, size_t wire_len, size_t at, size_t *ret_ttl)
{
	while (at < wire_len && wire[at] != 0 && wire[at] < 0xc0)
		at += wire[at] + 1u;
	at += at < wire_len && wire[at] != 0 ? 2 : 1;
	*ret_ttl = at + 4;
	if (at + 10 > wire_len)
		return 0;
	at += 10 + packet_get16(wire + at + 8);
	return at > wire_len ? 0 : at;
}

/* As it was made, but for the TTLs, which are no longer than they were. */
static bool is_as_made(const uint8_t *wire, size_t wire_len, const struct question *question)
{
	uint8_t made[PACKET_MAX];
	const size_t made_len = packet_answer(made, question, ANSWER_COURIER);
	size_t at = PACKET_HEADER + question->name_len + 4, ttl;

	if (wire_len < made_len || memcmp(wire + 4, made + 4, 6) != 0)
		return false;
	for (unsigned left = packet_get16(made + 6) + packet_get16(made + 8); left > 0; left--) {
		const size_t end = skip_record(made, made_len, at, &ttl);

		if (memcmp(wire + at, made + at, ttl - at) != 0 ||
		    packet_get32(wire + ttl) > packet_get32(made + ttl) ||
		    memcmp(wire + ttl + 4, made + ttl + 4, end - ttl - 4) != 0)
			return false;
		at = end;
	}
	return true;
}

enum verdict packet_judge(const uint8_t *wire, size_t wire_len, const uint8_t *name,
			  size_t name_len)
{
	struct question question;

	if (!packet_read(wire, wire_len, &question) || (wire[2] & 0x80) == 0 ||
	    question.type != PACKET_A || question.name_len != name_len ||
	    !same_name(question.name, name, name_len))
		return VERDICT_WRONG;
	if ((wire[2] & 0x02) != 0)
		return VERDICT_TRUNCATED;
	switch (wire[3] & 15) {
	case 0:
		if (packet_is_courier(name, name_len)) {
			question.has_opt = false;
			return is_as_made(wire, wire_len, &question) ? VERDICT_RIGHT
								     : VERDICT_WRONG;
		}
		if (packet_get16(wire + 6) == 0)
			return VERDICT_EMPTY;
		return has_right_record(wire, wire_len, &question) ? VERDICT_RIGHT : VERDICT_WRONG;
	case 2:
		return VERDICT_SERVFAIL;
	case 3:
		return VERDICT_WRONG;
	default:
		return VERDICT_REFUSED;
	}
}
