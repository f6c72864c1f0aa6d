#include "rr/synth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "made_query.h"
#include "made_reply.h"
#include "wire/message.h"

/* --- helpers ------------------------------------------------------------------------------- */

static struct made_query query;
static uint8_t out[MESSAGE_MAX_LEN];
static size_t out_len;
static struct synth_fault fault;

static struct synth_records *records_new(void)
{
	struct synth_records *records = unit_own(synth_records_new(), synth_records_free);
	assert_non_null(records);
	return records;
}

static int add(struct synth_records *records, const char *text)
{
	const int err = synth_records_add(records, text, NULL, &fault);
	assert_int_not_equal(err, -ENOMEM);
	return err;
}

static int add_template(struct synth_records *records, const char *text, uint32_t low,
			uint32_t high)
{
	const struct synth_range range = { low, high };
	const int err = synth_records_add(records, text, &range, &fault);
	assert_int_not_equal(err, -ENOMEM);
	return err;
}

/* The zone is the last `labels` labels of the asked name. */
static const uint8_t *zone_of(const struct query_view *view, unsigned labels)
{
	const uint8_t *zone = view->name;
	for (unsigned i = name_labels(zone); i > labels; i--)
		zone = name_parent(zone);
	return zone;
}

static void facts_of_answer(struct message_facts *facts)
{
	assert_int_equal(message_read(out, out_len, facts), MESSAGE_OK);
	assert_int_equal(facts->trailing, 0);
}

/* The owner, type, class, TTL of each record, and RDATA in hexadecimal where it is short. */
static const char *answer_text(void)
{
	static char text[4096];
	struct message_facts facts;
	size_t len = 0;

	facts_of_answer(&facts);
	text[0] = '\0';
	size_t at = MESSAGE_HEADER_LEN + facts.question_len;
	const unsigned count = (unsigned)facts.records[0] + facts.records[1] + facts.records[2];
	for (unsigned i = 0; i < count && len < sizeof(text) - 1200; i++) {
		uint8_t owner[NAME_MAX_LEN];
		size_t owner_len = 0;
		struct name_text owner_text;
		struct type_text type_text;
		assert_int_equal(name_read(out, out_len, at, owner, &owner_len, &at), 0);
		struct cursor cursor = cursor_over(out + at, out_len - at);
		const uint16_t type = cursor_u16(&cursor), class = cursor_u16(&cursor);
		const uint32_t ttl = cursor_u32(&cursor);
		const size_t rdata_len = cursor_u16(&cursor);
		const uint8_t *rdata = cursor_bytes(&cursor, rdata_len);
		assert_non_null(rdata);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %u CLASS%u %s ",
					i > 0 ? ", " : "", name_to_text(owner, &owner_text), ttl,
					class, type_to_text(type, &type_text));
		for (size_t k = 0; k < rdata_len && k < 24; k++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%02x", rdata[k]);
		at += 10 + rdata_len;
	}
	return text;
}

static int answer(const struct synth_records *records, uint32_t n)
{
	const int err = synth_answer(&query.view, records, n, zone_of(&query.view, 2), out,
				     sizeof(out), &out_len);
	assert_int_not_equal(err, -ENOMEM);
	return err;
}

/* --- answers ------------------------------------------------------------------------------- */

static void answer_owns_the_asked_name_in_its_own_case(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	struct message_facts facts;
	assert_int_equal(add(records, "@ 300 IN A 10.1.2.3"), 0);
	made_query_of(&query, "Printer.CORP.example", TYPE_A, CLASS_IN);

	assert_int_equal(answer(records, 0), 0);
	assert_string_equal(answer_text(), "Printer.CORP.example 300 CLASS1 A 0a010203");
	facts_of_answer(&facts);
	assert_int_equal(facts.records[SECTION_AUTHORITY], 0);
	assert_memory_equal(out + MESSAGE_HEADER_LEN, query.view.name, query.view.question_len);
}

static void header_echoes_id_rd_and_cd_and_claims_no_authority(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	assert_int_equal(add(records, "@ 300 IN A 10.1.2.3"), 0);
	made_query_of(&query, "a.example", TYPE_A, CLASS_IN);
	const uint16_t all = FLAG_AA | FLAG_TC | FLAG_Z | FLAG_AD | FLAG_RA;

	query.view.flags = FLAG_RD | FLAG_CD | all;
	assert_int_equal(answer(records, 0), 0);
	assert_int_equal(message_id(out), 0x1234);
	assert_int_equal(message_flags(out), FLAG_QR | FLAG_RA | FLAG_RD | FLAG_CD);
	query.view.flags = all;
	assert_int_equal(answer(records, 0), 0);
	assert_int_equal(message_flags(out), FLAG_QR | FLAG_RA);
}

