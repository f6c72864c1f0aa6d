/* The store behind the cache: its cap, what it puts out, and that it never mixes anything up. */
#include "cache_fixture.h"

#include <stdio.h>

#define LIFETIME_S 3600u

/* --- numbered names, whose address tells which they are --------------------------------------- */

static struct reply reply;
static struct cache_key key;

static void number(uint64_t n)
{
	number_question(&key, &reply, n, LIFETIME_S);
}

static void store_number(struct fixture *f, uint64_t n, enum cache_kind kind, uint32_t lifetime_s)
{
	number(n);
	const struct cache_item item = item_of(&reply, kind, lifetime_s);
	cache_store(f->cache, &key, &item);
}

/* Found, and right: a wrong one fails the test. */
static bool find_number(struct fixture *f, uint64_t n)
{
	number(n);
	if (!fixture_find(f, &key, true))
		return false;
	assert_int_equal(f->hit.wire_len, reply.len);
	assert_memory_equal(f->buf, reply.wire, reply.len - 10); /* up to the TTL */
	assert_memory_equal(f->buf + reply.len - 6, reply.wire + reply.len - 6, 6);
	return true;
}

static struct cache_report report_of(const struct fixture *f)
{
	struct cache_report report;

	cache_report(f->cache, &report);
	return report;
}

static void nothing_is_put_out_where_there_is_room(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	struct cache *first = f->cache;

	for (uint64_t from = 0; from < 1000000; from += 2500) {
		f->cache = cache_new(ROOMY, 1, &f->clock, &f->stats);
		assert_non_null(f->cache);
		for (uint64_t n = from; n < from + 200; n++)
			store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
		cache_verify(f->cache);
		const struct cache_report report = report_of(f);
		cache_free(f->cache);
		f->cache = first;
		assert_int_equal(report.entries, 200);
		assert_int_equal(f->stats.count[STAT_CACHE_EVICTIONS], 0);
	}
}

/* Stores numbers from `n` on until the next would put one out, but for the little that either ring
 * has left at its end; returns that. */
static uint64_t fill(struct fixture *f, uint64_t n)
{
	while (report_of(f).bytes + 256 < report_of(f).max_bytes)
		store_number(f, n++, CACHE_POSITIVE, LIFETIME_S);
	return n;
}

/* --- size ------------------------------------------------------------------------------------- */

static void cap_holds_with_the_index_at_every_size(void **state)
{
	(void)state;
	static const uint64_t sizes[] = { 1,	7,    64,   767,   768,	  769,	  900,
					  1500, 4095, 4096, 65536, 65537, 300000, 1 << 20 };
	static const uint8_t rdata[5000];
	uint64_t seed = 1;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fixture *f = fixture_new(sizes[i]);
		uint64_t most = 0;

		for (uint64_t n = 0; n < 2000; n++) {
			number(n);
			struct reply *large = &reply;
			static struct reply copy;
			if (n % 4 == 3) {
				large = &copy;
				copy = reply;
				reply_add(large, SECTION_ADDITIONAL, ".", TYPE_TXT, LIFETIME_S,
					  rdata, unit_random(&seed) % sizeof(rdata));
			}
			const struct cache_item item = item_of(large, CACHE_POSITIVE, LIFETIME_S);
			cache_store(f->cache, &key, &item);
			const uint64_t bytes = report_of(f).bytes;
			most = bytes > most ? bytes : most;
			assert_true(bytes <= sizes[i]);
		}
		cache_verify(f->cache);
		assert_int_equal(report_of(f).max_bytes, sizes[i]);
		if (sizes[i] >= 65536) /* and it is made use of */
			assert_true(most > sizes[i] - sizes[i] / 8);
	}
}

static void CA_28_too_small_for_an_entry_keeps_nothing(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(700);

	store_number(f, 1, CACHE_POSITIVE, LIFETIME_S);
	assert_false(find_number(f, 1));
	assert_int_equal(report_of(f).bytes, 0);
}

static void nothing_is_in_use_before_the_first_entry(void **state)
{
	(void)state;
	/* more than a test machine may have; of 32 bits, what there is room for */
	struct fixture *f = fixture_new(UINT64_C(1) << (SIZE_MAX > UINT32_MAX ? 32 : 28));

	assert_int_equal(report_of(f).bytes, 0);
	store_number(f, 1, CACHE_POSITIVE, LIFETIME_S);
	assert_true(find_number(f, 1));
	number(1);
	cache_drop(f->cache, &key);
	assert_false(find_number(f, 1));
}

/* --- what gives way --------------------------------------------------------------------------- */

