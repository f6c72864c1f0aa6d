/* One cache and several workers: each has a handle, a clock and stats of its own. */
#include "cache_fixture.h"

#include <pthread.h>

#define WORKERS 4u
#define LIFETIME_S 3600u

struct hand {
	struct clock clock;
	struct stats stats;
	struct cache *cache;
	struct cache_hit hit;
	struct cache_key key;
	struct reply reply;
	uint8_t buf[1024];

	/* Of one that is a thread. */
	uint64_t seed;
	unsigned rounds, found, wrong;
};

static struct hand hands[WORKERS];

static void ready(struct hand *hand, struct cache *cache)
{
	hand->cache = unit_own(cache, cache_free);
	assert_non_null(hand->cache);
	hand->key = key_of("host-000000.example.org", TYPE_A);
	reply_start(&hand->reply, "host-000000.example.org", TYPE_A, RCODE_NOERROR);
	reply_add_a(&hand->reply, LIFETIME_S, 0);
}

static void share(uint64_t max_bytes, unsigned workers)
{
	memset(hands, 0, sizeof(hands));
	for (unsigned i = 0; i < WORKERS; i++)
		hands[i].clock.now_us = 1234567890123;
	ready(&hands[0], cache_new(max_bytes, workers, &hands[0].clock, &hands[0].stats));
	for (unsigned i = 1; i < workers && i < WORKERS; i++)
		ready(&hands[i], cache_share(hands[0].cache, &hands[i].clock, &hands[i].stats));
}

static void number(struct hand *hand, uint32_t n)
{
	number_question(&hand->key, &hand->reply, n, LIFETIME_S);
}

static void keep(struct hand *hand, uint32_t n, enum cache_kind kind)
{
	number(hand, n);
	const struct cache_item item = item_of(&hand->reply, kind, LIFETIME_S);
	cache_store(hand->cache, &hand->key, &item);
}

/* What is found is right but for its TTL, or is counted. */
static bool find(struct hand *hand, uint32_t n)
{
	const struct reply *reply = &hand->reply;

	number(hand, n);
	if (!cache_find(hand->cache, &hand->key, true, hand->buf, sizeof(hand->buf), &hand->hit))
		return false;
	hand->wrong += hand->hit.wire_len != reply->len ||
		       memcmp(hand->buf, reply->wire, reply->len - 10) != 0 ||
		       memcmp(hand->buf + reply->len - 6, reply->wire + reply->len - 6, 6) != 0;
	return true;
}

static struct cache_report report_of(const struct hand *hand)
{
	struct cache_report report;

	cache_report(hand->cache, &report);
	return report;
}

static void what_one_has_learned_serves_all(void **state)
{
	(void)state;
	share(16u << 20, WORKERS);

	for (uint32_t n = 0; n < 400; n++)
		keep(&hands[n % WORKERS], n, CACHE_POSITIVE);
	for (uint32_t n = 0; n < 400; n++)
		for (unsigned i = 0; i < WORKERS; i++)
			assert_true(find(&hands[i], n));
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(hands[i].wrong, 0);
		assert_int_equal(report_of(&hands[i]).entries, 400);
	}
	number(&hands[1], 7);
	cache_drop(hands[1].cache, &hands[1].key);
	assert_false(find(&hands[3], 7));
	cache_verify(hands[0].cache);
}

/* Clocks are read once in each one's turn. */
static void clock_that_is_behind_makes_no_age_below_zero(void **state)
{
	(void)state;
	share(16u << 20, 2);
	hands[1].clock.now_us -= 3 * USEC_PER_MSEC;

	keep(&hands[0], 1, CACHE_POSITIVE);
	assert_true(find(&hands[1], 1));
	assert_int_equal(hands[1].hit.age_s, 0);
	assert_int_equal(hands[1].hit.remaining_s, LIFETIME_S);
	assert_false(hands[1].hit.is_stale);
	hands[0].clock.now_us += USEC_PER_SEC; /* a second by one clock, and not yet by the other */
	hands[1].clock.now_us += USEC_PER_SEC;
	assert_true(find(&hands[0], 1) && hands[0].hit.age_s == 1);
	assert_true(find(&hands[1], 1) && hands[1].hit.age_s == 0);
}

static void failures_of_all_are_forgotten_by_all(void **state)
{
	(void)state;
	share(16u << 20, WORKERS);

	for (unsigned i = 0; i < WORKERS; i++) {
		hands[i].clock.now_us += i * USEC_PER_MSEC;
		keep(&hands[i], i, CACHE_FAILURE);
	}
	cache_forget_failures(hands[0].cache); /* whose clock is behind those of the others */
	for (unsigned i = 0; i < WORKERS; i++) {
		hands[i].clock.now_us += 10 * USEC_PER_MSEC;
		for (uint32_t n = i; n < WORKERS; n++) {
			assert_false(find(&hands[i], n));
			assert_int_equal(cache_failures(hands[i].cache, &hands[i].key), 0);
		}
		keep(&hands[i], i, CACHE_FAILURE);
		assert_true(find(&hands[0], i));
	}
}

