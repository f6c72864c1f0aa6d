/* What is to be forgotten, by name, by zone, or all. */
#include "cache_fixture.h"

#include <stdio.h>

#include "../../../src/cache/cache_internal.h"

#define LIFETIME_S 3600u
#define FILLING 14000u /* more than a roomy cache holds of them */

static const uint8_t *wire_of(const char *text)
{
	uint8_t *name = unit_zalloc(NAME_MAX_LEN);
	size_t len = 0;

	assert_int_equal(name_from_text(text, name, &len), 0);
	return name;
}

/* All steps; how many went. */
static uint64_t flush(struct fixture *f, enum cache_flush_what what, const char *name)
{
	const uint8_t *wire = wire_of(name);
	struct cache_flush flush = { .count = 0 };

	while (cache_flush(f->cache, what, wire, &flush))
		cache_verify(f->cache);
	cache_verify(f->cache);
	return flush.count;
}

static uint64_t entries(const struct fixture *f)
{
	struct cache_report report;

	cache_report(f->cache, &report);
	return report.entries;
}

static struct cache_key keep(struct fixture *f, const char *name, uint16_t type)
{
	struct cache_key key = key_of(name, type);
	struct reply reply;

	reply_start(&reply, name, type, RCODE_NOERROR);
	reply_add_a(&reply, LIFETIME_S, 0xc0000201);
	store(f, &key, &reply, CACHE_POSITIVE, LIFETIME_S, 0);
	return key;
}

static void a_name_goes_with_all_types_flags_and_views(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	struct reply reply;

	keep(f, "www.example.org", TYPE_A);
	keep(f, "www.example.org", TYPE_AAAA);
	struct cache_key key = key_of("www.example.org", TYPE_A);
	make_answer(&reply, LIFETIME_S);
	key.flags = CACHE_KEY_RD | CACHE_KEY_DO | CACHE_KEY_CD;
	cache_key_rehash(&key);
	store(f, &key, &reply, CACHE_POSITIVE, LIFETIME_S, 0);
	cache_key_set_view(&key, 77);
	store(f, &key, &reply, CACHE_POSITIVE, LIFETIME_S, 0);
	reply_start(&reply, "www.example.org", TYPE_A, RCODE_SERVFAIL);
	store(f, &key, &reply, CACHE_FAILURE, 5, 0);
	assert_int_equal(entries(f), 5);
	assert_int_equal(flush(f, CACHE_FLUSH_NAME, "www.example.org"), 5);
	assert_int_equal(entries(f), 0);
	assert_false(fixture_find(f, &key, true));
	assert_int_equal(cache_failures(f->cache, &key), 0);
	assert_int_equal(flush(f, CACHE_FLUSH_NAME, "www.example.org"), 0);
}

static void of_other_names_nothing_goes(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	static const char *const others[] = { "example.org",	  "a.www.example.org",
					      "ww.example.org",	  "www.example.orgs",
					      "wwww.example.org", "." };
	struct cache_key keys[6];

	for (size_t i = 0; i < 6; i++)
		keys[i] = keep(f, others[i], TYPE_A);
	keep(f, "www.example.org", TYPE_A);
	assert_int_equal(flush(f, CACHE_FLUSH_NAME, "www.example.org"), 1);
	for (size_t i = 0; i < 6; i++)
		assert_true(fixture_find(f, &keys[i], true));
}

static void a_zone_goes_with_all_below_it(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);

	keep(f, "example.org", TYPE_A);
	keep(f, "www.example.org", TYPE_A);
	keep(f, "a.b.c.example.org", TYPE_A);
	const struct cache_key above = keep(f, "org", TYPE_A);
	const struct cache_key beside = keep(f, "myexample.org", TYPE_A);
	assert_int_equal(flush(f, CACHE_FLUSH_ZONE, "example.org"), 3);
	assert_true(fixture_find(f, &above, true));
	assert_true(fixture_find(f, &beside, true));
	assert_int_equal(flush(f, CACHE_FLUSH_ZONE, "."), 2);
	assert_int_equal(entries(f), 0);
}

