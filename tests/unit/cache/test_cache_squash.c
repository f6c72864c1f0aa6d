/* What is kept of answers that ought to be others. */
#include "cache_fixture.h"

static struct reply reply, squashed;

static void make_squashed(void)
{
	reply_start(&squashed, "www.example.org", TYPE_A, RCODE_NXDOMAIN);
	reply_add_soa(&squashed, "example.org", 60, 60);
}

static void store_squash(struct fixture *f, const struct cache_key *key)
{
	make_squashed();
	store(f, key, &squashed, CACHE_SQUASH, 5, 0);
}

static void squash_is_found_for_its_lifetime(void **state)
{
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	(void)state;

	store_squash(f, &key);
	fixture_pass_ms(f, 4000);
	assert_finds(f, &key, &squashed, 4);
	assert_int_equal(f->hit.note.kind, CACHE_SQUASH);
	assert_false(f->hit.is_failing);
	fixture_pass_ms(f, 1000);
	assert_false(fixture_find(f, &key, true));
}

static void it_stands_beside_a_good_answer_fresh_or_stale(void **state)
{
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	(void)state;

	make_answer(&reply, 3);
	store(f, &key, &reply, CACHE_NEGATIVE, 3, 3600);
	store_squash(f, &key);
	assert_finds(f, &key, &reply, 0);
	assert_false(f->hit.is_stale);
	assert_true(f->hit.is_failing && f->hit.is_squashed);
	assert_int_equal(f->hit.past_s, 0);
	fixture_pass_ms(f, 4999);
	assert_finds(f, &key, &reply, 0);
	assert_true(f->hit.is_stale && f->hit.is_failing && f->hit.is_squashed);
	assert_int_equal(f->hit.past_s, 1);
	assert_true(fixture_find(f, &key, false)); /* who wants nothing stale gets it */
	assert_int_equal(f->hit.note.kind, CACHE_SQUASH);
	fixture_pass_ms(f, 1);
	assert_finds(f, &key, &reply, 0);
	assert_false(f->hit.is_failing || f->hit.is_squashed);
	assert_int_equal(f->hit.past_s, 2);
	fixture_pass_ms(f, 1000000);
	assert_finds(f, &key, &reply, 0);
	assert_int_equal(f->hit.past_s, 1002);
}

static void a_failure_is_no_squash(void **state)
{
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	(void)state;

	make_answer(&reply, 3);
	store(f, &key, &reply, CACHE_POSITIVE, 3, 3600);
	store_squash(f, &key);
	make_squashed();
	store(f, &key, &squashed, CACHE_FAILURE, 5, 0); /* takes its place */
	assert_finds(f, &key, &reply, 0);
	assert_true(f->hit.is_failing);
	assert_false(f->hit.is_squashed);
}

static void a_good_answer_puts_an_end_to_it(void **state)
{
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	struct cache_report report;
	(void)state;

	store_squash(f, &key);
	make_answer(&reply, 3);
	store(f, &key, &reply, CACHE_POSITIVE, 3, 3600);
	assert_finds(f, &key, &reply, 0);
	assert_false(f->hit.is_failing || f->hit.is_squashed);
	cache_report(f->cache, &report);
	assert_int_equal(report.entries, 1);
}

static void it_is_forgotten_with_the_failures(void **state)
{
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	(void)state;

	store_squash(f, &key);
	cache_forget_failures(f->cache);
	assert_false(fixture_find(f, &key, true));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(squash_is_found_for_its_lifetime),
	cmocka_unit_test(it_stands_beside_a_good_answer_fresh_or_stale),
	cmocka_unit_test(a_failure_is_no_squash),
	cmocka_unit_test(a_good_answer_puts_an_end_to_it),
	cmocka_unit_test(it_is_forgotten_with_the_failures),
};
UNIT_MAIN(tests)
