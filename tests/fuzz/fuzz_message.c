/* What a server may send: the bytes are a reply, and its ID says what we do with it. Walk, taking
 * out OPT, TTLs and writing it on to a client must agree about what is in it. */
#include <string.h>

#include "base/hash.h"
#include "fuzz.h"
#include "wire/message.h"
#include "wire/name.h"
#include "wire/query_view.h"
#include "wire/rdata.h"
#include "wire/reply.h"

#define EDNS_SIZE 1232

static unsigned get_u16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)get_u16(at) << 16 | get_u16(at + 2);
}

static void put_u16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* --- a walk of our own, to compare with ----------------------------------------------------- */

/* One record with its names as they read. */
struct record {
	size_t at, ttl_at, next;
	struct rdata rdata;
	uint64_t sum; /* of owner, type, class, TTL, and of the names in its RDATA */
};

struct sum {
	const uint8_t *wire;
	size_t wire_len;
	uint64_t sum;
};

static void sum_bytes(struct sum *sum, const uint8_t *bytes, size_t len)
{
	const struct hash_key key = { sum->sum, 1 };
	sum->sum = hash_bytes(&key, bytes, len);
}

static size_t sum_name(struct sum *sum, size_t at)
{
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0, next = 0;
	if (name_read(sum->wire, sum->wire_len, at, name, &len, &next) == 0)
		sum_bytes(sum, name, len);
	return next;
}

static void sum_rdata_name(void *ctx, size_t name_at)
{
	sum_name(ctx, name_at);
}

/* The record at `at` of a message that was found good. */
static struct record read_record(const uint8_t *wire, size_t wire_len, size_t at)
{
	struct sum sum = { .wire = wire, .wire_len = wire_len };
	struct record record = { .at = at };
	const size_t type_at = sum_name(&sum, at);

	CHECK(type_at > at && type_at + 10 <= wire_len);
	sum_bytes(&sum, wire + type_at, 10);
	record.ttl_at = type_at + 4;
	record.rdata = (struct rdata){ .wire = wire,
				       .wire_len = wire_len,
				       .at = type_at + 10,
				       .len = get_u16(wire + type_at + 8),
				       .type = (uint16_t)get_u16(wire + type_at),
				       .class = (uint16_t)get_u16(wire + type_at + 2) };
	record.next = record.rdata.at + record.rdata.len;
	CHECK(record.next <= wire_len);
	rdata_each_name(&record.rdata, sum_rdata_name, &sum);
	record.sum = sum.sum;
	return record;
}

static size_t record_count(const struct message_facts *facts)
{
	return (size_t)facts->records[SECTION_ANSWER] + facts->records[SECTION_AUTHORITY] +
	       facts->records[SECTION_ADDITIONAL];
}

/* By the walk that is to be checked: of every record but OPT. */
static size_t ttl_offsets(const uint8_t *wire, size_t wire_len, uint16_t *offsets, size_t max)
{
	struct message_walk walk = message_walk_from(wire, wire_len);
	struct message_record record;
	size_t count = 0;

	while (message_walk_next(&walk, &record)) {
		CHECK(record.next <= wire_len && record.rdata_at + record.rdata_len == record.next);
		if (record.type != TYPE_OPT && count < max)
			offsets[count++] = (uint16_t)record.ttl_at;
	}
	CHECK(walk.at == wire_len);
	return count;
}

/* --- the checks ---------------------------------------------------------------------------- */

