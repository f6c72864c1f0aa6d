#include "cache_fixture.h"

static struct reply reply, other;

/* A failure of our own making has a header and a question. */
static void store_failure(struct fixture *f, const struct cache_key *key, uint32_t lifetime_s)
{
	reply_start(&other, "www.example.org", TYPE_A, RCODE_SERVFAIL);
	store(f, key, &other, CACHE_FAILURE, lifetime_s, 0);
}

/* --- time ------------------------------------------------------------------------------------- */

static void CA_02_ttl_counts_down_by_whole_seconds_until_it_is_gone(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 10);
	store(f, &key, &reply, CACHE_POSITIVE, 10, 0);
	for (uint32_t age_s = 0; age_s < 10; age_s++) {
		assert_finds(f, &key, &reply, age_s);
		assert_int_equal(ttl_in(f->buf, &reply, 0), 10 - age_s);
		assert_int_equal(f->hit.age_s, age_s);
		assert_int_equal(f->hit.remaining_s, 10 - age_s);
		assert_false(f->hit.is_stale);
		f->clock.now_us += USEC_PER_SEC - 1;
		assert_finds(f, &key, &reply, age_s);
		f->clock.now_us += 1;
	}
	assert_false(fixture_find(f, &key, true));
}

static void CA_03_what_has_no_lifetime_is_not_kept(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	struct cache_report report;

	make_answer(&reply, 0);
	store(f, &key, &reply, CACHE_POSITIVE, 0, 3600);
	assert_false(fixture_find(f, &key, true));
	cache_report(f->cache, &report);
	assert_int_equal(report.entries, 0);
}

static void CA_03_what_has_no_lifetime_puts_out_the_older_answer(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 10);
	store(f, &key, &reply, CACHE_POSITIVE, 10, 3600);
	make_answer(&reply, 0);
	store(f, &key, &reply, CACHE_POSITIVE, 0, 3600);
	assert_false(fixture_find(f, &key, true));
}

static void CA_04_lifetime_ends_before_the_longer_ttls(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 300);
	reply_add_a(&reply, 2, 0xc0000202);
	store(f, &key, &reply, CACHE_POSITIVE, 2, 0);
	fixture_pass_ms(f, 1999);
	assert_finds(f, &key, &reply, 1);
	fixture_pass_ms(f, 1);
	assert_false(fixture_find(f, &key, false));
}

static void CA_06_no_ttl_wraps_below_zero(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	const uint8_t glue[4] = { 192, 0, 2, 53 };

	make_answer(&reply, 300);
	reply_add(&reply, SECTION_ADDITIONAL, "ns.example.org", TYPE_A, 1, glue, 4);
	store(f, &key, &reply, CACHE_POSITIVE, 300, 0);
	fixture_pass_ms(f, 5000);
	assert_finds(f, &key, &reply, 5);
	assert_int_equal(ttl_in(f->buf, &reply, 0), 295);
	assert_int_equal(ttl_in(f->buf, &reply, 1), 0);
}

static void CA_07_ttl_with_the_top_bit_set_stays_as_it_is(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 300);
	reply_add(&reply, SECTION_ADDITIONAL, NULL, TYPE_TXT, 0x80000001, "\1x", 2);
	store(f, &key, &reply, CACHE_POSITIVE, 300, 0);
	fixture_pass_ms(f, 200000);
	assert_finds(f, &key, &reply, 200);
	assert_int_equal(ttl_in(f->buf, &reply, 1), 0x80000001);
}

static void clock_that_is_behind_the_entry_means_no_age(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 10);
	store(f, &key, &reply, CACHE_POSITIVE, 10, 0);
	f->clock.now_us -= 2 * USEC_PER_SEC;
	assert_finds(f, &key, &reply, 0);
	assert_int_equal(f->hit.age_s, 0);
}

