/* Random operations on a small cache beside a model of it that is too simple to be wrong. The cache
 * may have forgotten; it may never say what the model does not. */
#include "cache_fixture.h"

#include <stdio.h>

#define KEYS 48u
#define STEPS 8000u

struct kept {
	bool is_kept, has_question;
	uint64_t stored_us;
	struct cache_item item; /* points into what follows */
	struct reply reply;
	uint8_t options[UINT8_MAX];
};
struct model_key {
	struct cache_key key;
	char name[32];
	struct kept answer, failure;
	uint32_t failures;
};

static struct model_key models[KEYS];
static unsigned fresh_hits, stale_hits, failing_hits, failure_hits, misses, counted;

static uint32_t below(uint64_t *seed, uint32_t bound)
{
	return (uint32_t)(unit_random(seed) % bound);
}

static uint64_t age_of(const struct fixture *f, const struct kept *kept)
{
	return f->clock.now_us - kept->stored_us;
}

static bool is_fresh(const struct fixture *f, const struct kept *kept)
{
	return kept->is_kept && age_of(f, kept) < (uint64_t)kept->item.lifetime_s * USEC_PER_SEC;
}

static bool is_showable(const struct fixture *f, const struct kept *kept)
{
	const uint64_t all_s = (uint64_t)kept->item.lifetime_s + kept->item.stale_s;
	return kept->is_kept && age_of(f, kept) < all_s * USEC_PER_SEC;
}

static uint32_t failures_of(const struct fixture *f, const struct model_key *model)
{
	const uint64_t lifetime_s = model->failure.item.lifetime_s;
	const uint64_t counts_s = lifetime_s + 60 > 300 ? lifetime_s + 60 : 300;

	if (!model->failure.is_kept || age_of(f, &model->failure) >= counts_s * USEC_PER_SEC)
		return 0;
	return model->failures;
}

/* Few names, so that keys differ in one thing only. */
static void make_keys(uint64_t *seed)
{
	static const char *const names[] = { "a.example.org", "b.example.org", "example.org", "." };
	static const uint16_t types[] = { TYPE_A, TYPE_HTTPS };
	static const uint64_t views[] = { 0, 0, 0, 1, UINT64_MAX };

	memset(models, 0, sizeof(models));
	for (unsigned i = 0; i < KEYS;) {
		struct model_key *model = &models[i];
		bool is_new = true;

		snprintf(model->name, sizeof(model->name), "%s", names[below(seed, 4)]);
		model->key = key_of(model->name, types[below(seed, 2)]);
		model->key.flags = (uint8_t)below(seed, 8);
		model->key.class = below(seed, 4) == 0 ? CLASS_CH : CLASS_IN;
		model->key.view = views[below(seed, 5)];
		cache_key_rehash(&model->key);
		for (unsigned n = 0; n < i; n++)
			is_new = is_new && memcmp(&models[n].key, &model->key, sizeof(model->key));
		i += is_new;
	}
}

static void mix_case(uint8_t *name, size_t len, uint64_t *seed)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] >= 'a' && name[i] <= 'z' && below(seed, 2) == 0)
			name[i] = (uint8_t)(name[i] - 'a' + 'A');
}

/* One in eight has a question other than the key's, or none. */
static void make_reply(struct kept *kept, const struct model_key *model, size_t most,
		       uint64_t *seed)
{
	static const uint32_t ttls[] = { 0, 1, 5, 60, 300, 86400, INT32_MAX, 0x80000001 };
	static uint8_t rdata[5000];
	struct reply *reply = &kept->reply;

	reply_start(reply, model->name, model->key.type, below(seed, 6));
	reply->wire[reply->len - 1] = (uint8_t)model->key.class;
	kept->has_question = below(seed, 8) != 0;
	if (kept->has_question) {
		mix_case(reply->wire + MESSAGE_HEADER_LEN, model->key.name_len, seed);
	} else if (below(seed, 2) == 0) {
		reply_start(reply, "b.example.org", TYPE_TXT, 0);
	} else {
		reply->wire[5] = 0;
		reply->len = MESSAGE_HEADER_LEN;
	}
	for (unsigned i = below(seed, 6); i > 0; i--) {
		const size_t left = most > reply->len + 32 ? most - reply->len - 32 : 0;
		const size_t len = left == 0 ? 0 : below(seed, (uint32_t)left + 1) / i;
		for (size_t at = 0; at < len; at += 8)
			rdata[at] = (uint8_t)unit_random(seed);
		reply_add(reply, i > 2 ? SECTION_ANSWER : SECTION_ADDITIONAL, ".", TYPE_TXT,
			  ttls[below(seed, 8)], rdata, len);
	}
	if (kept->reply.len == MESSAGE_HEADER_LEN && below(seed, 2) == 0)
		kept->reply.len = below(seed, MESSAGE_HEADER_LEN + 1);
}

