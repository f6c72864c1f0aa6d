#include "wire/reply.h"

#include <stdlib.h>

#include "build.h"
#include "unit.h"

#define EDNS_SIZE 1400

static struct build query, source, expected;
static struct query_view view;
static uint8_t out[65535];

/* Asks for courier.push.apple.com A in a case of its own. */
static void ask(unsigned flags)
{
	build_start(&query, 0xbeef, flags);
	build_question(&query, "COURIER.push.Apple.com", TYPE_A);
}

static void ask_edns(unsigned flags, unsigned size, uint32_t ttl)
{
	ask(flags);
	build_opt(&query, size, ttl, "", 0);
}

static size_t answer_within(size_t out_max, size_t limit, struct reply_source *from)
{
	from->wire = source.wire;
	from->wire_len = source.len;
	query_view_parse(&view, query.wire, query.len);
	return reply_write(out, out_max, limit, from, &view, EDNS_SIZE);
}

static size_t answer(struct reply_source *from)
{
	return answer_within(sizeof(out), sizeof(out), from);
}

static void assert_expected(size_t len)
{
	assert_int_equal(len, expected.len);
	assert_memory_equal(out, expected.wire, len);
}

/* The source with the asker's ID and case. */
static void expect_source(void)
{
	memcpy(&expected, &source, sizeof(source));
	build_set_u16(&expected, 0, 0xbeef);
	memcpy(expected.wire + 12, query.wire + 12, 24);
}

/* A reply of exactly `len` bytes: the question and TXT records that fill it up. */
static void fill_source(size_t len)
{
	static const uint8_t text[250];
	build_start(&source, 1, FLAG_QR | FLAG_RD | FLAG_RA | FLAG_AA);
	build_question(&source, "courier.push.apple.com", TYPE_A);
	while (source.len < len) {
		size_t left = len - source.len - 12;
		build_pointer(&source, 12);
		build_head(&source, SECTION_ANSWER, TYPE_TXT, 300);
		if (left > sizeof(text)) /* leaves room for one record more */
			left = left < sizeof(text) + 40 ? 200 : sizeof(text);
		uint8_t text_len = (uint8_t)(left - 1);
		build_bytes(&source, &text_len, 1);
		build_bytes(&source, text, text_len);
		build_end(&source);
	}
	assert_int_equal(source.len, len);
}

static void assert_truncated(size_t len, bool with_opt)
{
	struct message_facts facts;
	assert_int_equal(message_read(out, len, &facts), MESSAGE_OK);
	assert_int_equal(facts.trailing, 0);
	assert_int_equal(facts.id, 0xbeef);
	assert_true((facts.flags & FLAG_TC) != 0);
	assert_int_equal(facts.questions, 1);
	assert_int_equal(facts.question_len, 28);
	assert_memory_equal(out + 12, query.wire + 12, 28);
	assert_int_equal(facts.records[SECTION_ANSWER], 0);
	assert_int_equal(facts.records[SECTION_AUTHORITY], 0);
	assert_int_equal(facts.records[SECTION_ADDITIONAL], with_opt);
	assert_int_equal(facts.has_opt, with_opt);
}

static void bytes_are_the_sources_but_id_and_case(void **state)
{
	(void)state;
	struct reply_source from = { 0 };
	ask(FLAG_RD);
	build_courier(&source);
	expect_source();
	assert_expected(answer(&from));
}

static void ED_01_no_opt_asked_none_given(void **state)
{
	(void)state;
	struct reply_source from = { .options = (const uint8_t *)"\0\x0f\0\2\0\3",
				     .options_len = 6 };
	ask(FLAG_RD);
	build_courier(&source);
	expect_source();
	assert_expected(answer(&from));
}

static void ED_02_opt_asked_opt_given(void **state)
{
	(void)state;
	struct reply_source from = { 0 };
	ask_edns(FLAG_RD, 1232, 0);
	build_courier(&source);
	expect_source();
	build_opt(&expected, EDNS_SIZE, 0, "", 0);
	assert_expected(answer(&from));
}

