#include "reply.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../faults/packet.h"
#include "records.h"

#define CHAIN_MAX 10u

struct message {
	const uint8_t *wire;
	size_t len;
};

struct section_record {
	uint8_t owner[256];
	size_t owner_len;
	unsigned type;
	size_t data_at, data_len;
};

/* Reads a name that may be compressed; what is behind it in the message, 0 where it is broken. */
static size_t name_at(const struct message *message, size_t at, uint8_t *out, size_t *ret_len)
{
	size_t len = 0, behind = 0;

	for (unsigned jumps = 0; at < message->len && jumps < 64;) {
		size_t label = message->wire[at];

		if (label >= 0xc0 && at + 1 < message->len) {
			behind = behind == 0 ? at + 2 : behind;
			at = packet_get16(message->wire + at) & 0x3fff;
			jumps++;
			continue;
		}
		if (label > 63 || at + label >= message->len || len + label + 1 > 255)
			return 0;
		memcpy(out + len, message->wire + at, label + 1);
		len += label + 1;
		at += label + 1;
		if (label == 0) {
			*ret_len = len;
			return behind == 0 ? at : behind;
		}
	}
	return 0;
}

/* What is behind the record; 0 where it is broken. */
static size_t record_at(const struct message *message, size_t at, struct section_record *record)
{
	at = name_at(message, at, record->owner, &record->owner_len);
	if (at == 0 || at + 10 > message->len)
		return 0;
	record->type = packet_get16(message->wire + at);
	record->data_len = packet_get16(message->wire + at + 8);
	record->data_at = at + 10;
	at = record->data_at + record->data_len;
	return at <= message->len ? at : 0;
}

static bool is_name(const uint8_t *one, size_t one_len, const uint8_t *other, size_t other_len)
{
	return one_len == other_len && packet_is_below(one, one_len, other, other_len);
}

/* Follows one CNAME, if there is one for the target so far. */
static bool follow(const struct message *message, size_t at, struct reply *reply)
{
	struct section_record record;

	for (unsigned left = reply->answers; left > 0; left--) {
		at = record_at(message, at, &record);
		if (at == 0)
			return false;
		if (record.type == RECORD_CNAME &&
		    is_name(record.owner, record.owner_len, reply->target, reply->target_len)) {
			reply->has_alias = true;
			return name_at(message, record.data_at, reply->target,
				       &reply->target_len) != 0;
		}
	}
	return false;
}

static void take_count(const uint8_t *text, size_t len, struct reply *reply)
{
	char copy[256];

	memcpy(copy, text, len);
	copy[len] = '\0';
	if (strncmp(copy, "count=", 6) == 0 && isdigit((unsigned char)copy[6])) {
		reply->has_count = true;
		reply->count = (unsigned)strtoul(copy + 6, NULL, 10);
	}
}

static void take_data(const struct message *message, size_t at, struct reply *reply)
{
	struct section_record record;

	for (unsigned left = reply->answers; left > 0; left--) {
		at = record_at(message, at, &record);
		if (at == 0)
			return;
		const uint8_t *data = message->wire + record.data_at;

		if (!is_name(record.owner, record.owner_len, reply->target, reply->target_len))
			continue;
		if (record.type == RECORD_A && record.data_len == 4 && !reply->has_address) {
			reply->has_address = true;
			reply->address = packet_get32(data);
		} else if (record.type == RECORD_TXT && record.data_len > *data) {
			take_count(data + 1, *data, reply);
		}
	}
}

bool reply_read(const uint8_t *wire, size_t len, const uint8_t *name, size_t name_len,
		unsigned type, struct reply *ret_reply)
{
	struct message message = { wire, len };
	struct question question;
	size_t at = PACKET_HEADER + name_len + 4;

	if (!packet_read(wire, len, &question) || (wire[2] & 0xf8) != 0x80 ||
	    question.type != type || !is_name(question.name, question.name_len, name, name_len))
		return false;
	*ret_reply = (struct reply){ .id = (uint16_t)packet_get16(wire),
				     .rcode = wire[3] & 15u,
				     .is_truncated = (wire[2] & 2) != 0,
				     .answers = packet_get16(wire + 6),
				     .target_len = name_len };
	memcpy(ret_reply->target, name, name_len);
	for (unsigned hops = 0; hops < CHAIN_MAX && follow(&message, at, ret_reply);)
		hops++;
	take_data(&message, at, ret_reply);
	return true;
}

bool reply_is_sinkhole(const struct reply *reply)
{
	return reply->has_address && (reply->address >> 24 == 0 || reply->address >> 24 == 127);
}

bool reply_is_courier(const struct reply *reply)
{
	return reply->has_address && reply->address >> 24 == 17;
}
