/* A cache that gets another size while it is used: what is kept stays, as far as there is room. */
#include "cache_fixture.h"

#include <pthread.h>

#define LIFETIME_S 3600u
#define MANY 8000u

struct hand {
	struct fixture f;
	struct cache_key key;
	struct reply reply;
	uint8_t buf[1024];
	unsigned rounds, found, wrong;
};

static struct hand *hand_new(struct cache *share, uint64_t max_bytes)
{
	struct hand *hand = unit_zalloc(sizeof(*hand));

	hand->f.clock.now_us = 1234567890123;
	hand->f.cache = share == NULL ? cache_new(max_bytes, 1, &hand->f.clock, &hand->f.stats)
				      : cache_share(share, &hand->f.clock, &hand->f.stats);
	assert_non_null(unit_own(hand->f.cache, cache_free));
	hand->f.buf = hand->buf;
	hand->f.buf_max = sizeof(hand->buf);
	return hand;
}

static void keep(struct hand *hand, uint32_t n, enum cache_kind kind, uint32_t lifetime_s)
{
	number_question(&hand->key, &hand->reply, n, LIFETIME_S);
	const struct cache_item item = item_of(&hand->reply, kind, lifetime_s);
	cache_store(hand->f.cache, &hand->key, &item);
}

/* The address tells which it is. */
static bool find(struct hand *hand, uint32_t n)
{
	number_question(&hand->key, &hand->reply, n, LIFETIME_S);
	if (!fixture_find(&hand->f, &hand->key, true))
		return false;
	const size_t len = hand->reply.len;
	hand->wrong += hand->f.hit.wire_len != len ||
		       memcmp(hand->buf + len - 4, hand->reply.wire + len - 4, 4) != 0;
	return true;
}

static struct cache_report report_of(const struct hand *hand)
{
	struct cache_report report;

	cache_report(hand->f.cache, &report);
	return report;
}

static void move_all(struct hand *hand)
{
	while (cache_move(hand->f.cache, 100))
		cache_verify(hand->f.cache);
	cache_move_end(hand->f.cache);
	cache_verify(hand->f.cache);
}

static void all_is_found_in_a_larger_one(void **state)
{
	struct hand *hand = hand_new(NULL, 1u << 20);
	(void)state;

	for (uint32_t n = 0; n < MANY; n++)
		keep(hand, n, CACHE_POSITIVE, LIFETIME_S);
	const uint64_t entries = report_of(hand).entries;
	assert_int_equal(cache_resize(hand->f.cache, 8u << 20, 1), 0);
	assert_int_equal(report_of(hand).entries, entries);
	assert_int_equal(report_of(hand).max_bytes, 8u << 20);
	for (uint32_t n = 0; n < MANY; n += 7)
		assert_true(find(hand, n)); /* before anything was moved by itself */
	assert_int_equal(report_of(hand).entries, entries);
	move_all(hand);
	for (uint32_t n = 0; n < MANY; n++)
		assert_true(find(hand, n));
	assert_int_equal(hand->wrong, 0);
	assert_int_equal(report_of(hand).entries, entries);
	assert_int_equal(hand->f.stats.count[STAT_CACHE_EVICTIONS], 0);
}

static void what_was_found_and_what_is_new_stays_in_a_smaller_one(void **state)
{
	struct hand *hand = hand_new(NULL, 8u << 20);
	const uint32_t hot = 500;
	unsigned newest = 0;
	(void)state;

	for (uint32_t n = 0; n < MANY; n++)
		keep(hand, n, CACHE_POSITIVE, LIFETIME_S);
	for (uint32_t n = 0; n < hot; n++)
		assert_true(find(hand, n));
	assert_int_equal(cache_resize(hand->f.cache, 128u << 10, 1), 0);
	move_all(hand);
	const struct cache_report report = report_of(hand);
	assert_true(report.bytes <= 128u << 10 && report.max_bytes == 128u << 10);
	assert_true(report.entries > 500);
	for (uint32_t n = MANY - 100; n < MANY; n++)
		newest += find(hand, n);
	assert_int_equal(newest, 100);
	assert_int_equal(hand->wrong, 0);
}

