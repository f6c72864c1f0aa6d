/* The setting couriers: families of an alias that dangles by design. */
#include "conf/fixture.h"

#include "wire/type.h"

static const char lab[] = "name = \"lab\"; alias = \"push.example\"; target = \"t.example\";"
			  " variants = [ \"{n}-push.example\" ];";

/* A conf with these entries. */
static struct conf *load_families(const char *entries)
{
	char text[8192];

	snprintf(text, sizeof(text),
		 "upstreams = { isp = { servers = [ \"192.0.2.1\" ]; }; };\ncouriers = ( %s );",
		 entries);
	return load(text);
}

static const char *complaints_of_families(const char *entries)
{
	static char text[8192];

	snprintf(text, sizeof(text), "couriers = ( %s );", entries);
	return complaints_of(text);
}

static const char *text_of(const struct conf_name *name)
{
	static struct name_text text;
	return name->wire != NULL ? name_to_text(name->wire, &text) : NULL;
}

static void check_apple(const struct conf_courier *apple)
{
	assert_string_equal(apple->name, "apple");
	assert_true(apple->enabled);
	assert_string_equal(text_of(&apple->alias), "courier.push.apple.com");
	assert_string_equal(text_of(&apple->target), "courier-push-apple.com.akadns.net");
	assert_int_equal(apple->variant_count, 2);
	assert_string_equal(text_of(&apple->variants[0]), "{n}-courier.push.apple.com");
	assert_string_equal(text_of(&apple->variants[1]), "{n}.courier-push-apple.com.akadns.net");
	assert_true(apple->variants[0].is_template && apple->variants[1].is_template);
	assert_false(apple->alias.is_template || apple->target.is_template);
	assert_string_equal(text_of(&apple->count_txt), "push.apple.com");
}

static void check_defaults(const struct conf_courier *family)
{
	assert_int_equal(family->count, 50);
	assert_int_equal(family->pre_resolve, WARMTH_DEMAND);
	assert_int_equal(family->type_count, 3);
	assert_int_equal(family->types[0], TYPE_A);
	assert_int_equal(family->types[1], TYPE_AAAA);
	assert_int_equal(family->types[2], TYPE_HTTPS);
	assert_int_equal(family->repair, REPAIR_REASK);
	assert_int_equal(family->repair_group, CONF_GROUP_NONE);
}

static void apples_family_is_built_in(void **state)
{
	(void)state;
	struct said *said = unit_zalloc(sizeof(*said));
	const struct conf *unwritten = unit_own(load_saying(NULL, NULL, said), conf_free);
	const struct conf *other = load("special_names = false;");

	assert_non_null(unwritten);
	assert_int_equal(unwritten->courier_count, 1);
	check_apple(&unwritten->couriers[0]);
	check_defaults(&unwritten->couriers[0]);
	assert_null(unwritten->couriers[0].place.file);
	assert_int_equal(other->courier_count, 1);
	check_apple(&other->couriers[0]);
}

static void what_is_not_written_of_a_built_in_family_stays(void **state)
{
	(void)state;
	const struct conf *conf = load_families("{ name = \"apple\"; pre_resolve = \"always\"; }");
	const struct conf_courier *apple = &conf->couriers[0];

	assert_int_equal(conf->courier_count, 1);
	check_apple(apple);
	assert_int_equal(apple->pre_resolve, WARMTH_ALWAYS);
	assert_int_equal(apple->place.line, 2);
	conf = load_families(
		"{ name = \"apple\"; variants = [ \"x{n}.example\" ]; count_txt = \"\";"
		" types = [ \"MX\" ]; alias = \"a.example\"; }");
	apple = &conf->couriers[0];
	assert_string_equal(text_of(&apple->alias), "a.example");
	assert_string_equal(text_of(&apple->target), "courier-push-apple.com.akadns.net");
	assert_int_equal(apple->variant_count, 1);
	assert_null(apple->count_txt.wire);
	assert_int_equal(apple->type_count, 1);
}