static void oldest_gives_way_unless_it_was_found(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(1u << 17);
	const uint64_t room = fill(f, 0);

	/* The first three quarters are kept; behind them newcomers give way to newcomers. */
	const uint64_t first = room * 3 / 4 + 10;
	unsigned gone = 0;

	assert_true(room > 1000);
	assert_true(find_number(f, first + 7));
	for (uint64_t n = room; n < room + 180; n++)
		store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
	cache_verify(f->cache);
	for (uint64_t n = first; n < first + 80; n++)
		gone += !find_number(f, n);
	assert_int_equal(gone, 79);
	assert_true(find_number(f, first + 7));
	assert_true(find_number(f, room + 179));
	for (uint64_t n = gone = 0; n < room * 7 / 10; n++)
		gone += !find_number(f, n);
	assert_true(gone <= 2); /* to make room for the one that was found */
}

/* What is asked for again pushes out what is not. */
static void second_chance_is_one_chance(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(1u << 17);
	const uint64_t room = fill(f, 0);

	assert_true(find_number(f, 7));
	for (uint64_t n = room; n < 4 * room; n++) {
		store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
		assert_true(find_number(f, n));
	}
	cache_verify(f->cache);
	assert_false(find_number(f, 7));
}

static void found_before_but_past_its_time_gives_way(void **state)
{
	(void)state;
	static const uint32_t lifetimes[] = { 5, 300 };

	/* What has been put out for good is seen by a failure, which counts after its time. */
	for (unsigned i = 0; i < 2; i++) {
		struct fixture *f = fixture_new(1u << 17);

		store_number(f, 500000, CACHE_FAILURE, lifetimes[i]);
		assert_true(find_number(f, 500000));
		fixture_pass_ms(f, 5000);
		for (uint64_t n = fill(f, 0), end = n + 100; n < end; n++)
			store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
		number(500000);
		assert_int_equal(cache_failures(f->cache, &key), i);
	}
}

static void store_ends_even_when_every_entry_was_found(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(1u << 17);
	const uint64_t room = fill(f, 0);

	for (uint64_t n = 0; n < room; n++)
		find_number(f, n);
	for (uint64_t n = room; n < room + 1000; n++) {
		store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
		assert_true(find_number(f, n));
	}
	cache_verify(f->cache);
}

static void only_what_could_still_be_shown_counts_as_evicted(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(1u << 17);

	for (uint64_t n = 0; n < 10000; n++) {
		store_number(f, n, CACHE_POSITIVE, 1);
		fixture_pass_ms(f, 2);
	}
	assert_int_equal(f->stats.count[STAT_CACHE_EVICTIONS], 0);
	for (uint64_t n = 0; n < 5000; n++)
		store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
	const uint64_t kept = report_of(f).entries;
	assert_in_range(f->stats.count[STAT_CACHE_EVICTIONS], 5000 - kept, 5000);
}

static struct cache_key letter_key(char letter)
{
	struct cache_key at = key_of("a", TYPE_A);

	at.name[1] = (uint8_t)letter;
	cache_key_rehash(&at);
	return at;
}

static void store_letter(struct fixture *f, char letter, uint32_t lifetime_s)
{
	static struct reply tiny;
	const struct cache_key at = letter_key(letter);

	reply_start(&tiny, "a", TYPE_A, RCODE_NXDOMAIN);
	tiny.wire[MESSAGE_HEADER_LEN + 1] = (uint8_t)letter;
	const struct cache_item item = item_of(&tiny, CACHE_NEGATIVE, lifetime_s);
	cache_store(f->cache, &at, &item);
	cache_verify(f->cache);
}

static bool has_letter(struct fixture *f, char letter)
{
	const struct cache_key at = letter_key(letter);
	return fixture_find(f, &at, false);
}

/* One bucket of eight slots, and a ring with room for half as many more. */
#define ONE_BUCKET 960

static void full_bucket_puts_out_the_expired_then_the_oldest_not_found(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ONE_BUCKET);

	for (char letter = 'a'; letter <= 'h'; letter++)
		store_letter(f, letter, letter == 'e' ? 10 : 3600);
	assert_int_equal(report_of(f).entries, 8);
	assert_true(has_letter(f, 'a'));
	store_letter(f, 'i', 3600); /* b is the oldest nobody asked for */
	assert_int_equal(report_of(f).entries, 8);
	assert_false(has_letter(f, 'b'));
	assert_true(has_letter(f, 'a'));
	fixture_pass_ms(f, 10000);
	store_letter(f, 'j', 3600); /* e's time is over */
	assert_true(has_letter(f, 'c') && has_letter(f, 'd') && !has_letter(f, 'e'));
	for (char letter = 'a'; letter <= 'j'; letter++)
		has_letter(f, letter);
	store_letter(f, 'k', 3600); /* all were asked for: the oldest */
	assert_false(has_letter(f, 'a'));
	assert_true(has_letter(f, 'c') && has_letter(f, 'k'));
}