static void make_item(struct fixture *f, struct kept *kept, uint8_t kind, uint64_t *seed)
{
	static const uint32_t times[] = { 1, 2, 5, 60, 5, 300, 3600, UINT32_MAX };

	kept->is_kept = true;
	kept->stored_us = f->clock.now_us;
	kept->item = item_of(&kept->reply, kind, times[below(seed, 8)]);
	kept->item.stale_s = below(seed, 4) == 0 ? 0 : times[below(seed, 8)];
	kept->item.options = kept->options;
	kept->item.options_len = below(seed, 4) == 0 ? below(seed, UINT8_MAX + 1) : 0;
	for (size_t i = 0; i < kept->item.options_len; i++)
		kept->options[i] = (uint8_t)unit_random(seed);
	kept->item.note.verdict = (uint8_t)unit_random(seed) & 15;
	kept->item.note.knows_ad = below(seed, 2) == 0;
	kept->item.note.is_watched = below(seed, 2) == 0;
	kept->item.note.opt_rcode = below(seed, 8) == 0 ? (uint8_t)unit_random(seed) : 0;
	kept->item.note.route = below(seed, 16) == 0 ? 2 : 1;
	kept->item.note.plan_id = (uint32_t)unit_random(seed);
}

/* The hit says nothing but what is kept here, and its TTLs are this old. */
static void check_hit(struct fixture *f, const struct model_key *model, const struct kept *kept)
{
	static struct reply expected;
	const uint32_t age_s = (uint32_t)(age_of(f, kept) / USEC_PER_SEC);
	const struct cache_note *note = &kept->item.note;

	expected = kept->reply;
	reply_age(&expected, kept->has_question ? model->key.name_len : 0,
		  f->hit.is_stale ? 0 : age_s);
	assert_int_equal(f->hit.wire_len, expected.len);
	assert_memory_equal(f->buf, expected.wire, expected.len);
	assert_int_equal(f->hit.options_len, kept->item.options_len);
	assert_memory_equal(f->buf + f->hit.wire_len, kept->options, kept->item.options_len);
	assert_int_equal(f->hit.age_s, age_s);
	assert_int_equal(f->hit.remaining_s, f->hit.is_stale ? 0 : kept->item.lifetime_s - age_s);
	assert_int_equal(f->hit.note.kind, note->kind);
	assert_int_equal(f->hit.note.verdict, note->verdict);
	assert_int_equal(f->hit.note.knows_ad, note->knows_ad);
	assert_int_equal(f->hit.note.is_watched, note->is_watched);
	assert_int_equal(f->hit.note.opt_rcode, note->opt_rcode);
	assert_int_equal(f->hit.note.plan_id, note->plan_id);
	assert_true(f->hit.note.route == note->route);
}

static bool step_find(struct fixture *f, struct model_key *model, bool stale_ok)
{
	if (!fixture_find(f, &model->key, stale_ok)) {
		misses++;
		return false;
	}
	if (f->hit.note.kind == CACHE_FAILURE) {
		assert_true(is_fresh(f, &model->failure));
		assert_false(f->hit.is_stale);
		check_hit(f, model, &model->failure);
		failure_hits++;
		return true;
	}
	assert_true(!f->hit.is_failing || is_fresh(f, &model->failure));
	if (f->hit.is_stale) {
		assert_true(stale_ok && is_showable(f, &model->answer));
		failing_hits += f->hit.is_failing;
		stale_hits++;
	} else {
		assert_true(is_fresh(f, &model->answer));
		fresh_hits++;
	}
	check_hit(f, model, &model->answer);
	return true;
}

static void step_store_answer(struct fixture *f, struct model_key *model, size_t most,
			      uint64_t *seed)
{
	make_reply(&model->answer, model, most, seed);
	make_item(f, &model->answer, (uint8_t)below(seed, 2), seed);
	if (below(seed, 16) == 0) {
		model->answer.item.lifetime_s = 0;
		model->answer.is_kept = false;
	}
	model->failure.is_kept = false;
	cache_store(f->cache, &model->key, &model->answer.item);
	if (model->answer.is_kept && model->answer.reply.len < 1000)
		assert_true(step_find(f, model, false));
}

