#include "side/control_request.h"

#include <string.h>

#include "unit.h"

static enum control_parse parse(const char *bytes, size_t len, struct control_request *ret_request)
{
	return control_request_parse((const uint8_t *)bytes, len, ret_request);
}
#define PARSE(text, request) parse(text, sizeof(text) - 1, request)

static void words_end_with_a_nul_and_all_with_another(void **state)
{
	struct control_request request;
	(void)state;

	assert_int_equal(PARSE("devices\0--json\0\0", &request), CONTROL_PARSE_WHOLE);
	assert_int_equal(request.count, 2);
	assert_string_equal(request.words[0], "devices");
	assert_string_equal(request.words[1], "--json");
	assert_null(request.words[2]);
}

static void every_beginning_of_one_waits_for_more(void **state)
{
	static const char whole[] = "devices\0--json\0\0";
	struct control_request request;
	(void)state;

	for (size_t len = 0; len + 1 < sizeof(whole) - 1; len++)
		assert_int_equal(parse(whole, len, &request), CONTROL_PARSE_MORE);
}

static void what_is_none_is_bad(void **state)
{
	static const char too_many[2 * (CONTROL_REQUEST_WORDS + 1) + 2] = {
		'a', 0,	  'a', 0,   'a', 0,   'a', 0,	'a', 0,	  'a', 0,   'a', 0,   'a', 0,	'a',
		0,   'a', 0,   'a', 0,	 'a', 0,   'a', 0,   'a', 0,   'a', 0,	 'a', 0,   'a', 0,
	};
	struct control_request request;
	(void)state;

	assert_int_equal(PARSE("\0", &request), CONTROL_PARSE_BAD);
	assert_int_equal(PARSE("status\0\0x", &request), CONTROL_PARSE_BAD);
	assert_int_equal(parse(too_many, sizeof(too_many), &request), CONTROL_PARSE_BAD);
}

static void what_is_written_is_read(void **state)
{
	static const char *const words[] = { "explain", "a.example", "--client=::1", NULL };
	struct control_request request;
	char bytes[64];
	size_t len = 0;
	(void)state;

	assert_int_equal(control_request_write(words, bytes, sizeof(bytes), &len), 0);
	assert_int_equal(parse(bytes, len, &request), CONTROL_PARSE_WHOLE);
	assert_int_equal(request.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(request.words[i], words[i]);
	assert_int_equal(control_request_write(words, bytes, len, &len), 0);
	assert_int_equal(control_request_write(words, bytes, len - 1, &len), ERR_NO_SPACE);
}

static void what_cannot_be_read_is_not_written(void **state)
{
	const char *many[CONTROL_REQUEST_WORDS + 2] = { NULL };
	static const char *const empty[] = { "status", "", NULL };
	char bytes[64];
	size_t len = 0;
	(void)state;

	assert_int_equal(control_request_write(many, bytes, sizeof(bytes), &len), ERR_LIMIT);
	for (size_t i = 0; i <= CONTROL_REQUEST_WORDS; i++)
		many[i] = "a";
	assert_int_equal(control_request_write(many, bytes, sizeof(bytes), &len), ERR_LIMIT);
	many[CONTROL_REQUEST_WORDS] = NULL;
	assert_int_equal(control_request_write(many, bytes, sizeof(bytes), &len), 0);
	assert_int_equal(control_request_write(empty, bytes, sizeof(bytes), &len), ERR_MALFORMED);
}

/* --- what a command takes --- */

static const struct control_usage usage = {
	.name = "explain",
	.options = "-c FILE\tthe file\n--client ADDR\tas if --it asked\n",
	.more = "--json\tfor machines\n",
	.least = 1,
	.most = 2,
};

struct reading {
	struct control_call call;
	char said[256];
	bool is_good;
};

static struct reading *reads(const char *a, const char *b, const char *c, const char *d)
{
	struct control_request request = { .words = { "explain", a, b, c, d } };
	struct reading *reading = unit_zalloc(sizeof(*reading));
	FILE *errors = fmemopen(reading->said, sizeof(reading->said) - 1, "w");

	assert_non_null(errors);
	while (request.words[request.count] != NULL)
		request.count++;
	reading->is_good = control_request_read(&request, &usage, &reading->call, errors);
	assert_int_equal(fclose(errors), 0);
	assert_true(reading->is_good == (reading->said[0] == '\0'));
	return reading;
}

static void options_may_stand_anywhere(void **state)
{
	(void)state;
	const struct reading *reading = reads("--json", "a.example", "--client", "192.0.2.1");

	assert_true(reading->is_good);
	assert_int_equal(reading->call.count, 1);
	assert_string_equal(reading->call.words[0], "a.example");
	assert_null(reading->call.words[1]);
	assert_string_equal(control_request_option(&reading->call, "--json"), "");
	assert_string_equal(control_request_option(&reading->call, "--client"), "192.0.2.1");
}

static void a_value_may_stand_in_the_same_word(void **state)
{
	(void)state;
	const struct reading *reading = reads("a.example", "TXT", "--client=::1", NULL);

	assert_true(reading->is_good);
	assert_int_equal(reading->call.count, 2);
	assert_string_equal(control_request_option(&reading->call, "--client"), "::1");
	assert_null(control_request_option(&reading->call, "--json"));
	assert_null(control_request_option(&reading->call, "--cli"));
}

static void what_the_command_does_not_take_is_said(void **state)
{
	(void)state;
	assert_non_null(strstr(reads("a", "--verbose", NULL, NULL)->said, "\"--verbose\""));
	assert_non_null(strstr(reads("a", "--js", NULL, NULL)->said, "\"--js\""));
	assert_non_null(strstr(reads("a", "--", NULL, NULL)->said, "\"--\""));
	assert_non_null(strstr(reads("a", "--it", "b", NULL)->said, "\"--it\""));
	assert_non_null(strstr(reads("a", "--json\tfor", "b", NULL)->said, "\"--json\tfor\""));
	assert_non_null(strstr(reads("a", "--json=1", NULL, NULL)->said, "no value"));
	assert_non_null(strstr(reads("a", "--client", NULL, NULL)->said, "wants a value"));
	assert_non_null(strstr(reads("a", "--client=", NULL, NULL)->said, "wants a value"));
	assert_non_null(strstr(reads("--json", NULL, NULL, NULL)->said, "more was expected"));
	assert_non_null(strstr(reads("a", "b", "c", NULL)->said, "\"c\""));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(words_end_with_a_nul_and_all_with_another),
	cmocka_unit_test(every_beginning_of_one_waits_for_more),
	cmocka_unit_test(what_is_none_is_bad),
	cmocka_unit_test(what_is_written_is_read),
	cmocka_unit_test(what_cannot_be_read_is_not_written),
	cmocka_unit_test(options_may_stand_anywhere),
	cmocka_unit_test(a_value_may_stand_in_the_same_word),
	cmocka_unit_test(what_the_command_does_not_take_is_said),
};
UNIT_MAIN_PLAIN(tests)
