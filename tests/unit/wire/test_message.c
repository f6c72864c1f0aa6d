#include "wire/message.h"

#include <stdlib.h>

#include "build.h"
#include "unit.h"

static struct build build;
static struct message_facts facts;

static enum message_quality read_built(void)
{
	/* a heap copy of the exact size lets the sanitizer see every read too far */
	uint8_t *copy = malloc(build.len > 0 ? build.len : 1);
	if (copy == NULL)
		abort();
	memcpy(copy, build.wire, build.len);
	enum message_quality quality = message_read(copy, build.len, &facts);
	free(copy);
	return quality;
}

/* A reply with one question (example.com A) and nothing else yet. */
static void start_reply(void)
{
	build_start(&build, 1, FLAG_QR | FLAG_RD | FLAG_RA);
	build_question(&build, "example.com", TYPE_A);
}

#define ANSWER(owner, type, ttl, rdata) \
	build_record(&build, SECTION_ANSWER, owner, type, ttl, rdata, sizeof(rdata) - 1)
#define ADDITIONAL(owner, type, ttl, rdata) \
	build_record(&build, SECTION_ADDITIONAL, owner, type, ttl, rdata, sizeof(rdata) - 1)

static void courier_reply_is_read(void **state)
{
	(void)state;
	build_courier(&build);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(facts.id, 0x1234);
	assert_int_equal(facts.flags, FLAG_QR | FLAG_RD | FLAG_RA);
	assert_int_equal(facts.questions, 1);
	assert_int_equal(facts.question_len, 24 + 4);
	assert_int_equal(facts.records[SECTION_ANSWER], 1);
	assert_int_equal(facts.records[SECTION_AUTHORITY], 1);
	assert_int_equal(facts.records[SECTION_ADDITIONAL], 0);
	assert_int_equal(facts.wire_len, build.len);
	assert_int_equal(facts.trailing, 0);
	assert_true(facts.has_ttl && facts.has_soa);
	assert_int_equal(facts.min_ttl, 49);
	assert_int_equal(facts.soa_minimum, 180);
	assert_false(facts.has_opt);
	assert_int_equal(message_rcode(&facts), RCODE_NOERROR);
}

static void header_fields_are_set_in_place(void **state)
{
	(void)state;
	build_courier(&build);
	message_set_id(build.wire, 0xabcd);
	message_set_flags(build.wire, FLAG_QR | FLAG_CD | RCODE_REFUSED);
	assert_int_equal(message_id(build.wire), 0xabcd);
	assert_int_equal(message_flags(build.wire), 0x8015);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(message_rcode(&facts), RCODE_REFUSED);
}

static void every_shorter_piece_is_bad(void **state)
{
	(void)state;
	build_courier(&build);
	build_opt(&build, 1232, 0, "\0\3\0\2id", 6);
	const size_t whole = build.len;
	for (build.len = 0; build.len < whole; build.len++)
		assert_int_equal(read_built(), MESSAGE_BAD);
	assert_int_equal(read_built(), MESSAGE_OK);
	start_reply();
	for (build.len -= 4; build.len < 12 + 13 + 4; build.len++)
		assert_int_equal(read_built(), MESSAGE_BAD);
	assert_int_equal(read_built(), MESSAGE_OK);
}

static void question_may_be_missing_but_not_doubled(void **state)
{
	(void)state;
	build_start(&build, 1, FLAG_QR | RCODE_FORMERR);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(facts.question_len, 0);
	assert_int_equal(facts.questions, 0);
	build_question(&build, "example.com", TYPE_A);
	build_question(&build, "example.org", TYPE_A);
	assert_int_equal(read_built(), MESSAGE_BAD);
}

static void UF_18_owner_that_points_to_itself_is_bad(void **state)
{
	(void)state;
	start_reply();
	build_pointer(&build, build.len);
	build_head(&build, SECTION_ANSWER, TYPE_A, 300);
	BUILD(&build, "\x06\x06\x06\x06");
	build_end(&build);
	assert_int_equal(read_built(), MESSAGE_BAD);
}