static void step_store_failure(struct fixture *f, struct model_key *model, uint64_t *seed)
{
	const uint32_t failures = failures_of(f, model);

	make_reply(&model->failure, model, 200, seed);
	make_item(f, &model->failure, CACHE_FAILURE, seed);
	model->failures = failures + 1;
	if (model->answer.item.note.route != model->failure.item.note.route)
		model->answer.is_kept = false;
	cache_store(f->cache, &model->key, &model->failure.item);
	assert_true(step_find(f, model, false));
	assert_true(f->hit.note.kind == CACHE_FAILURE || is_fresh(f, &model->answer));
	assert_true(step_find(f, model, true));
	assert_true(f->hit.note.kind == CACHE_FAILURE || f->hit.is_failing);
}

static void confirm_kept(struct cache_note *kept, const struct cache_note *note)
{
	if (kept->route != note->route)
		return;
	kept->plan_id = note->plan_id;
	kept->is_watched = note->is_watched;
}

static void step_confirm(struct fixture *f, struct model_key *model, uint64_t *seed)
{
	const struct cache_note note = { .plan_id = (uint32_t)unit_random(seed),
					 .route = below(seed, 2) + 1,
					 .is_watched = below(seed, 2) == 0 };

	cache_confirm(f->cache, &model->key, &note);
	confirm_kept(&model->answer.item.note, &note);
	confirm_kept(&model->failure.item.note, &note);
}

static void step(struct fixture *f, size_t most, uint64_t *seed)
{
	static const uint32_t pauses_ms[] = { 1, 300, 1000, 3000, 7000, 400000 };
	struct model_key *model = &models[below(seed, KEYS)];
	const uint32_t what = below(seed, 100);

	if (what < 50) {
		step_find(f, model, below(seed, 2) == 0);
	} else if (what < 70) {
		step_store_answer(f, model, most, seed);
	} else if (what < 83) {
		step_store_failure(f, model, seed);
	} else if (what < 85) {
		cache_drop(f->cache, &model->key);
		model->answer.is_kept = model->failure.is_kept = false;
	} else if (what < 90) {
		step_confirm(f, model, seed);
	} else {
		f->clock.now_us += unit_random(seed) % (pauses_ms[below(seed, 6)] * USEC_PER_MSEC);
	}
	const uint32_t failures = cache_failures(f->cache, &model->key);
	assert_true(failures <= failures_of(f, model));
	counted = failures > counted ? failures : counted;
	cache_verify(f->cache);
}

static void cache_of_this_size_never_says_what_the_model_does_not(uint64_t max_bytes, size_t most)
{
	struct fixture *f = fixture_new(max_bytes);
	uint64_t seed = max_bytes;

	fresh_hits = stale_hits = failing_hits = failure_hits = misses = counted = 0;
	make_keys(&seed);
	for (unsigned i = 0; i < STEPS; i++)
		step(f, most, &seed);
	/* and the steps met all there is to meet */
	assert_true(fresh_hits > STEPS / 20 && misses > STEPS / 20);
	print_message("%u fresh, %u stale, %u of them failing, %u failures, %u misses\n",
		      fresh_hits, stale_hits, failing_hits, failure_hits, misses);
	assert_true(stale_hits > 50 && failing_hits > 5 && failure_hits > 100 && counted > 2);
}

static void cache_never_says_what_its_model_does_not(void **state)
{
	(void)state;
	cache_of_this_size_never_says_what_the_model_does_not(1u << 16, 5000);
	assert_true(fresh_hits > 500);
}

static void cache_that_is_always_full_never_says_what_its_model_does_not(void **state)
{
	(void)state;
	cache_of_this_size_never_says_what_the_model_does_not(18000, 1200);
}

static void cache_that_is_never_full_never_says_what_its_model_does_not(void **state)
{
	(void)state;
	cache_of_this_size_never_says_what_the_model_does_not(1u << 20, 5000);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(cache_never_says_what_its_model_does_not),
	cmocka_unit_test(cache_that_is_always_full_never_says_what_its_model_does_not),
	cmocka_unit_test(cache_that_is_never_full_never_says_what_its_model_does_not),
};
UNIT_MAIN(tests)