static void stale_answer_is_found_only_when_asked_for_and_within_its_window(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 10);
	store(f, &key, &reply, CACHE_POSITIVE, 10, 60);
	fixture_pass_ms(f, 10000);
	assert_false(fixture_find(f, &key, false));
	fixture_pass_ms(f, 59999);
	assert_finds(f, &key, &reply, 0); /* TTLs as stored */
	assert_true(f->hit.is_stale);
	assert_false(f->hit.is_failing);
	assert_int_equal(f->hit.age_s, 69);
	assert_int_equal(f->hit.remaining_s, 0);
	fixture_pass_ms(f, 1);
	assert_false(fixture_find(f, &key, true));
}

static void longest_lifetime_and_window_do_not_overflow(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, INT32_MAX);
	store(f, &key, &reply, CACHE_POSITIVE, UINT32_MAX, UINT32_MAX);
	fixture_pass_ms(f, UINT64_C(1000) * (UINT32_MAX - 1));
	assert_finds(f, &key, &reply, UINT32_MAX - 1);
	fixture_pass_ms(f, UINT64_C(1000) * UINT32_MAX);
	assert_finds(f, &key, &reply, 0);
	fixture_pass_ms(f, 1000);
	assert_false(fixture_find(f, &key, true));
}

/* --- what is kept ----------------------------------------------------------------------------- */

static void note_and_options_come_back(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	uint8_t options[UINT8_MAX];

	for (size_t i = 0; i < sizeof(options); i++)
		options[i] = (uint8_t)(i * 7);
	make_answer(&reply, 300);
	struct cache_item item = item_of(&reply, CACHE_NEGATIVE, 300);
	item.options = options;
	item.options_len = sizeof(options);
	item.note = (struct cache_note){ .kind = CACHE_NEGATIVE,
					 .verdict = 5,
					 .knows_ad = true,
					 .opt_rcode = 0xab,
					 .plan_id = UINT32_MAX,
					 .route = UINT64_MAX - 1 };
	cache_store(f->cache, &key, &item);
	cache_verify(f->cache);

	assert_finds(f, &key, &reply, 0);
	assert_int_equal(f->hit.options_len, sizeof(options));
	assert_memory_equal(f->buf + f->hit.wire_len, options, sizeof(options));
	assert_int_equal(f->hit.note.kind, CACHE_NEGATIVE);
	assert_int_equal(f->hit.note.verdict, 5);
	assert_true(f->hit.note.knows_ad);
	assert_int_equal(f->hit.note.opt_rcode, 0xab);
	assert_int_equal(f->hit.note.plan_id, UINT32_MAX);
	assert_true(f->hit.note.route == UINT64_MAX - 1);
}

static void buffer_one_byte_short_finds_nothing(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 300);
	struct cache_item item = item_of(&reply, CACHE_POSITIVE, 300);
	item.options = (const uint8_t *)"\0\17\0\2\0\3";
	item.options_len = 6;
	cache_store(f->cache, &key, &item);
	assert_false(cache_find(f->cache, &key, false, f->buf, reply.len + 5, &f->hit));
	assert_true(cache_find(f->cache, &key, false, f->buf, reply.len + 6, &f->hit));
	assert_memory_equal(f->buf + f->hit.wire_len, item.options, 6);
}

static void message_without_the_question_is_found_all_the_same(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	const struct cache_key next = key_of("wwx.example.org", TYPE_A);
	struct cache_item item = item_of(&reply, CACHE_POSITIVE, 300);

	make_answer(&reply, 300);
	for (item.wire_len = 0; item.wire_len <= MESSAGE_HEADER_LEN; item.wire_len++) {
		reply.wire[5] = reply.wire[7] = 0; /* nothing behind the header */
		cache_store(f->cache, &key, &item);
		cache_verify(f->cache);
		assert_true(fixture_find(f, &key, false));
		assert_int_equal(f->hit.wire_len, item.wire_len);
		assert_memory_equal(f->buf, reply.wire, item.wire_len);
		assert_false(fixture_find(f, &next, false));
	}
}

static void message_of_another_question_does_not_lend_its_own(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("wwx.example.org", TYPE_A);
	const struct cache_key question = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 300);
	store(f, &key, &reply, CACHE_POSITIVE, 300, 0);
	assert_finds(f, &key, &reply, 0);
	assert_false(fixture_find(f, &question, false));
}

