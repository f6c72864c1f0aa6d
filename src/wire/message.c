#include "wire/message.h"

#include <string.h>

#include "message_internal.h"

/* --- walking the records ------------------------------------------------------------------- */

size_t message_name_end(const uint8_t *wire, size_t wire_len, size_t at)
{
	while (at < wire_len) {
		const uint8_t byte = wire[at];
		if (byte == 0)
			return at;
		if (byte >= 0xc0)
			return at + 2 <= wire_len ? at : 0;
		if (byte > 63)
			return 0;
		at += 1u + byte;
	}
	return 0;
}

/* The offset behind that name, or 0. */
static size_t skip_name(const uint8_t *wire, size_t wire_len, size_t at)
{
	const size_t end = message_name_end(wire, wire_len, at);
	if (end == 0)
		return 0;
	return wire[end] == 0 ? end + 1 : end + 2;
}

struct message_walk message_walk_from(const uint8_t *wire, size_t wire_len)
{
	struct message_walk walk = { .wire = wire, .wire_len = wire_len, .at = MESSAGE_HEADER_LEN };
	if (message_get_u16(wire + 4) > 0)
		walk.at = skip_name(wire, wire_len, walk.at) + 4;
	for (unsigned i = 0; i < SECTION_COUNT; i++)
		walk.left[i] = message_get_u16(wire + 6 + 2 * i);
	return walk;
}

bool message_walk_next(struct message_walk *walk, struct message_record *ret_record)
{
	while (walk->section < SECTION_COUNT && walk->left[walk->section] == 0)
		walk->section++;
	if (walk->section == SECTION_COUNT)
		return false;
	walk->left[walk->section]--;

	ret_record->section = (enum message_section)walk->section;
	ret_record->at = walk->at;
	const size_t type_at = skip_name(walk->wire, walk->wire_len, walk->at);
	if (type_at == 0 || walk->wire_len - type_at < 10)
		return false;
	walk->at = message_record_read(walk->wire, type_at, ret_record);
	return walk->at <= walk->wire_len;
}

/* --- letter case --------------------------------------------------------------------------- */

/* What the owner at `at` says before its pointer or its root label, if it says the same as the
 * question's name does before the same place. */
static void set_owner_case(uint8_t *wire, size_t wire_len, size_t at, const uint8_t *name,
			   size_t name_len)
{
	const size_t end = message_name_end(wire, wire_len, at);
	const size_t len = end - at;
	size_t goes_on = MESSAGE_HEADER_LEN + name_len - 1;

	if (wire[end] != 0)
		goes_on = message_get_u16(wire + end) & 0x3fffu;
	if (goes_on >= MESSAGE_HEADER_LEN + name_len || goes_on < MESSAGE_HEADER_LEN + len)
		return;
	const size_t same_at = goes_on - len;
	if (memcmp(wire + at, wire + same_at, len) == 0)
		memcpy(wire + at, name + same_at - MESSAGE_HEADER_LEN, len);
}

void message_set_case(uint8_t *wire, size_t wire_len, const uint8_t *name, size_t name_len)
{
	struct message_walk walk = message_walk_from(wire, wire_len);
	struct message_record record;

	while (message_walk_next(&walk, &record))
		set_owner_case(wire, wire_len, record.at, name, name_len);
	memcpy(wire + MESSAGE_HEADER_LEN, name, name_len);
}

/* --- TTLs ---------------------------------------------------------------------------------- */

static void set_ttl(uint8_t *wire, const struct message_record *record, uint32_t ttl)
{
	message_set_u16(wire + record->ttl_at, (uint16_t)(ttl >> 16));
	message_set_u16(wire + record->ttl_at + 2, (uint16_t)ttl);
}

void message_set_ttls(uint8_t *wire, size_t wire_len, uint32_t ttl)
{
	struct message_walk walk = message_walk_from(wire, wire_len);
	struct message_record record;

	while (message_walk_next(&walk, &record)) {
		if (record.type != TYPE_OPT)
			set_ttl(wire, &record, ttl);
	}
}

void message_clamp_ttls(uint8_t *wire, size_t wire_len, uint32_t ttl_min, uint32_t ttl_max)
{
	struct message_walk walk = message_walk_from(wire, wire_len);
	struct message_record record;

	while (message_walk_next(&walk, &record)) {
		if (record.type == TYPE_OPT || message_ttl_meant(record.ttl) == 0)
			continue;
		const uint32_t ttl = record.ttl < ttl_min ? ttl_min : record.ttl;
		set_ttl(wire, &record, ttl < ttl_max ? ttl : ttl_max);
	}
}

/* SERIAL stands before the last four numbers of a SOA, whatever its names. */
static uint32_t soa_serial(const uint8_t *wire, const struct message_record *record)
{
	const uint8_t *end = wire + record->rdata_at + record->rdata_len;

	if (record->rdata_len < 20)
		return 0;
	return message_get_u32(end - 20);
}

bool message_is_whole_transfer(const uint8_t *wire, size_t wire_len, uint16_t type)
{
	struct message_walk walk = message_walk_from(wire, wire_len);
	struct message_record record;
	uint32_t newest = 0;
	unsigned records = 0, soas = 0;
	bool has_ended = false;

	/* Behind the first SOA every other one begins a difference, of an older version, or, of the
	 * version of the first, ends the transfer. */
	while (message_walk_next(&walk, &record) && record.section == SECTION_ANSWER) {
		records++;
		has_ended = false;
		if (record.type != TYPE_SOA)
			continue;
		const uint32_t serial = soa_serial(wire, &record);
		if (records == 1)
			newest = serial;
		has_ended = soas++ % 2 == 1 && serial == newest;
	}
	return records == 0 || has_ended || (records == 1 && soas == 1 && type == TYPE_IXFR);
}
