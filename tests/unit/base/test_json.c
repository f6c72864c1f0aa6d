#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

static char written[1024];
static struct json json;

static void begin(void)
{
	memset(written, 0, sizeof(written));
	json_init(&json, fmemopen(written, sizeof(written), "w"));
	assert_non_null(json.out);
}

static const char *end(void)
{
	fclose(json.out);
	return written;
}

static void values_stand_in_a_row(void **state)
{
	(void)state;
	begin();
	json_print(&json, "{a %s n %u l [%d %d %p] none [] empty {}}", "b", 7u, true, false, NULL);
	assert_string_equal(end(),
			    "{\n  \"a\": \"b\",\n  \"n\": 7,\n  \"l\": [\n    true,\n"
			    "    false,\n    null\n  ],\n  \"none\": [],\n  \"empty\": {}\n}\n");
}

static void texts_cannot_break_out(void **state)
{
	(void)state;
	begin();
	json_print(&json, "%s", "\"\\\n\x01\x7f\xe4/");
	assert_string_equal(end(), "\"\\\"\\\\\\u000a\\u0001\\u007f\\u00e4/\"");
	begin();
	json_print(&json, "{");
	json_key(&json, "k\" }");
	json_print(&json, "%s}", "");
	assert_string_equal(end(), "{\n  \"k\\\" }\": \"\"\n}\n");
}

static void a_format_looks_as_what_comes_out(void **state)
{
	const char *const nothing = *state;

	begin();
	json_print(&json, "{text %s null %p list [%s %u] word null", "b", nothing, "c\"",
		   4000000000u);
	json_print(&json, "yes %d no %d object {large %" PRIu64 "} none [] empty {}", true, false,
		   UINT64_C(5000000000));
	json_print(&json, "there %" PRId64 " not %" PRId64, INT64_C(5000000000), INT64_C(-1));
	json_key(&json, "key");
	json_print(&json, "{open");
	json_raw(&json, "0.5");
	json_print(&json, "}}");
	assert_string_equal(
		end(), "{\n  \"text\": \"b\",\n  \"null\": null,\n  \"list\": [\n"
		       "    \"c\\\"\",\n    4000000000\n  ],\n  \"word\": null,\n  \"yes\": true,\n"
		       "  \"no\": false,\n  \"object\": {\n    \"large\": 5000000000\n  },\n"
		       "  \"none\": [],\n  \"empty\": {},\n  \"there\": 5000000000,\n"
		       "  \"not\": null,\n  \"key\": {\n    \"open\": 0.5\n  }\n}\n");
}

static void what_is_deep_may_stand_in_one_line(void **state)
{
	(void)state;
	begin();
	json.lines_to = 2;
	json_print(&json, "{l [");
	for (unsigned i = 0; i < 2; i++)
		json_print(&json, "{a %u b []}", i);
	json_print(&json, "]}");
	assert_string_equal(end(), "{\n  \"l\": [\n    {\"a\": 0, \"b\": []},\n"
				   "    {\"a\": 1, \"b\": []}\n  ]\n}\n");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(values_stand_in_a_row),
	cmocka_unit_test(a_format_looks_as_what_comes_out),
	cmocka_unit_test(what_is_deep_may_stand_in_one_line),
	cmocka_unit_test(texts_cannot_break_out),
};
UNIT_MAIN_PLAIN(tests)