/* A CNAME record whose target is a pointer to `target`. */
static enum message_quality quality_of_pointer(size_t target)
{
	start_reply();
	build_pointer(&build, MESSAGE_HEADER_LEN);
	build_head(&build, SECTION_ANSWER, TYPE_CNAME, 300);
	build_pointer(&build, target);
	build_end(&build);
	return read_built();
}

static void UF_19_pointers_in_rdata_go_backwards_or_the_reply_is_bad(void **state)
{
	(void)state;
	assert_int_equal(quality_of_pointer(12), MESSAGE_OK);
	const size_t its_own_place = build.len - 2;
	assert_int_equal(quality_of_pointer(its_own_place), MESSAGE_BAD);
	assert_int_equal(quality_of_pointer(its_own_place + 2), MESSAGE_BAD);
	assert_int_equal(quality_of_pointer(0x3fff), MESSAGE_BAD);
	assert_int_equal(quality_of_pointer(0), MESSAGE_BAD);
	assert_int_equal(quality_of_pointer(11), MESSAGE_BAD);
	/* a loop of two: the pointer in RDATA leads to the owner, which leads to it */
	start_reply();
	const size_t owner_at = build.len;
	build_pointer(&build, owner_at + 12);
	build_head(&build, SECTION_ANSWER, TYPE_CNAME, 300);
	build_pointer(&build, owner_at);
	build_end(&build);
	assert_int_equal(read_built(), MESSAGE_BAD);
}

static void UF_20_rdlength_past_the_end_is_bad(void **state)
{
	(void)state;
	start_reply();
	ANSWER("example.com", TYPE_A, 300, "\xc0\x00\x02\x01");
	build_set_u16(&build, build.rdlength_at, 400);
	assert_int_equal(read_built(), MESSAGE_BAD);
	build_set_u16(&build, build.rdlength_at, 5);
	assert_int_equal(read_built(), MESSAGE_BAD);
}

static void UF_21_wrong_length_for_the_type_is_odd(void **state)
{
	(void)state;
	start_reply();
	ANSWER("example.com", TYPE_A, 300, "\xc0\x00\x02");
	ANSWER("example.com", TYPE_A, 300, "\xc0\x00\x02\x01");
	assert_int_equal(read_built(), MESSAGE_ODD);
	assert_int_equal(facts.records[SECTION_ANSWER], 2);
	assert_int_equal(facts.wire_len, build.len);
}

static void UF_22_counts_that_lie_high_are_bad(void **state)
{
	(void)state;
	start_reply();
	ANSWER("example.com", TYPE_A, 300, "\xc0\x00\x02\x01");
	build_set_u16(&build, 6, 9);
	assert_int_equal(read_built(), MESSAGE_BAD);
	for (size_t at = 4; at <= 10; at += 2)
		build_set_u16(&build, at, 65535);
	assert_int_equal(read_built(), MESSAGE_BAD);
	build_set_u16(&build, 4, 1);
	assert_int_equal(read_built(), MESSAGE_BAD);
}

static void UF_23_UF_24_what_trails_is_told_apart(void **state)
{
	(void)state;
	start_reply();
	ANSWER("example.com", TYPE_A, 300, "\xc0\x00\x02\x01");
	const size_t first_len = build.len;
	ANSWER("example.com", TYPE_A, 5, "\x06\x06\x06\x06");
	build_set_u16(&build, 6, 1);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(facts.wire_len, first_len);
	assert_int_equal(facts.trailing, build.len - first_len);
	assert_int_equal(facts.min_ttl, 300);
}