static void other_families_are_added_in_order(void **state)
{
	(void)state;
	const struct conf *conf = load_families(
		"{ name = \"lab\"; alias = \"Push.Example.\"; target = \"t.example\";\n"
		"  variants = [ \"{N}-push.example\", \"a.b{n}c.example\" ]; count = 999;\n"
		"  count_txt = \"count.example\"; pre_resolve = \"off\"; repair = \"synthesize\";\n"
		"  types = ( \"TYPE65\", \"a\" ); repair_upstream = \"isp\"; },\n"
		"{ name = \"apple\"; count = 1; }");
	const struct conf_courier *family = &conf->couriers[0];

	assert_int_equal(conf->courier_count, 2);
	assert_string_equal(family->name, "lab");
	assert_memory_equal(family->alias.wire, "\4push\7example", 14);
	assert_string_equal(text_of(&family->variants[0]), "{n}-push.example");
	assert_string_equal(text_of(&family->variants[1]), "a.b{n}c.example");
	assert_string_equal(text_of(&family->count_txt), "count.example");
	assert_int_equal(family->count, 999);
	assert_int_equal(family->pre_resolve, WARMTH_OFF);
	assert_int_equal(family->type_count, 2);
	assert_int_equal(family->types[0], TYPE_A);
	assert_int_equal(family->types[1], TYPE_HTTPS);
	assert_int_equal(family->repair, REPAIR_SYNTHESIZE);
	assert_int_equal(family->repair_group, 1);
	check_apple(&conf->couriers[1]);
	assert_int_equal(conf->couriers[1].count, 1);

	char text[512];
	snprintf(text, sizeof(text), "{ %s }", lab);
	conf = load_families(text);
	assert_int_equal(conf->courier_count, 2);
	check_apple(&conf->couriers[0]);
	check_defaults(&conf->couriers[1]);
	assert_null(conf->couriers[1].count_txt.wire);
}

static void what_is_off_is_not_there_and_in_nobodys_way(void **state)
{
	char text[1024];

	(void)state;
	const struct conf *conf = load_families("{ name = \"apple\"; enabled = false; }");
	assert_int_equal(conf->courier_count, 0);
	const char *printed = print(conf);
	assert_non_null(strstr(printed, "couriers = (\n\t{\n\t\tname = \"apple\";\n"
					"\t\tenabled = false;\n\t}\n);\n"));
	assert_string_equal(print(load(printed)), printed);

	snprintf(
		text, sizeof(text),
		"{ %s enabled = false; }, { name = \"same\"; alias = \"push.example\";"
		"target = \"courier-push-apple.com.akadns.net\"; variants = [ \"{n}-push.example\" ]; },"
		"{ name = \"apple\"; enabled = false; }",
		lab);
	conf = load_families(text);
	assert_int_equal(conf->courier_count, 1);
	assert_string_equal(conf->couriers[0].name, "same");
	printed = print(conf);
	assert_string_equal(print(load(printed)), printed);
}

static void families_may_share_a_count(void **state)
{
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), "{ %s count_txt = \"PUSH.apple.com\"; }", lab);
	const struct conf *conf = load_families(text);
	assert_int_equal(conf->courier_count, 2);
	const char *printed = print(conf);
	assert_string_equal(print(load(printed)), printed);
}

static void templates_that_no_name_is_made_by_may_stand_together(void **state)
{
	(void)state;
	const struct conf *conf = load_families(
		"{ name = \"a\"; alias = \"05-a.example\"; target = \"5-a.b.example\";"
		" variants = [ \"{n}-a.example\", \"{n}-5b.example\", \"3c-{n}.example\","
		" \"{n}.5.example\", \"10000-a.{n}.example\" ]; }");
	assert_int_equal(conf->couriers[1].variant_count, 5);
}