static void check_facts(const uint8_t *wire, size_t size, const struct message_facts *facts,
			enum message_quality quality)
{
	CHECK(facts->wire_len + facts->trailing == size);
	CHECK(facts->wire_len >= MESSAGE_HEADER_LEN + facts->question_len);
	CHECK(facts->questions == (facts->question_len > 0));
	if (facts->has_opt) {
		CHECK(facts->opt_at + facts->opt_len <= facts->wire_len && facts->opt_len >= 11);
		CHECK(wire[facts->opt_at] == 0);
		CHECK(facts->options_at + facts->options_len <= facts->opt_at + facts->opt_len);
	}
	size_t at = MESSAGE_HEADER_LEN + facts->question_len;
	for (size_t left = record_count(facts); left > 0; left--)
		at = read_record(wire, facts->wire_len, at).next;
	CHECK(at == facts->wire_len);
	/* every piece of it is bad, and it needs nothing behind it */
	struct message_facts other;
	CHECK(message_read(wire, facts->wire_len - 1, &other) == MESSAGE_BAD);
	if (facts->questions == 0)
		return;
	CHECK(message_read_behind(wire, size, facts->question_len, &other) == quality);
	CHECK(other.wire_len == facts->wire_len && other.hops == facts->hops);
	CHECK(other.is_followed == facts->is_followed && other.has_data == facts->has_data);
}

static void check_ttls(const uint8_t *wire, const struct message_facts *facts)
{
	static uint16_t offsets[8192];
	const size_t count = ttl_offsets(wire, facts->wire_len, offsets, 8192);
	const size_t counted_in =
		(size_t)facts->records[SECTION_ANSWER] + facts->records[SECTION_AUTHORITY];
	uint32_t smallest = UINT32_MAX;

	CHECK(count == record_count(facts) - facts->has_opt && count <= 8192);
	for (size_t i = 0; i < count; i++) {
		CHECK(offsets[i] + 4u <= facts->wire_len);
		CHECK(i == 0 || offsets[i] > offsets[i - 1]);
		uint32_t ttl = get_u32(wire + offsets[i]);
		if ((ttl & 0x80000000u) != 0)
			ttl = 0;
		if (i < counted_in && ttl < smallest)
			smallest = ttl;
	}
	CHECK(facts->has_ttl == (counted_in > 0));
	CHECK(!facts->has_ttl || facts->min_ttl == smallest);
}

static void check_clamp(const uint8_t *wire, const struct message_facts *facts, uint32_t ttl_min,
			uint32_t ttl_max)
{
	static uint16_t offsets[8192];
	const size_t len = facts->wire_len;
	uint8_t *copy = fuzz_alloc(len);

	memcpy(copy, wire, len);
	message_clamp_ttls(copy, len, ttl_min, ttl_max);
	const size_t count = ttl_offsets(copy, len, offsets, 8192);
	for (size_t i = 0; i < count; i++) {
		const uint32_t before = get_u32(wire + offsets[i]);
		const uint32_t after = get_u32(copy + offsets[i]);
		if (before == 0 || (before & 0x80000000u) != 0)
			CHECK(after == before);
		else
			CHECK(after >= ttl_min && after <= ttl_max &&
			      (after == before || before < ttl_min || before > ttl_max));
		memcpy(copy + offsets[i], wire + offsets[i], 4);
	}
	CHECK(memcmp(copy, wire, len) == 0);
	free(copy);
}

/* Without OPT every record reads as before; those behind OPT are all there or all gone. */
static void check_cut(const uint8_t *wire, enum message_quality quality,
		      const struct message_facts *before, uint8_t *cut, struct message_facts *facts)
{
	struct message_facts again;
	const unsigned rcode = message_rcode(before);

	*facts = *before;
	const size_t len = message_cut_opt(cut, facts);
	CHECK(len == facts->wire_len && len <= before->wire_len);
	CHECK(!facts->has_opt && facts->options_len == 0);
	CHECK(message_rcode(facts) == rcode);
	CHECK(message_read(cut, len, &again) >= quality);
	CHECK(again.trailing == 0 && !again.has_opt);
	CHECK(record_count(&again) == record_count(facts));
	CHECK(again.min_ttl == before->min_ttl && again.soa_minimum == before->soa_minimum);
	CHECK(again.is_followed >= before->is_followed);
	CHECK(!before->is_followed ||
	      (again.has_data == before->has_data && again.hops == before->hops));

	size_t at = MESSAGE_HEADER_LEN + before->question_len, cut_at = at;
	for (size_t left = record_count(facts); left > 0; left--) {
		struct record old = read_record(wire, before->wire_len, at);
		if (before->has_opt && at == before->opt_at)
			old = read_record(wire, before->wire_len, old.next);
		const struct record new = read_record(cut, len, cut_at);
		CHECK(old.sum == new.sum &&old.rdata.len == new.rdata.len);
		at = old.next;
		cut_at = new.next;
	}
	CHECK(cut_at == len);
	if (before->has_opt)
		CHECK(at >= before->opt_at);
	else
		CHECK(at == before->wire_len);
}