static void longest_message_fits_into_sixteen_megabytes(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(16u << 20);
	const struct cache_key key = key_of("www.example.org", TYPE_TXT);

	reply_start(&reply, "www.example.org", TYPE_TXT, RCODE_NOERROR);
	static uint8_t rdata[MESSAGE_MAX_LEN];
	reply_add(&reply, SECTION_ANSWER, NULL, TYPE_TXT, 300, rdata,
		  MESSAGE_MAX_LEN - reply.len - 12);
	assert_int_equal(reply.len, MESSAGE_MAX_LEN);
	store(f, &key, &reply, CACHE_POSITIVE, 300, 0);
	fixture_pass_ms(f, 1000);
	assert_finds(f, &key, &reply, 1);
}

static void message_of_nothing_but_short_records_keeps_every_ttl(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(16u << 20);
	const struct cache_key key = key_of(".", TYPE_ANY);
	struct cache_item item;

	reply_start(&reply, ".", TYPE_ANY, RCODE_NOERROR);
	const size_t start = reply.len;
	unsigned count = 0;
	while (reply.len + 11 <= MESSAGE_MAX_LEN) {
		reply.ttl_count = 0;
		reply_add(&reply, SECTION_ANSWER, ".", TYPE_TXT, 300, "", 0);
		count++;
	}
	assert_int_equal(count, 5956);
	item = item_of(&reply, CACHE_POSITIVE, 300);
	cache_store(f->cache, &key, &item);
	cache_verify(f->cache);
	fixture_pass_ms(f, 7000);
	assert_true(fixture_find(f, &key, false));
	for (size_t at = start; at < reply.len; at += 11) {
		struct cursor in = cursor_over(f->buf + at + 5, 4);
		assert_int_equal(cursor_u32(&in), 293);
	}
}

static void message_larger_than_an_eighth_is_not_kept_but_puts_out_the_older(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(1u << 14);
	const struct cache_key key = key_of("www.example.org", TYPE_TXT);
	static const uint8_t rdata[2048];

	reply_start(&reply, "www.example.org", TYPE_TXT, RCODE_NOERROR);
	reply_add(&reply, SECTION_ANSWER, NULL, TYPE_TXT, 300, "\1x", 2);
	store(f, &key, &reply, CACHE_POSITIVE, 300, 0);
	assert_true(fixture_find(f, &key, false));
	reply_start(&reply, "www.example.org", TYPE_TXT, RCODE_NOERROR);
	reply_add(&reply, SECTION_ANSWER, NULL, TYPE_TXT, 300, rdata, sizeof(rdata));
	store(f, &key, &reply, CACHE_POSITIVE, 300, 0);
	assert_false(fixture_find(f, &key, false));
}

static void impossible_lengths_are_not_kept(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(16u << 20);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 300);
	struct cache_item item = item_of(&reply, CACHE_POSITIVE, 300);
	item.wire_len = MESSAGE_MAX_LEN + 1;
	cache_store(f->cache, &key, &item);
	assert_false(fixture_find(f, &key, false));
	item = item_of(&reply, CACHE_POSITIVE, 300);
	item.options = reply.wire;
	item.options_len = UINT8_MAX + 1;
	cache_store(f->cache, &key, &item);
	assert_false(fixture_find(f, &key, false));
}

static void newer_answer_takes_the_place_of_the_older(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	struct cache_report report;

	for (uint32_t i = 0; i < 20; i++) { /* shorter, longer, the same */
		make_answer(&reply, 300);
		for (uint32_t n = 0; n < i * 7 % 5; n++)
			reply_add_a(&reply, 300, n);
		store(f, &key, &reply, CACHE_POSITIVE, 300, 0);
		assert_finds(f, &key, &reply, 0);
		fixture_pass_ms(f, 1000);
		assert_finds(f, &key, &reply, 1);
		cache_report(f->cache, &report);
		assert_int_equal(report.entries, 1);
	}
}