/* What is newest lies before what is oldest there, some of it in the same page. */
static void what_is_kept_of_a_full_one_stays_whole(void **state)
{
	struct hand *hand = hand_new(NULL, 256u << 10);
	bool was_there[6000];
	(void)state;

	for (uint32_t n = 0; n < 6000; n++) {
		keep(hand, n, CACHE_POSITIVE, LIFETIME_S);
		(void)find(hand, n); /* asked for again: kept */
	}
	for (uint32_t n = 0; n < 6000; n++)
		was_there[n] = find(hand, n);
	const uint64_t entries = report_of(hand).entries;
	assert_true(entries > 1000 && entries < 6000); /* it has come round */
	assert_int_equal(cache_resize(hand->f.cache, 8u << 20, 1), 0);
	move_all(hand);
	for (uint32_t n = 0; n < 6000; n++)
		assert_int_equal(find(hand, n), was_there[n]);
	assert_int_equal(hand->wrong, 0);
	assert_int_equal(report_of(hand).entries, entries);
}

static void none_is_a_size_too(void **state)
{
	struct hand *hand = hand_new(NULL, 1u << 20);
	(void)state;

	keep(hand, 1, CACHE_POSITIVE, LIFETIME_S);
	assert_int_equal(cache_resize(hand->f.cache, 0, 1), 0);
	assert_false(find(hand, 1));
	move_all(hand);
	assert_int_equal(report_of(hand).entries, 0);
	keep(hand, 1, CACHE_POSITIVE, LIFETIME_S);
	assert_false(find(hand, 1));
	assert_int_equal(cache_resize(hand->f.cache, 1u << 20, 1), 0);
	keep(hand, 2, CACHE_POSITIVE, LIFETIME_S);
	move_all(hand);
	assert_false(find(hand, 1));
	assert_true(find(hand, 2));
}

static void what_came_since_is_not_put_out_by_what_was(void **state)
{
	struct hand *hand = hand_new(NULL, 1u << 20);
	(void)state;

	for (uint32_t n = 0; n < 200; n++)
		keep(hand, n, CACHE_POSITIVE, LIFETIME_S);
	assert_int_equal(cache_resize(hand->f.cache, 2u << 20, 1), 0);
	fixture_pass_ms(&hand->f, 5000);
	for (uint32_t n = 0; n < 200; n += 2)
		keep(hand, n, CACHE_POSITIVE, LIFETIME_S);
	number_question(&hand->key, &hand->reply, 7, LIFETIME_S);
	cache_drop(hand->f.cache, &hand->key);
	move_all(hand);
	for (uint32_t n = 0; n < 200; n++) {
		assert_int_equal(find(hand, n), n != 7);
		assert_true(n == 7 || hand->f.hit.age_s == (n % 2 == 0 ? 0 : 5));
	}
	assert_int_equal(report_of(hand).entries, 199);
}

static void failures_keep_their_number_and_can_be_forgotten(void **state)
{
	struct hand *hand = hand_new(NULL, 1u << 20);
	(void)state;

	for (unsigned i = 0; i < 3; i++)
		keep(hand, 1, CACHE_FAILURE, 30);
	keep(hand, 2, CACHE_FAILURE, 30);
	assert_int_equal(cache_resize(hand->f.cache, 2u << 20, 1), 0);
	number_question(&hand->key, &hand->reply, 1, LIFETIME_S);
	assert_int_equal(cache_failures(hand->f.cache, &hand->key), 3);
	cache_forget_failures(hand->f.cache);
	move_all(hand);
	assert_false(find(hand, 1));
	assert_false(find(hand, 2));
}

