#include "base/json.h"

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
	json_open_object(&json, NULL);
	json_text(&json, "a", "b");
	json_number(&json, "n", -7);
	json_open_list(&json, "l");
	json_bool(&json, NULL, true);
	json_bool(&json, NULL, false);
	json_text(&json, NULL, NULL);
	json_close_list(&json);
	json_open_list(&json, "none");
	json_close_list(&json);
	json_open_object(&json, "empty");
	json_close_object(&json);
	json_close_object(&json);
	assert_string_equal(end(),
			    "{\n  \"a\": \"b\",\n  \"n\": -7,\n  \"l\": [\n    true,\n"
			    "    false,\n    null\n  ],\n  \"none\": [],\n  \"empty\": {}\n}\n");
}

static void texts_cannot_break_out(void **state)
{
	(void)state;
	begin();
	json_text(&json, NULL, "\"\\\n\x01\x7f\xe4/");
	assert_string_equal(end(), "\"\\\"\\\\\\u000a\\u0001\\u007f\\u00e4/\"");
	begin();
	json_open_object(&json, NULL);
	json_text(&json, "k\"", "");
	json_close_object(&json);
	assert_string_equal(end(), "{\n  \"k\\\"\": \"\"\n}\n");
}

static void what_is_deep_may_stand_in_one_line(void **state)
{
	(void)state;
	begin();
	json.lines_to = 2;
	json_open_object(&json, NULL);
	json_open_list(&json, "l");
	for (unsigned i = 0; i < 2; i++) {
		json_open_object(&json, NULL);
		json_number(&json, "a", i);
		json_open_list(&json, "b");
		json_close_list(&json);
		json_close_object(&json);
	}
	json_close_list(&json);
	json_close_object(&json);
	assert_string_equal(end(), "{\n  \"l\": [\n    {\"a\": 0, \"b\": []},\n"
				   "    {\"a\": 1, \"b\": []}\n  ]\n}\n");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(values_stand_in_a_row),
	cmocka_unit_test(what_is_deep_may_stand_in_one_line),
	cmocka_unit_test(texts_cannot_break_out),
};
UNIT_MAIN_PLAIN(tests)
