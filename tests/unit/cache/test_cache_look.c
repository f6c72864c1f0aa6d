/* What is known, seen without being used. */
#include "cache_fixture.h"

static struct reply reply;

static bool look(struct fixture *f, const struct cache_key *key, bool failure)
{
	return cache_look(f->cache, key, failure, f->buf, f->buf_max, &f->hit);
}

static void an_answer_is_seen_fresh_stale_and_not_at_all(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	assert_false(look(f, &key, false));
	make_answer(&reply, 10);
	store(f, &key, &reply, CACHE_POSITIVE, 10, 100);
	fixture_pass_ms(f, 4000);
	assert_true(look(f, &key, false));
	assert_false(f->hit.is_stale);
	assert_int_equal(f->hit.age_s, 4);
	assert_int_equal(f->hit.remaining_s, 6);
	assert_int_equal(f->hit.stale_left_s, 100);
	fixture_pass_ms(f, 16000);
	assert_true(look(f, &key, false));
	assert_true(f->hit.is_stale);
	assert_int_equal(f->hit.remaining_s, 0);
	assert_int_equal(f->hit.stale_left_s, 90);
	fixture_pass_ms(f, 90000);
	assert_false(look(f, &key, false));
}

static void a_failure_stands_beside_the_answer(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 10);
	store(f, &key, &reply, CACHE_POSITIVE, 10, 100);
	assert_true(look(f, &key, false));
	assert_false(f->hit.is_failing);
	store(f, &key, &reply, CACHE_FAILURE, 5, 0);
	assert_true(look(f, &key, false));
	assert_true(f->hit.is_failing);
	assert_int_equal(f->hit.note.kind, CACHE_POSITIVE);
	assert_true(look(f, &key, true));
	assert_int_equal(f->hit.note.kind, CACHE_FAILURE);
	assert_int_equal(f->hit.stale_left_s, 0);
	cache_forget_failures(f->cache);
	assert_false(look(f, &key, true));
}

static void looking_is_not_finding(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 10);
	store(f, &key, &reply, CACHE_POSITIVE, 10, 100);
	fixture_pass_ms(f, 9500);
	assert_true(look(f, &key, false));
	assert_true(fixture_find(f, &key, true));
	assert_false(f->hit.is_due); /* as nobody has found it before */
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_answer_is_seen_fresh_stale_and_not_at_all),
	cmocka_unit_test(a_failure_stands_beside_the_answer),
	cmocka_unit_test(looking_is_not_finding),
};
UNIT_MAIN(tests)