/* Others are another's: a view, other flags, a question that the message does not have. */
static void keys_that_a_message_does_not_tell_are_kept(void **state)
{
	struct hand *hand = hand_new(NULL, 1u << 20);
	struct cache_key plain = key_of("www.example.org", TYPE_A), view = plain, dnssec = plain,
			 other = key_of("other.example.org", TYPE_A);
	struct reply reply;
	(void)state;

	make_answer(&reply, LIFETIME_S);
	cache_key_set_view(&view, 0x1234567890abcdef);
	dnssec.flags |= CACHE_KEY_DO;
	cache_key_rehash(&dnssec);
	const struct cache_key *keys[] = { &plain, &view, &dnssec, &other };
	for (unsigned i = 0; i < 4; i++)
		store(&hand->f, keys[i], &reply, CACHE_POSITIVE, LIFETIME_S, 0);
	assert_int_equal(cache_resize(hand->f.cache, 32u << 20, 4), 0);
	move_all(hand);
	assert_int_equal(report_of(hand).entries, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(fixture_find(&hand->f, keys[i], false));
}

static void another_worker_has_the_same(void **state)
{
	struct hand *first = hand_new(NULL, 16u << 20);
	(void)state;

	for (uint32_t n = 0; n < 1000; n++)
		keep(first, n, CACHE_POSITIVE, LIFETIME_S);
	struct hand *second = hand_new(first->f.cache, 0);
	assert_int_equal(cache_resize(first->f.cache, 16u << 20, 2), 0);
	for (uint32_t n = 0; n < 500; n++)
		assert_true(find(second, n));
	assert_int_equal(cache_resize(first->f.cache, 4u << 20, 2), 0); /* before it was done */
	for (uint32_t n = 0; n < 1000; n++)
		assert_true(find(n % 2 ? second : first, n));
	move_all(first);
	assert_int_equal(report_of(second).entries, 1000);
}

static void what_is_flushed_meanwhile_does_not_come_back(void **state)
{
	struct hand *hand = hand_new(NULL, 1u << 20);
	struct cache_flush flush = { 0 };
	(void)state;

	for (uint32_t n = 0; n < 3000; n++)
		keep(hand, n, CACHE_POSITIVE, LIFETIME_S);
	const struct cache_key zone = key_of("example.org", TYPE_A);
	assert_true(cache_flush(hand->f.cache, CACHE_FLUSH_ZONE, zone.name, &flush));
	assert_int_equal(cache_resize(hand->f.cache, 4u << 20, 1), 0);
	while (cache_flush(hand->f.cache, CACHE_FLUSH_ZONE, zone.name, &flush))
		;
	assert_int_equal(flush.count, 3000);
	move_all(hand);
	assert_int_equal(report_of(hand).entries, 0);
}

/* --- a step at a time --------------------------------------------------------------------- */

static void gaps_are_work_as_entries_are(void **state)
{
	struct hand *hand = hand_new(NULL, 4u << 20);
	struct cache_flush flush = { 0 };
	(void)state;

	for (uint32_t n = 0; n < MANY; n++)
		keep(hand, n, CACHE_POSITIVE, LIFETIME_S);
	const uint64_t each = report_of(hand).bytes / MANY;
	const struct cache_key zone = key_of("example.org", TYPE_A);
	while (cache_flush(hand->f.cache, CACHE_FLUSH_ZONE, zone.name, &flush))
		;
	assert_int_equal(flush.count, MANY);
	keep(hand, MANY, CACHE_POSITIVE, LIFETIME_S); /* behind nothing but gaps */
	assert_int_equal(cache_resize(hand->f.cache, 8u << 20, 1), 0);
	const uint64_t before = report_of(hand).bytes;
	assert_true(cache_move(hand->f.cache, 100));
	assert_true(report_of(hand).bytes >= before - 100 * each);
	move_all(hand);
	assert_true(find(hand, MANY));
	assert_int_equal(report_of(hand).entries, 1);
}

/* Of 16 kB each. */
static void keep_large(struct hand *hand, uint32_t n)
{
	static const uint8_t rdata[16000];
	static struct reply large;

	number_question(&hand->key, &hand->reply, n, LIFETIME_S);
	large = hand->reply;
	reply_add(&large, SECTION_ADDITIONAL, ".", TYPE_TXT, LIFETIME_S, rdata, sizeof(rdata));
	const struct cache_item item = item_of(&large, CACHE_POSITIVE, LIFETIME_S);
	cache_store(hand->f.cache, &hand->key, &item);
}

static void large_entries_are_more_work(void **state)
{
	struct hand *hand = hand_new(NULL, 16u << 20);
	unsigned steps = 1;
	(void)state;

	for (uint32_t n = 0; n < 300; n++)
		keep_large(hand, n);
	assert_int_equal(report_of(hand).entries, 300);
	assert_int_equal(cache_resize(hand->f.cache, 32u << 20, 1), 0);
	while (cache_move(hand->f.cache, 300))
		steps++;
	assert_true(steps > 10); /* some hundred kilobytes each */
	cache_move_end(hand->f.cache);
	cache_verify(hand->f.cache);
	assert_int_equal(report_of(hand).entries, 300);
}

static void another_size_before_that_is_done_moves_nothing_at_once(void **state)
{
	const uint32_t many = 30000;
	struct hand *hand = hand_new(NULL, 16u << 20);
	unsigned steps = 1;
	(void)state;

	for (uint32_t n = 0; n < many; n++)
		keep(hand, n, CACHE_POSITIVE, LIFETIME_S);
	assert_int_equal(cache_resize(hand->f.cache, 32u << 20, 1), 0);
	assert_true(cache_move(hand->f.cache, 100));
	keep(hand, many, CACHE_POSITIVE, LIFETIME_S);
	fixture_pass_ms(&hand->f, 5000);
	assert_int_equal(cache_resize(hand->f.cache, 24u << 20, 1), 0);
	assert_int_equal(report_of(hand).entries, many + 1);
	keep(hand, 7, CACHE_POSITIVE, LIFETIME_S); /* in place of the one that is two sizes ago */
	assert_true(find(hand, many));
	while (cache_move(hand->f.cache, 100))
		steps++;
	assert_true(steps >= many / 100 - 1);
	move_all(hand);
	for (uint32_t n = 0; n <= many; n++) {
		assert_true(find(hand, n));
		assert_int_equal(hand->f.hit.age_s, n == 7 ? 0 : 5);
	}
	assert_int_equal(hand->wrong, 0);
	assert_int_equal(report_of(hand).entries, many + 1);
}

/* Faster than anything can be moved: the sizes that are waited for are few. */
static void many_sizes_one_after_the_other_keep_what_is_newest(void **state)
{
	struct hand *hand = hand_new(NULL, 16u << 20);
	(void)state;

	for (uint32_t n = 0; n < 5000; n++)
		keep(hand, n, CACHE_POSITIVE, LIFETIME_S);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(cache_resize(hand->f.cache, (i % 2 ? 16u : 24u) << 20, 1), 0);
		for (uint32_t n = 0; n < 100; n++)
			keep(hand, 5000 + n, CACHE_POSITIVE, LIFETIME_S);
		for (uint32_t n = 0; n < 100; n++)
			assert_true(find(hand, 5000 + n));
		(void)cache_move(hand->f.cache, 10);
		cache_verify(hand->f.cache);
	}
	assert_int_equal(report_of(hand).max_bytes, 16u << 20);
	move_all(hand);
	for (uint32_t n = 5000; n < 5100; n++)
		assert_true(find(hand, n));
	assert_int_equal(hand->wrong, 0);
}

