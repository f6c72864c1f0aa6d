/* What an entry costs; what gives way: measured against plain ways of making room with as many
 * entries as fit into the same bytes; and that no store does more for it than its share. Same
 * numbers in each run. */
#include "cache_fixture.h"

#include <stdio.h>

#include "eviction.h"

#define LIFETIME_S 3600u
#define QUESTIONS 150000u

static struct reply reply;
static struct cache_key key;

static void number(uint64_t n)
{
	number_question(&key, &reply, n, LIFETIME_S);
}

static void keep(struct fixture *f, uint32_t n)
{
	number(n);
	const struct cache_item item = item_of(&reply, CACHE_POSITIVE, LIFETIME_S);
	cache_store(f->cache, &key, &item);
}

static bool find(struct fixture *f, uint32_t n)
{
	number(n);
	return fixture_find(f, &key, false);
}

static struct cache_report report_of(const struct fixture *f)
{
	struct cache_report report;

	cache_report(f->cache, &report);
	return report;
}

/* --- what is kept ----------------------------------------------------------------------------- */

/* Not the test's, as there are many one after the other. */
static struct fixture *begin(uint64_t bytes)
{
	static struct fixture fixture;
	static uint8_t buf[512];

	fixture = (struct fixture){ .clock = { .now_us = USEC_PER_SEC },
				    .buf = buf,
				    .buf_max = sizeof(buf) };
	fixture.cache = cache_new(bytes, 1, &fixture.clock, &fixture.stats);
	assert_non_null(fixture.cache);
	return &fixture;
}

static void end(struct fixture *f)
{
	cache_verify(f->cache);
	cache_free(f->cache);
}

/* As many as the cache has when it is full, and the little more that lies between them. */
static uint32_t room_of(uint64_t bytes)
{
	struct fixture *f = begin(bytes);

	for (uint32_t n = 0; n < bytes / 64; n++)
		keep(f, n);
	const struct cache_report report = report_of(f);
	end(f);
	return (uint32_t)(report.max_bytes * report.entries / report.bytes);
}

static uint32_t ask_ours(struct stream *stream, uint64_t bytes)
{
	struct fixture *f = begin(bytes);
	uint32_t hits = 0;

	assert_true(stream_begin(stream));
	for (uint32_t i = 0; i < QUESTIONS; i++) {
		const uint32_t n = stream_next(stream);

		if (find(f, n))
			hits++;
		else
			keep(f, n);
	}
	free(stream->sums);
	end(f);
	return hits;
}

static uint32_t ask_plain(struct stream *stream, enum eviction kind, uint32_t room)
{
	struct evicting list;

	assert_true(stream_begin(stream));
	assert_true(evicting_begin(&list, kind, room, stream->names + QUESTIONS));
	for (uint32_t i = 0; i < QUESTIONS; i++)
		evicting_ask(&list, stream_next(stream));
	free(list.names);
	free(stream->sums);
	return list.hits;
}

static void more_is_found_than_by_FIFO_and_LRU_and_about_as_much_as_by_SIEVE(void **state)
{
	static const double skews[] = { 0.7, 0.9, 1.0, 1.1 };
	static const uint32_t once[] = { 0, 20, 50 };
	static const uint64_t sizes[] = { 100000, 300000, 1000000 };
	(void)state;

	for (unsigned i = 0; i < 4 * 3 * 3; i++) {
		struct stream stream = { .names = 20000,
					 .skew = skews[i / 9],
					 .once_percent = once[i / 3 % 3] };
		const uint32_t room = room_of(sizes[i % 3]), ours = ask_ours(&stream, sizes[i % 3]);
		uint32_t plain[EVICTION_KINDS];

		for (enum eviction kind = 0; kind < EVICTION_KINDS; kind++)
			plain[kind] = ask_plain(&stream, kind, room);
		print_message("skew %.1f, %u%% once, %u entries: ours %u, FIFO %u, LRU %u, "
			      "CLOCK %u, SIEVE %u\n",
			      stream.skew, stream.once_percent, room, ours, plain[EVICTION_FIFO],
			      plain[EVICTION_LRU], plain[EVICTION_CLOCK], plain[EVICTION_SIEVE]);
		assert_true(ours > plain[EVICTION_FIFO]);
		assert_true(ours > plain[EVICTION_LRU]);
		assert_true(ours + QUESTIONS / 1000 > plain[EVICTION_CLOCK]);
		assert_true(ours + QUESTIONS / 100 > plain[EVICTION_SIEVE]);
	}
}