static void a_message_that_does_not_name_it_goes_by_its_key(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	struct reply reply;

	reply_start(&reply, "other.example", TYPE_A, RCODE_NOERROR);
	store(f, &key, &reply, CACHE_POSITIVE, LIFETIME_S, 0);
	assert_int_equal(flush(f, CACHE_FLUSH_NAME, "other.example"), 0);
	assert_int_equal(flush(f, CACHE_FLUSH_NAME, "www.example.org"), 1);
}

static void what_is_past_its_time_goes_as_well(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);

	keep(f, "www.example.org", TYPE_A);
	fixture_pass_ms(f, 2000u * LIFETIME_S);
	assert_int_equal(flush(f, CACHE_FLUSH_NAME, "www.example.org"), 1);
}

static void number_and_store(struct fixture *f, struct cache_key *key, struct reply *reply,
			     uint64_t n)
{
	number_question(key, reply, n, LIFETIME_S);
	const struct cache_item item = item_of(reply, CACHE_POSITIVE, LIFETIME_S);
	cache_store(f->cache, key, &item);
}

/* Fills it more than once; some are found, and so kept when they come to the tail. */
static void fill(struct fixture *f)
{
	struct cache_key key = { .name_len = 0 };
	struct reply reply;

	for (uint32_t n = 0; n < FILLING; n++) {
		number_and_store(f, &key, &reply, n);
		number_question(&key, &reply, n / 3, LIFETIME_S);
		(void)fixture_find(f, &key, true);
	}
}

static unsigned count_numbered(struct fixture *f)
{
	struct cache_key key = { .name_len = 0 };
	struct reply reply;
	unsigned found = 0;

	for (uint32_t n = 0; n < FILLING; n++) {
		number_question(&key, &reply, n, LIFETIME_S);
		found += fixture_find(f, &key, true);
	}
	return found;
}

static void all_goes_and_it_is_as_new(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	struct cache_report report;
	struct reply reply;

	fill(f);
	const uint64_t before = entries(f);
	assert_true(before > 5000);
	assert_int_equal(flush(f, CACHE_FLUSH_ALL, "."), before);
	cache_report(f->cache, &report);
	assert_int_equal(report.entries, 0);
	assert_int_equal(report.bytes, 0);
	assert_int_equal(count_numbered(f), 0);
	make_answer(&reply, LIFETIME_S);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	store(f, &key, &reply, CACHE_POSITIVE, LIFETIME_S, 0);
	assert_finds(f, &key, &reply, 0);
	fill(f);
	cache_verify(f->cache);
	assert_in_range(entries(f), before - before / 20, before + before / 20);
}

static void of_a_full_cache_it_takes_many_steps_and_all_go(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const uint8_t *zone = wire_of("example.org");
	struct cache_flush so_far = { .count = 0 };
	unsigned steps = 1;

	fill(f);
	const uint64_t before = entries(f);
	assert_int_equal(count_numbered(f), before);
	while (cache_flush(f->cache, CACHE_FLUSH_ZONE, zone, &so_far))
		steps++;
	cache_verify(f->cache);
	assert_in_range(steps, 12, 24); /* by 64 KB */
	assert_int_equal(so_far.count, before);
	assert_int_equal(entries(f), 0);
}

static void find_newest(struct fixture *f)
{
	struct cache_key key = { .name_len = 0 };
	struct reply reply;

	for (uint32_t n = FILLING - 3000; n < FILLING; n++) {
		number_question(&key, &reply, n, LIFETIME_S);
		(void)fixture_find(f, &key, true);
	}
}

/* Meanwhile others are stored, which drive the tails on; what is found and so moves to a head is
 * met there. */