static void *look(void *ctx)
{
	struct hand *hand = ctx;

	for (unsigned i = 0; i < hand->rounds; i++) {
		const uint32_t n = i * 7919u % MANY;

		hand->found += find(hand, n);
		if (i % 16 == 0)
			keep(hand, n, CACHE_POSITIVE, LIFETIME_S);
	}
	return NULL;
}

static void others_find_it_while_it_is_moved(void **state)
{
	struct hand *first = hand_new(NULL, 16u << 20), *others[3];
	pthread_t threads[3];
	(void)state;

	for (uint32_t n = 0; n < MANY; n++)
		keep(first, n, CACHE_POSITIVE, LIFETIME_S);
	for (unsigned i = 0; i < 3; i++) {
		others[i] = hand_new(first->f.cache, 0);
		others[i]->rounds = 20000;
	}
	assert_int_equal(cache_resize(first->f.cache, 24u << 20, 4), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look, others[i]), 0);
	while (cache_move(first->f.cache, 10))
		assert_true(find(first, 1));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	cache_move_end(first->f.cache);
	cache_verify(first->f.cache);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(others[i]->wrong, 0);
		assert_int_equal(others[i]->found, others[i]->rounds);
	}
	assert_int_equal(report_of(first).entries, MANY);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(all_is_found_in_a_larger_one),
	cmocka_unit_test(what_was_found_and_what_is_new_stays_in_a_smaller_one),
	cmocka_unit_test(what_is_kept_of_a_full_one_stays_whole),
	cmocka_unit_test(none_is_a_size_too),
	cmocka_unit_test(what_came_since_is_not_put_out_by_what_was),
	cmocka_unit_test(failures_keep_their_number_and_can_be_forgotten),
	cmocka_unit_test(keys_that_a_message_does_not_tell_are_kept),
	cmocka_unit_test(another_worker_has_the_same),
	cmocka_unit_test(what_is_flushed_meanwhile_does_not_come_back),
	cmocka_unit_test(gaps_are_work_as_entries_are),
	cmocka_unit_test(large_entries_are_more_work),
	cmocka_unit_test(another_size_before_that_is_done_moves_nothing_at_once),
	cmocka_unit_test(many_sizes_one_after_the_other_keep_what_is_newest),
	cmocka_unit_test(others_find_it_while_it_is_moved),
};
UNIT_MAIN_PLAIN(tests)