static void dropped_key_is_forgotten_alone(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	struct cache_key beside = key;

	beside.flags |= CACHE_KEY_DO;
	make_answer(&reply, 300);
	store(f, &key, &reply, CACHE_POSITIVE, 300, 0);
	store(f, &beside, &reply, CACHE_POSITIVE, 300, 0);
	store_failure(f, &key, 5);
	cache_drop(f->cache, &key);
	cache_verify(f->cache);
	assert_false(fixture_find(f, &key, true));
	assert_int_equal(cache_failures(f->cache, &key), 0);
	assert_finds(f, &beside, &reply, 0);
	cache_drop(f->cache, &key); /* again: nothing there */
	cache_verify(f->cache);
}

static void confirming_stamps_only_the_same_route(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 300);
	store(f, &key, &reply, CACHE_POSITIVE, 300, 0); /* route 1, plan 1 */
	cache_confirm(f->cache, &key, &(struct cache_note){ .route = 2, .plan_id = 7 });
	assert_true(fixture_find(f, &key, false));
	assert_int_equal(f->hit.note.plan_id, 1);
	cache_confirm(f->cache, &key, &(struct cache_note){ .route = 1, .plan_id = 7 });
	assert_true(fixture_find(f, &key, false));
	assert_int_equal(f->hit.note.plan_id, 7);
	cache_drop(f->cache, &key);
	cache_confirm(f->cache, &key, &(struct cache_note){ .route = 1, .plan_id = 8 });
	assert_false(fixture_find(f, &key, false));
	store_failure(f, &key, 5);
	cache_confirm(f->cache, &key, &(struct cache_note){ .route = 1, .plan_id = 9 });
	assert_true(fixture_find(f, &key, false));
	assert_int_equal(f->hit.note.plan_id, 9);
}

/* --- failures --------------------------------------------------------------------------------- */

static void failure_is_found_for_its_lifetime(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	reply_start(&other, "www.example.org", TYPE_A, RCODE_SERVFAIL);
	store(f, &key, &other, CACHE_FAILURE, 5, 3600); /* a failure is never stale */
	fixture_pass_ms(f, 4999);
	assert_finds(f, &key, &other, 4);
	assert_int_equal(f->hit.note.kind, CACHE_FAILURE);
	assert_false(f->hit.is_stale);
	assert_int_equal(f->hit.remaining_s, 1);
	fixture_pass_ms(f, 1);
	assert_false(fixture_find(f, &key, true));
}

static void CA_20_failure_does_not_replace_a_fresh_answer(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 3);
	store(f, &key, &reply, CACHE_POSITIVE, 3, 0);
	store_failure(f, &key, 5);
	for (uint32_t i = 0; i < 3; i++) {
		assert_finds(f, &key, &reply, i);
		assert_int_equal(f->hit.note.kind, CACHE_POSITIVE);
		assert_true(f->hit.is_failing);
		fixture_pass_ms(f, 1000);
	}
	assert_finds(f, &key, &other, 3); /* now it is all there is */
	store(f, &key, &reply, CACHE_POSITIVE, 3, 0);
	assert_finds(f, &key, &reply, 0);
	assert_false(f->hit.is_failing);
}

static void CA_20_stale_answer_says_whether_upstream_fails_now(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 3);
	store(f, &key, &reply, CACHE_POSITIVE, 3, 3600);
	fixture_pass_ms(f, 10000);
	assert_finds(f, &key, &reply, 0);
	assert_false(f->hit.is_failing);
	store_failure(f, &key, 5);
	fixture_pass_ms(f, 4999);
	assert_finds(f, &key, &reply, 0);
	assert_true(f->hit.is_stale);
	assert_true(f->hit.is_failing);
	assert_true(fixture_find(f, &key, false)); /* who wants nothing stale gets the failure */
	assert_int_equal(f->hit.note.kind, CACHE_FAILURE);
	fixture_pass_ms(f, 1);
	assert_finds(f, &key, &reply, 0);
	assert_false(f->hit.is_failing);
}

