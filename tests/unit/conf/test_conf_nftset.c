#include "conf/conf_nftset.h"

#include <linux/netfilter.h>

#include "conf/fixture.h"

static void a_name_is_a_family_a_table_and_a_set(void **state)
{
	static const struct {
		const char *name;
		uint8_t family;
		size_t table_len, set_len;
	} good[] = {
		{ "inet#fw4#apple", NFPROTO_INET, 3, 5 },  { "ip#a#b", NFPROTO_IPV4, 1, 1 },
		{ "ip6#a_b#b-1/2.c", NFPROTO_IPV6, 3, 7 }, { "bridge#.a#_", NFPROTO_BRIDGE, 2, 1 },
		{ "netdev#a#b", NFPROTO_NETDEV, 1, 1 },
	};
	static const char *const bad[] = { "",		 "inet",       "inet#a",    "#a#b",
					   "inet##b",	 "inet#a#",    "net#a#b",   "inet#a#b#c",
					   "inet#1#b",	 "inet#a#b c", "inet#a#b;", "INET#a#b",
					   "inet#a b#c", "ine#a#b",    "inet#a#\"" };
	struct conf_nftset_parts parts;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(conf_nftset_split(good[i].name, &parts));
		assert_int_equal(parts.family, good[i].family);
		assert_int_equal(parts.table_len, good[i].table_len);
		assert_int_equal(parts.set_len, good[i].set_len);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(conf_nftset_split(bad[i], &parts));
}

static void a_name_has_255_bytes_at_most(void **state)
{
	struct conf_nftset_parts parts;
	char name[300] = "inet#a#";

	(void)state;
	memset(name + 7, 'x', 255);
	assert_true(conf_nftset_split(name, &parts));
	name[7 + 255] = 'x';
	assert_false(conf_nftset_split(name, &parts));
}

#if COURIERDNS_NFTSET
static void a_zone_names_one_or_several(void **state)
{
	static const char one[] = "zones = ( { name = \"a\"; nftset = \"inet#fw4#apple\"; } );",
			  two[] = "zones = ( { name = \"a\"; nftset = [ \"4#inet#fw4#a\", "
				  "\"6#ip6#b#c\" ]; } );";
	const struct conf_zone *zone = &load(one)->zones[0];

	(void)state;
	assert_int_equal(zone->nftset_count, 1);
	assert_string_equal(zone->nftsets[0].name, "inet#fw4#apple");
	assert_int_equal(zone->nftsets[0].only, ADDR_NONE);
	assert_non_null(strstr(print(load(one)), "nftset = \"inet#fw4#apple\";"));
	zone = &load(two)->zones[0];
	assert_int_equal(zone->nftset_count, 2);
	assert_string_equal(zone->nftsets[0].text, "4#inet#fw4#a");
	assert_string_equal(zone->nftsets[0].name, "inet#fw4#a");
	assert_int_equal(zone->nftsets[0].only, ADDR_IPV4);
	assert_string_equal(zone->nftsets[1].name, "ip6#b#c");
	assert_int_equal(zone->nftsets[1].only, ADDR_IPV6);
	assert_non_null(strstr(print(load(two)), "nftset = [ \"4#inet#fw4#a\", \"6#ip6#b#c\" ];"));
}

static void whether_any_zone_does_is_known(void **state)
{
	(void)state;
	assert_true(conf_has_nftsets(
		load("zones = ( { name = \"a\"; }, { name = \"b\"; nftset = \"ip#a#b\"; } );")));
	assert_false(conf_has_nftsets(load("zones = ( { name = \"a\"; } );")));
}

static void check_fault(const char *text, const char *expected)
{
	const char *said = complaints_of(text);

	if (strstr(said, expected) == NULL)
		fail_msg("%s", said);
}

static void each_fault_is_told_with_its_line(void **state)
{
	(void)state;
	check_fault(
		"zones = ( { name = \"a\";\n nftset = \"fw4#apple\"; } );",
		"test.conf:2: zones[0].nftset is \"fw4#apple\"; expected FAMILY#TABLE#SET such as");
	check_fault("zones = ( { name = \"a\"; nftset = [ \"ip#a#b\", \"ip#a#b\" ]; } );",
		    "zones[0].nftset[1] is \"ip#a#b\", which is there already; expected it once");
	check_fault(
		"zones = ( { name = \"a\"; nftset = 5; } );",
		"zones[0].nftset is 5; expected text such as \"inet#fw4#apple\", or a list of such");
	check_fault("zones = ( { name = \"a\"; nftset = \"ip#a#b\"; action = \"nxdomain\"; } );",
		    "zones[0].nftset has no effect here; expected it with action = \"forward\"");
}
#else
static void a_build_without_says_so(void **state)
{
	(void)state;
	assert_string_equal(
		complaints_of("zones = ( { name = \"a\"; nftset = \"inet#fw4#apple\"; } );"),
		"test.conf:1: zones[0].nftset has no effect: this courierdns was built without nft "
		"sets; expected none, or a build with them (make NFTSET=yes)");
}
#endif

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_name_is_a_family_a_table_and_a_set),
	cmocka_unit_test(a_name_has_255_bytes_at_most),
#if COURIERDNS_NFTSET
	cmocka_unit_test(a_zone_names_one_or_several),
	cmocka_unit_test(whether_any_zone_does_is_known),
	cmocka_unit_test(each_fault_is_told_with_its_line),
#else
	cmocka_unit_test(a_build_without_says_so),
#endif
};
UNIT_MAIN_MEM(tests)