static void CA_10_opt_of_a_reply_is_made_anew(void **state)
{
	(void)state;
	struct reply_source from = { .opt_rcode = 1,
				     .options = (const uint8_t *)"\0\x0f\0\2\0\3",
				     .options_len = 6 };
	ask_edns(FLAG_RD, 1232, 0x00008080); /* DO and an unknown flag */
	build_courier(&source);
	expect_source();
	build_opt(&expected, EDNS_SIZE, 0x01008000, "\0\x0f\0\2\0\3", 6);
	assert_expected(answer(&from));
}

static void TR_07_ad_only_for_those_who_ask(void **state)
{
	(void)state;
	struct reply_source from = { 0 };
	build_courier(&source);
	build_set_u16(&source, 2, FLAG_QR | FLAG_RD | FLAG_RA | FLAG_AD);
	ask(FLAG_RD);
	answer(&from);
	assert_int_equal(message_flags(out), FLAG_QR | FLAG_RD | FLAG_RA);
	ask(FLAG_RD | FLAG_AD);
	answer(&from);
	assert_int_equal(message_flags(out), FLAG_QR | FLAG_RD | FLAG_RA | FLAG_AD);
	ask_edns(FLAG_RD, 1232, 0x8000);
	answer(&from);
	assert_int_equal(message_flags(out), FLAG_QR | FLAG_RD | FLAG_RA | FLAG_AD);
	ask_edns(FLAG_RD, 1232, 0);
	answer(&from);
	assert_int_equal(message_flags(out), FLAG_QR | FLAG_RD | FLAG_RA);
}

static void TR_28_extended_rcode_never_looks_like_noerror(void **state)
{
	(void)state;
	struct reply_source from = { .opt_rcode = 1 };
	struct message_facts facts;
	build_start(&source, 1, FLAG_QR | FLAG_RD | FLAG_RA);
	build_question(&source, "courier.push.apple.com", TYPE_A);
	ask_edns(FLAG_RD, 1232, 0);
	size_t len = answer(&from);
	assert_int_equal(message_read(out, len, &facts), MESSAGE_OK);
	assert_int_equal(message_rcode(&facts), RCODE_BADVERS);
	ask(FLAG_RD);
	len = answer(&from);
	assert_int_equal(message_read(out, len, &facts), MESSAGE_OK);
	assert_int_equal(message_rcode(&facts), RCODE_SERVFAIL);
	assert_int_equal(facts.records[SECTION_ADDITIONAL], 0);
}

static size_t answer_over_udp(struct reply_source *from)
{
	query_view_parse(&view, query.wire, query.len);
	return answer_within(sizeof(out), reply_udp_limit(&view, EDNS_SIZE), from);
}

static void TR_18_answer_over_the_clients_size_is_truncated(void **state)
{
	(void)state;
	struct reply_source from = { 0 };
	fill_source(1100);
	ask(FLAG_RD);
	assert_truncated(answer_over_udp(&from), false);
	ask_edns(FLAG_RD, 512, 0);
	assert_truncated(answer_over_udp(&from), true);
	ask_edns(FLAG_RD, 1232, 0);
	expect_source();
	build_opt(&expected, EDNS_SIZE, 0, "", 0);
	assert_expected(answer_over_udp(&from));
}

static void TR_21_truncation_leaves_whole_records_only(void **state)
{
	(void)state;
	struct reply_source from = { 0 };
	for (size_t len = 480; len < 560; len++) {
		fill_source(len);
		ask_edns(FLAG_RD, 512, 0);
		size_t out_len = answer_within(sizeof(out), 512, &from);
		if (len + 11 > 512)
			assert_truncated(out_len, true);
		else
			assert_int_equal(out_len, len + 11);
		ask(FLAG_RD);
		out_len = answer_within(sizeof(out), 512, &from);
		if (len > 512)
			assert_truncated(out_len, false);
		else
			assert_int_equal(out_len, len);
	}
}

