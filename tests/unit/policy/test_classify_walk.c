/* Two ways to one verdict: the walk of message_read(), and where that cannot tell, ldns. Both judge
 * the recorded answers of Apple's hosts, what fuzzing has found, and chains made at random. */
#include "base/mem.h"
#include "policy/classify.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../fuzz/made_chain.h"
#include "made_reply.h"

#define FIXTURES "tests/functional/fixtures/apple.csv"
#define CORPUS "tests/fuzz/corpus"

/* Of those that have been judged. */
struct tally {
	unsigned all, followed, chained, dangling;
};

static void compare(const uint8_t *wire, size_t wire_len, struct tally *tally)
{
	struct message_facts facts;
	struct packet_shape shape;

	const enum message_quality quality = message_read(wire, wire_len, &facts);
	if (quality == MESSAGE_BAD)
		return;
	const enum verdict verdict = classify_reply(wire, &facts);
	tally->all++;
	tally->followed += facts.is_followed;
	tally->chained += facts.is_followed && facts.hops > 0;
	tally->dangling += verdict == VERDICT_DANGLING || verdict == VERDICT_DANGLING_NXDOMAIN;
	if (facts.is_followed) {
		assert_int_equal(quality, MESSAGE_OK);
		assert_int_equal(packet_shape(wire, facts.wire_len, &shape), 0);
		assert_int_equal(facts.has_data, shape.has_data);
		assert_int_equal(facts.hops > 0, shape.cname_count > 0);
		if (!facts.has_data)
			assert_int_equal(facts.hops, shape.cname_count);
		facts.is_followed = false;
	}
	if (facts.records[SECTION_ANSWER] <= CLASSIFY_READ_MAX)
		assert_int_equal(classify_reply(wire, &facts), verdict);
}

/* --- recorded ------------------------------------------------------------------------------ */

struct row {
	char line[1024];
	char *field[11]; /* case,qname,qtype,rcode,section,name,type,ttl,rdata,year,size */
};
enum { CASE, QNAME, QTYPE, RCODE, SECTION, NAME, TYPE, TTL, RDATA };

static bool read_row(FILE *file, struct row *row)
{
	if (fgets(row->line, sizeof(row->line), file) == NULL)
		return false;
	char *rest = row->line;
	for (size_t i = 0; i < sizeof(row->field) / sizeof(row->field[0]); i++) {
		row->field[i] = strsep(&rest, ",");
		if (row->field[i] == NULL)
			row->field[i] = rest = "";
	}
	return true;
}

/* Names in full, or where it can be pointers to the asked name and to the one told last. */
struct recorded {
	struct made_reply reply;
	char name[1024];
	bool is_short;
	char asked[256], last[256];
	size_t last_at;
};

static void put_owner(struct recorded *recorded, const char *name)
{
	if (recorded->is_short && strcasecmp(name, recorded->asked) == 0)
		cursor_put_u16(&recorded->reply.out, 0xc000u | MESSAGE_HEADER_LEN);
	else if (recorded->is_short && strcasecmp(name, recorded->last) == 0)
		cursor_put_u16(&recorded->reply.out, (uint16_t)(0xc000u | recorded->last_at));
	else
		made_reply_put_name(&recorded->reply, name);
}

static void add_row(struct recorded *recorded, const struct row *row)
{
	struct made_reply *reply = &recorded->reply;
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0;
	uint16_t type = 0;

	assert_true(type_from_text(row->field[TYPE], &type));
	made_reply_count(reply, strcmp(row->field[SECTION], "answer") == 0 ? SECTION_ANSWER
									   : SECTION_AUTHORITY);
	put_owner(recorded, row->field[NAME]);
	switch (type) {
	case TYPE_CNAME:
	case TYPE_NS:
		assert_int_equal(name_from_text(row->field[RDATA], name, &len), 0);
		made_reply_head(reply, type, len);
		snprintf(recorded->last, sizeof(recorded->last), "%s", row->field[RDATA]);
		recorded->last_at = cursor_written(&reply->out);
		cursor_put(&reply->out, name, len);
		break;
	case TYPE_SOA:
		made_reply_head(reply, type, 22);
		cursor_put(&reply->out, "\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 22);
		break;
	default:
		assert_true(type == TYPE_A || type == TYPE_TXT);
		made_reply_head(reply, type, 4);
		cursor_put(&reply->out, "\3abc", 4);
		break;
	}
}

static void start(struct recorded *recorded, const struct row *row)
{
	uint16_t type = 0;

	assert_true(type_from_text(row->field[QTYPE], &type));
	made_reply_ask(&recorded->reply,
		       strcmp(row->field[RCODE], "NOERROR") == 0 ? RCODE_NOERROR : RCODE_NXDOMAIN,
		       row->field[QNAME], type);
	snprintf(recorded->name, sizeof(recorded->name), "%s", row->field[CASE]);
	snprintf(recorded->asked, sizeof(recorded->asked), "%s", row->field[QNAME]);
	recorded->last[0] = '\0';
}

static struct tally judge_recorded(bool is_short)
{
	static struct recorded recorded;
	static struct row row;
	struct tally tally = { 0 };
	FILE *file = fopen(FIXTURES, "r");

	recorded = (struct recorded){ .is_short = is_short };
	assert_non_null(file);
	assert_true(read_row(file, &row)); /* the titles */
	while (read_row(file, &row)) {
		if (strcmp(row.field[CASE], recorded.name) != 0) {
			if (recorded.name[0] != '\0')
				compare(recorded.reply.wire, made_reply_len(&recorded.reply),
					&tally);
			start(&recorded, &row);
		}
		add_row(&recorded, &row);
	}
	compare(recorded.reply.wire, made_reply_len(&recorded.reply), &tally);
	fclose(file);
	return tally;
}

static void recorded_answers_are_judged_without_ldns_as_with_it(void **state)
{
	(void)state;
	for (unsigned is_short = 0; is_short < 2; is_short++) {
		const struct tally tally = judge_recorded(is_short != 0);

		assert_true(tally.all > 40 && tally.dangling > 5 && tally.chained > 20);
		assert_int_equal(tally.followed, tally.all);
	}
}

/* --- found by fuzzing ---------------------------------------------------------------------- */

static void judge_corpus(const char *target, bool is_made, struct tally *tally)
{
	static uint8_t bytes[MESSAGE_MAX_LEN], made[MADE_CHAIN_MAX];
	char path[512];
	DIR *folder;

	snprintf(path, sizeof(path), CORPUS "/%s", target);
	folder = opendir(path);
	assert_non_null(folder);
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), CORPUS "/%s/%s", target, entry->d_name);
		FILE *file = fopen(path, "r");
		assert_non_null(file);
		const size_t len = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		if (is_made)
			compare(made, made_chain(bytes, len, made), tally);
		else
			compare(bytes, len, tally);
	}
	closedir(folder);
}