static void number_of_four_digits_has_room(void **state)
{
	char label[64] = "", text[1024];

	(void)state;
	memset(label, 'x', 59);
	snprintf(text, sizeof(text),
		 "{ name = \"a\"; alias = \"a\"; target = \"b\"; variants = [ \"%s{n}\" ]; }",
		 label);
	assert_int_equal(load_families(text)->couriers[1].variants[0].len, 64);
	memset(label, 'x', 60);
	snprintf(text, sizeof(text),
		 "{ name = \"a\"; alias = \"a\"; target = \"b\"; variants = [ \"%s{n}\" ]; }",
		 label);
	assert_non_null(
		strstr(complaints_of_families(text),
		       "expected labels up to 63 bytes, 253 in all, with four digits for {n}"));
}

static void filled_name_has_the_number_for_its_marker(void **state)
{
	static const char *const templates[] = { "{n}-a.example", "b.a{n}c.example", "{n}",
						 "a.b.{n}", "0-1x{n}.0-2" };
	static const char *const filled[] = { "1234-a.example", "b.a0c.example", "50", "a.b.999",
					      "0-1x17.0-2" };
	static const uint32_t numbers[] = { 1234, 0, 50, 999, 17 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		uint8_t wire[NAME_MAX_LEN], expected[NAME_MAX_LEN], made[NAME_MAX_LEN];
		size_t len, expected_len;
		assert_int_equal(name_from_text(templates[i], wire, &len), 0);
		assert_int_equal(name_from_text(filled[i], expected, &expected_len), 0);
		const struct conf_name name = { .wire = wire, .len = (uint8_t)len };
		assert_int_equal(conf_name_fill(&name, numbers[i], made), expected_len);
		assert_memory_equal(made, expected, expected_len);
	}
}

static void there_are_as_many_as_anybody_needs(void **state)
{
	static char text[32768];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 31; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s{ name = \"f%d\"; alias = \"a%d\"; target = \"b%d\";"
					" variants = [ \"c{n}.x%d\" ]; }",
					i > 0 ? "," : "", i, i, i, i);
	assert_int_equal(load_families(text)->courier_count, CONF_COURIERS_MAX);
	snprintf(text + len, sizeof(text) - len, ", { name = \"apple\"; count = 5; }");
	assert_string_equal(complaints_of_families(text),
			    "test.conf:1: couriers has 32 families; expected at most 31");
}

/* --- trusted ------------------------------------------------------------------------------- */

static void this_machine_is_trusted_where_nobody_else_is_named(void **state)
{
	struct addr_text text;

	(void)state;
	const struct conf *conf = load("special_names = false;");
	assert_int_equal(conf->trusted_count, 2);
	assert_string_equal(addr_prefix_to_text(&conf->trusted[0], &text), "127.0.0.0/8");
	assert_string_equal(addr_prefix_to_text(&conf->trusted[1], &text), "::1/128");
	conf = load("trusted = [ \"10.0.0.7\" ];");
	assert_int_equal(conf->trusted_count, 1);
	assert_string_equal(addr_prefix_to_text(&conf->trusted[0], &text), "10.0.0.7/32");
	assert_int_equal(load("trusted = [ ];")->trusted_count, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(apples_family_is_built_in),
	cmocka_unit_test(what_is_not_written_of_a_built_in_family_stays),
	cmocka_unit_test(other_families_are_added_in_order),
	cmocka_unit_test(what_is_off_is_not_there_and_in_nobodys_way),
	cmocka_unit_test(families_may_share_a_count),
	cmocka_unit_test(templates_that_no_name_is_made_by_may_stand_together),
	cmocka_unit_test(number_of_four_digits_has_room),
	cmocka_unit_test(filled_name_has_the_number_for_its_marker),
	cmocka_unit_test(there_are_as_many_as_anybody_needs),
	cmocka_unit_test(this_machine_is_trusted_where_nobody_else_is_named),
};
UNIT_MAIN_MEM(tests)