static void ED_28_options_never_cause_truncation(void **state)
{
	(void)state;
	static const uint8_t options[204] = { 0, 15, 0, 200 };
	struct reply_source from = { .options = options, .options_len = sizeof(options) };
	ask_edns(FLAG_RD, 512, 0);
	fill_source(512 - 11 - 204);
	assert_int_equal(answer_within(sizeof(out), 512, &from), 512);
	fill_source(512 - 11 - 203);
	assert_int_equal(answer_within(sizeof(out), 512, &from), 512 - 203);
	assert_false((message_flags(out) & FLAG_TC) != 0);
	fill_source(512);
	const size_t len = answer_within(sizeof(out), 512, &from);
	assert_truncated(len, true);
	assert_memory_equal(out + len - sizeof(options), options, sizeof(options));
}

static void reply_may_be_written_over_its_source(void **state)
{
	(void)state;
	/* as a cache hit is: options right behind the message, in the same buffer */
	static const uint8_t options[] = "\0\x0f\0\6\0\3text";
	struct reply_source from = { .options_len = sizeof(options) - 1 };
	build_courier(&source);
	ask_edns(FLAG_RD, 1232, 0x8000);
	expect_source();
	build_opt(&expected, EDNS_SIZE, 0x8000, options, sizeof(options) - 1);
	memcpy(out, source.wire, source.len);
	memcpy(out + source.len, options, sizeof(options) - 1);
	from.wire = out;
	from.wire_len = source.len;
	from.options = out + source.len;
	query_view_parse(&view, query.wire, query.len);
	assert_expected(reply_write(out, sizeof(out), 1232, &from, &view, EDNS_SIZE));

	/* and truncated */
	fill_source(600);
	memcpy(out, source.wire, source.len);
	memcpy(out + source.len, options, sizeof(options) - 1);
	from.wire_len = source.len;
	from.options = out + source.len;
	const size_t len = reply_write(out, sizeof(out), 512, &from, &view, EDNS_SIZE);
	assert_truncated(len, true);
	assert_memory_equal(out + len - sizeof(options) + 1, options, sizeof(options) - 1);
}

static void TR_20_longest_message_goes_out_whole_on_a_stream(void **state)
{
	(void)state;
	struct reply_source from = { 0 };
	fill_source(65535);
	ask(FLAG_RD);
	expect_source();
	assert_expected(answer(&from));
	ask_edns(FLAG_RD, 1232, 0); /* no room for OPT, and nothing larger than a stream */
	expect_source();
	assert_expected(answer(&from));
}

static void source_without_a_question_gives_its_header(void **state)
{
	(void)state;
	struct reply_source from = { .options = (const uint8_t *)"\0\x0f\0\2\0\3",
				     .options_len = 6 };
	ask_edns(FLAG_RD, 1232, 0);
	build_start(&source, 1, FLAG_QR | FLAG_RD | RCODE_FORMERR);
	build_start(&expected, 0xbeef, FLAG_QR | FLAG_RD | RCODE_FORMERR);
	build_question(&expected, "COURIER.push.Apple.com", TYPE_A);
	build_opt(&expected, EDNS_SIZE, 0, "\0\x0f\0\2\0\3", 6);
	assert_expected(answer(&from));
	build_record(&source, SECTION_ANSWER, "courier.push.apple.com", TYPE_TXT, 60, "\3abc", 4);
	assert_expected(answer(&from));
}

static void opaque_reply_changes_its_id_alone(void **state)
{
	(void)state;
	struct reply_source from = { .opt_rcode = 1 };
	ask_edns(FLAG_RD, 1232, 0);
	build_record(&query, SECTION_ADDITIONAL, "key", TYPE_TSIG, 0, "tsig", 4);
	build_courier(&source);
	build_opt(&source, 4096, 0x01000000, "", 0);
	build_record(&source, SECTION_ADDITIONAL, "key", TYPE_TSIG, 0, "tsig", 4);
	memcpy(&expected, &source, sizeof(source));
	build_set_u16(&expected, 0, 0xbeef);
	assert_expected(answer(&from));
	assert_expected(answer_within(source.len, source.len, &from));
	assert_truncated(answer_within(source.len - 1, 512, &from), true);
	fill_source(600);
	assert_truncated(answer_within(sizeof(out), 512, &from), true);
}