static void UF_25_name_over_255_is_bad(void **state)
{
	(void)state;
	start_reply();
	size_t before = MESSAGE_HEADER_LEN;
	for (int pieces = 1; pieces <= 5; pieces++) {
		const size_t at = build.len;
		BUILD(&build, "\x3c"
			      "123456789012345678901234567890123456789012345678901234567890");
		build_pointer(&build, before);
		build_head(&build, SECTION_ANSWER, TYPE_A, 300);
		BUILD(&build, "\xc0\x00\x02\x01");
		build_end(&build);
		before = at;
		assert_int_equal(read_built(), pieces <= 3 ? MESSAGE_OK : MESSAGE_BAD);
	}
}

static void UF_26_reserved_label_types_are_bad_in_owners(void **state)
{
	(void)state;
	for (unsigned byte = 0x40; byte < 0xc0; byte += 0x40) {
		start_reply();
		const size_t owner_at = build.len;
		ANSWER("a", TYPE_A, 300, "\xc0\x00\x02\x01");
		assert_int_equal(read_built(), MESSAGE_OK);
		build.wire[owner_at] = (uint8_t)byte;
		assert_int_equal(read_built(), MESSAGE_BAD);
	}
}

static void smallest_ttl_of_answer_and_authority_counts(void **state)
{
	(void)state;
	start_reply();
	ANSWER("example.com", TYPE_A, 300, "\xc0\x00\x02\x01");
	ANSWER("example.com", TYPE_A, 20, "\xc0\x00\x02\x02");
	ADDITIONAL("ns.example.com", TYPE_A, 1, "\xc0\x00\x02\x03");
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(facts.min_ttl, 20);
	assert_false(facts.has_soa);
}

static void CA_07_ttl_with_its_top_bit_set_counts_as_zero(void **state)
{
	(void)state;
	start_reply();
	ANSWER("example.com", TYPE_A, 0x80000001, "\xc0\x00\x02\x01");
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_true(facts.has_ttl);
	assert_int_equal(facts.min_ttl, 0);
}

static void NG_23_smallest_of_two_soa_records_counts(void **state)
{
	(void)state;
	start_reply();
	build_soa(&build, "example.com", 50, 400);
	build_soa(&build, "example.com", 5, 900);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(facts.min_ttl, 5);
	assert_int_equal(facts.soa_minimum, 400);
	start_reply();
	build_soa(&build, "example.com", 50, 0xffffffff);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(facts.soa_minimum, 0);
}

static void malformed_soa_allows_no_lifetime(void **state)
{
	(void)state;
	start_reply();
	build_soa(&build, "example.com", 50, 400);
	build.len -= 2;
	build_end(&build);
	assert_int_equal(read_built(), MESSAGE_ODD);
	assert_true(facts.has_soa);
	assert_int_equal(facts.soa_minimum, 0);
}

static void reply_without_records_has_no_ttl(void **state)
{
	(void)state;
	start_reply();
	build_opt(&build, 1232, 0, "", 0);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_false(facts.has_ttl);
}

static void CA_10_opt_fields_are_no_ttl(void **state)
{
	(void)state;
	start_reply();
	ANSWER("example.com", TYPE_A, 300, "\xc0\x00\x02\x01");
	build_opt(&build, 4096, 0x01008000, "\0\x0f\0\2\0\3", 6);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_true(facts.has_opt);
	assert_int_equal(facts.opt_len, 11 + 6);
	assert_int_equal(facts.opt_at + facts.opt_len, build.len);
	assert_int_equal(facts.opt_udp_size, 4096);
	assert_int_equal(facts.opt_flags, 0x8000);
	assert_int_equal(facts.opt_rcode, 1);
	assert_int_equal(facts.opt_version, 0);
	assert_int_equal(facts.options_len, 6);
	assert_memory_equal(build.wire + facts.options_at, "\0\x0f\0\2\0\3", 6);
	assert_int_equal(facts.min_ttl, 300);

	uint16_t offsets[8];
	assert_int_equal(build_ttl_offsets(build.wire, build.len, offsets, 8), 1);
	uint8_t before[64];
	memcpy(before, build.wire + facts.opt_at, facts.opt_len);
	message_clamp_ttls(build.wire, build.len, 400, 500);
	assert_memory_equal(build.wire + facts.opt_at, before, facts.opt_len);
}

