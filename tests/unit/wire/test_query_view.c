#include "wire/query_view.h"

#include <stdlib.h>

#include "build.h"
#include "unit.h"

static struct build build;
static struct query_view view;

/* The view borrows its bytes: from the heap, of the exact size, for the sanitizer's sake. */
static uint8_t *parsed;
static bool is_plain; /* query_view_parse_plain() knew it */

/* The short way says the same or nothing. */
static void check_plain(enum query_fault fault)
{
	struct query_view plain;

	is_plain = query_view_parse_plain(&plain, view.wire, view.wire_len);
	if (!is_plain)
		return;
	assert_int_equal(fault, QUERY_OK);
	assert_false(view.is_opaque || plain.is_opaque);
	assert_true(plain.wire == view.wire && plain.wire_len == view.wire_len);
	assert_true(plain.id == view.id && plain.flags == view.flags);
	assert_true(plain.name == view.name && plain.name_len == view.name_len);
	assert_int_equal(plain.question_len, view.question_len);
	assert_true(plain.type == view.type && plain.class == view.class);
	assert_true(plain.has_edns == view.has_edns && plain.edns_size == view.edns_size);
	assert_int_equal(plain.wants_dnssec, view.wants_dnssec);
	assert_true(plain.options == view.options && plain.options_len == view.options_len);
	assert_true(plain.has_ecs == view.has_ecs);
	assert_int_equal(plain.has_private_option, view.has_private_option);
	assert_int_equal(plain.has_hardware, view.has_hardware);
	assert_memory_equal(plain.hardware, view.hardware, sizeof(view.hardware));
}

static enum query_fault parse_built(void)
{
	free(parsed);
	parsed = malloc(build.len > 0 ? build.len : 1);
	if (parsed == NULL)
		abort();
	memcpy(parsed, build.wire, build.len);
	const enum query_fault fault = query_view_parse(&view, parsed, build.len);
	check_plain(fault);
	return fault;
}

static int free_parsed(void **state)
{
	(void)state;
	free(parsed);
	parsed = NULL;
	return 0;
}

static void start_query(unsigned type)
{
	build_start(&build, 0xbeef, FLAG_RD);
	build_question(&build, "CouRier.push.apple.com", type);
}

static void plain_query_is_read(void **state)
{
	(void)state;
	start_query(TYPE_AAAA);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_true(is_plain);
	assert_int_equal(view.id, 0xbeef);
	assert_int_equal(view.flags, FLAG_RD);
	assert_ptr_equal(view.name, view.wire + 12);
	assert_int_equal(view.name_len, 24);
	assert_memory_equal(view.name, "\7CouRier", 8);
	assert_int_equal(view.question_len, 28);
	assert_int_equal(view.type, TYPE_AAAA);
	assert_int_equal(view.class, CLASS_IN);
	assert_false(view.has_edns || view.wants_dnssec || view.has_private_option ||
		     view.is_opaque);
	assert_int_equal(view.edns_size, 512);
	assert_int_equal(view.options_len, 0);
}

static void edns_is_read(void **state)
{
	(void)state;
	start_query(TYPE_A);
	build_opt(&build, 4096, 0x8000, "\0\3\0\0", 4);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_true(view.has_edns && view.wants_dnssec);
	assert_int_equal(view.edns_size, 4096);
	assert_int_equal(view.options_len, 4);
	assert_true(is_plain);
	start_query(TYPE_A);
	build_opt(&build, 0, 0, "", 0);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_int_equal(view.edns_size, 512);
	assert_true(is_plain);
	assert_false(view.wants_dnssec);
}

static void shorter_than_a_header_is_ignored(void **state)
{
	(void)state;
	start_query(TYPE_A);
	const size_t whole = build.len;
	for (build.len = 0; build.len < whole; build.len++)
		assert_int_equal(parse_built(), build.len < 12 ? QUERY_IGNORE : QUERY_FORMERR);
	assert_int_equal(view.id, 0xbeef);
	assert_int_equal(view.question_len, 0);
}