static void who_puts_out_counts_it(void **state)
{
	(void)state;
	share(4u << 20, 2);

	for (uint32_t n = 0; n < 100000; n++)
		keep(&hands[0], n, CACHE_POSITIVE);
	assert_true(hands[0].stats.count[STAT_CACHE_EVICTIONS] > 10000);
	assert_int_equal(hands[1].stats.count[STAT_CACHE_EVICTIONS], 0);
	assert_int_equal(report_of(&hands[1]).entries + hands[0].stats.count[STAT_CACHE_EVICTIONS],
			 100000);
}

static void cache_ends_with_its_last_handle(void **state)
{
	(void)state;
	struct clock clock = { .now_us = 1 };
	struct stats stats = { { 0 } };

	share(4u << 20, 2);
	keep(&hands[0], 1, CACHE_POSITIVE);
	struct cache *third = cache_share(hands[0].cache, &clock, &stats);
	assert_non_null(third);
	cache_free(third);
	assert_true(find(&hands[0], 1));
}

/* Index and all, and however little that is; and no less room than with one worker. */
static void cap_holds_over_all_shards(void **state)
{
	(void)state;
	static const uint64_t sizes[] = { 1,	 767,	   768,	     1500,     4096,	      65536,
					  65537, 1u << 20, 3u << 20, 4u << 20, (5u << 20) + 1 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t most = 0;

		share(sizes[i], WORKERS);
		for (uint32_t n = 0; n < 60000; n++) {
			keep(&hands[n % WORKERS], n, CACHE_POSITIVE);
			if (n % 64 != 0)
				continue;
			const uint64_t bytes = report_of(&hands[0]).bytes;
			most = bytes > most ? bytes : most;
			assert_true(bytes <= sizes[i]);
		}
		cache_verify(hands[0].cache);
		assert_int_equal(report_of(&hands[3]).max_bytes, sizes[i]);
		if (sizes[i] >= 65536)
			assert_true(most > sizes[i] - sizes[i] / 20);
	}
}

static void largest_message_is_kept_in_any_shard(void **state)
{
	(void)state;
	static const uint8_t rdata[60000];

	share(16u << 20, WORKERS);
	reply_add(&hands[0].reply, SECTION_ADDITIONAL, ".", TYPE_TXT, LIFETIME_S, rdata,
		  sizeof(rdata));
	for (uint32_t n = 0; n < 64; n++) {
		keep(&hands[0], n, CACHE_POSITIVE);
		assert_true(cache_find(hands[0].cache, &hands[0].key, false,
				       (uint8_t[MESSAGE_MAX_LEN]){ 0 }, MESSAGE_MAX_LEN,
				       &hands[0].hit));
	}
}

/* --- threads ---------------------------------------------------------------------------------- */

static void *hammer(void *ctx)
{
	struct hand *hand = ctx;
	const struct cache_note note = { .route = 1, .plan_id = 2 };

	for (unsigned i = 0; i < hand->rounds; i++) {
		const uint64_t draw = unit_random(&hand->seed);
		const uint32_t n = (uint32_t)(draw >> 40) % 60000;

		hand->clock.now_us += 50;
		switch (draw % 16) {
		case 0:
			keep(hand, n, CACHE_FAILURE);
			break;
		case 1:
			number(hand, n);
			cache_drop(hand->cache, &hand->key);
			break;
		case 2:
			number(hand, n);
			cache_confirm(hand->cache, &hand->key, &note);
			break;
		case 3:
			if (draw % 64 == 3)
				cache_forget_failures(hand->cache);
			(void)report_of(hand);
			break;
		default:
			number(hand, n);
			cache_prefetch(hand->cache, hand->key.hash);
			cache_prefetch_entry(hand->cache, hand->key.hash);
			if (find(hand, n))
				hand->found++;
			else
				keep(hand, n, CACHE_POSITIVE);
		}
	}
	return NULL;
}

static void threads_find_nothing_but_what_was_kept(void **state)
{
	(void)state;
	static const uint64_t sizes[] = { 65536, 4u << 20 }; /* one shard, and four */

	for (size_t s = 0; s < 2; s++) {
		pthread_t threads[WORKERS];

		share(sizes[s], WORKERS);
		for (unsigned i = 0; i < WORKERS; i++) {
			hands[i].seed = 1000 * s + i;
			hands[i].rounds = 40000;
			assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hands[i]), 0);
		}
		for (unsigned i = 0; i < WORKERS; i++)
			pthread_join(threads[i], NULL);
		cache_verify(hands[0].cache);
		for (unsigned i = 0; i < WORKERS; i++) {
			assert_int_equal(hands[i].wrong, 0);
			assert_true(hands[i].found > 100);
		}
		assert_true(report_of(&hands[0]).bytes <= sizes[s]);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_one_has_learned_serves_all),
	cmocka_unit_test(clock_that_is_behind_makes_no_age_below_zero),
	cmocka_unit_test(failures_of_all_are_forgotten_by_all),
	cmocka_unit_test(who_puts_out_counts_it),
	cmocka_unit_test(cache_ends_with_its_last_handle),
	cmocka_unit_test(cap_holds_over_all_shards),
	cmocka_unit_test(largest_message_is_kept_in_any_shard),
	cmocka_unit_test(threads_find_nothing_but_what_was_kept),
};
UNIT_MAIN_PLAIN(tests)
