#include "wire/type.h"

#include "unit.h"

static uint16_t type_of(const char *text)
{
	uint16_t type = 4711;
	return type_from_text(text, &type) ? type : 4711;
}

static void mnemonics_are_read_in_any_case(void **state)
{
	(void)state;
	assert_int_equal(type_of("A"), TYPE_A);
	assert_int_equal(type_of("https"), TYPE_HTTPS);
	assert_int_equal(type_of("AaAa"), TYPE_AAAA);
	assert_int_equal(type_of("NSEC3PARAM"), 51);
	assert_int_equal(type_of("nsap-ptr"), 23);
	assert_int_equal(type_of("ANY"), TYPE_ANY);
	assert_int_equal(type_of("DLV"), 32769);
}

static void numbers_are_read_too(void **state)
{
	(void)state;
	assert_int_equal(type_of("TYPE65"), TYPE_HTTPS);
	assert_int_equal(type_of("type65280"), 65280);
	assert_int_equal(type_of("TYPE0"), 0);
	assert_int_equal(type_of("TYPE65535"), 65535);
}

static void what_is_no_type_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "",	     "TYPE",   "TYPE65536", "TYPE-1",
					   "TYPE1x", "TYPE 1", "AB",	    "A ",
					   " A",     "65",     "TYPETYPE",  "TYPE99999999999",
					   "TYPE+1" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(type_of(bad[i]), 4711);
}

static void every_number_has_a_text_that_means_it(void **state)
{
	(void)state;
	struct type_text text;
	for (unsigned type = 0; type <= 65535; type++) {
		uint16_t back = (uint16_t)~type;
		assert_true(type_from_text(type_to_text((uint16_t)type, &text), &back));
		assert_int_equal(back, type);
	}
	assert_string_equal(type_to_text(257, &text), "CAA");
	assert_string_equal(type_to_text(65280, &text), "TYPE65280");
}

static void rcodes_have_names(void **state)
{
	(void)state;
	struct type_text text;
	assert_string_equal(type_rcode_to_text(RCODE_NOERROR, &text), "NOERROR");
	assert_string_equal(type_rcode_to_text(RCODE_BADVERS, &text), "BADVERS");
	assert_string_equal(type_rcode_to_text(23, &text), "BADCOOKIE");
	assert_string_equal(type_rcode_to_text(12, &text), "RCODE12");
	assert_string_equal(type_rcode_to_text(4095, &text), "RCODE4095");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(mnemonics_are_read_in_any_case),
	cmocka_unit_test(numbers_are_read_too),
	cmocka_unit_test(what_is_no_type_is_refused),
	cmocka_unit_test(every_number_has_a_text_that_means_it),
	cmocka_unit_test(rcodes_have_names),
};

UNIT_MAIN_PLAIN(tests)
