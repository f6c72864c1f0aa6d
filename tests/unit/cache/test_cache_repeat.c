/* What may be answered again without judging the question anew. */
#include "cache_fixture.h"

#define PLAN 7u

static struct reply reply;
static struct cache_copy copy;

static bool repeat(struct fixture *f, const struct cache_key *key, uint32_t plan_id, bool wants_ad)
{
	return cache_repeat(f->cache, key, plan_id, wants_ad, f->buf, f->buf_max, &copy);
}

static struct cache_key stored(struct fixture *f, const struct cache_note *note)
{
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 100);
	const struct cache_item item = { .wire = reply.wire,
					 .wire_len = reply.len,
					 .lifetime_s = 100,
					 .stale_s = 100,
					 .note = *note };
	cache_store(f->cache, &key, &item);
	return key;
}

static void an_answer_of_this_plan_is_repeated_counted_down(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_note note = { .plan_id = PLAN, .verdict = 3, .route = 9 };
	const struct cache_key key = stored(f, &note);

	fixture_pass_ms(f, 4000);
	assert_true(repeat(f, &key, PLAN, false));
	assert_int_equal(copy.wire_len, reply.len);
	assert_int_equal(ttl_in(f->buf, &reply, 0), 96);
	assert_int_equal(copy.verdict, 3);
	uint8_t found[512];
	const size_t found_len = copy.wire_len;
	memcpy(found, f->buf, found_len);
	assert_true(fixture_find(f, &key, true)); /* and the same is found by the long way */
	assert_memory_equal(found, f->buf, found_len);
}

static void another_plan_has_to_judge_first(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	struct cache_note note = { .plan_id = PLAN, .route = 9 };
	const struct cache_key key = stored(f, &note);

	assert_false(repeat(f, &key, PLAN + 1, false));
	note.plan_id = PLAN + 1;
	cache_confirm(f->cache, &key, &note);
	assert_true(repeat(f, &key, PLAN + 1, false));
	assert_false(repeat(f, &key, PLAN, false));
}

static void who_wants_ad_gets_no_answer_that_does_not_know(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	struct cache_note note = { .plan_id = PLAN, .route = 9 };
	struct cache_key key = stored(f, &note);

	assert_false(repeat(f, &key, PLAN, true));
	note.knows_ad = true;
	key = stored(f, &note);
	assert_true(repeat(f, &key, PLAN, true));
}

static void what_is_watched_is_told(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	struct cache_note note = { .plan_id = PLAN, .route = 9, .is_watched = true };
	const struct cache_key key = stored(f, &note);

	assert_true(repeat(f, &key, PLAN, false));
	assert_true(copy.is_watched);
	note.is_watched = false;
	cache_confirm(f->cache, &key, &note);
	assert_true(repeat(f, &key, PLAN, false));
	assert_false(copy.is_watched);
}

static void options_and_upper_rcode_come_along(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);

	make_answer(&reply, 100);
	const struct cache_item item = { .wire = reply.wire,
					 .wire_len = reply.len,
					 .options = (const uint8_t *)"options",
					 .options_len = 7,
					 .lifetime_s = 100,
					 .note = { .plan_id = PLAN, .opt_rcode = 5 } };
	cache_store(f->cache, &key, &item);
	assert_true(repeat(f, &key, PLAN, false));
	assert_int_equal(copy.opt_rcode, 5);
	assert_int_equal(copy.options_len, 7);
	assert_memory_equal(f->buf, reply.wire, reply.len);
	assert_memory_equal(f->buf + copy.wire_len, "options", 7);
	f->buf_max = reply.len + 7;
	assert_true(repeat(f, &key, PLAN, false));
	f->buf_max--;
	assert_false(repeat(f, &key, PLAN, false));
	f->buf_max = reply.len - 1;
	assert_false(repeat(f, &key, PLAN, false));
}

static void near_its_end_and_past_it_nothing_is_repeated(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_note note = { .plan_id = PLAN, .route = 9 };
	const struct cache_key key = stored(f, &note);

	fixture_pass_ms(f, 89999);
	assert_true(repeat(f, &key, PLAN, false));
	fixture_pass_ms(f, 1);
	assert_false(repeat(f, &key, PLAN, false));
	fixture_pass_ms(f, 20000);
	assert_false(repeat(f, &key, PLAN, false));
	assert_true(fixture_find(f, &key, true));
}

static void failures_and_the_unknown_are_not_repeated(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_note failure = { .plan_id = PLAN, .kind = CACHE_FAILURE, .route = 9 };
	const struct cache_note squash = { .plan_id = PLAN, .kind = CACHE_SQUASH, .route = 9 };
	struct cache_key key = key_of("www.example.org", TYPE_A);

	assert_false(repeat(f, &key, PLAN, false));
	key = stored(f, &failure);
	assert_false(repeat(f, &key, PLAN, false));
	key = stored(f, &squash);
	assert_false(repeat(f, &key, PLAN, false));
}

static void who_is_turned_away_has_used_nothing(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_note note = { .plan_id = PLAN, .route = 9 };
	const struct cache_key key = stored(f, &note);

	fixture_pass_ms(f, 95000);
	assert_false(repeat(f, &key, PLAN, false));
	assert_true(fixture_find(f, &key, true));
	assert_false(f->hit.is_due); /* as nobody has found it before */
}

static void where_nothing_at_all_is_kept_that_is_told(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_note failure = { .kind = CACHE_FAILURE, .plan_id = PLAN };
	const struct cache_key unknown = key_of("www.example.org", TYPE_A);

	assert_false(repeat(f, &unknown, PLAN, false));
	assert_true(copy.is_new);
	const struct cache_key key = stored(f, &failure);
	assert_false(repeat(f, &key, PLAN, false));
	assert_false(copy.is_new); /* for the long way there is something to find */
	const struct cache_note answer = { .plan_id = PLAN + 1 };
	(void)stored(f, &answer);
	assert_false(repeat(f, &key, PLAN, false));
	assert_false(copy.is_new);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_answer_of_this_plan_is_repeated_counted_down),
	cmocka_unit_test(another_plan_has_to_judge_first),
	cmocka_unit_test(who_wants_ad_gets_no_answer_that_does_not_know),
	cmocka_unit_test(what_is_watched_is_told),
	cmocka_unit_test(options_and_upper_rcode_come_along),
	cmocka_unit_test(near_its_end_and_past_it_nothing_is_repeated),
	cmocka_unit_test(failures_and_the_unknown_are_not_repeated),
	cmocka_unit_test(who_is_turned_away_has_used_nothing),
	cmocka_unit_test(where_nothing_at_all_is_kept_that_is_told),
};
UNIT_MAIN(tests)