/* The same when the ring has come round, however far. */
static void full_bucket_keeps_the_newest(void **state)
{
	(void)state;
	for (unsigned count = 9; count < 50; count++) {
		struct fixture *f = fixture_new(ONE_BUCKET);

		for (unsigned i = 0; i < count; i++)
			store_letter(f, (char)('a' + i), 3600);
		for (unsigned i = count - 7; i < count; i++)
			assert_true(has_letter(f, (char)('a' + i)));
	}
}

static void no_put_moves_more_than_its_share(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(1u << 17);
	const uint64_t room = fill(f, 0);
	unsigned gone = 0, missing = 0;

	for (uint64_t n = 0; n < room; n++)
		missing += !find_number(f, n);
	for (uint64_t n = room; n < room + 3; n++)
		store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
	/* All were found, so the first were moved, and before the round was done one had to go. */
	for (uint64_t n = 0; n < room; n++) {
		if (find_number(f, n))
			continue;
		gone++;
	}
	assert_in_range(gone, missing + 1, missing + 3);
}

/* It was asked for again, or it would not have come again. */
static void who_takes_the_place_of_another_is_no_newcomer(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(1u << 17);
	static const uint8_t rdata[1000];
	static struct reply large;
	const uint64_t room = fill(f, 0);

	number(room - 1);
	large = reply;
	reply_add(&large, SECTION_ADDITIONAL, ".", TYPE_TXT, LIFETIME_S, rdata, sizeof(rdata));
	const struct cache_item item = item_of(&large, CACHE_POSITIVE, LIFETIME_S);
	cache_store(f->cache, &key, &item);
	for (uint64_t n = room; n < 2 * room; n++)
		store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
	number(room - 1);
	assert_true(fixture_find(f, &key, true));
	assert_int_equal(f->hit.wire_len, large.len);
}

static void smaller_answer_does_not_hold_the_room_of_the_larger(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(1u << 16);
	static const uint8_t rdata[1000];
	static struct reply large;

	for (uint64_t n = 0; n < 12; n++) {
		number(n);
		large = reply;
		reply_add(&large, SECTION_ADDITIONAL, ".", TYPE_TXT, LIFETIME_S, rdata,
			  sizeof(rdata));
		const struct cache_item item = item_of(&large, CACHE_POSITIVE, LIFETIME_S);
		cache_store(f->cache, &key, &item);
	}
	for (uint64_t n = 100; n < 380; n++)
		store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
	for (uint64_t n = 0; n < 12; n++)
		store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
	for (uint64_t n = 400; n < 640; n++) /* 57,000 bytes in all, of some 65,000 */
		store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
	cache_verify(f->cache);
	assert_true(f->stats.count[STAT_CACHE_EVICTIONS] < 10);
	assert_true(report_of(f).entries > 520);
}

/* --- many ------------------------------------------------------------------------------------- */

static void CA_21_of_200000_names_none_gets_anothers_answer(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(32u << 20);
	unsigned found = 0;

	for (uint64_t n = 0; n < 200000; n++)
		store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
	cache_verify(f->cache);
	for (uint64_t n = 0; n < 400000; n++) { /* the second half was never stored */
		const bool is_found = find_number(f, n);
		assert_true(!is_found || n < 200000);
		found += is_found;
	}
	assert_int_equal(found, 200000 - f->stats.count[STAT_CACHE_EVICTIONS]);
	assert_true(found > 199000);
}

/* "aa" and "b@" are alike to h * 33 + c, so all these names are. */
static void RX_13_names_that_collide_without_a_key_do_not_with_one(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(32u << 20);
	static struct reply plain;
	unsigned found = 0;

	reply_start(&plain, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", TYPE_A, RCODE_NXDOMAIN);
	struct cache_key at = key_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", TYPE_A);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t n = 0; n < 100000; n++) {
			for (unsigned bit = 0; bit < 17; bit++)
				memcpy(at.name + 1 + 2 * bit, n >> bit & 1 ? "b@" : "aa", 2);
			cache_key_rehash(&at);
			memcpy(plain.wire + MESSAGE_HEADER_LEN, at.name, at.name_len);
			const struct cache_item item = item_of(&plain, CACHE_POSITIVE, 3600);
			if (pass == 0)
				cache_store(f->cache, &at, &item);
			else
				found += fixture_find(f, &at, false);
		}
	}
	assert_true(found > 99500);
}

