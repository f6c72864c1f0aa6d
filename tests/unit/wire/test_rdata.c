#include "wire/rdata.h"

#include <stdlib.h>

#include "build.h"
#include "unit.h"

/* A message of a header, the name a.bc at offset 12, and the RDATA; nothing behind it. */
static enum rdata_quality check(unsigned type, unsigned class, const void *bytes, size_t len)
{
	static const char front[] = "123456789012\1a\2bc";
	uint8_t *wire = malloc(sizeof(front) + len);
	if (wire == NULL)
		abort();
	memcpy(wire, front, sizeof(front));
	memcpy(wire + sizeof(front), bytes, len);
	const struct rdata rdata = { .wire = wire,
				     .wire_len = sizeof(front) + len,
				     .at = sizeof(front),
				     .len = len,
				     .type = (uint16_t)type,
				     .class = (uint16_t) class };
	enum rdata_quality quality = rdata_check(&rdata);
	free(wire);
	return quality;
}

#define CHECK(type, bytes) check(type, CLASS_IN, bytes, sizeof(bytes) - 1)
#define RDATA_AT 18 /* sizeof(front) */

struct row {
	uint16_t type;
	uint8_t len;
	char bytes[61];
};
/* clang-format off */
#define ROW(type, bytes) { type, sizeof(bytes) - 1, bytes }

static const struct row good[] = {
	ROW(TYPE_A, "\300\0\2\1"),
	ROW(TYPE_AAAA, "\40\1\r\270\0\0\0\0\0\0\0\0\0\0\0\1"),
	ROW(TYPE_NS, "\2ns\1a\0"), ROW(TYPE_CNAME, "\300\14"), ROW(TYPE_PTR, "\0"),
	ROW(TYPE_SOA, "\2ns\300\14\4host\300\14\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"),
	ROW(TYPE_MX, "\0\12\2mx\300\14"), ROW(TYPE_TXT, "\0"), ROW(TYPE_TXT, "\3abc\1d"),
	ROW(TYPE_SRV, "\0\1\0\2\0\3\300\14"), ROW(TYPE_DNAME, "\1x\0"),
	ROW(35, "\0\1\0\2\1u\7E2U+sip\3!a!\300\14"), /* NAPTR */
	ROW(13, "\3cpu\2os"), ROW(14, "\300\14\300\16"), ROW(17, "\300\14\0"),
	ROW(29, "\0\22\26\23\211\27\55\320\160\276\25\360\0\230\215\40"), /* LOC */
	ROW(29, "\1anything"),
	ROW(46, "\0\1\5\2\0\0\1\54\1\1\1\1\2\2\2\2\0\7\1a\0sig"), /* RRSIG */
	ROW(47, "\1a\0\0\1\100"), ROW(47, "\1a\0\0\1\100\1\1\100"), ROW(47, "\1a\0"),
	ROW(47, "\0\0\40" "12345678901234567890123456789012"),
	ROW(50, "\1\0\0\12\0\4hash\0\1\100"), ROW(50, "\1\0\0\12\2ab\4hash"),
	ROW(43, "\0\7\5\1digest"), ROW(48, "\1\1\3\10key"),
	ROW(TYPE_HTTPS, "\0\0\1x\0"),
	ROW(TYPE_HTTPS, "\0\1\0\0\0\0\2\0\3\0\1\0\6\2h2\2h3\0\2\0\0\0\3\0\2\1\273"
			"\0\4\0\4\300\0\2\1\377\377\0\1x"),
	ROW(TYPE_SVCB, "\0\1\0\0\6\0\20\40\1\r\270\0\0\0\0\0\0\0\0\0\0\0\1"),
	ROW(257, "\0\5issueca"), ROW(108, "\1\2\3\4\5\6"), ROW(109, "\1\2\3\4\5\6\7\10"),
	ROW(65280, "\300\377"), ROW(65280, ""), ROW(10, "\300\377"), ROW(49, "x"),
};