static void TR_28_rcode_has_its_upper_bits_even_after_the_cut(void **state)
{
	(void)state;
	start_reply();
	build_opt(&build, 1232, 0x01000000, "", 0);
	build_set_u16(&build, 2, FLAG_QR | 7);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(message_rcode(&facts), 23);
	build.len = message_cut_opt(build.wire, &facts);
	assert_int_equal(message_rcode(&facts), 23);
}

static void misplaced_opt_records_are_bad(void **state)
{
	(void)state;
	start_reply();
	build_opt(&build, 1232, 0, "", 0);
	build_opt(&build, 1232, 0, "", 0);
	assert_int_equal(read_built(), MESSAGE_BAD);
	start_reply();
	ANSWER(".", TYPE_OPT, 0, "");
	assert_int_equal(read_built(), MESSAGE_BAD);
	start_reply();
	ADDITIONAL("a", TYPE_OPT, 0, "");
	assert_int_equal(read_built(), MESSAGE_BAD);
}

static void ED_27_garbage_options_are_odd_and_not_handed_on(void **state)
{
	(void)state;
	start_reply();
	build_opt(&build, 0, 0x00010000, "\xfd\xe9\0\xc8\1", 5);
	assert_int_equal(read_built(), MESSAGE_ODD);
	assert_true(facts.has_opt);
	assert_int_equal(facts.options_len, 0);
	build.len = message_cut_opt(build.wire, &facts);
	assert_int_equal(build.len, facts.wire_len);
	assert_int_equal(read_built(), MESSAGE_OK);
}

static void message_over_64k_is_bad(void **state)
{
	(void)state;
	start_reply();
	build.len = 65535;
	assert_int_equal(read_built(), MESSAGE_OK);
	build.len = 65536;
	assert_int_equal(read_built(), MESSAGE_BAD);
}

/* --- taking OPT out ------------------------------------------------------------------------ */

static void opt_at_the_end_is_cut_off(void **state)
{
	(void)state;
	build_courier(&build);
	const size_t len = build.len;
	struct build *plain = malloc(sizeof(*plain));
	assert_non_null(plain);
	memcpy(plain, &build, sizeof(build));
	build_opt(&build, 1232, 0x8000, "\0\x0f\0\2\0\3", 6);
	BUILD(&build, "trailing");
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(message_cut_opt(build.wire, &facts), len);
	assert_memory_equal(build.wire, plain->wire, len);
	free(plain);
	assert_false(facts.has_opt);
	assert_int_equal(facts.wire_len, len);
	assert_int_equal(facts.trailing, 0);
	assert_int_equal(facts.records[SECTION_ADDITIONAL], 0);
	assert_int_equal(facts.opt_flags, 0x8000);
}

static void nothing_to_cut_is_nothing_cut(void **state)
{
	(void)state;
	build_courier(&build);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(message_cut_opt(build.wire, &facts), build.len);
	assert_int_equal(read_built(), MESSAGE_OK);
}

/* The name at `at` reads as `text`. */
static void assert_name_at(size_t at, const char *text)
{
	uint8_t name[NAME_MAX_LEN];
	size_t len, next;
	struct name_text into;
	assert_int_equal(name_read(build.wire, build.len, at, name, &len, &next), 0);
	assert_string_equal(name_to_text(name, &into), text);
}

