#include "packet.h"

#include <ctype.h>
#include <string.h>

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