static void what_does_not_fit_is_not_written(void **state)
{
	(void)state;
	struct reply_source from = { 0 };
	build_courier(&source);
	ask_edns(FLAG_RD, 1232, 0);
	const size_t truncated_len = 12 + 28 + 11;
	assert_int_equal(answer_within(truncated_len - 1, 1232, &from), 0);
	assert_truncated(answer_within(truncated_len, 1232, &from), true);
	assert_int_equal(answer_within(source.len + 10, 1232, &from), truncated_len);
	assert_int_equal(answer_within(source.len + 11, 1232, &from), source.len + 11);
}

/* --- replies of our own -------------------------------------------------------------------- */

static size_t tell(unsigned rcode, enum ede ede, const char *text)
{
	const struct reply_error error = { .rcode = rcode, .ede = ede, .text = text };
	query_view_parse(&view, query.wire, query.len);
	return reply_error(out, 512, &view, &error, EDNS_SIZE);
}

static void error_reply_has_question_and_opt(void **state)
{
	(void)state;
	ask(FLAG_RD | FLAG_CD | FLAG_AD | FLAG_Z);
	build_start(&expected, 0xbeef, FLAG_QR | FLAG_RD | FLAG_RA | FLAG_CD | RCODE_SERVFAIL);
	build_question(&expected, "COURIER.push.Apple.com", TYPE_A);
	assert_expected(tell(RCODE_SERVFAIL, EDE_NO_REACHABLE, "nobody there"));
	ask_edns(0, 4096, 0x8000);
	build_start(&expected, 0xbeef, FLAG_QR | FLAG_RA | RCODE_REFUSED);
	build_question(&expected, "COURIER.push.Apple.com", TYPE_A);
	build_opt(&expected, EDNS_SIZE, 0x8000, "\0\x0f\0\x10\0\x12not for you...", 20);
	assert_expected(tell(RCODE_REFUSED, EDE_PROHIBITED, "not for you..."));
}

static void CF_07_notimp_echoes_id_opcode_and_rd_alone(void **state)
{
	(void)state;
	ask_edns(FLAG_RD | FLAG_CD | FLAG_AD | 6u << 11, 1232, 0);
	build_start(&expected, 0xbeef, FLAG_QR | 6u << 11 | FLAG_RD | RCODE_NOTIMP);
	assert_expected(tell(RCODE_NOTIMP, EDE_OTHER, NULL));
	build_start(&query, 0xbeef, 15u << 11);
	build_start(&expected, 0xbeef, FLAG_QR | 15u << 11 | RCODE_NOTIMP);
	assert_expected(tell(RCODE_NOTIMP, EDE_NONE, NULL));
}

static void ED_03_badvers_needs_opt(void **state)
{
	(void)state;
	ask_edns(FLAG_RD, 1232, 0x00010000);
	build_start(&expected, 0xbeef, FLAG_QR | FLAG_RD | FLAG_RA);
	build_question(&expected, "COURIER.push.Apple.com", TYPE_A);
	build_opt(&expected, EDNS_SIZE, 0x01000000, "", 0);
	assert_expected(tell(RCODE_BADVERS, EDE_NONE, NULL));
	ask(FLAG_RD);
	tell(RCODE_BADVERS, EDE_NONE, NULL);
	assert_int_equal(FLAGS_RCODE(message_flags(out)), RCODE_SERVFAIL);
}

static void ED_09_formerr_has_opt_where_the_query_had(void **state)
{
	(void)state;
	ask(FLAG_RD);
	build_opt(&query, 1232, 0, "\xfd\xe9\0\xc8\1", 5);
	build_start(&expected, 0xbeef, FLAG_QR | FLAG_RD | FLAG_RA | RCODE_FORMERR);
	build_question(&expected, "COURIER.push.Apple.com", TYPE_A);
	build_opt(&expected, EDNS_SIZE, 0, "", 0);
	assert_expected(tell(RCODE_FORMERR, EDE_NONE, NULL));
}

