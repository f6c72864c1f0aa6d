#include "policy/courier.h"

#include <string.h>

#include "fixture.h"

static const char two[] =
	"couriers = ( { name = \"lab\"; alias = \"push.example\"; target = \"t.example\";"
	" variants = [ \"3x{n}-push.example\", \"a.{n}.4.example\", \"{n}\" ];"
	" count_txt = \"push.apple.com\"; } );";

static const struct courier *courier_of(const char *text)
{
	const struct courier *courier = unit_own(courier_new(conf_of(text)), courier_free);
	assert_non_null(courier);
	return courier;
}

/* As a caller does with what a client asked for. */
static struct courier_match find(const struct courier *courier, const char *text)
{
	uint8_t name[NAME_MAX_LEN];
	size_t len;
	struct courier_match match = { .role = COURIER_TARGET, .n = 77 };

	assert_int_equal(name_from_text(text, name, &len), 0);
	name_lower(name, name, len);
	const bool found = courier_find(courier, name, len, &match);
	assert_int_equal(found, match.role != COURIER_NONE);
	return match;
}

static void check(const struct courier *courier, const char *name, enum courier_role role,
		  unsigned family)
{
	const struct courier_match match = find(courier, name);
	assert_int_equal(match.role, role);
	assert_int_equal(match.family, family);
	assert_int_equal(match.variant, 0);
	assert_int_equal(match.n, 0);
}

static void check_variant(const struct courier *courier, const char *name, unsigned family,
			  unsigned variant, uint32_t n)
{
	const struct courier_match match = find(courier, name);
	assert_int_equal(match.role, COURIER_VARIANT);
	assert_int_equal(match.family, family);
	assert_int_equal(match.variant, variant);
	assert_int_equal(match.n, n);
}

static void check_none(const struct courier *courier, const char *name)
{
	check(courier, name, COURIER_NONE, 0);
}

static void names_of_the_built_in_family_have_their_roles(void **state)
{
	(void)state;
	const struct courier *courier = courier_of("special_names = false;");

	check(courier, "courier.push.apple.com", COURIER_ALIAS, 0);
	check(courier, "courier-push-apple.com.akadns.net", COURIER_TARGET, 0);
	check(courier, "push.apple.com", COURIER_COUNT_TXT, 0);
	check_variant(courier, "0-courier.push.apple.com", 0, 0, 0);
	check_variant(courier, "17-courier.push.apple.com", 0, 0, 17);
	check_variant(courier, "50.courier-push-apple.com.akadns.net", 0, 1, 50);
}

static void letter_case_does_not_matter(void **state)
{
	(void)state;
	const struct courier *courier = courier_of(two);

	check(courier, "COURIER.Push.apple.COM", COURIER_ALIAS, 0);
	check_variant(courier, "17-CoUrIeR.pUsH.ApPlE.cOm", 0, 0, 17);
	check(courier, "PUSH.EXAMPLE", COURIER_ALIAS, 1);
	check_variant(courier, "3X5-Push.example", 1, 0, 5);
}

static void every_number_up_to_four_digits_is_a_variant(void **state)
{
	(void)state;
	const struct courier *courier = courier_of(two);

	check_variant(courier, "51-courier.push.apple.com", 0, 0, 51);
	check_variant(courier, "999-courier.push.apple.com", 0, 0, 999);
	check_variant(courier, "9999-courier.push.apple.com", 0, 0, 9999);
	check_none(courier, "10000-courier.push.apple.com");
	check_none(courier, "4294967296-courier.push.apple.com");
	check_none(courier, "18446744073709551616-courier.push.apple.com");
}

static void number_with_a_zero_before_it_is_another_name(void **state)
{
	(void)state;
	const struct courier *courier = courier_of(two);

	check_none(courier, "00-courier.push.apple.com");
	check_none(courier, "01-courier.push.apple.com");
	check_none(courier, "017-courier.push.apple.com");
	check_none(courier, "-courier.push.apple.com");
	check_none(courier, "-1-courier.push.apple.com");
	check_none(courier, "1x-courier.push.apple.com");
	check_none(courier, "{n}-courier.push.apple.com");
}

static void names_around_those_of_a_family_are_nobodys(void **state)
{
	static const char *const names[] = {
		".",
		"com",
		"apple.com",
		"www.apple.com",
		"init.push.apple.com",
		"x.courier.push.apple.com",
		"x.17-courier.push.apple.com",
		"17.courier.push.apple.com",
		"17-courier.push.apple.com.example",
		"17-courier.sandbox.push.apple.com",
		"17-courier2.push.apple.com",
		"courier2.push.apple.com",
		"akadns.net",
		"x.courier-push-apple.com.akadns.net",
		"1.2.courier-push-apple.com.akadns.net",
		"17-courier-push-apple.com.akadns.net",
		"us-courier-4.push-apple.com.akadns.net",
		"courier\\.push.apple.com",
		"17-courier.push.apple\\.com",
	};
	(void)state;
	const struct courier *courier = courier_of("special_names = false;");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_none(courier, names[i]);
}

