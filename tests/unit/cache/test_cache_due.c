/* Which answers are worth asking for ahead of time. */
#include "cache_fixture.h"

static struct reply reply;

static void answer_asked_for_again_is_due_in_the_last_tenth_of_its_life(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 10);
	for (unsigned i = 0; i < 2; i++) { /* a new answer begins anew */
		store(f, &key, &reply, CACHE_NEGATIVE, 10, 3600);
		fixture_pass_ms(f, 8999);
		assert_true(fixture_find(f, &key, true) && !f->hit.is_due);
		fixture_pass_ms(f, 1);
		assert_true(fixture_find(f, &key, true) && f->hit.is_due);
		fixture_pass_ms(f, 999);
		assert_true(fixture_find(f, &key, true) && f->hit.is_due);
		fixture_pass_ms(f, 1);
		assert_true(fixture_find(f, &key, true) && !f->hit.is_due);
		store(f, &key, &reply, CACHE_POSITIVE, 10, 3600);
		fixture_pass_ms(f, 9500);
		assert_true(fixture_find(f, &key, true) && !f->hit.is_due);
		for (unsigned n = 0; n < 300; n++)
			assert_true(fixture_find(f, &key, true) && f->hit.is_due);
		assert_int_equal(f->hit.note.verdict, 0);
	}
	store(f, &key, &reply, CACHE_POSITIVE, UINT32_MAX, 0);
	assert_true(fixture_find(f, &key, true));
	fixture_pass_ms(f, UINT64_C(900) * UINT32_MAX - 1);
	assert_true(fixture_find(f, &key, true) && !f->hit.is_due);
	fixture_pass_ms(f, 1);
	assert_true(fixture_find(f, &key, true) && f->hit.is_due);
}

static void short_life_or_failure_is_never_due(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	const struct cache_key failed = key_of("failed.example.org", TYPE_A);

	make_answer(&reply, 9);
	store(f, &key, &reply, CACHE_POSITIVE, 9, 0);
	store(f, &failed, &reply, CACHE_FAILURE, 10, 0);
	for (unsigned i = 0; i < 90; i++) {
		assert_true(fixture_find(f, &key, true) && !f->hit.is_due);
		assert_true(fixture_find(f, &failed, true) && !f->hit.is_due);
		fixture_pass_ms(f, 100);
	}
	assert_true(fixture_find(f, &failed, true) && !f->hit.is_due);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(answer_asked_for_again_is_due_in_the_last_tenth_of_its_life),
	cmocka_unit_test(short_life_or_failure_is_never_due),
};
UNIT_MAIN(tests)
