#include "message_internal.h"

#include <string.h>

#include "wire/cursor.h"
#include "wire/name.h"
#include "wire/option.h"

#define POINTER 0xc000u
#define POINTER_MAX 0x3fffu /* as far as one leads */
#define RECORD_MIN_LEN 10u  /* without its owner */
/* Pointers that owners may take to be read, of each record and of all: with most it is one to
 * three. A reply of pointers to pointers would cost a hundred times what it is worth. */
#define JUMPS_EACH 16u
#define JUMPS_MORE 256u

/* A message being read. */
struct reader {
	const uint8_t *wire;
	size_t wire_len, at;
	struct message_facts *facts;
	bool is_asked; /* there is a question */
	bool is_odd;
	unsigned jumps_left;

	/* The chain, as far as it was followed: where its names stand, the asked one first. */
	uint16_t names[MESSAGE_HOPS_MAX + 1];
	uint16_t asked_type, asked_class;
	bool is_at_end;	 /* nothing comes behind the last name */
	bool has_strays; /* records went by that would be of the chain if they had its name */
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* --- the chain ----------------------------------------------------------------------------- */

/* A CNAME, or data, of the name that the chain has come to. */
static bool is_here(const struct reader *reader, size_t owner_at)
{
	const size_t name_at = reader->names[reader->facts->hops];

	if (name_at <= POINTER_MAX &&
	    message_get_u16(reader->wire + owner_at) == (POINTER | name_at))
		return true;
	return name_is_same(reader->wire, owner_at, reader->wire, name_at);
}

static void go_on_to(struct reader *reader, size_t name_at)
{
	struct message_facts *facts = reader->facts;

	if (facts->hops == MESSAGE_HOPS_MAX) {
		reader->is_at_end = reader->has_strays = true;
		return;
	}
	for (unsigned i = 0; i <= facts->hops; i++) {
		if (name_is_same(reader->wire, reader->names[i], reader->wire, name_at))
			reader->is_at_end = true;
	}
	facts->hops++;
	reader->names[facts->hops] = (uint16_t)name_at;
}

/* Of a name it is the first CNAME that counts. So what is behind the asked name is sure as long as
 * there was nothing before that may be of a later name. */
static void follow(struct reader *reader, const struct message_record *record)
{
	struct message_facts *facts = reader->facts;
	const bool is_data = record->type == reader->asked_type || reader->asked_type == TYPE_ANY;

	if (is_data ? facts->has_data : record->type != TYPE_CNAME)
		return;
	if (record->class != reader->asked_class && reader->asked_class != CLASS_ANY)
		return;
	if (reader->is_at_end || !is_here(reader, record->at))
		reader->has_strays = true;
	else if (!is_data)
		go_on_to(reader, record->rdata_at);
	else if (facts->hops == 0 || !reader->has_strays)
		facts->has_data = true;
}

/* Strays are of no chain where there is none. */
static bool is_followed(const struct reader *reader)
{
	const struct message_facts *facts = reader->facts;

	return reader->is_asked && !reader->is_odd &&
	       (facts->has_data || facts->hops == 0 || !reader->has_strays);
}

/* --- records ------------------------------------------------------------------------------- */

static bool options_are_whole(const uint8_t *options, size_t len)
{
	struct cursor cursor = cursor_over(options, len);
	struct edns_option option;

	while (option_next(&cursor, &option))
		;
	return !cursor.failed;
}

/* OPT's fields mean other things than those of a record (RFC 6891 section 6.1.2). Options that
 * overrun are an oddity of this hop only: they are not handed on, the rest is. */
static bool take_opt(struct reader *reader, const struct message_record *record)
{
	struct message_facts *facts = reader->facts;

	if (facts->has_opt || record->section != SECTION_ADDITIONAL ||
	    reader->wire[record->at] != 0)
		return false;
	facts->has_opt = true;
	facts->opt_at = record->at;
	facts->opt_len = record->next - record->at;
	facts->opt_udp_size = record->class;
	facts->opt_rcode = (uint8_t)(record->ttl >> 24);
	facts->opt_version = (uint8_t)(record->ttl >> 16);
	facts->opt_flags = (uint16_t)record->ttl;
	facts->options_at = record->rdata_at;
	if (options_are_whole(reader->wire + record->rdata_at, record->rdata_len))
		facts->options_len = record->rdata_len;
	else
		reader->is_odd = true;
	return true;
}

static void take_soa(const struct reader *reader, const struct message_record *record, bool is_odd)
{
	struct message_facts *facts = reader->facts;
	uint32_t minimum = 0;

	if (!is_odd) /* its last four bytes */
		minimum = message_ttl_meant(message_get_u32(reader->wire + record->next - 4));
	facts->soa_minimum = facts->has_soa ? smaller(facts->soa_minimum, minimum) : minimum;
	facts->has_soa = true;
}

static void take_ttl(struct message_facts *facts, const struct message_record *record)
{
	if (record->section == SECTION_ADDITIONAL)
		return;
	const uint32_t ttl = message_ttl_meant(record->ttl);
	facts->min_ttl = facts->has_ttl ? smaller(facts->min_ttl, ttl) : ttl;
	facts->has_ttl = true;
}

/* Most records are addresses, and need no table. */
static enum rdata_quality check_rdata(const struct reader *reader,
				      const struct message_record *record)
{
	if (record->class == CLASS_IN && record->type == TYPE_A)
		return record->rdata_len == 4 ? RDATA_OK : RDATA_ODD;
	if (record->class == CLASS_IN && record->type == TYPE_AAAA)
		return record->rdata_len == 16 ? RDATA_OK : RDATA_ODD;
	const struct rdata rdata = message_record_rdata(reader->wire, reader->wire_len, record);
	return rdata_check(&rdata);
}

/* False where it makes the message bad. */
static bool take_record(struct reader *reader, const struct message_record *record)
{
	if (record->type == TYPE_OPT)
		return take_opt(reader, record);
	const enum rdata_quality quality = check_rdata(reader, record);
	if (quality == RDATA_BAD)
		return false;
	if (quality != RDATA_OK)
		reader->is_odd = true;
	take_ttl(reader->facts, record);
	if (record->type == TYPE_SOA && record->section == SECTION_AUTHORITY)
		take_soa(reader, record, quality != RDATA_OK);
	if (record->section == SECTION_ANSWER && reader->is_asked && !reader->is_odd)
		follow(reader, record);
	return true;
}

/* Where the type stands behind the owner that is next, 0 where it is bad or too little is left.
 * Most owners are a pointer to the question's name, or the root, OPT's. */
static size_t check_owner(struct reader *reader)
{
	const uint8_t *owner = reader->wire + reader->at;
	const size_t left = reader->wire_len - reader->at;

	if (left >= 2 + RECORD_MIN_LEN && reader->is_asked &&
	    message_get_u16(owner) == (POINTER | MESSAGE_HEADER_LEN))
		return reader->at + 2;
	if (left >= 1 + RECORD_MIN_LEN && *owner == 0)
		return reader->at + 1;
	reader->jumps_left += JUMPS_EACH;
	const size_t type_at =
		name_check_within(reader->wire, reader->wire_len, reader->at, &reader->jumps_left);
	return reader->wire_len - type_at < RECORD_MIN_LEN ? 0 : type_at;
}

static bool read_record(struct reader *reader, enum message_section section)
{
	struct message_record record;
	const size_t type_at = check_owner(reader);

	if (type_at == 0)
		return false;
	record.section = section;
	record.at = reader->at;
	reader->at = message_record_read(reader->wire, type_at, &record);
	return reader->at <= reader->wire_len && take_record(reader, &record);
}

/* --- the message --------------------------------------------------------------------------- */

static void begin(struct message_facts *facts, const uint8_t *wire, size_t wire_len)
{
	memset(facts, 0, sizeof(*facts));
	if (wire_len < MESSAGE_HEADER_LEN)
		return;
	facts->id = message_id(wire);
	facts->flags = message_flags(wire);
	facts->questions = message_get_u16(wire + 4);
}

static enum message_quality read_records(const uint8_t *wire, size_t wire_len,
					 struct message_facts *facts)
{
	struct reader reader;