static void CF_03_other_than_one_question_is_formerr(void **state)
{
	(void)state;
	start_query(TYPE_A);
	build_question(&build, "example.org", TYPE_A);
	build_opt(&build, 1232, 0, "", 0);
	assert_int_equal(parse_built(), QUERY_FORMERR);
	assert_int_equal(view.question_len, 0);
	assert_true(view.has_edns); /* ED_02: so the reply has OPT too */
	build_start(&build, 1, FLAG_RD);
	assert_int_equal(parse_built(), QUERY_FORMERR);
	build_opt(&build, 1232, 0, "", 0);
	assert_int_equal(parse_built(), QUERY_FORMERR);
	assert_true(view.has_edns);
	start_query(TYPE_A);
	for (int i = 2; i <= 5; i++) { /* four are read, for the sake of OPT; not sixty thousand */
		build_question(&build, "example.org", TYPE_A);
		const struct build questions = build;
		build_opt(&build, 1232, 0, "", 0);
		assert_int_equal(parse_built(), QUERY_FORMERR);
		assert_int_equal(view.has_edns, i <= 4);
		build = questions;
	}
	build_start(&build, 1, FLAG_RD);
	build_set_u16(&build, 4, 65535);
	assert_int_equal(parse_built(), QUERY_FORMERR);
}

static void CF_05_response_is_ignored(void **state)
{
	(void)state;
	build_courier(&build);
	assert_int_equal(parse_built(), QUERY_IGNORE);
	build_start(&build, 1, FLAG_QR | 0x7800);
	assert_int_equal(parse_built(), QUERY_IGNORE);
}

static void CF_07_CF_08_other_opcodes_are_not_read_further(void **state)
{
	(void)state;
	for (unsigned opcode = 1; opcode < 16; opcode++) {
		start_query(TYPE_A);
		build_set_u16(&build, 2, opcode << 11 | FLAG_RD);
		build_record(&build, SECTION_AUTHORITY, "a", TYPE_A, 0, "rdata of a delete", 17);
		assert_int_equal(parse_built(), QUERY_NOTIMP);
		assert_int_equal(view.question_len, 0);
		build.len = 12;
		assert_int_equal(parse_built(), QUERY_NOTIMP);
	}
}

static void CF_09_unfinished_name_is_formerr(void **state)
{
	(void)state;
	build_start(&build, 1, FLAG_RD);
	build_count(&build, 4, 1);
	BUILD(&build, "\7courier\4pu");
	assert_int_equal(parse_built(), QUERY_FORMERR);
	build_start(&build, 1, FLAG_RD);
	build_count(&build, 4, 1);
	BUILD(&build, "\7courier\4push\5apple\3com");
	assert_int_equal(parse_built(), QUERY_FORMERR);
}

static void CF_11_labels_and_names_too_long_are_formerr(void **state)
{
	(void)state;
	for (unsigned len = 64; len < 256; len++) {
		uint8_t label[256] = { (uint8_t)len };
		build_start(&build, 1, FLAG_RD);
		build_count(&build, 4, 1);
		build_bytes(&build, label, 1 + len);
		BUILD(&build, "\0\0\1\0\1");
		assert_int_equal(parse_built(), QUERY_FORMERR);
	}
	for (size_t last = 61; last <= 62; last++) {
		uint8_t name[300] = { 0 };
		name[0] = name[64] = name[128] = 63;
		name[192] = (uint8_t)last;
		build_start(&build, 1, FLAG_RD);
		build_count(&build, 4, 1);
		build_bytes(&build, name, 192 + 1 + last + 1);
		BUILD(&build, "\0\1\0\1");
		assert_int_equal(parse_built(), last == 61 ? QUERY_OK : QUERY_FORMERR);
	}
}