/* What they had is gone within the first questions; nothing is held for ever. */
static void new_favourites_take_the_place_of_the_old(void **state)
{
	struct fixture *f = fixture_new(300000);
	struct stream stream = { .names = 20000, .skew = 1.0, .once_percent = 20 };
	uint32_t hits[2] = { 0, 0 };
	(void)state;

	for (uint32_t day = 0; day < 2; day++) {
		assert_true(stream_begin(&stream));
		for (uint32_t i = 0; i < QUESTIONS; i++) {
			const uint32_t n = stream_next(&stream) + 300000 * day;

			if (find(f, n))
				hits[day]++;
			else
				keep(f, n);
		}
		free(stream.sums);
	}
	assert_true(hits[1] + QUESTIONS / 50 > hits[0]);
}

/* --- what one store does ---------------------------------------------------------------------- */

static uint64_t most_passed(struct fixture *f, uint32_t from, uint32_t to)
{
	uint64_t most = 0;

	for (uint32_t n = from; n < to; n++) {
		const uint64_t before = report_of(f).passed;

		keep(f, n);
		const uint64_t passed = report_of(f).passed - before;
		most = passed > most ? passed : most;
		if (n % 3 == 0)
			find(f, n);
	}
	return most;
}

/* In units of 8 bytes: what may be moved, and as much again put out for it and for what comes. */
#define UNITS_EACH 12u
#define PASSED_MAX ((2 * (512 + 4 * UNITS_EACH) + 4 * UNITS_EACH) / UNITS_EACH)

static void no_store_passes_more_than_its_share_however_large_the_cache(void **state)
{
	static const uint32_t sizes[] = { 100000, 1000000, 10000000 };
	uint64_t most[3];
	(void)state;

	for (unsigned i = 0; i < 3; i++) {
		struct fixture *f = fixture_new(sizes[i]);
		const uint32_t room = sizes[i] / 106;

		most_passed(f, 0, room);
		for (uint32_t n = 0; n < room; n++) /* the worst: all have been found */
			find(f, n);
		most[i] = most_passed(f, room, 3 * room);
		print_message("%u bytes: one store passes %u at most, of %u\n", sizes[i],
			      (unsigned)most[i], room);
		assert_in_range(most[i], 10, PASSED_MAX);
		cache_verify(f->cache);
	}
}

/* All in order: at the end of the time of what is kept, in one store after another. */
static void what_is_past_its_time_is_passed_bit_by_bit_too(void **state)
{
	struct fixture *f = fixture_new(1000000);
	(void)state;

	most_passed(f, 0, 10000);
	fixture_pass_ms(f, 1000ull * LIFETIME_S);
	assert_true(most_passed(f, 10000, 20000) <= PASSED_MAX);
}

/* --- what an entry costs ---------------------------------------------------------------------- */