static void records_behind_opt_keep_their_names(void **state)
{
	(void)state;
	start_reply();
	ANSWER("example.com", TYPE_MX, 300, "\0\12\2mx\xc0\x0c");
	build_opt(&build, 1232, 0, "\0\3\0\2id", 6);
	const size_t mx_at = build.len;
	ADDITIONAL("mx.example.net", TYPE_A, 300, "\xc0\x00\x02\x01");
	const size_t alias_at = build.len;
	build_pointer(&build, mx_at); /* behind OPT: must move */
	build_head(&build, SECTION_ADDITIONAL, TYPE_SRV, 300);
	BUILD(&build, "\0\1\0\2\0\3\1x");
	build_pointer(&build, mx_at + 3);
	build_end(&build);
	build_pointer(&build, 12); /* before it: must stay */
	build_head(&build, SECTION_ADDITIONAL, 65280, 300);
	build_pointer(&build, mx_at); /* opaque: not a pointer to us */
	build_end(&build);
	const size_t plain_at = build.len;
	ADDITIONAL("b", 65280, 300, ""); /* what follows a root label is no pointer */
	const size_t shift = 11 + 6;

	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(message_cut_opt(build.wire, &facts), build.len - shift);
	build.len -= shift;
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(facts.records[SECTION_ADDITIONAL], 4);
	assert_int_equal(facts.trailing, 0);
	assert_name_at(alias_at - shift, "mx.example.net");
	assert_name_at(alias_at - shift + 12 + 6, "x.example.net");
	assert_int_equal(build_get_u16(&build, plain_at - shift - 2), 0xc000 | mx_at);
	assert_name_at(plain_at - shift - 14, "example.com");
	assert_memory_equal(build.wire + plain_at - shift, "\1b\0\xff\0\0\1", 7);
}

static void pointer_at_the_very_end_is_corrected(void **state)
{
	(void)state;
	start_reply();
	build_opt(&build, 1232, 0, "", 0);
	const size_t alias_at = build.len;
	build_name(&build, "alias.example.net");
	build_head(&build, SECTION_ADDITIONAL, TYPE_CNAME, 300);
	build_pointer(&build, alias_at + 6);
	build_end(&build);
	assert_int_equal(read_built(), MESSAGE_OK);
	build.len = message_cut_opt(build.wire, &facts);
	assert_int_equal(facts.records[SECTION_ADDITIONAL], 1);
	assert_name_at(build.len - 2, "example.net");
}

static void records_that_point_into_opt_go_with_it(void **state)
{
	(void)state;
	start_reply();
	ADDITIONAL("ns.example.com", TYPE_A, 300, "\xc0\x00\x02\x01");
	const size_t opt_at = build.len;
	build_opt(&build, 1232, 0, "\0\3\0\3\1a\0", 7);
	build_pointer(&build, opt_at + 11 + 4); /* the name "a" inside the option */
	build_head(&build, SECTION_ADDITIONAL, TYPE_A, 300);
	BUILD(&build, "\xc0\x00\x02\x01");
	build_end(&build);
	ADDITIONAL("key", TYPE_TSIG, 0, "anything");
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(facts.records[SECTION_ADDITIONAL], 4);
	assert_int_equal(message_cut_opt(build.wire, &facts), opt_at);
	assert_int_equal(facts.records[SECTION_ADDITIONAL], 1);
	build.len = opt_at;
	assert_int_equal(read_built(), MESSAGE_OK);
}

static void names_through_opaque_bytes_go_too(void **state)
{
	(void)state;
	/* behind OPT a TXT record holds a pointer as text; an owner points there */
	start_reply();
	const size_t opt_at = build.len;
	build_opt(&build, 1232, 0, "", 0);
	const size_t txt_at = build.len;
	build_name(&build, "a");
	build_head(&build, SECTION_ADDITIONAL, TYPE_TXT, 300);
	BUILD(&build, "\2");
	const size_t text_at = build.len;
	build_pointer(&build, txt_at);
	build_end(&build);
	build_pointer(&build, text_at);
	build_head(&build, SECTION_ADDITIONAL, TYPE_A, 300);
	BUILD(&build, "\xc0\x00\x02\x01");
	build_end(&build);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_name_at(build.len - 16, "a");
	assert_int_equal(message_cut_opt(build.wire, &facts), opt_at);
	build.len = opt_at;
	assert_int_equal(read_built(), MESSAGE_OK);
}

