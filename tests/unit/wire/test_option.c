#include "wire/option.h"

#include <string.h>

#include "unit.h"
#include "wire/type.h"

static const uint8_t options[] = {
	0,    10,   0, 2, 0xaa, 0xbb,	      /* COOKIE */
	0,    15,   0, 3, 0,	22,   'x',    /* EDE 22 "x" */
	0xfd, 0xea, 0, 1, 0x55,		      /* 65002 */
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
	assert_int_equal(count, 3); /* EDE, 65002, ECS */
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
	assert_ptr_equal(cursor.at, cut + 6);
	assert_int_equal(option_relay(cut, sizeof(cut), true, out, sizeof(out)), 6);
}

static bool reads(uint16_t code, const char *data, size_t len, uint8_t *ret_address)
{
	const struct edns_option option = { code, (uint16_t)len, (const uint8_t *)data };

	return option_read_hardware(&option, ret_address);
}

static void hardware_address_is_read_in_all_its_forms(void **state)
{
	static const uint8_t want[OPTION_HARDWARE_LEN] = { 0x02, 0xfb, 0x5e, 0xff, 0x00, 0x3e };
	uint8_t address[OPTION_HARDWARE_LEN];

	(void)state;
	assert_true(reads(OPTION_HARDWARE, "\x02\xfb\x5e\xff\x00\x3e", 6, address));
	assert_memory_equal(address, want, sizeof(want));
	assert_true(reads(OPTION_HARDWARE_TEXT, "02:fb:5e:ff:00:3e", 17, address));
	assert_memory_equal(address, want, sizeof(want));
	assert_true(reads(OPTION_HARDWARE_TEXT, "02:FB:5E:FF:00:3E", 17, address));
	assert_memory_equal(address, want, sizeof(want));
	assert_true(reads(OPTION_HARDWARE_TEXT, "Avte/wA+", 8, address));
	assert_memory_equal(address, want, sizeof(want));
	assert_true(reads(OPTION_HARDWARE_TEXT, "////////", 8, address));
	assert_memory_equal(address, "\xff\xff\xff\xff\xff\xff", 6);
}

static void other_bytes_are_no_hardware_address(void **state)
{
	static const struct {
		uint16_t code;
		const char *data;
	} wrong[] = {
		{ OPTION_HARDWARE, "" },
		{ OPTION_HARDWARE, "ABCD" },
		{ OPTION_HARDWARE, "1234567" },
		{ OPTION_HARDWARE, "02:fb:5e:ff:00:3e" },
		{ OPTION_HARDWARE_TEXT, "" },
		{ OPTION_HARDWARE_TEXT, "ABCDEF" },
		{ OPTION_HARDWARE_TEXT, "02:fb:5e:ff:00:3" },
		{ OPTION_HARDWARE_TEXT, "02-fb-5e-ff-00-3e" },
		{ OPTION_HARDWARE_TEXT, "02:fb:5e:ff:00:3g" },
		{ OPTION_HARDWARE_TEXT, "g2:fb:5e:ff:00:3e" },
		{ OPTION_HARDWARE_TEXT, "02:fb:5e:ff:00:3e:" },
		{ OPTION_HARDWARE_TEXT, "00:00:00:00:00:00" },
		{ OPTION_HARDWARE_TEXT, "AAAAAAAA" },
		{ OPTION_HARDWARE_TEXT, "Avte/w==" },
		{ OPTION_HARDWARE_TEXT, "Avte_wA-" },
		{ OPTION_HARDWARE_TEXT, "Avte wA+" },
		{ OPTION_CPE, "ABCDEF" },
	};
	uint8_t address[OPTION_HARDWARE_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (reads(wrong[i].code, wrong[i].data, strlen(wrong[i].data), address))
			fail_msg("%u '%s' is taken for one", wrong[i].code, wrong[i].data);
	}
	assert_false(reads(OPTION_HARDWARE, "\0\0\0\0\0\0", 6, address));
}

static void hardware_addresses_go_nowhere(void **state)
{
	static const uint8_t both[] = { 0xfd, 0xe9, 0, 1, 'x', 0xfe, 0x31, 0, 0, 0xfe,
					0x32, 0,    0, 0, 15,  0,    2,	   0, 3 };
	uint8_t out[64];

	(void)state;
	assert_int_equal(option_relay(both, sizeof(both), true, out, sizeof(out)), 6);
	assert_memory_equal(out, both + 13, 6);
	assert_int_equal(option_relay(both, sizeof(both), false, out, sizeof(out)), 6);
}

static bool reads_host(const char *data, size_t len, struct addr *ret_host)
{
	const struct edns_option option = { OPTION_ECS, (uint16_t)len, (const uint8_t *)data };

	return option_read_host(&option, ret_host);
}

static void a_subnet_of_one_host_is_whom_it_is_asked_for(void **state)
{
	static const char ipv6[] = "\0\2\x80\0\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7";
	struct addr_text text;
	struct addr host;

	(void)state;
	assert_true(reads_host("\0\1\x20\0\xc0\xa8\1\7", 8, &host));
	assert_string_equal(addr_to_text(&host, &text), "192.168.1.7");
	assert_true(reads_host(ipv6, 20, &host));
	assert_string_equal(addr_to_text(&host, &text), "fd00::7");
	assert_false(reads_host(ipv6, 19, &host));
	assert_false(reads_host("\0\1\x18\0\xc0\xa8\1", 7, &host));
	assert_false(reads_host("\0\1\x18\0\xc0\xa8\1\7", 8, &host));
	assert_false(reads_host("\0\1\x20\x20\xc0\xa8\1\7", 8, &host));
	assert_false(reads_host("\0\3\x20\0\xc0\xa8\1\7", 8, &host));
	assert_false(reads_host("\1\1\x20\0\xc0\xa8\1\7", 8, &host));
	assert_false(reads_host("\0\1\x20\0\0\0\0\0", 8, &host));
	assert_false(reads_host("\0\1\x20", 3, &host));
	assert_false(reads_host("\0\2\x80\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7", 20, &host));
	assert_false(reads_host("", 0, &host));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(only_extended_errors_go_to_everybody),
	cmocka_unit_test(CA_23_a_cookie_goes_to_nobody),
	cmocka_unit_test(what_does_not_fit_is_left_out_whole),
	cmocka_unit_test(an_overrun_ends_the_walk),
	cmocka_unit_test(hardware_address_is_read_in_all_its_forms),
	cmocka_unit_test(other_bytes_are_no_hardware_address),
	cmocka_unit_test(hardware_addresses_go_nowhere),
	cmocka_unit_test(a_subnet_of_one_host_is_whom_it_is_asked_for),
};

UNIT_MAIN(tests)
