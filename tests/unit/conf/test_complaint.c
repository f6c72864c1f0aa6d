#include <stdio.h>
#include <string.h>

#include "unit.h"

#include "base/mem.h"
#include "conf/complaint.h"

static struct complaints *make(void)
{
	struct complaints *complaints = unit_own(complaint_new(), complaint_free);
	assert_non_null(complaints);
	return complaints;
}

static void place_goes_before_the_text(void **state)
{
	const struct conf_place place = { .file = "/etc/a.conf", .line = 7 };
	const struct conf_place nowhere = { .file = NULL, .line = 0 };
	struct complaints *complaints = make();

	(void)state;
	complaint_add(complaints, &place, "%s is %d", "it", 5);
	complaint_add(complaints, &nowhere, "that");
	complaint_add(complaints, NULL, "%s", "%d");
	assert_int_equal(complaint_count(complaints), 3);
	assert_int_equal(complaint_kept(complaints), 3);
	assert_string_equal(complaint_text(complaints, 0), "/etc/a.conf:7: it is 5");
	assert_string_equal(complaint_text(complaints, 1), "that");
	assert_string_equal(complaint_text(complaints, 2), "%d");
}

static void lines_of_a_file_are_in_order(void **state)
{
	static const struct conf_place places[] = {
		{ "a", 2 }, { "a", 9 }, { "b", 5 }, { "b", 7 },
		{ "b", 6 }, { "b", 6 }, { "a", 1 }, { "b", 1 }
	};
	static const char *const expected[] = { "a:2: 0", "a:9: 1", "b:5: 2", "b:6: 4",
						"b:6: 5", "b:7: 3", "a:1: 6", "b:1: 7" };
	struct complaints *complaints = make();

	(void)state;
	for (int i = 0; i < 8; i++)
		complaint_add(complaints, &places[i], "%d", i);
	assert_int_equal(complaint_kept(complaints), 8);
	for (size_t i = 0; i < 8; i++)
		assert_string_equal(complaint_text(complaints, i), expected[i]);
}

static void first_thousand_are_kept_and_all_are_counted(void **state)
{
	struct complaints *complaints = make();
	char last[16];

	(void)state;
	for (int i = 0; i < 1500; i++)
		complaint_add(complaints, NULL, "%d", i);
	assert_int_equal(complaint_count(complaints), 1500);
	assert_int_equal(complaint_kept(complaints), 1000);
	snprintf(last, sizeof(last), "%d", 999);
	assert_string_equal(complaint_text(complaints, 999), last);
}

static void complaint_counts_even_when_memory_is_short(void **state)
{
	struct complaints *complaints = make();

	(void)state;
	mem_fail_nth(1);
	complaint_add(complaints, NULL, "text");
	mem_fail_nth(0);
	assert_int_equal(complaint_count(complaints), 1);
	assert_int_equal(complaint_kept(complaints), 0);
}

static void nearest_word_is_found_by_edits(void **state)
{
	static const char *const known[] = { "listen", "limits",	   "cache", "zones", "n",
					     "name",   "negative_ttl_max", NULL };
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{ "listen", "listen" }, { "lsiten", "listen" },
		{ "LISTEN", "listen" }, { "listn", "listen" },
		{ "limit", "limits" },	{ "cach", "cache" },
		{ "catche", "cache" },	{ "zone", "zones" },
		{ "nmae", "name" },	{ "negative_ttl", "negative_ttl_max" },
		{ "x", NULL },		{ "", NULL },
		{ "frobnicate", NULL }, { "zoo", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *nearest = complaint_nearest(cases[i].word, known);
		if (cases[i].nearest == NULL)
			assert_null(nearest);
		else if (nearest == NULL)
			fail_msg("nothing near %s", cases[i].word);
		else
			assert_string_equal(nearest, cases[i].nearest);
	}
}

static void first_of_equally_near_words_is_suggested(void **state)
{
	static const char *const known[] = { "stale_b", "stale_c", NULL };
	(void)state;
	assert_string_equal(complaint_nearest("stale_a", known), "stale_b");
}

static void words_too_long_to_compare_have_none_near(void **state)
{
	char word[200];
	const char *known[] = { word, "a", NULL };

	(void)state;
	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_null(complaint_nearest(word, known));
	assert_null(complaint_nearest("aaaaaaaaaa", known));
}

static void quote_is_one_short_line_of_ascii(void **state)
{
	struct complaint_quote quote;
	char bytes[256];

	(void)state;
	assert_string_equal(complaint_quote("a b", 3, &quote), "\"a b\"");
	assert_string_equal(complaint_quote("", 0, &quote), "\"\"");
	assert_string_equal(complaint_quote("\n\x1b[\0\xc3\xa4\x7f", 7, &quote),
			    "\"\\x0A\\x1B[\\x00\\xC3\\xA4\\x7F\"");
	memset(bytes, 0xff, sizeof(bytes));
	complaint_quote(bytes, sizeof(bytes), &quote);
	assert_int_equal(strlen(quote.text), 1 + 48 * 4 + 3 + 1);
	assert_string_equal(quote.text + 1 + 48 * 4, "...\"");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(place_goes_before_the_text),
	cmocka_unit_test(lines_of_a_file_are_in_order),
	cmocka_unit_test(first_thousand_are_kept_and_all_are_counted),
	cmocka_unit_test(complaint_counts_even_when_memory_is_short),
	cmocka_unit_test(nearest_word_is_found_by_edits),
	cmocka_unit_test(first_of_equally_near_words_is_suggested),
	cmocka_unit_test(words_too_long_to_compare_have_none_near),
	cmocka_unit_test(quote_is_one_short_line_of_ascii),
};
UNIT_MAIN(tests)