static void formerr_without_a_question_is_a_header(void **state)
{
	(void)state;
	build_start(&query, 0xbeef, FLAG_RD);
	build_start(&expected, 0xbeef, FLAG_QR | FLAG_RD | FLAG_RA | RCODE_FORMERR);
	assert_expected(tell(RCODE_FORMERR, EDE_NONE, NULL));
}

static void long_explanations_are_shortened_to_fit(void **state)
{
	(void)state;
	struct message_facts facts;
	char text[600];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ask_edns(FLAG_RD, 512, 0);
	size_t len = tell(RCODE_SERVFAIL, EDE_NETWORK, text);
	assert_int_equal(message_read(out, len, &facts), MESSAGE_OK);
	assert_int_equal(facts.options_len, 6);
	assert_memory_equal(out + facts.options_at, "\0\x0f\0\2\0\x17", 6);

	const struct reply_error error = { .rcode = RCODE_SERVFAIL, .ede = EDE_NETWORK };
	for (size_t out_max = 0; out_max <= len; out_max++) {
		const size_t written = reply_error(out, out_max, &view, &error, EDNS_SIZE);
		assert_int_equal(written, out_max < len - 6 ? 0 : out_max < len ? len - 6 : len);
	}
}

static void extended_error_is_one_option(void **state)
{
	(void)state;
	assert_int_equal(reply_put_ede(out, 16, EDE_STALE, "old"), 9);
	assert_memory_equal(out, "\0\x0f\0\5\0\3old", 9);
	assert_int_equal(reply_put_ede(out, 6, EDE_STALE, NULL), 6);
	assert_int_equal(reply_put_ede(out, 8, EDE_STALE, "old"), 0);
	assert_int_equal(reply_put_ede(out, 0, EDE_STALE, ""), 0);
}

static void udp_limit_is_what_both_can_take(void **state)
{
	(void)state;
	ask(FLAG_RD);
	tell(0, EDE_NONE, NULL);
	assert_int_equal(reply_udp_limit(&view, 4096), 512);
	ask_edns(FLAG_RD, 4096, 0);
	tell(0, EDE_NONE, NULL);
	assert_int_equal(reply_udp_limit(&view, 1232), 1232);
	assert_int_equal(reply_udp_limit(&view, 65535), 4096);
	assert_int_equal(reply_udp_limit(&view, 100), 512);
	ask_edns(FLAG_RD, 0, 0);
	tell(0, EDE_NONE, NULL);
	assert_int_equal(reply_udp_limit(&view, 1232), 512);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(bytes_are_the_sources_but_id_and_case),
	cmocka_unit_test(ED_01_no_opt_asked_none_given),
	cmocka_unit_test(ED_02_opt_asked_opt_given),
	cmocka_unit_test(CA_10_opt_of_a_reply_is_made_anew),
	cmocka_unit_test(TR_07_ad_only_for_those_who_ask),
	cmocka_unit_test(TR_28_extended_rcode_never_looks_like_noerror),
	cmocka_unit_test(TR_18_answer_over_the_clients_size_is_truncated),
	cmocka_unit_test(TR_21_truncation_leaves_whole_records_only),
	cmocka_unit_test(ED_28_options_never_cause_truncation),
	cmocka_unit_test(reply_may_be_written_over_its_source),
	cmocka_unit_test(TR_20_longest_message_goes_out_whole_on_a_stream),
	cmocka_unit_test(source_without_a_question_gives_its_header),
	cmocka_unit_test(opaque_reply_changes_its_id_alone),
	cmocka_unit_test(what_does_not_fit_is_not_written),
	cmocka_unit_test(error_reply_has_question_and_opt),
	cmocka_unit_test(CF_07_notimp_echoes_id_opcode_and_rd_alone),
	cmocka_unit_test(ED_03_badvers_needs_opt),
	cmocka_unit_test(ED_09_formerr_has_opt_where_the_query_had),
	cmocka_unit_test(formerr_without_a_question_is_a_header),
	cmocka_unit_test(long_explanations_are_shortened_to_fit),
	cmocka_unit_test(extended_error_is_one_option),
	cmocka_unit_test(udp_limit_is_what_both_can_take),
};

UNIT_MAIN_PLAIN(tests)