/* Nothing but letters in the other case. */
static void check_case(const uint8_t *wire, const struct message_facts *facts,
		       enum message_quality quality)
{
	const size_t len = facts->wire_len;
	uint8_t name[NAME_MAX_LEN];
	struct message_facts again;
	size_t name_len, next;

	if (facts->questions == 0 ||
	    name_read(wire, len, MESSAGE_HEADER_LEN, name, &name_len, &next) != 0 ||
	    name_len + 4 != facts->question_len)
		return;
	name_lower(name, name, name_len);
	uint8_t *copy = fuzz_alloc(len);
	memcpy(copy, wire, len);
	message_set_case(copy, len, name, name_len);
	CHECK(memcmp(copy + MESSAGE_HEADER_LEN, name, name_len) == 0);
	CHECK(message_read(copy, len, &again) == quality);
	for (size_t i = 0; i < len; i++) {
		const bool is_upper = wire[i] >= 'A' && wire[i] <= 'Z';
		CHECK(copy[i] == wire[i] || (is_upper && copy[i] == (wire[i] | 0x20)));
	}
	free(copy);
}

/* --- on to a client ------------------------------------------------------------------------ */

/* A client's query for the reply's question (or another, where it has none), in another case; its
 * ID and flags from `control`. */
static size_t write_query(uint8_t query[300], const uint8_t *question, size_t question_len,
			  unsigned control)
{
	static const uint8_t other[] = { 1, 'x', 0, 0, TYPE_A, 0, CLASS_IN };
	if (question_len == 0) {
		question = other;
		question_len = sizeof(other);
	}
	size_t len = MESSAGE_HEADER_LEN + question_len;

	memset(query, 0, 300);
	put_u16(query, ~control & 0xffff);
	put_u16(query + 2, control & FLAG_AD);
	put_u16(query + 4, 1);
	memcpy(query + MESSAGE_HEADER_LEN, question, question_len);
	for (uint8_t *label = query + MESSAGE_HEADER_LEN; *label != 0; label += 1 + *label) {
		for (size_t i = 1; i <= *label; i++) {
			if (label[i] >= 'a' && label[i] <= 'z')
				label[i] = (uint8_t)(label[i] - 'a' + 'A');
		}
	}
	if ((control & 1) != 0) {
		put_u16(query + 10, 1);
		put_u16(query + len + 1, TYPE_OPT);
		put_u16(query + len + 3, control & 0x0fff);
		put_u16(query + len + 7, (control & 2) != 0 ? 0x8000 : 0);
		len += 11;
	}
	return len;
}

static void check_truncated(const struct message_facts *facts, const struct query_view *view)
{
	CHECK((facts->flags & FLAG_TC) != 0);
	CHECK(record_count(facts) == (view->has_edns ? 1u : 0u));
	CHECK(facts->has_opt == view->has_edns);
}

/* The source, but for ID, flags, the name's case and the count that OPT adds to. */
static void check_whole(const uint8_t *out, const struct message_facts *facts,
			const struct reply_source *source, const struct query_view *view)
{
	const size_t name_end = MESSAGE_HEADER_LEN + view->name_len;
	const unsigned own_flags = FLAG_AD | 15u;

	CHECK((facts->flags & ~own_flags) == (message_flags(source->wire) & ~own_flags));
	CHECK((facts->flags & FLAG_AD) == 0 || view->wants_dnssec || (view->flags & FLAG_AD) != 0);
	CHECK(memcmp(out + 4, source->wire + 4, 6) == 0);
	CHECK(get_u16(out + 10) == get_u16(source->wire + 10) + (facts->has_opt ? 1u : 0u));
	CHECK(memcmp(out + name_end, source->wire + name_end, source->wire_len - name_end) == 0);
	CHECK(facts->has_opt || message_rcode(facts) == RCODE_SERVFAIL || source->opt_rcode == 0);
	if (facts->has_opt) {
		CHECK(facts->opt_at == source->wire_len && facts->opt_rcode == source->opt_rcode);
		CHECK(facts->opt_udp_size == EDNS_SIZE && facts->opt_version == 0);
		CHECK(facts->opt_flags == (view->wants_dnssec ? 0x8000 : 0));
		CHECK(facts->options_len == 0 || facts->options_len == source->options_len);
	}
}