static void RX_03_RX_07_flood_of_names_asked_once_leaves_the_hot_ones(void **state)
{
	(void)state;
	static const enum cache_kind kinds[] = { CACHE_NEGATIVE, CACHE_FAILURE };

	for (size_t k = 0; k < 2; k++) {
		struct fixture *f = fixture_new(1u << 20);
		unsigned found = 0;

		for (uint64_t n = 0; n < 100000; n++) {
			store_number(f, 100000 + n, kinds[k], 300);
			if (n % 4 != 0)
				continue;
			const uint64_t hot = n / 4 % 500;
			if (find_number(f, hot))
				found++;
			else
				store_number(f, hot, CACHE_POSITIVE, LIFETIME_S);
		}
		assert_true(report_of(f).bytes <= 1u << 20);
		cache_verify(f->cache);
		assert_true(found >= 25000 - 500 - 25000 / 50);
	}
}

/* Each of the hot names is asked for every ten seconds only, in which the flood goes round the
 * whole cache several times. */
static void RX_03_RX_07_hot_names_asked_rarely_survive_a_flood_too(void **state)
{
	(void)state;
	static const enum cache_kind kinds[] = { CACHE_NEGATIVE, CACHE_FAILURE, CACHE_POSITIVE };
	const uint64_t hot_names = 1000, flood_each = 50; /* 5,000 a second in all */

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct fixture *f = fixture_new(1u << 20);
		uint64_t flood = 100000;
		unsigned found = 0, asked = 0;

		for (uint64_t n = 0; n < hot_names; n++)
			store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
		for (unsigned i = 0; i < 6000; i++) {
			for (uint64_t n = 0; n < flood_each; n++)
				store_number(f, flood++, kinds[k], 300);
			asked++;
			if (find_number(f, i % hot_names))
				found++;
			else
				store_number(f, i % hot_names, CACHE_POSITIVE, LIFETIME_S);
			fixture_pass_ms(f, 10);
		}
		assert_true(report_of(f).bytes <= 1u << 20);
		cache_verify(f->cache);
		assert_true(found >= asked - asked / 20);
	}
}

/* And no more than a part of the cache is full of what nobody asks for. */
static void RX_07_failures_leave_most_of_the_cache_free(void **state)
{
	(void)state;
	static const enum cache_kind kinds[] = { CACHE_NEGATIVE, CACHE_FAILURE };

	for (size_t k = 0; k < 2; k++) {
		struct fixture *f = fixture_new(1u << 20);
		unsigned found = 0;

		for (uint64_t n = 0; n < 1000000; n++)
			store_number(f, n, kinds[k], 300);
		cache_verify(f->cache);
		assert_true(report_of(f).bytes <= (1u << 20) * 2 / 5); /* with the index */
		for (uint64_t n = 0; n < 5000; n++)
			store_number(f, n, CACHE_POSITIVE, LIFETIME_S);
		for (uint64_t n = 0; n < 100000; n++)
			store_number(f, 100000 + n, kinds[k], 300);
		for (uint64_t n = 0; n < 5000; n++)
			found += find_number(f, n);
		assert_true(found > 4900);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_is_put_out_where_there_is_room),
	cmocka_unit_test(cap_holds_with_the_index_at_every_size),
	cmocka_unit_test(CA_28_too_small_for_an_entry_keeps_nothing),
	cmocka_unit_test(nothing_is_in_use_before_the_first_entry),
	cmocka_unit_test(oldest_gives_way_unless_it_was_found),
	cmocka_unit_test(second_chance_is_one_chance),
	cmocka_unit_test(found_before_but_past_its_time_gives_way),
	cmocka_unit_test(store_ends_even_when_every_entry_was_found),
	cmocka_unit_test(only_what_could_still_be_shown_counts_as_evicted),
	cmocka_unit_test(full_bucket_puts_out_the_expired_then_the_oldest_not_found),
	cmocka_unit_test(full_bucket_keeps_the_newest),
	cmocka_unit_test(no_put_moves_more_than_its_share),
	cmocka_unit_test(who_takes_the_place_of_another_is_no_newcomer),
	cmocka_unit_test(smaller_answer_does_not_hold_the_room_of_the_larger),
	cmocka_unit_test(CA_21_of_200000_names_none_gets_anothers_answer),
	cmocka_unit_test(RX_13_names_that_collide_without_a_key_do_not_with_one),
	cmocka_unit_test(RX_03_RX_07_flood_of_names_asked_once_leaves_the_hot_ones),
	cmocka_unit_test(RX_03_RX_07_hot_names_asked_rarely_survive_a_flood_too),
	cmocka_unit_test(RX_07_failures_leave_most_of_the_cache_free),
};
UNIT_MAIN(tests)