static void number_is_the_one_where_the_template_has_it(void **state)
{
	(void)state;
	const struct courier *courier = courier_of(two);

	check_variant(courier, "3x7-push.example", 1, 0, 7);
	check_variant(courier, "3x3-push.example", 1, 0, 3);
	check_none(courier, "7x3-push.example");
	check_none(courier, "33x3-push.example");
	check_variant(courier, "a.12.4.example", 1, 1, 12);
	check_variant(courier, "a.4.4.example", 1, 1, 4);
	check_none(courier, "a.4.12.example");
	check_variant(courier, "123", 1, 2, 123);
	check_none(courier, "123.example");
}

static void count_of_several_families_is_the_first_ones(void **state)
{
	(void)state;
	check(courier_of(two), "push.apple.com", COURIER_COUNT_TXT, 0);
	const struct courier *courier = courier_of(
		"couriers = ( { name = \"lab\"; alias = \"push.example\"; target = \"t.example\";"
		" variants = [ \"{n}.push.example\" ]; count_txt = \"push.apple.com\"; },"
		" { name = \"apple\"; count = 2; } );");
	check(courier, "push.apple.com", COURIER_COUNT_TXT, 0);
	check(courier, "courier.push.apple.com", COURIER_ALIAS, 1);
	check_variant(courier, "5.push.example", 0, 0, 5);
}

static void without_families_nothing_is_found(void **state)
{
	(void)state;
	const struct courier *courier =
		courier_of("couriers = ( { name = \"apple\"; enabled = false; } );");
	check_none(courier, ".");
	check_none(courier, "courier.push.apple.com");
	check_none(courier, "17-courier.push.apple.com");
}

static void written_variant_is_found_again(void **state)
{
	static const uint32_t numbers[] = { 0, 9, 10, 50, 99, 100, 999, 1000, 9999 };
	static const unsigned variants[] = { 2, 3 };

	(void)state;
	const struct courier *courier = courier_of(two);
	for (unsigned family = 0; family < 2; family++) {
		for (unsigned variant = 0; variant < variants[family]; variant++) {
			for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
				uint8_t name[NAME_MAX_LEN];
				struct courier_match match;
				const size_t len = courier_write_variant(courier, family, variant,
									 numbers[i], name);
				assert_int_equal(len, name_len(name));
				assert_true(courier_find(courier, name, len, &match));
				assert_int_equal(match.role, COURIER_VARIANT);
				assert_int_equal(match.family, family);
				assert_int_equal(match.variant, variant);
				assert_int_equal(match.n, numbers[i]);
			}
		}
	}
}

static void longest_names_are_looked_up_like_others(void **state)
{
	char text[1024], label[64] = "", name[300];

	(void)state;
	memset(label, 'x', 61);
	snprintf(text, sizeof(text),
		 "couriers = ( { name = \"a\"; alias = \"a.example\"; target = \"b.example\";"
		 " variants = [ \"{n}%.59s.%s.%s.%s\" ]; } );",
		 label, label, label, label);
	const struct courier *courier = courier_of(text);
	snprintf(name, sizeof(name), "9999%.59s.%s.%s.%s", label, label, label, label);
	check_variant(courier, name, 1, 0, 9999);
	/* 255 bytes full of numbers */
	for (size_t i = 0; i < 253; i++)
		name[i] = i % 64 == 63 ? '.' : i % 2 == 0 ? '1' : '-';
	name[253] = '\0';
	check_none(courier, name);
}

static void each_role_has_a_word(void **state)
{
	static const char *const words[] = { "none", "alias", "target", "variant", "count" };

	(void)state;
	for (unsigned role = COURIER_NONE; role <= COURIER_COUNT_TXT; role++)
		assert_string_equal(courier_role_text((enum courier_role)role), words[role]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(names_of_the_built_in_family_have_their_roles),
	cmocka_unit_test(letter_case_does_not_matter),
	cmocka_unit_test(every_number_up_to_four_digits_is_a_variant),
	cmocka_unit_test(number_with_a_zero_before_it_is_another_name),
	cmocka_unit_test(names_around_those_of_a_family_are_nobodys),
	cmocka_unit_test(number_is_the_one_where_the_template_has_it),
	cmocka_unit_test(count_of_several_families_is_the_first_ones),
	cmocka_unit_test(without_families_nothing_is_found),
	cmocka_unit_test(written_variant_is_found_again),
	cmocka_unit_test(longest_names_are_looked_up_like_others),
	cmocka_unit_test(each_role_has_a_word),
};
UNIT_MAIN_MEM(tests)
