/* What a server may send, and what it is taken for: never a crash, whatever ldns makes of it; a
 * verdict that fits the header; and the shape that a plain search through the records finds. */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "policy/classify.h"
#include "policy/squash.h"
#include "rr/packet.h"
#include "rr/synth.h"
#include "wire/message.h"
#include "wire/name.h"
#include "wire/query_view.h"

#define RECORDS_MAX 200

/* --- a search of our own, to compare with --------------------------------------------------- */

struct name {
	uint8_t bytes[NAME_MAX_LEN];
	size_t len;
};

struct record {
	struct name owner, target; /* target of a CNAME */
	unsigned type, class;
};

static unsigned get_u16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static bool is_same(const struct name *a, const struct name *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Of a message that message_read() found good. */
static size_t read_name(const uint8_t *wire, size_t wire_len, size_t at, struct name *name)
{
	size_t next = 0;
	CHECK(name_read(wire, wire_len, at, name->bytes, &name->len, &next) == 0);
	name_lower(name->bytes, name->bytes, name->len);
	return next;
}

static size_t read_record(const uint8_t *wire, size_t wire_len, size_t at, struct record *record)
{
	at = read_name(wire, wire_len, at, &record->owner);
	record->type = get_u16(wire + at);
	record->class = get_u16(wire + at + 2);
	if (record->type == TYPE_CNAME)
		read_name(wire, wire_len, at + 10, &record->target);
	return at + 10 + get_u16(wire + at + 8);
}

/* Asks every record at every hop; after more hops than records it goes round in circles. */
static struct packet_shape search(const uint8_t *wire, const struct message_facts *facts)
{
	static struct record records[RECORDS_MAX];
	const size_t count = facts->records[SECTION_ANSWER];
	struct packet_shape shape = { .rcode = FLAGS_RCODE(facts->flags),
				      .has_soa = facts->has_soa };
	bool is_used[RECORDS_MAX] = { false };
	struct name name;

	size_t at = read_name(wire, facts->wire_len, MESSAGE_HEADER_LEN, &name);
	const unsigned type = get_u16(wire + at), class = get_u16(wire + at + 2);
	at += 4;
	for (size_t i = 0; i < count; i++)
		at = read_record(wire, facts->wire_len, at, &records[i]);
	for (size_t hops = 0;; hops++) {
		size_t next = count;
		for (size_t i = count; i-- > 0;) {
			const struct record *record = &records[i];
			if (!is_same(&record->owner, &name) ||
			    (record->class != class && class != CLASS_ANY))
				continue;
			if (record->type == type || type == TYPE_ANY)
				is_used[i] = shape.has_data = true;
			else if (record->type == TYPE_CNAME)
				next = i;
		}
		if (next == count)
			break;
		shape.has_loop = hops > count;
		if (shape.has_loop)
			break;
		shape.cname_count += !is_used[next];
		is_used[next] = true;
		name = records[next].target;
	}
	for (size_t i = 0; i < count; i++)
		shape.has_other_answers |= !is_used[i];
	return shape;
}

static void check_shape(const uint8_t *wire, const struct message_facts *facts)
{
	const struct packet_shape expected = search(wire, facts);
	struct packet_shape shape;

	CHECK(packet_shape(wire, facts->wire_len, &shape) == 0);
	CHECK(shape.rcode == expected.rcode && shape.cname_count == expected.cname_count);
	CHECK(shape.has_data == expected.has_data && shape.has_soa == expected.has_soa);
	CHECK(shape.has_loop == expected.has_loop);
	CHECK(shape.has_other_answers == expected.has_other_answers);
}

/* --- verdicts ------------------------------------------------------------------------------ */

/* Whether the walk of message_read() has decided or ldns: it is the same. */
static void check_way(const uint8_t *wire, const struct message_facts *facts, enum verdict verdict)
{
	struct message_facts unfollowed = *facts;

	unfollowed.is_followed = false;
	CHECK(classify_reply(wire, &unfollowed) == verdict);
}

static void check_verdict(const struct message_facts *facts, enum verdict verdict)
{
	const unsigned rcode = message_rcode(facts);
	const bool has_answers = facts->records[SECTION_ANSWER] > 0;

	switch (verdict) {
	case VERDICT_ANSWERED:
		CHECK(rcode == RCODE_NOERROR && has_answers);
		break;
	case VERDICT_NODATA:
		CHECK(rcode == RCODE_NOERROR && facts->has_soa);
		break;
	case VERDICT_NXDOMAIN:
		CHECK(rcode == RCODE_NXDOMAIN);
		break;
	case VERDICT_DANGLING:
		CHECK(rcode == RCODE_NOERROR && has_answers && facts->has_soa);
		break;
	case VERDICT_DANGLING_NXDOMAIN:
		CHECK(rcode == RCODE_NXDOMAIN && has_answers);
		break;
	case VERDICT_BARE:
		CHECK(rcode == RCODE_NOERROR && !facts->has_soa);
		break;
	case VERDICT_FAILED:
		CHECK(rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN);
		break;
	}
	CHECK(classify_text(verdict)[0] != '\0');
}

/* --- squashes ------------------------------------------------------------------------------ */

/* An answer of our own is no squash, whatever the SOA that it is given. */
static void check_made(const struct squash_family *family, const uint8_t *data, size_t size,
		       uint16_t type)
{
	uint8_t query[MESSAGE_HEADER_LEN + NAME_MAX_LEN + 4] = { [2] = 1, [5] = 1 };
	const size_t len = name_len(family->alias);
	const struct synth_dangle how = {
		.target = family->target, .zone = family->target, .like = data, .like_len = size
	};
	uint8_t out[4096];
	size_t out_len = 0;
	struct query_view view;
	struct message_facts facts;

	memcpy(query + MESSAGE_HEADER_LEN, family->alias, len);
	query[MESSAGE_HEADER_LEN + len] = (uint8_t)(type >> 8);
	query[MESSAGE_HEADER_LEN + len + 1] = (uint8_t)type;
	query[MESSAGE_HEADER_LEN + len + 3] = CLASS_IN;
	CHECK(query_view_parse(&view, query, MESSAGE_HEADER_LEN + len + 4) == QUERY_OK);
	CHECK(synth_dangling(&view, &how, out, sizeof(out), &out_len) == 0);
	CHECK(message_read(out, out_len, &facts) == MESSAGE_OK && facts.trailing == 0);
	CHECK(facts.has_soa && squash_judge(family, out, &facts) == SQUASH_NONE);
}

/* The asked name taken for an alias. */
static void check_squash(const uint8_t *data, const struct message_facts *facts)
{
	static const uint8_t target[] = "\6target\7example";
	struct squash_news news;
	struct name asked;

	const size_t at = read_name(data, facts->wire_len, MESSAGE_HEADER_LEN, &asked);
	const uint16_t type = (uint16_t)get_u16(data + at);
	const struct squash_family family = { .alias = asked.bytes, .target = target };
	const enum squash squash = squash_judge(&family, data, facts);
	if (type != TYPE_A && type != TYPE_AAAA && type != TYPE_HTTPS && type != TYPE_SVCB) {
		CHECK(squash == SQUASH_NONE);
		return;
	}
	const bool has_failed = message_rcode(facts) != RCODE_NOERROR;
	CHECK(!has_failed || squash == SQUASH_NXDOMAIN || squash == SQUASH_SERVFAIL ||
	      squash == SQUASH_REFUSED);
	CHECK(squash != SQUASH_SILENT && squash_text(squash)[0] != '\0');
	squash_read_news(&family, data, facts, &news);
	CHECK(squash != SQUASH_SINKHOLE || !news.has_address);
	CHECK(squash_is_same_news(&news, &news) == news.has_address);
	check_made(&family, data, facts->wire_len, type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message_facts facts;

	const enum message_quality quality = message_read(data, size, &facts);
	if (quality == MESSAGE_BAD)
		return 0;
	const enum verdict verdict = classify_reply(data, &facts);
	check_verdict(&facts, verdict);
	check_way(data, &facts, verdict);
	if (quality == MESSAGE_OK && facts.questions == 1 &&
	    facts.records[SECTION_ANSWER] <= RECORDS_MAX)
		check_shape(data, &facts);
	if (quality == MESSAGE_OK && facts.questions == 1)
		check_squash(data, &facts);

	/* the way it is asked in earnest: without OPT, and with nothing behind its end */
	uint8_t *cut = fuzz_alloc(size);
	memcpy(cut, data, size);
	const size_t len = message_cut_opt(cut, &facts);
	uint8_t *exact = fuzz_alloc(len);
	memcpy(exact, cut, len);
	CHECK(classify_reply(exact, &facts) == verdict);
	free(exact);
	free(cut);
	return 0;
}