static void what_fuzzing_has_found_is_judged_the_same(void **state)
{
	(void)state;
	struct tally tally = { 0 };

	judge_corpus("classify", false, &tally);
	judge_corpus("message", false, &tally);
	judge_corpus("chain", true, &tally);
	assert_true(tally.all > 100 && tally.followed > 50 && tally.chained > 10);
	assert_true(tally.followed < tally.all);
}

/* --- made at random ------------------------------------------------------------------------ */

/* Every other record is of the name that the one before it leads to. */
static size_t draw_chain(uint64_t *seed, uint8_t bits[16])
{
	const size_t size = 1 + unit_random(seed) % 16;
	const uint8_t likely = unit_random(seed) % 2 ? 0xff : 0x3b; /* few names, CNAMEs alone */

	bits[0] = (uint8_t)unit_random(seed);
	for (size_t at = 1; at < size; at++)
		bits[at] = (uint8_t)unit_random(seed) & likely;
	for (size_t at = 1; at < size; at += 2)
		if (unit_random(seed) % 2 == 0)
			bits[at] = (bits[at] & 0xf8) | (at > 1 ? bits[at - 1] & 7 : 0);
	return size;
}

static void chains_in_any_order_are_judged_the_same(void **state)
{
	(void)state;
	uint64_t seed = 5;
	uint8_t bits[16], made[MADE_CHAIN_MAX];
	struct tally tally = { 0 };

	for (unsigned i = 0; i < 40000; i++) {
		const size_t size = draw_chain(&seed, bits);

		compare(made, made_chain(bits, size, made), &tally);
	}
	assert_true(tally.followed > 20000 && tally.chained > 3000 && tally.dangling > 3000);
	assert_true(tally.followed < tally.all);
}

/* Names of a chain in full, one after the other. */
static void ask_for_chain(struct made_reply *reply, unsigned hops)
{
	char from[32], to[32];

	made_reply_ask(reply, RCODE_NOERROR, "hop0.example", TYPE_A);
	for (unsigned i = 0; i < hops; i++) {
		snprintf(from, sizeof(from), "hop%u.example", i);
		snprintf(to, sizeof(to), "HOP%u.Example", i + 1);
		made_reply_add(reply, SECTION_ANSWER, from, TYPE_CNAME, to);
	}
	snprintf(to, sizeof(to), "hop%u.example", hops);
	made_reply_add(reply, SECTION_ANSWER, to, TYPE_A, NULL);
}

static void ldns_is_asked_from_the_ninth_hop_on(void **state)
{
	static struct made_reply reply;
	struct message_facts facts;

	(void)state;
	for (unsigned hops = 0; hops < 20; hops++) {
		struct tally tally = { 0 };

		ask_for_chain(&reply, hops);
		const size_t len = made_reply_len(&reply);
		compare(reply.wire, len, &tally);
		assert_int_equal(message_read(reply.wire, len, &facts), MESSAGE_OK);
		assert_int_equal(facts.is_followed, hops <= MESSAGE_HOPS_MAX);
		assert_int_equal(classify_reply(reply.wire, &facts), VERDICT_ANSWERED);
	}
}

static void more_than_ldns_is_given_are_judged_by_their_counts(void **state)
{
	static struct made_reply reply;
	struct message_facts facts;

	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	for (unsigned i = 0; i < CLASSIFY_READ_MAX; i++)
		made_reply_add_raw(&reply, SECTION_ANSWER, "\300\014", 2, TYPE_MX, "", 0);
	assert_int_equal(message_read(reply.wire, made_reply_len(&reply), &facts), MESSAGE_ODD);
	const uint64_t before = mem_allocations();
	(void)classify_reply(reply.wire, &facts);
	assert_true(mem_allocations() > before);
	made_reply_add_raw(&reply, SECTION_ANSWER, "\300\014", 2, TYPE_MX, "", 0);
	assert_int_equal(message_read(reply.wire, made_reply_len(&reply), &facts), MESSAGE_ODD);
	const uint64_t after = mem_allocations();
	assert_int_equal(classify_reply(reply.wire, &facts), VERDICT_ANSWERED);
	assert_int_equal(mem_allocations(), after);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(recorded_answers_are_judged_without_ldns_as_with_it),
	cmocka_unit_test(what_fuzzing_has_found_is_judged_the_same),
	cmocka_unit_test(chains_in_any_order_are_judged_the_same),
	cmocka_unit_test(ldns_is_asked_from_the_ninth_hop_on),
	cmocka_unit_test(more_than_ldns_is_given_are_judged_by_their_counts),
};
UNIT_MAIN_PLAIN(tests)