static void compressed_question_is_formerr(void **state)
{
	(void)state;
	build_start(&build, 1, FLAG_RD);
	build_count(&build, 4, 1);
	BUILD(&build, "\xc0\x0c\0\1\0\1");
	assert_int_equal(parse_built(), QUERY_FORMERR);
	build.wire[13] = 4;
	assert_int_equal(parse_built(), QUERY_FORMERR);
}

static void TR_31_longest_names_are_taken(void **state)
{
	(void)state;
	struct query_out how = { .id = 1 };
	uint8_t out[512];
	build_start(&build, 1, FLAG_RD);
	build_count(&build, 4, 1);
	for (int i = 0; i < 127; i++)
		BUILD(&build, "\1x");
	BUILD(&build, "\0\0\1\0\1");
	assert_int_equal(parse_built(), QUERY_OK);
	assert_int_equal(view.name_len, 255);
	assert_int_equal(query_view_write(out, sizeof(out), &view, &how), build.len);
	assert_memory_equal(out + 12, build.wire + 12, 255 + 4);
}

static void TR_32_raw_bytes_stay_raw(void **state)
{
	(void)state;
	struct query_out how = { .id = 1 };
	uint8_t out[512];
	build_start(&build, 1, FLAG_RD);
	build_count(&build, 4, 1);
	BUILD(&build, "\13www.victim\0\3a.b\0\0\1\0\1");
	assert_int_equal(parse_built(), QUERY_OK);
	assert_int_equal(view.name_len, 12 + 4 + 1);
	assert_int_equal(query_view_write(out, sizeof(out), &view, &how), build.len);
	assert_memory_equal(out + 12, build.wire + 12, build.len - 12);
}

static void CF_12_records_in_answer_or_authority_are_formerr(void **state)
{
	(void)state;
	start_query(TYPE_A);
	build_record(&build, SECTION_ANSWER, "a", TYPE_A, 1, "abcd", 4);
	build_opt(&build, 1232, 0, "", 0);
	assert_int_equal(parse_built(), QUERY_FORMERR);
	assert_true(view.has_edns);
	assert_int_equal(view.question_len, 28);
	start_query(TYPE_A);
	build_soa(&build, "a", 1, 1);
	assert_int_equal(parse_built(), QUERY_FORMERR);
	start_query(TYPE_A);
	build_record(&build, SECTION_ADDITIONAL, "a", TYPE_A, 1, "abcd", 4);
	assert_int_equal(parse_built(), QUERY_FORMERR);
}

static enum query_fault fault_of_type(unsigned type)
{
	start_query(type);
	return parse_built();
}

static void CF_13_types_that_are_no_question_are_formerr(void **state)
{
	(void)state;
	assert_int_equal(fault_of_type(0), QUERY_FORMERR);
	assert_int_equal(view.question_len, 28);
	assert_int_equal(fault_of_type(TYPE_OPT), QUERY_FORMERR);
	assert_int_equal(fault_of_type(TYPE_TSIG), QUERY_FORMERR);
	assert_int_equal(fault_of_type(TYPE_TKEY), QUERY_OK);
	assert_true(view.is_opaque);
	assert_int_equal(fault_of_type(TYPE_IXFR), QUERY_OK);
	assert_true(view.is_opaque);
	assert_int_equal(fault_of_type(TYPE_AXFR), QUERY_OK);
	assert_false(view.is_opaque);
	assert_int_equal(fault_of_type(TYPE_ANY), QUERY_OK);
	assert_int_equal(fault_of_type(65535), QUERY_OK);
}

static void CF_14_TR_10_flags_of_replies_are_ignored(void **state)
{
	(void)state;
	struct query_out how = { .id = 7 };
	uint8_t out[100];
	start_query(TYPE_A);
	build_set_u16(&build, 2, FLAG_AA | FLAG_TC | FLAG_RA | FLAG_Z | FLAG_AD | FLAG_CD | 5);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_int_equal(query_view_write(out, sizeof(out), &view, &how), build.len);
	assert_int_equal(message_flags(out), FLAG_AD | FLAG_CD);
}