static void failure_replaces_an_answer_that_is_past_its_use(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	struct cache_report report;

	make_answer(&reply, 3);
	store(f, &key, &reply, CACHE_POSITIVE, 3, 7);
	fixture_pass_ms(f, 10000);
	store_failure(f, &key, 5);
	assert_finds(f, &key, &other, 0);
	cache_report(f->cache, &report);
	assert_int_equal(report.entries, 1);
}

static void failure_of_another_route_replaces_the_answer(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 300);
	store(f, &key, &reply, CACHE_POSITIVE, 300, 3600);
	reply_start(&other, "www.example.org", TYPE_A, RCODE_SERVFAIL);
	struct cache_item item = item_of(&other, CACHE_FAILURE, 5);
	item.note.route = 2;
	cache_store(f->cache, &key, &item);
	assert_finds(f, &key, &other, 0);
	assert_true(f->hit.note.route == 2);
}

static void failures_in_a_row_are_counted(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 300);
	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 7; i++) {
			assert_int_equal(cache_failures(f->cache, &key), i);
			store_failure(f, &key, 5);
			fixture_pass_ms(f, 6000);
			assert_false(fixture_find(f, &key, true));
		}
		assert_int_equal(cache_failures(f->cache, &key), 7);
		store(f, &key, &reply, CACHE_POSITIVE, 1, 0); /* works again */
		fixture_pass_ms(f, 2000);
		assert_int_equal(cache_failures(f->cache, &key), 0);
	}
}

static void silence_is_kept_and_not_counted(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 300);
	struct cache_item item = item_of(&reply, CACHE_FAILURE, 1);
	item.is_silence = true;
	for (unsigned i = 0; i < 3; i++) {
		cache_store(f->cache, &key, &item);
		assert_true(fixture_find(f, &key, true));
		assert_int_equal(cache_failures(f->cache, &key), 0);
		fixture_pass_ms(f, 1000);
		assert_false(fixture_find(f, &key, true));
	}
	store_failure(f, &key, 5);
	cache_store(f->cache, &key, &item);
	assert_int_equal(cache_failures(f->cache, &key), 1);
}

static void failures_are_counted_beside_a_stale_answer(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 300);
	store(f, &key, &reply, CACHE_POSITIVE, 1, 86400);
	for (uint32_t i = 1; i < 7; i++) {
		fixture_pass_ms(f, 6000);
		store_failure(f, &key, 5);
		assert_int_equal(cache_failures(f->cache, &key), i);
	}
	make_answer(&reply, 0); /* an answer that is not kept ends it too */
	store(f, &key, &reply, CACHE_POSITIVE, 0, 0);
	assert_int_equal(cache_failures(f->cache, &key), 0);
}

static void failures_are_forgotten_after_five_minutes(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	store_failure(f, &key, 5);
	fixture_pass_ms(f, 299999);
	assert_int_equal(cache_failures(f->cache, &key), 1);
	fixture_pass_ms(f, 1);
	assert_int_equal(cache_failures(f->cache, &key), 0);
	store_failure(f, &key, 5);
	assert_int_equal(cache_failures(f->cache, &key), 1);
}

static void forgotten_failures_leave_the_answer_and_count_no_more(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key answered = key_of("www.example.org", TYPE_A);
	const struct cache_key failed = key_of("failed.example.org", TYPE_A);

	make_answer(&reply, 2);
	store(f, &answered, &reply, CACHE_POSITIVE, 2, 3600);
	store_failure(f, &answered, 300);
	store_failure(f, &failed, 300);
	fixture_pass_ms(f, 3000);
	assert_true(fixture_find(f, &answered, true));
	assert_true(f->hit.is_failing);
	assert_true(fixture_find(f, &failed, true));

	cache_forget_failures(f->cache);
	assert_true(fixture_find(f, &answered, true));
	assert_false(f->hit.is_failing);
	assert_false(fixture_find(f, &failed, true));
	assert_int_equal(cache_failures(f->cache, &failed), 0);

	fixture_pass_ms(f, 1);
	store_failure(f, &failed, 5);
	assert_true(fixture_find(f, &failed, true));
	assert_int_equal(cache_failures(f->cache, &failed), 1);
}