/* UF_21 and the rest of that kind */
static const struct row odd[] = {
	ROW(TYPE_A, "\300\0\2"), ROW(TYPE_A, "\300\0\2\1\1"), ROW(TYPE_A, ""),
	ROW(TYPE_A, "0123456789012345"), ROW(TYPE_AAAA, "\300\0\2\1"), ROW(TYPE_AAAA, ""),
	ROW(TYPE_NS, ""), ROW(TYPE_NS, "\2ns\1a"), ROW(TYPE_NS, "\2ns\0\0"),
	ROW(TYPE_CNAME, "\300"), ROW(TYPE_CNAME, "\300\14\0"), ROW(TYPE_CNAME, "\100a\0"),
	ROW(TYPE_CNAME, "\5ab"), ROW(TYPE_CNAME, "\200"),
	ROW(TYPE_SOA, "\300\14\300\14\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0"),
	ROW(TYPE_SOA, "\300\14\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"),
	ROW(TYPE_MX, "\0"), ROW(TYPE_MX, "\0\12"), ROW(TYPE_MX, "\0\12\2mx\300\14\0"),
	ROW(TYPE_TXT, ""), ROW(TYPE_TXT, "\4abc"), ROW(TYPE_SRV, "\0\1\0\2\0"),
	ROW(35, "\0\1\0\2\1u\7E2U"), ROW(35, "\0\1"),
	ROW(29, "\0\22\26\23"), ROW(29, ""), ROW(29, "\0\22\26\23\211\27\55\320\160\276\25\360\0\230\215\40\0"),
	ROW(46, "\0\1\5\2\0\0\1\54\1\1\1\1\2\2\2\2\0\7\1a\0"),
	ROW(46, "\0\1\5\2\0\0\1\54\1\1\1\1\2\2\2\2\0\7\300\14sig"),
	ROW(47, "\1a\0\0\0"), ROW(47, "\0\0\41" "123456789012345678901234567890123"), ROW(47, "\1a\0\0\2\100"), ROW(47, "\1a"),
	ROW(47, "\1a\0\1\1\100\0\1\100"), ROW(47, "\300\14\0\1\100"),
	ROW(50, "\1\0\0\12\2ab\0"), ROW(50, "\1\0\0\12\7ab"),
	ROW(TYPE_HTTPS, "\0"), ROW(TYPE_HTTPS, "\0\1"), ROW(TYPE_HTTPS, "\0\1\300\14"),
	ROW(TYPE_HTTPS, "\0\1\0\0\1\0\3\2h"), ROW(TYPE_HTTPS, "\0\1\0\0\1\0\0"),
	ROW(TYPE_HTTPS, "\0\1\0\0\1\0\1\0"), ROW(TYPE_HTTPS, "\0\1\0\0\3\0\2\1\273\0\3\0\2\1\273"),
	ROW(TYPE_HTTPS, "\0\1\0\0\3\0\2\1\273\0\2\0\0"), ROW(TYPE_HTTPS, "\0\1\0\0\4\0\3abc"),
	ROW(TYPE_HTTPS, "\0\1\0\0\6\0\4abcd"), ROW(TYPE_HTTPS, "\0\1\0\0\0\0\1a"),
	ROW(TYPE_HTTPS, "\0\1\0\0\2\0\1a"), ROW(TYPE_HTTPS, "\0\1\0\0\3\0\1a"),
	ROW(TYPE_HTTPS, "\0\1\0\0"), ROW(43, "\0\7\5\1"), ROW(257, "\0\0x"), ROW(108, "12345"),
};
/* clang-format on */

static void what_types_say_is_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (check(good[i].type, CLASS_IN, good[i].bytes, good[i].len) != RDATA_OK)
			fail_msg("row %zu, type %u", i, good[i].type);
	}
}

static void UF_21_what_types_do_not_say_is_odd(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (check(odd[i].type, CLASS_IN, odd[i].bytes, odd[i].len) != RDATA_ODD)
			fail_msg("row %zu, type %u", i, odd[i].type);
	}
}

static void UF_19_pointers_that_lead_astray_are_bad(void **state)
{
	(void)state;
	static const uint16_t types[] = { 2, 3, 4, 5, 7, 8, 9, 12, 39 };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_int_equal(CHECK(types[i], "\300\14"), RDATA_OK);
		assert_int_equal(CHECK(types[i], "\300\22"), RDATA_BAD);    /* itself */
		assert_int_equal(CHECK(types[i], "\1a\300\22"), RDATA_BAD); /* a loop */
		assert_int_equal(CHECK(types[i], "\300\24"), RDATA_BAD);    /* forward */
		assert_int_equal(CHECK(types[i], "\377\377"), RDATA_BAD);   /* past the end */
		assert_int_equal(CHECK(types[i], "\300\13"), RDATA_BAD);    /* into the header */
	}
	assert_int_equal(CHECK(TYPE_MX, "\0\1\300\24"), RDATA_BAD);
	assert_int_equal(CHECK(TYPE_SRV, "\0\1\0\2\0\3\300\30"), RDATA_BAD);
	assert_int_equal(CHECK(TYPE_SOA, "\300\14\300\24"), RDATA_BAD);
	assert_int_equal(CHECK(35, "\0\1\0\2\0\0\0\300\13"), RDATA_BAD);
}