static void ED_03_other_version_is_badvers(void **state)
{
	(void)state;
	start_query(TYPE_A);
	build_opt(&build, 1232, 0x00018000, "\0\1", 2); /* not options as we know them */
	assert_int_equal(parse_built(), QUERY_BADVERS);
	assert_true(view.has_edns);
	assert_int_equal(view.edns_version, 1);
	assert_int_equal(view.options_len, 0);
}

static void ED_07_two_opt_records_are_formerr(void **state)
{
	(void)state;
	start_query(TYPE_A);
	build_opt(&build, 1232, 0, "", 0);
	build_opt(&build, 1232, 0, "", 0);
	assert_int_equal(parse_built(), QUERY_FORMERR);
	assert_true(view.has_edns);
}

static void ED_09_option_past_the_rdata_is_formerr(void **state)
{
	(void)state;
	static const char *const options[] = { "\xfd\xea\0\xc8\1", "\0\3\0", "\0" };
	for (size_t i = 0; i < 3; i++) {
		start_query(TYPE_A);
		build_opt(&build, 1232, 0, options[i], i == 0 ? 5 : i == 1 ? 3 : 1);
		assert_int_equal(parse_built(), QUERY_FORMERR);
		assert_true(view.has_edns);
		assert_int_equal(view.options_len, 0);
	}
}

static void ED_10_opt_past_the_packet_is_formerr(void **state)
{
	(void)state;
	start_query(TYPE_A);
	build_opt(&build, 1232, 0, "\0\3\0\0", 4);
	build_set_u16(&build, build.len - 6, 65535);
	assert_int_equal(parse_built(), QUERY_FORMERR);
}

static void ED_14_bytes_behind_the_last_record_are_formerr(void **state)
{
	(void)state;
	start_query(TYPE_A);
	build_opt(&build, 1232, 0, "", 0);
	build_count(&build, 10, -1); /* an OPT that is not counted */
	assert_int_equal(parse_built(), QUERY_FORMERR);
	assert_false(view.has_edns);
	start_query(TYPE_A);
	build_opt(&build, 1232, 0, "", 0);
	BUILD(&build, "x");
	assert_int_equal(parse_built(), QUERY_FORMERR);
	assert_true(view.has_edns);
}

static void opt_with_an_owner_is_formerr(void **state)
{
	(void)state;
	start_query(TYPE_A);
	build_record(&build, SECTION_ADDITIONAL, "a", TYPE_OPT, 0, "", 0);
	assert_int_equal(parse_built(), QUERY_FORMERR);
}

/* --- private and opaque -------------------------------------------------------------------- */

static bool is_private(const char *options, size_t len)
{
	start_query(TYPE_A);
	build_opt(&build, 1232, 0, options, len);
	assert_int_equal(parse_built(), QUERY_OK);
	return view.has_private_option;
}

static void only_consumed_options_leave_an_answer_shared(void **state)
{
	(void)state;
	assert_false(is_private("\0\12\0\10cookiexx\0\13\0\0\0\14\0\2\0\0\0\17\0\2\0\0", 28));
	assert_true(is_private("\0\3\0\0", 4));
	assert_false(is_private("\0\10\0\7\0\1\30\0\300\0\2", 11));
	assert_true(view.has_ecs); /* private too, unless it is stripped */
	assert_true(is_private("\xfd\xea\0\4ABCD", 8));
	assert_true(is_private("\0\12\0\10cookiexx\xfd\xea\0\0", 16));
	assert_false(is_private("\xfd\xe9\0\4ABCD\xfd\xe9\0\0\xfe\x31\0\0", 16));
	assert_false(view.has_ecs);
}