static void only_records_of_the_asked_type_are_given(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	assert_int_equal(add(records, "@ 300 IN A 10.1.2.3"), 0);
	assert_int_equal(add(records, "@ 60 IN AAAA ::2"), 0);
	assert_int_equal(add(records, "@ 20 IN A 10.1.2.4"), 0);

	made_query_of(&query, "a.example", TYPE_A, CLASS_IN);
	assert_int_equal(answer(records, 0), 0);
	assert_string_equal(answer_text(), "a.example 300 CLASS1 A 0a010203, "
					   "a.example 20 CLASS1 A 0a010204");
	made_query_of(&query, "a.example", TYPE_AAAA, CLASS_IN);
	assert_int_equal(answer(records, 0), 0);
	assert_string_equal(answer_text(),
			    "a.example 60 CLASS1 AAAA 00000000000000000000000000000002");
	made_query_of(&query, "a.example", TYPE_ANY, CLASS_IN);
	assert_int_equal(answer(records, 0), 0);
	struct message_facts facts;
	facts_of_answer(&facts);
	assert_int_equal(facts.records[SECTION_ANSWER], 3);
}

static void missing_type_is_nodata_with_a_soa_of_the_zone(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	struct message_facts facts;
	assert_int_equal(add(records, "@ 300 IN A 10.1.2.3"), 0);
	made_query_of(&query, "www.corp.Example", TYPE_TXT, CLASS_IN);

	assert_int_equal(answer(records, 0), 0);
	facts_of_answer(&facts);
	assert_int_equal(FLAGS_RCODE(facts.flags), RCODE_NOERROR);
	assert_int_equal(facts.records[SECTION_ANSWER], 0);
	assert_int_equal(facts.records[SECTION_AUTHORITY], 1);
	assert_true(facts.has_soa);
	assert_int_equal(facts.min_ttl, SYNTH_SOA_TTL);
	assert_int_equal(facts.soa_minimum, SYNTH_SOA_TTL);
	assert_memory_equal(answer_text(), "corp.Example 60 CLASS1 SOA ", 27);
}

static void no_records_at_all_are_nodata(void **state)
{
	(void)state;
	struct message_facts facts;
	made_query_of(&query, "a.example", TYPE_A, CLASS_IN);
	assert_int_equal(answer(records_new(), 0), 0);
	facts_of_answer(&facts);
	assert_true(facts.has_soa);
}

static void cname_answers_every_type(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	const uint16_t types[] = { TYPE_A, TYPE_HTTPS, TYPE_CNAME, TYPE_ANY, 65280 };
	assert_int_equal(add(records, "@ 300 IN CNAME b."), 0);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		made_query_of(&query, "a.example", types[i], CLASS_IN);
		assert_int_equal(answer(records, 0), 0);
		assert_string_equal(answer_text(), "a.example 300 CLASS1 CNAME 016200");
	}
}

static void other_classes_get_nodata_in_their_class(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	assert_int_equal(add(records, "@ 300 IN A 10.1.2.3"), 0);

	made_query_of(&query, "a.corp.example", TYPE_A, CLASS_CH);
	assert_int_equal(answer(records, 0), 0);
	assert_memory_equal(answer_text(), "corp.example 60 CLASS3 SOA ", 27);
	made_query_of(&query, "a.corp.example", TYPE_A, CLASS_ANY);
	assert_int_equal(answer(records, 0), 0);
	assert_string_equal(answer_text(), "a.corp.example 300 CLASS1 A 0a010203");
	made_query_of(&query, "a.corp.example", TYPE_TXT, CLASS_ANY);
	assert_int_equal(answer(records, 0), 0);
	assert_memory_equal(answer_text(), "corp.example 60 CLASS1 SOA ", 27);
}

/* --- templates ----------------------------------------------------------------------------- */

