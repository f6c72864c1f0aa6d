#include "wire/message.h"

#include <string.h>

#include "base/hash.h"
#include "wire/cursor.h"
#include "wire/name.h"
#include "wire/rdata.h"

#define TTL_TOP_BIT 0x80000000u

static uint16_t get_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void set_u16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)get_u16(at) << 16 | get_u16(at + 2);
}

uint16_t message_id(const uint8_t *wire)
{
	return get_u16(wire);
}

void message_set_id(uint8_t *wire, uint16_t id)
{
	set_u16(wire, id);
}

uint16_t message_flags(const uint8_t *wire)
{
	return get_u16(wire + 2);
}

void message_set_flags(uint8_t *wire, uint16_t flags)
{
	set_u16(wire + 2, flags);
}

/* --- walking the records ------------------------------------------------------------------- */

struct record {
	enum message_section section;
	size_t at, ttl_at, rdata_at, next;
	uint16_t type, class, rdata_len;
	uint32_t ttl;
};

/* `at` is where the next record starts; left[] says how many each section still has. */
struct walk {
	const uint8_t *wire;
	size_t wire_len, at;
	uint16_t left[SECTION_COUNT];
	unsigned section;
	bool failed;
};

/* Where the name that stands at `at` ends: the offset of its root label or of its pointer, 0 where
 * it does not end in the message. */
static size_t name_end(const uint8_t *wire, size_t wire_len, size_t at)
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
	const size_t end = name_end(wire, wire_len, at);
	if (end == 0)
		return 0;
	return wire[end] == 0 ? end + 1 : end + 2;
}

static size_t check_name(const uint8_t *wire, size_t wire_len, size_t at)
{
	size_t len, next;
	return name_read(wire, wire_len, at, NULL, &len, &next) == 0 ? next : 0;
}

/* Stands before the first record. `question_next` is the offset behind the question section. */
static struct walk walk_from(const uint8_t *wire, size_t wire_len, size_t question_next)
{
	struct walk walk = { .wire = wire, .wire_len = wire_len, .at = question_next };
	for (unsigned i = 0; i < SECTION_COUNT; i++)
		walk.left[i] = get_u16(wire + 6 + 2 * i);
	return walk;
}

/* For a message that message_read() accepted. */
static struct walk walk_again(const uint8_t *wire, size_t wire_len)
{
	size_t at = MESSAGE_HEADER_LEN;
	if (get_u16(wire + 4) > 0)
		at = skip_name(wire, wire_len, at) + 4;
	return walk_from(wire, wire_len, at);
}

typedef size_t (*owner_fn)(const uint8_t *wire, size_t wire_len, size_t at);

/* The next record; false at the end or, with `failed` set, where there is less than was counted.
 * `read_owner` is skip_name() for a message known to be good, check_name() for any other. */
static bool walk_next(struct walk *walk, owner_fn read_owner, struct record *record)
{
	while (walk->section < SECTION_COUNT && walk->left[walk->section] == 0)
		walk->section++;
	if (walk->section == SECTION_COUNT)
		return false;
	walk->left[walk->section]--;
	walk->failed = true; /* until we know better */

	record->section = (enum message_section)walk->section;
	record->at = walk->at;
	const size_t type_at = read_owner(walk->wire, walk->wire_len, walk->at);
	if (type_at == 0 || walk->wire_len - type_at < 10)
		return false;
	record->type = get_u16(walk->wire + type_at);
	record->class = get_u16(walk->wire + type_at + 2);
	record->ttl_at = type_at + 4;
	record->ttl = get_u32(walk->wire + record->ttl_at);
	record->rdata_len = get_u16(walk->wire + type_at + 8);
	record->rdata_at = type_at + 10;
	if (walk->wire_len - record->rdata_at < record->rdata_len)
		return false;
	record->next = walk->at = record->rdata_at + record->rdata_len;
	walk->failed = false;
	return true;
}

static struct rdata rdata_of(const struct walk *walk, const struct record *record)
{
	return (struct rdata){ .wire = walk->wire,
			       .wire_len = walk->wire_len,
			       .at = record->rdata_at,
			       .len = record->rdata_len,
			       .type = record->type,
			       .class = record->class };
}

