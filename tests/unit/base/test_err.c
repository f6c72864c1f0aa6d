#include "base/err.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

static void every_code_has_a_text_of_its_own(void **state)
{
	(void)state;
	for (int err = ERR_MALFORMED; err >= ERR_NO_SPACE; err--) {
		assert_string_not_equal(err_text(err), err_text(-4711));
		for (int other = ERR_MALFORMED; other > err; other--)
			assert_string_not_equal(err_text(err), err_text(other));
	}
}

static void system_errors_speak_for_themselves(void **state)
{
	(void)state;
	assert_string_equal(err_text(-ENOENT), strerror(ENOENT));
	assert_non_null(err_text(0));
	assert_non_null(err_text(-999));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_code_has_a_text_of_its_own),
	cmocka_unit_test(system_errors_speak_for_themselves),
};

UNIT_MAIN_PLAIN(tests)