static void number_takes_the_place_of_every_marker(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	assert_int_equal(add_template(records, "@ 60 IN A 10.{n}.100.{n}", 0, 250), 0);
	assert_int_equal(add_template(records, "@ 60 IN TXT \"v{n}\"", 0, 250), 0);
	assert_int_equal(add_template(records, "@ 60 IN A 10.0.0.1", 0, 250), 0);

	made_query_of(&query, "17-a.example", TYPE_A, CLASS_IN);
	assert_int_equal(answer(records, 17), 0);
	assert_string_equal(answer_text(), "17-a.example 60 CLASS1 A 0a116411, "
					   "17-a.example 60 CLASS1 A 0a000001");
	made_query_of(&query, "0-a.example", TYPE_TXT, CLASS_IN);
	assert_int_equal(answer(records, 0), 0);
	assert_string_equal(answer_text(), "0-a.example 60 CLASS1 TXT 027630");
	assert_int_equal(answer(records, 250), 0);
	assert_string_equal(answer_text(), "0-a.example 60 CLASS1 TXT 0476323530");
}

static void templates_are_tried_with_both_ends_of_their_range(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	assert_int_equal(add_template(records, "@ 60 IN A 10.0.0.{n}", 0, 256), ERR_MALFORMED);
	assert_true(fault.has_n);
	assert_int_equal(fault.n, 256);
	assert_string_equal(fault.record.why, "not an IPv4 address");
	assert_int_equal(add_template(records, "@ 60 IN SRV 0 0 4{n}3 a.", 0, 4294967295u),
			 ERR_MALFORMED);
	assert_true(fault.n == 4294967295u);
	assert_int_equal(add_template(records, "@ 60 IN TYPE{n} \\# 0", 0, 5), ERR_MALFORMED);
	assert_int_equal(fault.n, 0);
}

/* Both ends can be read and something between them cannot: rare enough to be told when it is
 * asked. */
static void number_between_that_cannot_be_read_is_malformed(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	assert_int_equal(add_template(records, "@ 60 IN TXT \"\\{n}\"", 100, 1000), 0);
	made_query_of(&query, "a.example", TYPE_TXT, CLASS_IN);

	assert_int_equal(answer(records, 200), 0);
	assert_string_equal(answer_text(), "a.example 60 CLASS1 TXT 01c8");
	assert_int_equal(answer(records, 300), ERR_MALFORMED);
}

static void marker_without_a_range_is_a_fault(void **state)
{
	(void)state;
	assert_int_equal(add(records_new(), "@ 60 IN A 10.0.0.{n}"), ERR_MALFORMED);
	assert_string_equal(fault.record.why, "{n} needs a {n} in each name of the rule");
	assert_false(fault.has_n);
}

/* --- what is refused ----------------------------------------------------------------------- */

static void faults_tell_why_and_show_an_example(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	assert_int_equal(add(records, "@ 300 IN AAAA 10.1.2.3"), ERR_MALFORMED);
	assert_string_equal(fault.record.why, "not an IPv6 address");
	assert_string_equal(fault.record.example, "@ 300 IN AAAA 2001:db8::1");
	assert_int_equal(add(records, "@ 300 IN A \\# 3 010203"), ERR_MALFORMED);
	assert_string_equal(fault.record.why, "the data is not what the type says");

	made_query_of(&query, "a.example", TYPE_ANY, CLASS_IN);
	assert_int_equal(answer(records, 0), 0);
	struct message_facts facts;
	facts_of_answer(&facts);
	assert_int_equal(facts.records[SECTION_ANSWER], 0);
}

static void cname_beside_anything_else_is_a_fault(void **state)
{
	(void)state;
	struct synth_records *first = records_new(), *second = records_new();
	const char *why = "a CNAME can only be the one record of its name";
	assert_int_equal(add(first, "@ 300 IN CNAME b."), 0);
	assert_int_equal(add(first, "@ 300 IN A 10.1.2.3"), ERR_MALFORMED);
	assert_string_equal(fault.record.why, why);
	assert_int_equal(add(first, "@ 300 IN CNAME c."), ERR_MALFORMED);
	assert_int_equal(add(second, "@ 300 IN A 10.1.2.3"), 0);
	assert_int_equal(add(second, "@ 300 IN CNAME b."), ERR_MALFORMED);
	assert_string_equal(fault.record.why, why);
}

/* --- room ---------------------------------------------------------------------------------- */

static void what_does_not_fit_is_not_begun(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	assert_int_equal(add(records, "@ 300 IN A 10.1.2.3"), 0);
	made_query_of(&query, "a.example", TYPE_A, CLASS_IN);
	const size_t need = MESSAGE_HEADER_LEN + query.view.question_len + 16;
	size_t len = 7;

	for (size_t max = 0; max < need; max++)
		assert_int_equal(
			synth_answer(&query.view, records, 0, query.view.name, out, max, &len),
			ERR_NO_SPACE);
	assert_int_equal(len, 7);
	assert_int_equal(synth_answer(&query.view, records, 0, query.view.name, out, need, &len),
			 0);
	assert_int_equal(len, need);
	assert_int_equal(
		synth_negative(&query.view, RCODE_NXDOMAIN, query.view.name, 60, out, need, &len),
		ERR_NO_SPACE);
}