/* --- TTLs ---------------------------------------------------------------------------------- */

/* --- letter case --- */

static void SP_11_case_goes_with_what_repeats_the_question(void **state)
{
	static const uint8_t asked[] = "\7eXaMpLe\3CoM", own[] = "\7Example\3com";
	static const uint8_t end[] = "\3CoM";
	const size_t name_at = MESSAGE_HEADER_LEN, len = sizeof(asked);
	uint8_t *wire = build.wire;
	size_t at[5];
	(void)state;

	start_reply();
	memcpy(wire + name_at, asked, len);
	at[0] = build.len; /* written out, letter for letter */
	ANSWER("example.com", TYPE_A, 1, "\1\2\3\4");
	memcpy(wire + at[0], asked, len);
	at[1] = build.len; /* the server's own spelling */
	ANSWER("EXAMPLE.com", TYPE_A, 1, "\1\2\3\5");
	at[2] = build.len; /* the end of the name */
	ANSWER("com", TYPE_A, 1, "\1\2\3\6");
	memcpy(wire + at[2], end, sizeof(end));
	at[3] = build.len; /* "eXaMpLe" and a pointer to "CoM" in the question */
	ANSWER("example", TYPE_A, 1, "\1\2\3\7");
	memcpy(wire + at[3], asked, 8);
	memmove(wire + at[3] + 10, wire + at[3] + 9, build.len - at[3] - 9);
	memcpy(wire + at[3] + 8, "\xc0\x14", 2);
	build.len++;
	at[4] = build.len; /* another name altogether */
	ANSWER("eXaMpLe.net", TYPE_A, 1, "\1\2\3\x8");
	assert_int_equal(read_built(), MESSAGE_OK);

	message_set_case(wire, build.len, own, sizeof(own));
	assert_memory_equal(wire + name_at, own, len);
	assert_memory_equal(wire + at[0], own, len);
	assert_memory_equal(wire + at[1], "\7EXAMPLE\3com", len);
	assert_memory_equal(wire + at[2], "\3com", 5);
	assert_memory_equal(wire + at[3], "\7Example\xc0\x14", 10);
	assert_memory_equal(wire + at[4], "\7eXaMpLe\3net", len);
	assert_int_equal(read_built(), MESSAGE_OK);
}

static void ttls_are_found_in_order(void **state)
{
	(void)state;
	uint16_t offsets[3] = { 0 };
	build_courier(&build);
	build_opt(&build, 1232, 0, "", 0);
	ADDITIONAL("a", TYPE_A, 7, "\xc0\x00\x02\x01");
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(build_ttl_offsets(build.wire, build.len, offsets, 3), 3);
	assert_int_equal(build_get_u16(&build, offsets[0] + 2u), 279);
	assert_int_equal(build_get_u16(&build, offsets[1] + 2u), 49);
	assert_int_equal(build_get_u16(&build, offsets[2] + 2u), 7);
}

static void ttls_are_found_without_a_question_too(void **state)
{
	(void)state;
	uint16_t offset = 0;
	build_start(&build, 1, FLAG_QR);
	ANSWER("a", TYPE_A, 7, "\xc0\x00\x02\x01");
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(build_ttl_offsets(build.wire, build.len, &offset, 1), 1);
	assert_int_equal(offset, 12 + 3 + 4);
}

static uint32_t clamped(uint32_t ttl, uint32_t ttl_min, uint32_t ttl_max)
{
	uint16_t offset = 0;
	start_reply();
	ANSWER("example.com", TYPE_A, ttl, "\xc0\x00\x02\x01");
	message_clamp_ttls(build.wire, build.len, ttl_min, ttl_max);
	assert_int_equal(build_ttl_offsets(build.wire, build.len, &offset, 1), 1);
	return (uint32_t)build_get_u16(&build, offset) << 16 | build_get_u16(&build, offset + 2u);
}