static void signed_queries_are_opaque(void **state)
{
	(void)state;
	static const char sig0[] = "\0\0\5\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0sig";
	static const char sig_of_a[] = "\0\1\5\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0sig";
	start_query(TYPE_SOA);
	build_opt(&build, 1232, 0, "", 0);
	build_record(&build, SECTION_ADDITIONAL, "key", TYPE_TSIG, 0, "tsig", 4);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_true(view.is_opaque && view.has_edns);
	build_record(&build, SECTION_ADDITIONAL, "key", TYPE_TSIG, 0, "tsig", 4);
	assert_int_equal(parse_built(), QUERY_FORMERR); /* RFC 8945 section 5.1 */
	start_query(TYPE_SOA);
	build_record(&build, SECTION_ADDITIONAL, ".", TYPE_SIG, 0, sig0, sizeof(sig0) - 1);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_true(view.is_opaque);
	start_query(TYPE_SOA);
	build_record(&build, SECTION_ADDITIONAL, ".", TYPE_SIG, 0, sig_of_a, sizeof(sig_of_a) - 1);
	assert_int_equal(parse_built(), QUERY_FORMERR);
	assert_false(view.is_opaque);
}

static void nobody_has_that_many_records(void **state)
{
	(void)state;
	start_query(TYPE_TKEY);
	for (int i = 1; i <= 9; i++) {
		build_record(&build, SECTION_ADDITIONAL, "key", TYPE_TKEY, 0, "tkey", 4);
		assert_int_equal(parse_built(), i <= 8 ? QUERY_OK : QUERY_FORMERR);
	}
}

static void TR_26_key_exchange_may_bring_its_records(void **state)
{
	(void)state;
	start_query(TYPE_TKEY);
	build_record(&build, SECTION_ADDITIONAL, "key", TYPE_TKEY, 0, "tkey", 4);
	build_record(&build, SECTION_ADDITIONAL, "key", 25, 0, "\0\0\0\0", 4);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_true(view.is_opaque);
}

static void zone_transfer_may_bring_its_serial(void **state)
{
	(void)state;
	start_query(TYPE_IXFR);
	build_soa(&build, "apple.com", 0, 0);
	assert_int_equal(parse_built(), QUERY_OK);
	build_soa(&build, "apple.com", 0, 0);
	assert_int_equal(parse_built(), QUERY_FORMERR);
	start_query(TYPE_IXFR);
	build_record(&build, SECTION_AUTHORITY, "apple.com", TYPE_NS, 0, "\0", 1);
	assert_int_equal(parse_built(), QUERY_FORMERR);
}

/* --- writing it on ------------------------------------------------------------------------- */

static uint8_t out[65535];

static size_t write_on(bool with_edns, bool strip_ecs)
{
	const struct query_out how = {
		.id = 0x0102, .with_edns = with_edns, .edns_size = 1232, .strip_ecs = strip_ecs
	};
	return query_view_write(out, sizeof(out), &view, &how);
}

/* What goes on is the question, and an OPT with these options. */
static void assert_opt_written(size_t len, uint32_t ttl, const void *options, size_t options_len)
{
	struct build *expected = unit_zalloc(sizeof(*expected));
	build_start(expected, 0x0102, FLAG_RD);
	build_question(expected, "CouRier.push.apple.com", TYPE_A);
	build_opt(expected, 1232, ttl, options, options_len);
	assert_int_equal(len, expected->len);
	assert_memory_equal(out, expected->wire, len);
}

static void question_goes_on_in_the_clients_case(void **state)
{
	(void)state;
	start_query(TYPE_A);
	assert_int_equal(parse_built(), QUERY_OK);
	size_t len = write_on(false, false);
	assert_int_equal(len, build.len);
	build_set_u16(&build, 0, 0x0102);
	assert_memory_equal(out, build.wire, len);
	assert_opt_written(write_on(true, false), 0, "", 0);
}

