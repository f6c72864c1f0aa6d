#include "app/span.h"

#include "unit.h"

static void a_span_is_told_in_its_two_largest_units(void **state)
{
	static const struct {
		uint32_t s;
		const char *text;
	} spans[] = {
		{ 0, "0 s" },
		{ 59, "59 s" },
		{ 60, "1 min" },
		{ 61, "1 min 1 s" },
		{ 3599, "59 min 59 s" },
		{ 3600, "1 h" },
		{ 3661, "1 h 1 min" },
		{ 86400, "1 d" },
		{ 90061, "1 d 1 h" },
		{ UINT32_MAX, "49710 d 6 h" },
	};
	struct span_text text;
	(void)state;

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
		assert_string_equal(span_to_text(spans[i].s, &text), spans[i].text);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_span_is_told_in_its_two_largest_units),
};
UNIT_MAIN_PLAIN(tests)