static void ttls_are_clamped_but_zero_stays_zero(void **state)
{
	(void)state;
	assert_int_equal(clamped(5, 10, 100), 10);
	assert_int_equal(clamped(10, 10, 100), 10);
	assert_int_equal(clamped(50, 10, 100), 50);
	assert_int_equal(clamped(101, 10, 100), 100);
	assert_int_equal(clamped(0x7fffffff, 0, 86400), 86400);
	assert_int_equal(clamped(0, 10, 100), 0);
	assert_int_equal(clamped(0x80000005, 10, 100), 0x80000005);
}

/* --- whatever comes ------------------------------------------------------------------------ */

static void random_damage_never_breaks_the_walk(void **state)
{
	(void)state;
	uint64_t seed = 20240612;
	unsigned taken = 0;

	for (int round = 0; round < 20000; round++) {
		build_courier(&build);
		if (unit_random(&seed) % 2 == 0)
			build_opt(&build, 1232, 0x8000, "\0\3\0\2id", 6);
		ADDITIONAL("x.example.com", TYPE_SRV, 60, "\0\1\0\2\0\3\xc0\x0c");
		for (uint64_t changes = unit_random(&seed) % 4; changes > 0; changes--)
			build.wire[unit_random(&seed) % build.len] = (uint8_t)unit_random(&seed);
		if (read_built() == MESSAGE_BAD)
			continue;
		taken++;
		assert_int_equal(facts.wire_len + facts.trailing, build.len);
		build.len = message_cut_opt(build.wire, &facts);
		assert_int_equal(build.len, facts.wire_len);
		assert_int_not_equal(read_built(), MESSAGE_BAD);
		assert_false(facts.has_opt);
		assert_int_equal(facts.trailing, 0);
	}
	assert_true(taken > 1000);
}

static void every_ttl_but_that_of_opt_is_set(void **state)
{
	uint16_t at[8];

	(void)state;
	start_reply();
	ANSWER("example.com", TYPE_A, 0, "\300\0\2\1");
	ANSWER("example.com", TYPE_A, 300, "\300\0\2\2");
	ADDITIONAL(".", TYPE_OPT, 0x8000, "");
	message_set_ttls(build.wire, build.len, 30);
	assert_int_equal(build_ttl_offsets(build.wire, build.len, at, 8), 2);
	assert_memory_equal(build.wire + at[0], "\0\0\0\36", 4);
	assert_memory_equal(build.wire + at[1], "\0\0\0\36", 4);
	assert_int_equal(read_built(), MESSAGE_OK);
	assert_int_equal(facts.opt_flags, 0x8000);
}

#define SOA_OF_VERSION(n) "\0\0\0\0\0" n "\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"

static bool is_whole(uint16_t type)
{
	return message_is_whole_transfer(build.wire, build.len, type);
}

static void a_transfer_is_whole_when_its_soa_ends_it(void **state)
{
	(void)state;
	start_reply();
	assert_true(is_whole(TYPE_AXFR)); /* empty: an error, say */
	ANSWER("example.com", TYPE_SOA, 60, SOA_OF_VERSION("\7"));
	assert_true(is_whole(TYPE_IXFR)); /* you are up to date */
	assert_false(is_whole(TYPE_AXFR));
	ANSWER("example.com", TYPE_A, 60, "\300\0\2\1");
	assert_false(is_whole(TYPE_AXFR)); /* more is to come */
	ANSWER("example.com", TYPE_SOA, 60, SOA_OF_VERSION("\7"));
	assert_true(is_whole(TYPE_AXFR));
	assert_true(is_whole(TYPE_IXFR));
	ANSWER("example.com", TYPE_A, 60, "\300\0\2\1");
	assert_false(is_whole(TYPE_AXFR));
}