static void what_moves_meanwhile_does_not_escape(void **state)
{
	(void)state;
	for (unsigned pace = 0; pace <= 480; pace += 96) {
		struct fixture *f = fixture_new(ROOMY);
		const uint8_t *zone = wire_of("example.org");
		struct cache_flush so_far = { .count = 0 };
		struct cache_key key = key_of("else-000000.example.net", TYPE_A);
		struct reply reply;
		uint64_t n = 0;

		reply_start(&reply, "else-000000.example.net", TYPE_A, RCODE_NOERROR);
		reply_add_a(&reply, LIFETIME_S, 0);
		fill(f);
		while (cache_flush(f->cache, CACHE_FLUSH_ZONE, zone, &so_far)) {
			find_newest(f);
			for (unsigned i = 0; i < pace; i++)
				number_and_store(f, &key, &reply, n++);
			assert_true(n < 1000000);
		}
		cache_verify(f->cache);
		assert_true(so_far.count > 0);
		assert_int_equal(count_numbered(f), 0);
		assert_true(pace == 0 || entries(f) > 0);
	}
}

static void one_that_was_cleared_midway_is_gone_through_anew(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const uint8_t *zone = wire_of("example.org");
	struct cache_flush so_far = { .count = 0 };

	fill(f);
	for (unsigned i = 0; i < 10; i++)
		assert_true(cache_flush(f->cache, CACHE_FLUSH_ZONE, zone, &so_far));
	flush(f, CACHE_FLUSH_ALL, ".");
	keep(f, "www.example.org", TYPE_A);
	while (cache_flush(f->cache, CACHE_FLUSH_ZONE, zone, &so_far))
		;
	cache_verify(f->cache);
}

static void a_shared_one_goes_in_all_its_parts(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);

	f->cache = unit_own(cache_new(8 * ROOMY, 4, &f->clock, &f->stats), cache_free);
	assert_non_null(f->cache);
	fill(f);
	assert_int_equal(entries(f), FILLING);
	assert_int_equal(flush(f, CACHE_FLUSH_NAME, "host-000007.example.org"), 1);
	assert_int_equal(flush(f, CACHE_FLUSH_ZONE, "example.org"), FILLING - 1);
	fill(f);
	assert_int_equal(flush(f, CACHE_FLUSH_ALL, "."), FILLING);
	assert_int_equal(entries(f), 0);
}

/* Where a sweep stands is told by what has gone by the tail: after some days more than 2^32 units.
 */
static void of_one_that_many_have_passed_through_all_go(void **state)
{
	(void)state;
	static const uint32_t short_of[] = { 2000, 20, 3, 0 };
	char name[32];

	for (size_t i = 0; i < sizeof(short_of) / sizeof(short_of[0]); i++) {
		struct fixture *f = fixture_new(ROOMY);
		struct store *store = &f->cache->shared->shards[0].store;
		const uint64_t gone_by = (UINT64_C(1) << 32) - short_of[i];

		for (unsigned n = 0; n < 200; n++) {
			snprintf(name, sizeof(name), "w%u.example.org", n);
			keep(f, name, TYPE_A);
		}
		store->newcomers.left += gone_by;
		store->kept.left += gone_by;
		assert_int_equal(flush(f, CACHE_FLUSH_ZONE, "example.org"), 200);
		assert_int_equal(entries(f), 0);
	}
}

static void one_that_keeps_nothing_has_nothing_to_forget(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(0);

	assert_int_equal(flush(f, CACHE_FLUSH_NAME, "www.example.org"), 0);
	assert_int_equal(flush(f, CACHE_FLUSH_ALL, "."), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_name_goes_with_all_types_flags_and_views),
	cmocka_unit_test(of_other_names_nothing_goes),
	cmocka_unit_test(a_zone_goes_with_all_below_it),
	cmocka_unit_test(a_message_that_does_not_name_it_goes_by_its_key),
	cmocka_unit_test(what_is_past_its_time_goes_as_well),
	cmocka_unit_test(all_goes_and_it_is_as_new),
	cmocka_unit_test(of_a_full_cache_it_takes_many_steps_and_all_go),
	cmocka_unit_test(what_moves_meanwhile_does_not_escape),
	cmocka_unit_test(one_that_was_cleared_midway_is_gone_through_anew),
	cmocka_unit_test(a_shared_one_goes_in_all_its_parts),
	cmocka_unit_test(of_one_that_many_have_passed_through_all_go),
	cmocka_unit_test(one_that_keeps_nothing_has_nothing_to_forget),
};
UNIT_MAIN_PLAIN(tests)
