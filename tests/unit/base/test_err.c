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

static void what_the_system_lacks_is_told_from_what_is_refused(void **state)
{
	static const int lacks[] = { -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS, -EAGAIN };
	static const int others[] = { 0, -ECONNREFUSED, -ENETUNREACH, -EPERM, ERR_LIMIT };

	(void)state;
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
		assert_true(err_is_lack(lacks[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(err_is_lack(others[i]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_code_has_a_text_of_its_own),
	cmocka_unit_test(system_errors_speak_for_themselves),
	cmocka_unit_test(what_the_system_lacks_is_told_from_what_is_refused),
};

UNIT_MAIN_PLAIN(tests)