/* --- reading ------------------------------------------------------------------------------- */

/* RFC 2181 section 8 */
static uint32_t ttl_meant(uint32_t ttl)
{
	return (ttl & TTL_TOP_BIT) != 0 ? 0 : ttl;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static bool options_are_whole(const uint8_t *options, size_t len)
{
	struct cursor cursor = cursor_over(options, len);
	while (cursor_left(&cursor) > 0 && !cursor.failed) {
		cursor_u16(&cursor);
		cursor_bytes(&cursor, cursor_u16(&cursor));
	}
	return !cursor.failed;
}

/* OPT's fields mean other things than those of a record (RFC 6891 section 6.1.2). Options that
 * overrun are an oddity of this hop only: they are not handed on, the rest is. */
static enum message_quality take_opt(const struct walk *walk, const struct record *record,
				     struct message_facts *facts)
{
	if (facts->has_opt || record->section != SECTION_ADDITIONAL || walk->wire[record->at] != 0)
		return MESSAGE_BAD;
	facts->has_opt = true;
	facts->opt_at = record->at;
	facts->opt_len = record->next - record->at;
	facts->opt_udp_size = record->class;
	facts->opt_rcode = (uint8_t)(record->ttl >> 24);
	facts->opt_version = (uint8_t)(record->ttl >> 16);
	facts->opt_flags = (uint16_t)record->ttl;
	facts->options_at = record->rdata_at;
	if (!options_are_whole(walk->wire + record->rdata_at, record->rdata_len))
		return MESSAGE_ODD;
	facts->options_len = record->rdata_len;
	return MESSAGE_OK;
}

static void take_soa(const struct walk *walk, const struct record *record, bool is_odd,
		     struct message_facts *facts)
{
	uint32_t minimum = 0;
	if (!is_odd) /* its last four bytes */
		minimum = ttl_meant(get_u32(walk->wire + record->next - 4));
	facts->soa_minimum = facts->has_soa ? smaller(facts->soa_minimum, minimum) : minimum;
	facts->has_soa = true;
}

static enum message_quality take_record(const struct walk *walk, const struct record *record,
					struct message_facts *facts)
{
	if (record->type == TYPE_OPT)
		return take_opt(walk, record, facts);

	const struct rdata rdata = rdata_of(walk, record);
	const enum rdata_quality quality = rdata_check(&rdata);
	if (quality == RDATA_BAD)
		return MESSAGE_BAD;
	if (record->section != SECTION_ADDITIONAL) {
		const uint32_t ttl = ttl_meant(record->ttl);
		facts->min_ttl = facts->has_ttl ? smaller(facts->min_ttl, ttl) : ttl;
		facts->has_ttl = true;
	}
	if (record->type == TYPE_SOA && record->section == SECTION_AUTHORITY)
		take_soa(walk, record, quality != RDATA_OK, facts);
	return quality == RDATA_OK ? MESSAGE_OK : MESSAGE_ODD;
}

/* The offset behind the question section, 0 where it is bad. */
static size_t read_question(const uint8_t *wire, size_t wire_len, struct message_facts *facts)
{
	size_t next = MESSAGE_HEADER_LEN;

	facts->questions = get_u16(wire + 4);
	if (facts->questions > 1)
		return 0;
	if (facts->questions == 1) {
		next = check_name(wire, wire_len, next);
		if (next == 0 || wire_len - next < 4)
			return 0;
		next += 4;
	}
	facts->question_len = next - MESSAGE_HEADER_LEN;
	return next;
}

enum message_quality message_read(const uint8_t *wire, size_t wire_len,
				  struct message_facts *ret_facts)
{
	enum message_quality quality = MESSAGE_OK;
	struct record record;

	memset(ret_facts, 0, sizeof(*ret_facts));
	if (wire_len < MESSAGE_HEADER_LEN || wire_len > MESSAGE_MAX_LEN)
		return MESSAGE_BAD;
	ret_facts->id = message_id(wire);
	ret_facts->flags = message_flags(wire);
	const size_t question_next = read_question(wire, wire_len, ret_facts);
	if (question_next == 0)
		return MESSAGE_BAD;

	struct walk walk = walk_from(wire, wire_len, question_next);
	memcpy(ret_facts->records, walk.left, sizeof(walk.left));
	while (walk_next(&walk, check_name, &record)) {
		const enum message_quality its = take_record(&walk, &record, ret_facts);
		if (its < quality)
			quality = its;
		if (quality == MESSAGE_BAD)
			return MESSAGE_BAD;
	}
	if (walk.failed)
		return MESSAGE_BAD;
	ret_facts->wire_len = walk.at;
	ret_facts->trailing = wire_len - walk.at;
	return quality;
}

unsigned message_rcode(const struct message_facts *facts)
{
	return (unsigned)facts->opt_rcode << 4 | FLAGS_RCODE(facts->flags);
}

/* --- taking out OPT ------------------------------------------------------------------------ */

/* The bytes [from, to) are about to go; what stands behind them moves down. */
struct cut {
	uint8_t *wire;
	size_t wire_len, from, to;
	struct hash_key key;
	uint64_t names_hash; /* of every name seen, as it reads when pointers are followed */
};

static void cut_hash_name(void *ctx, size_t name_at)
{
	struct cut *cut = ctx;
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0, next;

	if (name_read(cut->wire, cut->wire_len, name_at, name, &len, &next) != 0)
		len = 0;
	cut->key.k0 = cut->names_hash;
	cut->names_hash = hash_bytes(&cut->key, name, len);
}

static void cut_fix_pointer(void *ctx, size_t name_at)
{
	struct cut *cut = ctx;
	const size_t end = name_end(cut->wire, cut->wire_len, name_at);

	if (end == 0 || cut->wire[end] == 0)
		return;
	const size_t target = get_u16(cut->wire + end) & 0x3fffu;
	if (target >= cut->to)
		set_u16(cut->wire + end, (uint16_t)(0xc000u | (target - (cut->to - cut->from))));
}

/* Calls `fn` for each name that may be compressed in the records from the walk's place on. */
static void cut_each_name(struct cut *cut, struct walk walk, rdata_name_fn fn)
{
	struct record record;

	while (walk_next(&walk, skip_name, &record)) {
		const struct rdata rdata = rdata_of(&walk, &record);
		fn(cut, record.at);
		rdata_each_name(&rdata, fn, cut);
	}
}

/* Moves what follows OPT over it. False where a name behind OPT would read otherwise then: it
 * points into OPT, or through bytes that are no name (which we must not change). */
static bool close_gap(struct cut *cut, struct walk behind)
{
	cut->names_hash = 0;
	cut_each_name(cut, behind, cut_hash_name);
	const uint64_t hash_before = cut->names_hash;

	cut_each_name(cut, behind, cut_fix_pointer);
	memmove(cut->wire + cut->from, cut->wire + cut->to, cut->wire_len - cut->to);
	cut->wire_len -= cut->to - cut->from;
	behind.at = cut->from;
	behind.wire_len = cut->wire_len;
	cut->names_hash = 0;
	cut_each_name(cut, behind, cut_hash_name);
	return cut->names_hash == hash_before;
}

size_t message_cut_opt(uint8_t *wire, struct message_facts *facts)
{
	struct cut cut = { .wire = wire,
			   .wire_len = facts->wire_len,
			   .from = facts->opt_at,
			   .to = facts->opt_at + facts->opt_len };
	struct record record;

	if (!facts->has_opt)
		return facts->wire_len;
	if (cut.to < facts->wire_len) {
		struct walk walk = walk_again(wire, facts->wire_len);
		while (walk.at < cut.to && walk_next(&walk, skip_name, &record))
			;
		const uint16_t behind = walk.left[SECTION_ADDITIONAL];
		if (!close_gap(&cut, walk)) {
			cut.wire_len = cut.from;
			facts->records[SECTION_ADDITIONAL] =
				(uint16_t)(facts->records[SECTION_ADDITIONAL] - behind);
		}
	} else {
		cut.wire_len = cut.from;
	}
	facts->records[SECTION_ADDITIONAL]--;
	set_u16(wire + 10, facts->records[SECTION_ADDITIONAL]);
	facts->has_opt = false;
	facts->options_len = 0;
	facts->trailing = 0;
	facts->wire_len = cut.wire_len;
	return cut.wire_len;
}

/* --- letter case --------------------------------------------------------------------------- */

/* What the owner at `at` says before its pointer or its root label, if it says the same as the
 * question's name does before the same place. */
static void set_owner_case(uint8_t *wire, size_t wire_len, size_t at, const uint8_t *name,
			   size_t name_len)
{
	const size_t end = name_end(wire, wire_len, at);
	const size_t len = end - at;
	size_t goes_on = MESSAGE_HEADER_LEN + name_len - 1;

	if (wire[end] != 0)
		goes_on = get_u16(wire + end) & 0x3fffu;
	if (goes_on >= MESSAGE_HEADER_LEN + name_len || goes_on < MESSAGE_HEADER_LEN + len)
		return;
	const size_t same_at = goes_on - len;
	if (memcmp(wire + at, wire + same_at, len) == 0)
		memcpy(wire + at, name + same_at - MESSAGE_HEADER_LEN, len);
}

void message_set_case(uint8_t *wire, size_t wire_len, const uint8_t *name, size_t name_len)
{
	struct walk walk = walk_again(wire, wire_len);
	struct record record;

	while (walk_next(&walk, skip_name, &record))
		set_owner_case(wire, wire_len, record.at, name, name_len);
	memcpy(wire + MESSAGE_HEADER_LEN, name, name_len);
}

/* --- TTLs ---------------------------------------------------------------------------------- */

size_t message_ttl_offsets(const uint8_t *wire, size_t wire_len, uint16_t *ret_offsets, size_t max)
{
	struct walk walk = walk_again(wire, wire_len);
	struct record record;
	size_t count = 0;

	while (walk_next(&walk, skip_name, &record)) {
		if (record.type == TYPE_OPT)
			continue;
		if (count < max)
			ret_offsets[count] = (uint16_t)record.ttl_at;
		count++;
	}
	return count;
}

static void set_ttl(uint8_t *wire, const struct record *record, uint32_t ttl)
{
	set_u16(wire + record->ttl_at, (uint16_t)(ttl >> 16));
	set_u16(wire + record->ttl_at + 2, (uint16_t)ttl);
}

void message_set_ttls(uint8_t *wire, size_t wire_len, uint32_t ttl)
{
	struct walk walk = walk_again(wire, wire_len);
	struct record record;

	while (walk_next(&walk, skip_name, &record)) {
		if (record.type != TYPE_OPT)
			set_ttl(wire, &record, ttl);
	}
}

void message_clamp_ttls(uint8_t *wire, size_t wire_len, uint32_t ttl_min, uint32_t ttl_max)
{
	struct walk walk = walk_again(wire, wire_len);
	struct record record;

	while (walk_next(&walk, skip_name, &record)) {
		if (record.type == TYPE_OPT || ttl_meant(record.ttl) == 0)
			continue;
		uint32_t ttl = record.ttl < ttl_min ? ttl_min : record.ttl;
		set_ttl(wire, &record, smaller(ttl, ttl_max));
	}
}

/* SERIAL stands before the last four numbers of a SOA, whatever its names. */
static uint32_t soa_serial(const uint8_t *wire, const struct record *record)
{
	const uint8_t *end = wire + record->rdata_at + record->rdata_len;

	if (record->rdata_len < 20)
		return 0;
	return get_u32(end - 20);
}

bool message_is_whole_transfer(const uint8_t *wire, size_t wire_len, uint16_t type)
{
	struct walk walk = walk_again(wire, wire_len);
	struct record record;
	uint32_t newest = 0;
	unsigned records = 0, soas = 0;
	bool has_ended = false;

	/* Behind the first SOA every other one begins a difference, of an older version, or, of the
	 * version of the first, ends the transfer. */
	while (walk_next(&walk, skip_name, &record) && record.section == SECTION_ANSWER) {
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