static void longest_failure_still_counts_when_it_ends(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	store_failure(f, &key, 300);
	fixture_pass_ms(f, 359999);
	assert_int_equal(cache_failures(f->cache, &key), 1);
	fixture_pass_ms(f, 1);
	assert_int_equal(cache_failures(f->cache, &key), 0);
}

/* --- no cache --------------------------------------------------------------------------------- */

static void CA_28_size_zero_keeps_nothing(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(0);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	struct cache_report report;

	make_answer(&reply, 300);
	store(f, &key, &reply, CACHE_POSITIVE, 300, 0);
	store_failure(f, &key, 5);
	cache_confirm(f->cache, &key, &(struct cache_note){ .route = 1, .plan_id = 2 });
	assert_false(fixture_find(f, &key, true));
	assert_int_equal(cache_failures(f->cache, &key), 0);
	cache_drop(f->cache, &key);
	cache_report(f->cache, &report);
	assert_int_equal(report.entries, 0);
	assert_int_equal(report.bytes, 0);
	assert_int_equal(report.max_bytes, 0);
}

static void freeing_no_cache_is_fine(void **state)
{
	(void)state;
	cache_free(NULL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(CA_02_ttl_counts_down_by_whole_seconds_until_it_is_gone),
	cmocka_unit_test(CA_03_what_has_no_lifetime_is_not_kept),
	cmocka_unit_test(CA_03_what_has_no_lifetime_puts_out_the_older_answer),
	cmocka_unit_test(CA_04_lifetime_ends_before_the_longer_ttls),
	cmocka_unit_test(CA_06_no_ttl_wraps_below_zero),
	cmocka_unit_test(CA_07_ttl_with_the_top_bit_set_stays_as_it_is),
	cmocka_unit_test(clock_that_is_behind_the_entry_means_no_age),
	cmocka_unit_test(stale_answer_is_found_only_when_asked_for_and_within_its_window),
	cmocka_unit_test(longest_lifetime_and_window_do_not_overflow),
	cmocka_unit_test(note_and_options_come_back),
	cmocka_unit_test(buffer_one_byte_short_finds_nothing),
	cmocka_unit_test(message_without_the_question_is_found_all_the_same),
	cmocka_unit_test(message_of_another_question_does_not_lend_its_own),
	cmocka_unit_test(longest_message_fits_into_sixteen_megabytes),
	cmocka_unit_test(message_of_nothing_but_short_records_keeps_every_ttl),
	cmocka_unit_test(message_larger_than_an_eighth_is_not_kept_but_puts_out_the_older),
	cmocka_unit_test(impossible_lengths_are_not_kept),
	cmocka_unit_test(newer_answer_takes_the_place_of_the_older),
	cmocka_unit_test(dropped_key_is_forgotten_alone),
	cmocka_unit_test(confirming_stamps_only_the_same_route),
	cmocka_unit_test(failure_is_found_for_its_lifetime),
	cmocka_unit_test(CA_20_failure_does_not_replace_a_fresh_answer),
	cmocka_unit_test(CA_20_stale_answer_says_whether_upstream_fails_now),
	cmocka_unit_test(failure_replaces_an_answer_that_is_past_its_use),
	cmocka_unit_test(failure_of_another_route_replaces_the_answer),
	cmocka_unit_test(failures_in_a_row_are_counted),
	cmocka_unit_test(silence_is_kept_and_not_counted),
	cmocka_unit_test(failures_are_counted_beside_a_stale_answer),
	cmocka_unit_test(failures_are_forgotten_after_five_minutes),
	cmocka_unit_test(longest_failure_still_counts_when_it_ends),
	cmocka_unit_test(forgotten_failures_leave_the_answer_and_count_no_more),
	cmocka_unit_test(CA_28_size_zero_keeps_nothing),
	cmocka_unit_test(freeing_no_cache_is_fine),
};
UNIT_MAIN(tests)