	reader.wire = wire;
	reader.wire_len = wire_len;
	reader.at = MESSAGE_HEADER_LEN + facts->question_len;
	reader.facts = facts;
	reader.jumps_left = JUMPS_MORE;
	reader.is_odd = reader.is_at_end = reader.has_strays = false;
	reader.is_asked = facts->questions == 1;
	reader.asked_type = reader.asked_class = 0;
	reader.names[0] = MESSAGE_HEADER_LEN;
	if (reader.is_asked) {
		reader.asked_type = message_get_u16(wire + reader.at - 4);
		reader.asked_class = message_get_u16(wire + reader.at - 2);
	}
	for (unsigned section = 0; section < SECTION_COUNT; section++) {
		facts->records[section] = message_get_u16(wire + 6 + 2 * section);
		for (unsigned left = facts->records[section]; left > 0; left--)
			if (!read_record(&reader, (enum message_section)section))
				return MESSAGE_BAD;
	}
	facts->wire_len = reader.at;
	facts->trailing = wire_len - reader.at;
	facts->is_followed = is_followed(&reader);
	return reader.is_odd ? MESSAGE_ODD : MESSAGE_OK;
}

enum message_quality message_read_behind(const uint8_t *wire, size_t wire_len, size_t question_len,
					 struct message_facts *ret_facts)
{
	begin(ret_facts, wire, wire_len);
	ret_facts->question_len = question_len;
	return read_records(wire, wire_len, ret_facts);
}

enum message_quality message_read(const uint8_t *wire, size_t wire_len,
				  struct message_facts *ret_facts)
{
	begin(ret_facts, wire, wire_len);
	if (wire_len < MESSAGE_HEADER_LEN || wire_len > MESSAGE_MAX_LEN || ret_facts->questions > 1)
		return MESSAGE_BAD;
	if (ret_facts->questions == 1) {
		const size_t next = name_check(wire, wire_len, MESSAGE_HEADER_LEN);
		if (next == 0 || wire_len - next < 4)
			return MESSAGE_BAD;
		ret_facts->question_len = next + 4 - MESSAGE_HEADER_LEN;
	}
	return read_records(wire, wire_len, ret_facts);
}