static void check_reply(const uint8_t *wire, const struct message_facts *facts, unsigned control)
{
	static const uint8_t options[] = { 0, 15, 0, 6, 0, 3, 't', 'e', 'x', 't' };
	const size_t limits[] = { 512, 1232, MESSAGE_MAX_LEN, facts->wire_len,
				  facts->wire_len + 11 };
	const struct reply_source source = { .wire = wire,
					     .wire_len = facts->wire_len,
					     .opt_rcode = facts->opt_rcode,
					     .options = options,
					     .options_len = sizeof(options) };
	struct message_facts written;
	struct query_view view;
	uint8_t query[300];

	const size_t query_len =
		write_query(query, wire + MESSAGE_HEADER_LEN, facts->question_len, control);
	if (query_view_parse(&view, query, query_len) != QUERY_OK)
		return; /* no client asks for such a type */
	size_t limit = limits[control / 4 % 5];
	limit = limit < 512 ? 512 : limit > MESSAGE_MAX_LEN ? MESSAGE_MAX_LEN : limit;
	uint8_t *out = fuzz_alloc(limit);
	const size_t len = reply_write(out, limit, limit, &source, &view, EDNS_SIZE);
	CHECK(len >= MESSAGE_HEADER_LEN && len <= limit);
	CHECK(message_read(out, len, &written) != MESSAGE_BAD);
	CHECK(written.id == view.id && written.trailing == 0);
	CHECK(written.question_len == view.question_len);
	if (facts->question_len == 0) {
		CHECK(record_count(&written) == (view.has_edns ? 1u : 0u));
		CHECK((written.flags & FLAG_TC) == (facts->flags & FLAG_TC));
	} else if (view.is_opaque && len == source.wire_len && source.wire_len <= limit) {
		CHECK(memcmp(out + 2, wire + 2, len - 2) == 0);
	} else {
		CHECK(memcmp(out + MESSAGE_HEADER_LEN, view.name, view.question_len) == 0);
		if (len < source.wire_len || source.wire_len > limit)
			check_truncated(&written, &view);
		else if (record_count(&written) >= record_count(facts) &&
			 (written.flags & FLAG_TC) == (facts->flags & FLAG_TC))
			check_whole(out, &written, &source, &view);
		else
			check_truncated(&written, &view);
	}
	/* over its own source, with the options behind it as a cache has them: the same bytes */
	const size_t room = source.wire_len + sizeof(options);
	uint8_t *place = fuzz_alloc(room > limit ? room : limit);
	struct reply_source in_place = source;
	memcpy(place, wire, source.wire_len);
	memcpy(place + source.wire_len, options, sizeof(options));
	in_place.wire = place;
	in_place.options = place + source.wire_len;
	CHECK(reply_write(place, limit, limit, &in_place, &view, EDNS_SIZE) == len);
	CHECK(memcmp(place, out, len) == 0);
	free(place);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message_facts facts, cut_facts;

	const enum message_quality quality = message_read(data, size, &facts);
	if (quality == MESSAGE_BAD)
		return 0;
	const unsigned control = message_id(data);
	check_facts(data, size, &facts, quality);
	check_ttls(data, &facts);
	check_clamp(data, &facts, control % 7 * 100, 600 + control % 3 * 100000);

	check_case(data, &facts, quality);

	uint8_t *cut = fuzz_alloc(size);
	memcpy(cut, data, size);
	check_cut(data, quality, &facts, cut, &cut_facts);
	check_reply(cut, &cut_facts, control);
	free(cut);
	return 0;
}