/* Index included; whatever its size, and however many TTLs are in it. */
static void entry_costs_its_message_and_at_most_64_bytes(void **state)
{
	(void)state;
	static const size_t rdata_lens[] = { 0, 1, 10, 50, 150, 500, 1500, 5000, 30000 };
	static const uint8_t rdata[30000];
	static struct reply sized;

	for (unsigned i = 0; i < 2 * sizeof(rdata_lens) / sizeof(rdata_lens[0]); i++) {
		struct fixture *f = fixture_new(4u << 20);

		for (uint32_t n = 0; n < 60000; n++) {
			number(n);
			sized = reply;
			for (unsigned more = 0; i % 2 == 1 && more < 30; more++)
				reply_add_a(&sized, LIFETIME_S, more);
			reply_add(&sized, SECTION_ADDITIONAL, ".", TYPE_TXT, LIFETIME_S, rdata,
				  rdata_lens[i / 2]);
			const struct cache_item item = item_of(&sized, CACHE_POSITIVE, LIFETIME_S);
			cache_store(f->cache, &key, &item);
			if (report_of(f).bytes + 4 * sized.len > report_of(f).max_bytes)
				break;
			const uint64_t entries = report_of(f).entries;
			assert_true(entries < 8 ||
				    report_of(f).bytes <= entries * (sized.len + 64));
		}
		cache_verify(f->cache);
		const uint64_t entries = report_of(f).entries;
		print_message("%u bytes of message, %u of name, %u records: %.1f more\n",
			      (unsigned)sized.len, key.name_len, (unsigned)sized.ttl_count,
			      (double)report_of(f).bytes / (double)entries - (double)sized.len);
		/* and so many fit in, but for what is left at the ends of the rings */
		assert_true(entries * (sized.len + 64) >
			    (4u << 20) * UINT64_C(49) / 50 - 8 * sized.len);
	}
}

/* --- the index -------------------------------------------------------------------------------- */

static void store_sized(struct fixture *f, uint32_t n, size_t rdata_len)
{
	static const uint8_t rdata[20000];
	static struct reply large;

	number(n);
	large = reply;
	reply_add(&large, SECTION_ADDITIONAL, ".", TYPE_TXT, LIFETIME_S, rdata, rdata_len);
	const struct cache_item item = item_of(&large, CACHE_POSITIVE, LIFETIME_S);
	cache_store(f->cache, &key, &item);
}

/* The index is for few entries when the room is full, and gets it when they are many. */
static void small_answers_find_room_in_a_cache_full_of_large_ones(void **state)
{
	struct fixture *f = fixture_new(2000000);
	const uint32_t room = 2000000 / 106;
	(void)state;

	for (uint32_t n = 0; n < 2000; n++)
		store_sized(f, n, 2000);
	cache_verify(f->cache);
	assert_true(report_of(f).entries < 1000);
	for (uint32_t round = 0; round < 8; round++) {
		for (uint32_t n = 0; n < room; n++) {
			if (!find(f, 10000 + n))
				keep(f, 10000 + n);
			find(f, 10000 + n);
		}
		cache_verify(f->cache);
	}
	assert_true(report_of(f).entries > room * 9 / 10);
	for (uint32_t n = 0; n < 2000; n++) /* and back */
		store_sized(f, n, 2000);
	cache_verify(f->cache);
}

static void sizes_at_random_leave_it_sound(void **state)
{
	static const uint64_t sizes[] = { 1000, 5000, 70000, 300000, 2000000 };
	uint64_t seed = 7;
	(void)state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fixture *f = fixture_new(sizes[i]);

		for (uint32_t n = 0; n < 40000; n++) {
			const uint64_t draw = unit_random(&seed);
			const uint32_t name = (uint32_t)(draw >> 32) % 30000;

			if (draw % 4 == 0) /* large and small come in spells */
				store_sized(f, name, draw / 4 % (n / 5000 % 2 == 0 ? 3000 : 100));
			else if (!find(f, name))
				keep(f, name);
			if (n % 1000 == 0)
				cache_verify(f->cache);
			assert_true(report_of(f).bytes <= sizes[i]);
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(more_is_found_than_by_FIFO_and_LRU_and_about_as_much_as_by_SIEVE),
	cmocka_unit_test(new_favourites_take_the_place_of_the_old),
	cmocka_unit_test(no_store_passes_more_than_its_share_however_large_the_cache),
	cmocka_unit_test(what_is_past_its_time_is_passed_bit_by_bit_too),
	cmocka_unit_test(entry_costs_its_message_and_at_most_64_bytes),
	cmocka_unit_test(small_answers_find_room_in_a_cache_full_of_large_ones),
	cmocka_unit_test(sizes_at_random_leave_it_sound),
};
UNIT_MAIN_PLAIN(tests)