static void answers_may_fill_a_whole_message(void **state)
{
	(void)state;
	struct synth_records *records = records_new();
	struct message_facts facts;
	char text[300] = "@ TXT ";
	memset(text + 6, 'x', 255);
	for (unsigned i = 0; i < 244; i++) /* 268 bytes each */
		assert_int_equal(add(records, text), 0);
	made_query_of(&query, "a.example", TYPE_TXT, CLASS_IN);

	assert_int_equal(answer(records, 0), 0);
	facts_of_answer(&facts);
	assert_int_equal(facts.records[SECTION_ANSWER], 244);
	assert_int_equal(add(records, text), 0);
	assert_int_equal(answer(records, 0), ERR_NO_SPACE);
}

/* --- negative answers ---------------------------------------------------------------------- */

static void LZ_10_negative_answer_has_a_soa_at_its_apex(void **state)
{
	(void)state;
	struct message_facts facts;
	const struct query_view *view = made_query_of(&query, "x.Y.home.arpa", TYPE_A, CLASS_IN);

	assert_int_equal(synth_negative(view, RCODE_NXDOMAIN, zone_of(view, 2), 300, out,
					sizeof(out), &out_len),
			 0);
	facts_of_answer(&facts);
	assert_int_equal(facts.flags, FLAG_QR | FLAG_RD | FLAG_RA | RCODE_NXDOMAIN);
	assert_int_equal(facts.min_ttl, 300);
	assert_int_equal(facts.soa_minimum, 300);
	/* MNAME is the apex as a pointer, RNAME begins nobody.inva */
	assert_string_equal(answer_text(), "home.arpa 300 CLASS1 SOA "
					   "c010066e6f626f647907696e76616c69640000000001"
					   "0000");
	assert_int_equal(
		synth_negative(view, RCODE_NOERROR, view->name, 60, out, sizeof(out), &out_len), 0);
	facts_of_answer(&facts);
	assert_int_equal(facts.flags, FLAG_QR | FLAG_RD | FLAG_RA);
	assert_memory_equal(answer_text(), "x.Y.home.arpa 60 ", 17);
}

static void root_and_longest_names_get_negative_answers_too(void **state)
{
	(void)state;
	struct message_facts facts;
	char longest[256];
	const struct query_view *view = made_query_of(&query, ".", TYPE_A, CLASS_IN);

	assert_int_equal(
		synth_negative(view, RCODE_NOERROR, view->name, 60, out, sizeof(out), &out_len), 0);
	facts_of_answer(&facts);
	assert_memory_equal(answer_text(), ". 60 CLASS1 SOA 00", 18);
	for (size_t i = 0; i < 253; i++)
		longest[i] = i % 64 == 63 ? '.' : 'x';
	longest[253] = '\0';
	view = made_query_of(&query, longest, TYPE_A, CLASS_IN);
	assert_int_equal(view->name_len, 255);
	assert_int_equal(synth_negative(view, RCODE_NXDOMAIN, zone_of(view, 0), 60, out,
					sizeof(out), &out_len),
			 0);
	facts_of_answer(&facts);
	assert_memory_equal(answer_text(), ". 60 CLASS1 SOA 00", 18);
	assert_int_equal(
		synth_negative(view, RCODE_NXDOMAIN, view->name, 60, out, sizeof(out), &out_len),
		0);
	facts_of_answer(&facts);
}

/* --- an alias that dangles ----------------------------------------------------------------- */

static uint8_t target_name[NAME_MAX_LEN], zone_name[NAME_MAX_LEN];

static struct synth_dangle dangle(void)
{
	size_t len;

	assert_int_equal(name_from_text("target.net", target_name, &len), 0);
	assert_int_equal(name_from_text("net", zone_name, &len), 0);
	return (struct synth_dangle){ .target = target_name, .zone = zone_name };
}