static void UF_25_name_over_255_by_a_pointer_is_bad(void **state)
{
	(void)state;
	uint8_t bytes[300];
	memset(bytes, 'x', sizeof(bytes));
	bytes[0] = bytes[64] = bytes[128] = 63;
	bytes[192] = 57;
	bytes[250] = 0xc0;
	bytes[251] = 0x0c;
	/* 250 bytes and a.bc: 256 */
	assert_int_equal(check(TYPE_CNAME, CLASS_IN, bytes, 252), RDATA_BAD);
	bytes[192] = 56;
	bytes[249] = 0xc0;
	bytes[250] = 0x0c;
	assert_int_equal(check(TYPE_CNAME, CLASS_IN, bytes, 251), RDATA_OK);
	/* without a pointer it harms nobody else */
	bytes[192] = 63;
	bytes[256] = 0;
	assert_int_equal(check(TYPE_CNAME, CLASS_IN, bytes, 257), RDATA_ODD);
}

static void addresses_are_so_long_in_class_in_only(void **state)
{
	(void)state;
	assert_int_equal(check(TYPE_A, CLASS_CH, "\2ch\0\1\2", 6), RDATA_OK);
	assert_int_equal(check(TYPE_AAAA, 65280, "x", 1), RDATA_OK);
	assert_int_equal(check(TYPE_CNAME, CLASS_CH, "\300", 1), RDATA_ODD);
}

struct seen {
	size_t at[8];
	size_t count;
};

static void see(void *ctx, size_t name_at)
{
	struct seen *seen = ctx;
	assert_true(seen->count < 8);
	seen->at[seen->count++] = name_at;
}

static struct seen names_of(unsigned type, const void *bytes, size_t len)
{
	struct seen seen = { .count = 0 };
	uint8_t wire[300] = { 0 };
	memcpy(wire + RDATA_AT, bytes, len);
	const struct rdata rdata = { .wire = wire,
				     .wire_len = RDATA_AT + len,
				     .at = RDATA_AT,
				     .len = len,
				     .type = (uint16_t)type,
				     .class = CLASS_IN };
	rdata_each_name(&rdata, see, &seen);
	return seen;
}

static void compressible_names_are_found(void **state)
{
	(void)state;
	struct seen seen = names_of(TYPE_SOA, "\1a\300\14\300\15....................", 26);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.at[0], RDATA_AT);
	assert_int_equal(seen.at[1], RDATA_AT + 4);
	seen = names_of(TYPE_SRV, "\0\1\0\2\0\3\300\14", 8);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.at[0], RDATA_AT + 6);
	assert_int_equal(names_of(35, "\0\1\0\2\1u\1s\1r\300\14", 12).at[0], RDATA_AT + 10);
	assert_int_equal(names_of(TYPE_HTTPS, "\0\0\1x\0", 5).count, 0);
	assert_int_equal(names_of(65280, "\300\14", 2).count, 0);
	assert_int_equal(names_of(TYPE_TXT, "\2\300\14", 3).count, 0);
}

static void names_end_at_the_first_malformed_field(void **state)
{
	(void)state;
	assert_int_equal(names_of(TYPE_SOA, "\300\14\100", 3).count, 1);
	assert_int_equal(names_of(TYPE_SOA, "\7a", 2).count, 0);
	assert_int_equal(names_of(TYPE_MX, "\0", 1).count, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_types_say_is_good),
	cmocka_unit_test(UF_21_what_types_do_not_say_is_odd),
	cmocka_unit_test(UF_19_pointers_that_lead_astray_are_bad),
	cmocka_unit_test(UF_25_name_over_255_by_a_pointer_is_bad),
	cmocka_unit_test(addresses_are_so_long_in_class_in_only),
	cmocka_unit_test(compressible_names_are_found),
	cmocka_unit_test(names_end_at_the_first_malformed_field),
};

UNIT_MAIN_PLAIN(tests)