static void ED_05_only_the_do_flag_goes_on(void **state)
{
	(void)state;
	start_query(TYPE_A);
	build_opt(&build, 4096, 0x0000ffff, "", 0);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_opt_written(write_on(true, false), 0x8000, "", 0);
	start_query(TYPE_A);
	build_opt(&build, 4096, 0x00000080, "", 0);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_opt_written(write_on(true, false), 0, "", 0);
}

static void ED_04_ED_17_ED_19_options_travel_but_those_of_the_hop(void **state)
{
	(void)state;
	static const char options[] = "\0\12\0\10cookiexx\xfd\xea\0\4ABCD\0\13\0\0\0\10\0\7\0\1\30"
				      "\0\300\0\2\0\14\0\2\0\0\0\3\0\0";
	start_query(TYPE_A);
	build_opt(&build, 1232, 0, options, sizeof(options) - 1);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_opt_written(write_on(true, false), 0,
			   "\xfd\xea\0\4ABCD\0\10\0\7\0\1\30\0\300\0\2\0\3\0\0", 23);
	assert_opt_written(write_on(true, true), 0, "\xfd\xea\0\4ABCD\0\3\0\0", 12);
}

static void hardware_address_is_read_and_goes_no_further(void **state)
{
	static const struct {
		const char *options;
		size_t len;
	} forms[] = {
		{ "\xfd\xe9\0\6\2\0\x5e\x10\0\1", 10 },
		{ "\xfe\x31\0\x11"
		  "02:00:5e:10:00:01",
		  21 },
		{ "\xfe\x31\0\10AgBeEAAB", 12 },
		/* the last one that makes sense */
		{ "\xfd\xe9\0\6\2\0\x5e\x10\0\7\xfd\xe9\0\6\2\0\x5e\x10\0\1\xfd\xe9\0\1x", 25 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		start_query(TYPE_A);
		build_opt(&build, 1232, 0, forms[i].options, forms[i].len);
		assert_int_equal(parse_built(), QUERY_OK);
		assert_true(view.has_hardware);
		assert_memory_equal(view.hardware, "\2\0\x5e\x10\0\1", 6);
		assert_false(view.has_private_option);
		assert_opt_written(write_on(true, false), 0, "", 0);
	}
	start_query(TYPE_A);
	build_opt(&build, 1232, 0, "\xfd\xe9\0\4ABCD", 8);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_false(view.has_hardware || view.has_private_option);
	assert_opt_written(write_on(true, false), 0, "", 0);
}

static void ED_12_fifty_of_each_option_overflow_nothing(void **state)
{
	(void)state;
	static char options[50 * (4 + 12 + 8)];
	for (size_t i = 0; i < sizeof(options); i += 24)
		memcpy(options + i, "\0\3\0\0\0\12\0\10cookiexx\0\14\0\4\0\0\0", 24);
	start_query(TYPE_A);
	build_opt(&build, 1232, 0, options, sizeof(options));
	assert_int_equal(parse_built(), QUERY_OK);
	size_t len = write_on(true, false);
	assert_int_equal(len, 12 + 28 + 11 + 50 * 4);
	struct message_facts facts;
	assert_int_equal(message_read(out, len, &facts), MESSAGE_OK);
	assert_int_equal(facts.options_len, 200);
}

static void TR_25_opaque_query_changes_its_id_alone(void **state)
{
	(void)state;
	start_query(TYPE_SOA);
	build_set_u16(&build, 2, FLAG_RD | FLAG_Z);
	build_opt(&build, 512, 0x80, "\0\12\0\10cookiexx", 12);
	build_record(&build, SECTION_ADDITIONAL, "key", TYPE_TSIG, 0, "tsig", 4);
	assert_int_equal(parse_built(), QUERY_OK);
	assert_int_equal(write_on(false, true), build.len);
	assert_int_equal(message_id(out), 0x0102);
	assert_memory_equal(out + 2, build.wire + 2, build.len - 2);
}

static void what_does_not_fit_is_not_written(void **state)
{
	(void)state;
	const struct query_out how = { .id = 1, .with_edns = true, .edns_size = 1232 };
	start_query(TYPE_A);
	build_opt(&build, 1232, 0, "\0\3\0\4abcd", 8);
	assert_int_equal(parse_built(), QUERY_OK);
	for (size_t max = 0; max < build.len; max++) {
		uint8_t *small = malloc(max > 0 ? max : 1);
		assert_non_null(small);
		assert_int_equal(query_view_write(small, max, &view, &how), 0);
		free(small);
	}
	assert_int_equal(query_view_write(out, build.len, &view, &how), build.len);
}

static void random_damage_never_breaks_the_reading(void **state)
{
	(void)state;
	uint64_t seed = 20240711;
	unsigned taken = 0;

	for (int round = 0; round < 20000; round++) {
		start_query(TYPE_A);
		build_opt(&build, 1232, 0x8000, "\xfd\xea\0\4ABCD\0\12\0\10cookiexx", 20);
		for (uint64_t changes = unit_random(&seed) % 4; changes > 0; changes--)
			build.wire[unit_random(&seed) % build.len] = (uint8_t)unit_random(&seed);
		if (parse_built() != QUERY_OK)
			continue;
		taken++;
		/* what we send on is a query that we would take */
		const struct query_view client = view;
		const size_t len = write_on(true, false);
		assert_int_equal(query_view_parse(&view, out, len), QUERY_OK);
		assert_int_equal(view.question_len, client.question_len);
		assert_memory_equal(view.name, client.name, client.question_len);
		assert_int_equal(view.wants_dnssec, client.wants_dnssec);
		assert_int_equal(view.has_private_option, client.has_private_option);
		assert_int_equal(view.is_opaque, client.is_opaque);
	}
	assert_true(taken > 1000);
}

#define TEST(name) cmocka_unit_test_teardown(name, free_parsed)

static const struct CMUnitTest tests[] = {
	TEST(plain_query_is_read),
	TEST(edns_is_read),
	TEST(shorter_than_a_header_is_ignored),
	TEST(CF_03_other_than_one_question_is_formerr),
	TEST(CF_05_response_is_ignored),
	TEST(CF_07_CF_08_other_opcodes_are_not_read_further),
	TEST(CF_09_unfinished_name_is_formerr),
	TEST(CF_11_labels_and_names_too_long_are_formerr),
	TEST(compressed_question_is_formerr),
	TEST(TR_31_longest_names_are_taken),
	TEST(TR_32_raw_bytes_stay_raw),
	TEST(CF_12_records_in_answer_or_authority_are_formerr),
	TEST(CF_13_types_that_are_no_question_are_formerr),
	TEST(CF_14_TR_10_flags_of_replies_are_ignored),
	TEST(ED_03_other_version_is_badvers),
	TEST(ED_07_two_opt_records_are_formerr),
	TEST(ED_09_option_past_the_rdata_is_formerr),
	TEST(ED_10_opt_past_the_packet_is_formerr),
	TEST(ED_14_bytes_behind_the_last_record_are_formerr),
	TEST(opt_with_an_owner_is_formerr),
	TEST(only_consumed_options_leave_an_answer_shared),
	TEST(signed_queries_are_opaque),
	TEST(nobody_has_that_many_records),
	TEST(TR_26_key_exchange_may_bring_its_records),
	TEST(zone_transfer_may_bring_its_serial),
	TEST(question_goes_on_in_the_clients_case),
	TEST(ED_05_only_the_do_flag_goes_on),
	TEST(ED_04_ED_17_ED_19_options_travel_but_those_of_the_hop),
	TEST(hardware_address_is_read_and_goes_no_further),
	TEST(ED_12_fifty_of_each_option_overflow_nothing),
	TEST(TR_25_opaque_query_changes_its_id_alone),
	TEST(what_does_not_fit_is_not_written),
	TEST(random_damage_never_breaks_the_reading),
};

UNIT_MAIN_PLAIN(tests)