static void alias_that_dangles_has_its_cname_and_a_local_soa(void **state)
{
	const struct synth_dangle how = dangle();
	struct message_facts facts;
	(void)state;

	const struct query_view *view =
		made_query_of(&query, "Alias.example", TYPE_HTTPS, CLASS_IN);
	assert_int_equal(synth_dangling(view, &how, out, sizeof(out), &out_len), 0);
	facts_of_answer(&facts);
	assert_int_equal(facts.flags, FLAG_QR | FLAG_RD | FLAG_RA);
	assert_int_equal(facts.records[SECTION_ANSWER], 1);
	assert_int_equal(facts.records[SECTION_AUTHORITY], 1);
	assert_true(facts.has_soa);
	assert_int_equal(facts.soa_minimum, SYNTH_SOA_TTL);
	assert_string_equal(answer_text(), "Alias.example 60 CLASS1 CNAME 06746172676574036e657400"
					   ", net 60 CLASS1 SOA "
					   "036e657400066e6f626f647907696e76616c696400000000");
}

static void or_the_soa_of_another_answer(void **state)
{
	struct synth_dangle how = dangle();
	static struct made_reply like;
	struct message_facts facts;
	(void)state;

	made_reply_ask(&like, RCODE_NOERROR, "alias.example", TYPE_A);
	made_reply_add(&like, SECTION_ANSWER, "alias.example", TYPE_CNAME, "target.net");
	made_reply_add(&like, SECTION_AUTHORITY, "net", TYPE_NS, "ns.net");
	made_reply_add(&like, SECTION_AUTHORITY, "zone.net", TYPE_SOA, NULL);
	how.like = like.wire;
	how.like_len = made_reply_len(&like);
	const struct query_view *view =
		made_query_of(&query, "alias.example", TYPE_HTTPS, CLASS_IN);
	assert_int_equal(synth_dangling(view, &how, out, sizeof(out), &out_len), 0);
	facts_of_answer(&facts);
	assert_int_equal(facts.records[SECTION_AUTHORITY], 1);
	assert_string_equal(answer_text(), "alias.example 60 CLASS1 CNAME 06746172676574036e657400"
					   ", zone.net 60 CLASS1 SOA "
					   "0000000100000000000000000000000000000000003c");
	/* one that has none */
	made_reply_ask(&like, RCODE_NOERROR, "alias.example", TYPE_A);
	made_reply_add(&like, SECTION_ANSWER, "alias.example", TYPE_CNAME, "target.net");
	how.like_len = made_reply_len(&like);
	assert_int_equal(synth_dangling(view, &how, out, sizeof(out), &out_len), 0);
	assert_non_null(strstr(answer_text(), ", net 60 CLASS1 SOA "));
}

static void one_that_does_not_fit_is_not_made(void **state)
{
	const struct synth_dangle how = dangle();
	const struct query_view *view = made_query_of(&query, "alias.example", TYPE_A, CLASS_IN);
	(void)state;

	assert_int_equal(synth_dangling(view, &how, out, sizeof(out), &out_len), 0);
	const size_t len = out_len;
	for (size_t max = 0; max < len; max++)
		assert_int_equal(synth_dangling(view, &how, out, max, &out_len), ERR_NO_SPACE);
	assert_int_equal(synth_dangling(view, &how, out, len, &out_len), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(answer_owns_the_asked_name_in_its_own_case),
	cmocka_unit_test(header_echoes_id_rd_and_cd_and_claims_no_authority),
	cmocka_unit_test(only_records_of_the_asked_type_are_given),
	cmocka_unit_test(missing_type_is_nodata_with_a_soa_of_the_zone),
	cmocka_unit_test(no_records_at_all_are_nodata),
	cmocka_unit_test(cname_answers_every_type),
	cmocka_unit_test(other_classes_get_nodata_in_their_class),
	cmocka_unit_test(number_takes_the_place_of_every_marker),
	cmocka_unit_test(templates_are_tried_with_both_ends_of_their_range),
	cmocka_unit_test(number_between_that_cannot_be_read_is_malformed),
	cmocka_unit_test(marker_without_a_range_is_a_fault),
	cmocka_unit_test(faults_tell_why_and_show_an_example),
	cmocka_unit_test(cname_beside_anything_else_is_a_fault),
	cmocka_unit_test(what_does_not_fit_is_not_begun),
	cmocka_unit_test(answers_may_fill_a_whole_message),
	cmocka_unit_test(LZ_10_negative_answer_has_a_soa_at_its_apex),
	cmocka_unit_test(root_and_longest_names_get_negative_answers_too),
	cmocka_unit_test(alias_that_dangles_has_its_cname_and_a_local_soa),
	cmocka_unit_test(or_the_soa_of_another_answer),
	cmocka_unit_test(one_that_does_not_fit_is_not_made),
};
UNIT_MAIN(tests)
