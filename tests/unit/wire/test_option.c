#include "wire/option.h"

#include "unit.h"
#include "wire/type.h"

static const uint8_t options[] = {
	0,    10,   0, 2, 0xaa, 0xbb,	      /* COOKIE */
	0,    15,   0, 3, 0,	22,   'x',    /* EDE 22 "x" */
	0xfd, 0xe9, 0, 1, 0x55,		      /* 65001 */
	0,    12,   0, 4, 0,	0,    0,   0, /* padding */
	0,    8,    0, 4, 0,	1,    0,   0, /* ECS */
};

static void only_extended_errors_go_to_everybody(void **state)
{
	uint8_t out[64];

	(void)state;
	assert_int_equal(option_relay(options, sizeof(options), false, out, sizeof(out)), 7);
	assert_memory_equal(out, options + 6, 7);
}

static void CA_23_a_cookie_goes_to_nobody(void **state)
{
	uint8_t out[64];
	size_t len = option_relay(options, sizeof(options), true, out, sizeof(out));
	struct cursor cursor = cursor_over(out, len);
	struct edns_option option;
	unsigned count = 0;

	(void)state;
	while (option_next(&cursor, &option)) {
		assert_int_not_equal(option.code, OPTION_COOKIE);
		assert_int_not_equal(option.code, OPTION_PADDING);
		count++;
	}
	assert_int_equal(count, 3); /* EDE, 65001, ECS */
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
	uint8_t out[8];

	(void)state;
	assert_int_equal(option_relay(options, sizeof(options), true, out, 6), 5);
	assert_memory_equal(out, options + 13, 5);
	assert_int_equal(option_relay(options, sizeof(options), false, out, 6), 0);
}

static void an_overrun_ends_the_walk(void **state)
{
	static const uint8_t cut[] = { 0, 15, 0, 2, 0, 3, 0, 15, 0, 200, 1 };
	uint8_t out[64];
	struct cursor cursor = cursor_over(cut, sizeof(cut));
	struct edns_option option;

	(void)state;
	assert_true(option_next(&cursor, &option));
	assert_false(option_next(&cursor, &option));
	assert_true(cursor.failed);
	assert_int_equal(option_relay(cut, sizeof(cut), true, out, sizeof(out)), 6);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(only_extended_errors_go_to_everybody),
	cmocka_unit_test(CA_23_a_cookie_goes_to_nobody),
	cmocka_unit_test(what_does_not_fit_is_left_out_whole),
	cmocka_unit_test(an_overrun_ends_the_walk),
};

UNIT_MAIN(tests)