static void UT_20_differences_are_whole_when_the_last_is_there(void **state)
{
	static const struct {
		const char *soa;
		bool is_whole;
	} step[] = { { SOA_OF_VERSION("\7"), true },
		     { SOA_OF_VERSION("\5"), false }, /* from 5 ... */
		     { SOA_OF_VERSION("\6"), false }, /* ... to 6 */
		     { SOA_OF_VERSION("\6"), false },
		     { SOA_OF_VERSION("\7"), false }, /* additions follow */
		     { SOA_OF_VERSION("\7"), true } };

	(void)state;
	start_reply();
	for (size_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		build_record(&build, SECTION_ANSWER, "example.com", TYPE_SOA, 60, step[i].soa, 22);
		assert_int_equal(is_whole(TYPE_IXFR), step[i].is_whole);
		if (i > 0 && i < 5) {
			ANSWER("a.example.com", TYPE_A, 60, "\300\0\2\1");
			assert_false(is_whole(TYPE_IXFR));
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_ttl_but_that_of_opt_is_set),
	cmocka_unit_test(a_transfer_is_whole_when_its_soa_ends_it),
	cmocka_unit_test(UT_20_differences_are_whole_when_the_last_is_there),
	cmocka_unit_test(courier_reply_is_read),
	cmocka_unit_test(header_fields_are_set_in_place),
	cmocka_unit_test(every_shorter_piece_is_bad),
	cmocka_unit_test(question_may_be_missing_but_not_doubled),
	cmocka_unit_test(UF_18_owner_that_points_to_itself_is_bad),
	cmocka_unit_test(UF_19_pointers_in_rdata_go_backwards_or_the_reply_is_bad),
	cmocka_unit_test(UF_20_rdlength_past_the_end_is_bad),
	cmocka_unit_test(UF_21_wrong_length_for_the_type_is_odd),
	cmocka_unit_test(UF_22_counts_that_lie_high_are_bad),
	cmocka_unit_test(UF_23_UF_24_what_trails_is_told_apart),
	cmocka_unit_test(UF_25_name_over_255_is_bad),
	cmocka_unit_test(UF_26_reserved_label_types_are_bad_in_owners),
	cmocka_unit_test(smallest_ttl_of_answer_and_authority_counts),
	cmocka_unit_test(CA_07_ttl_with_its_top_bit_set_counts_as_zero),
	cmocka_unit_test(NG_23_smallest_of_two_soa_records_counts),
	cmocka_unit_test(malformed_soa_allows_no_lifetime),
	cmocka_unit_test(reply_without_records_has_no_ttl),
	cmocka_unit_test(CA_10_opt_fields_are_no_ttl),
	cmocka_unit_test(TR_28_rcode_has_its_upper_bits_even_after_the_cut),
	cmocka_unit_test(misplaced_opt_records_are_bad),
	cmocka_unit_test(ED_27_garbage_options_are_odd_and_not_handed_on),
	cmocka_unit_test(message_over_64k_is_bad),
	cmocka_unit_test(opt_at_the_end_is_cut_off),
	cmocka_unit_test(nothing_to_cut_is_nothing_cut),
	cmocka_unit_test(records_behind_opt_keep_their_names),
	cmocka_unit_test(pointer_at_the_very_end_is_corrected),
	cmocka_unit_test(records_that_point_into_opt_go_with_it),
	cmocka_unit_test(names_through_opaque_bytes_go_too),
	cmocka_unit_test(SP_11_case_goes_with_what_repeats_the_question),
	cmocka_unit_test(ttls_are_found_in_order),
	cmocka_unit_test(ttls_are_found_without_a_question_too),
	cmocka_unit_test(ttls_are_clamped_but_zero_stays_zero),
	cmocka_unit_test(random_damage_never_breaks_the_walk),
};

UNIT_MAIN_PLAIN(tests)
