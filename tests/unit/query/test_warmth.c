#include "query/warmth.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "unit.h"

#define S WARMTH_TICKS_PER_S
#define START (100u * S)

static const struct warmth_kinds apple = { .variants = 2, .types = 3, .has_count_txt = true };
#define TOTAL (1u + 3 + 51 * 2 * 3) /* without the target */

/* In place of the system's: how many of an hour's questions meet in one second is else a matter of
 * luck, and of one run in thirty of bad luck. */
ssize_t getrandom(void *out, size_t len, unsigned flags)
{
	static uint64_t seed = 1;
	uint8_t *at = out;

	(void)flags;
	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		at[i] = (uint8_t)(seed >> 56);
	}
	return (ssize_t)len;
}

static struct warmth *new_warmth(const struct warmth_kinds *kinds, uint32_t count)
{
	struct warmth *warmth = unit_own(warmth_new(kinds, count, START), warmth_free);

	assert_non_null(warmth);
	return warmth;
}

static uint32_t warm_of(const struct warmth *warmth, uint32_t now)
{
	uint32_t warm, total;

	warmth_report(warmth, now, &warm, &total);
	return warm;
}

static uint32_t total_of(const struct warmth *warmth)
{
	uint32_t warm, total;

	warmth_report(warmth, START, &warm, &total);
	return total;
}

static struct warmth_turn next(const struct warmth *warmth, uint32_t now)
{
	struct warmth_turn turn = WARMTH_NOBODY;

	assert_true(warmth_next(warmth, now, &turn));
	return turn;
}

static uint32_t item_of(const struct warmth *warmth, enum courier_role role, unsigned variant,
			uint32_t n, unsigned type)
{
	const struct warmth_question question = {
		.role = role, .variant = variant, .n = n, .type = type
	};
	uint32_t item;

	assert_true(warmth_item_of(warmth, &question, &item));
	return item;
}

/* Asks whoever is due, at most one in each 50 ms as the program does, and tells of an answer that
 * lives for `life_s`, or as long as it takes to a time that is a multiple of that. Returns the time
 * at the end, and in `most` how many were asked in a second at most. */
struct play {
	uint32_t life_s;
	bool counts_down;
	unsigned asked, most;
};

static uint32_t play(struct warmth *warmth, uint32_t now, uint32_t until, struct play *how)
{
	unsigned in_second = 0;
	uint32_t second = now;

	how->asked = how->most = 0;
	for (; now < until; now++) {
		struct warmth_turn turn = WARMTH_NOBODY;

		if (now >= second + S) {
			second = now;
			in_second = 0;
		}
		if (!warmth_next(warmth, now, &turn) || turn.left > 0)
			continue;
		const uint32_t left_s =
			how->counts_down ? how->life_s - now / S % how->life_s : how->life_s;
		warmth_start(warmth, turn.item);
		warmth_keep(warmth, turn.item, left_s, true, now);
		how->asked++;
		in_second++;
		how->most = in_second > how->most ? in_second : how->most;
	}
	return now;
}

/* --- which --------------------------------------------------------------------------------- */

static void every_item_is_a_question_of_its_own(void **state)
{
	struct warmth *warmth = new_warmth(&apple, 50);
	unsigned of_role[COURIER_COUNT_TXT + 1] = { 0 };
	(void)state;

	for (uint32_t item = 0; warmth_has(warmth, item); item++) {
		struct warmth_question question;
		uint32_t back;

		warmth_question_of(warmth, item, &question);
		assert_true(warmth_item_of(warmth, &question, &back));
		assert_int_equal(back, item);
		assert_true(question.n <= 50 && question.variant < 2 && question.type < 3);
		of_role[question.role]++;
	}
	assert_int_equal(of_role[COURIER_COUNT_TXT], 1);
	assert_int_equal(of_role[COURIER_ALIAS], 3);
	assert_int_equal(of_role[COURIER_TARGET], 3);
	assert_int_equal(of_role[COURIER_VARIANT], 306);
}

static void what_is_not_kept_warm_is_no_item(void **state)
{
	const struct warmth_kinds plain = { .variants = 1, .types = 1 };
	struct warmth *warmth = new_warmth(&plain, 7);
	struct warmth_question question = { .role = COURIER_VARIANT, .n = 8 };
	uint32_t item;
	(void)state;

	assert_false(warmth_item_of(warmth, &question, &item));
	question.n = 9999;
	assert_false(warmth_item_of(warmth, &question, &item));
	question.n = 7;
	assert_true(warmth_item_of(warmth, &question, &item));
	question.role = COURIER_COUNT_TXT;
	assert_false(warmth_item_of(warmth, &question, &item));
	question.role = COURIER_NONE;
	assert_false(warmth_item_of(warmth, &question, &item));
}

static void the_target_waits_for_a_client_where_it_is_not_wanted_anyway(void **state)
{
	const struct warmth_kinds always = {
		.variants = 2, .types = 3, .has_count_txt = true, .wants_target = true
	};
	struct warmth *warmth = new_warmth(&apple, 50);
	(void)state;

	assert_int_equal(total_of(new_warmth(&always, 50)), TOTAL + 3);
	assert_int_equal(total_of(warmth), TOTAL);
	warmth_want(warmth, item_of(warmth, COURIER_TARGET, 0, 0, 1), START);
	assert_int_equal(total_of(warmth), TOTAL + 1);
}

static void the_count_can_grow_and_shrink(void **state)
{
	struct warmth *warmth = new_warmth(&apple, 50);
	struct play how = { .life_s = 3600 };
	(void)state;

	uint32_t now = play(warmth, START, START + 30 * S, &how);
	assert_int_equal(how.asked, TOTAL);
	assert_int_equal(warmth_set_count(warmth, 52, now), 0);
	assert_int_equal(total_of(warmth), TOTAL + 12);
	now = play(warmth, now, now + 10 * S, &how);
	assert_int_equal(how.asked, 12);
	assert_int_equal(warmth_set_count(warmth, 1, now), 0);
	assert_int_equal(total_of(warmth), 4 + 12);
	assert_int_equal(warm_of(warmth, now), 4 + 12);
}

static void there_is_a_bound_to_it(void **state)
{
	const struct warmth_kinds many = { .variants = 8, .types = 8 };
	struct warmth *warmth = new_warmth(&many, 999);
	(void)state;

	assert_true(warmth_has(warmth, WARMTH_ITEMS_MAX - 64));
	assert_false(warmth_has(warmth, WARMTH_ITEMS_MAX));
}

/* --- when ---------------------------------------------------------------------------------- */

static void all_are_due_at_once_the_count_first(void **state)
{
	struct warmth *warmth = new_warmth(&apple, 50);
	struct warmth_question question;
	(void)state;

	const struct warmth_turn turn = next(warmth, START);
	assert_true(turn.left <= 0 && turn.is_wanted);
	warmth_question_of(warmth, turn.item, &question);
	assert_int_equal(question.role, COURIER_COUNT_TXT);
}

static void a_refreshed_answer_is_due_in_the_last_tenth_and_two_seconds_ahead(void **state)
{
	static const uint32_t lives[] = { 10, 20, 60, 300, 3600, 28800 };
	const struct warmth_kinds plain = { .variants = 1, .types = 1 };
	(void)state;

	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		struct warmth *warmth = new_warmth(&plain, 0);
		const uint32_t item = item_of(warmth, COURIER_VARIANT, 0, 0, 0);
		uint32_t now = START;

		warmth_skip(warmth, item_of(warmth, COURIER_ALIAS, 0, 0, 0));
		for (unsigned round = 0; round < 20; round++) {
			const uint32_t life = lives[i] * S;
			warmth_keep(warmth, item, lives[i], true, now);
			const struct warmth_turn turn = next(warmth, now);
			assert_int_equal(turn.item, item);
			assert_true((uint32_t)turn.left <= life - 2 * S + S / 10);
			assert_true((uint32_t)turn.left <= life - life / 10 + S / 10);
			if (round > 0)
				assert_true((uint32_t)turn.left >= life * 8 / 10 - 2 * S);
			now += (uint32_t)turn.left;
			assert_true(next(warmth, now).left <= 0);
			assert_true(warmth_is_due(warmth, item, lives[i] / 10, now));
		}
	}
}

static void what_came_together_is_soon_spread_evenly(void **state)
{
	struct warmth *warmth = new_warmth(&apple, 50);
	struct play how = { .life_s = 60 };
	(void)state;

	uint32_t now = play(warmth, START, START + 16 * S, &how);
	assert_int_equal(warm_of(warmth, now), TOTAL);
	now = play(warmth, now, now + 120 * S, &how);
	assert_true(how.most <= 18);
	for (unsigned minute = 0; minute < 60; minute++) {
		now = play(warmth, now, now + 60 * S, &how);
		assert_int_equal(warm_of(warmth, now), TOTAL);
		assert_in_range(how.asked, TOTAL, TOTAL * 5 / 4);
		assert_true(how.most <= 16);
	}
}

static void a_server_that_counts_down_is_not_asked_in_vain_for_long(void **state)
{
	struct warmth *warmth = new_warmth(&apple, 10);
	struct play how = { .life_s = 60, .counts_down = true };
	(void)state;

	const unsigned total = total_of(warmth);
	uint32_t now = play(warmth, START, START + 300 * S, &how);
	now = play(warmth, now, now + 3600 * S, &how);
	assert_in_range(how.asked, 59 * total, 80 * total);
}

static void lives_too_short_for_all_are_shared_evenly(void **state)
{
	struct warmth *warmth = new_warmth(&apple, 50);
	struct play how = { .life_s = 5 };
	unsigned times[1 + 6 + 306] = { 0 };
	uint32_t now = START;
	(void)state;

	for (unsigned i = 0; i < 20 * 600; i++, now++) {
		const struct warmth_turn turn = next(warmth, now);
		assert_true(turn.left <= 0);
		times[turn.item]++;
		warmth_keep(warmth, turn.item, how.life_s, true, now);
	}
	for (uint32_t item = 7; warmth_has(warmth, item); item++)
		assert_in_range(times[item], 30, 42);
	assert_in_range(warm_of(warmth, now), 80, 110);
}

static void what_clients_ask_for_goes_first(void **state)
{
	struct warmth *warmth = new_warmth(&apple, 50);
	const uint32_t wanted = item_of(warmth, COURIER_VARIANT, 1, 50, 2);
	uint32_t now = START;
	unsigned times = 0;
	(void)state;

	for (unsigned i = 0; i < 20 * 60; i++, now++) {
		if (i % 200 == 0)
			warmth_want(warmth, wanted, now);
		const struct warmth_turn turn = next(warmth, now);
		times += turn.item == wanted;
		warmth_keep(warmth, turn.item, 5, true, now);
		if (i > 20)
			assert_true(warmth_is_due(warmth, wanted, 0, now) ||
				    next(warmth, now).item != wanted);
	}
	assert_in_range(times, 15, 25); /* each 3 s or so */
}

static void a_client_that_was_faster_is_noticed(void **state)
{
	struct warmth *warmth = new_warmth(&apple, 0);
	const uint32_t item = item_of(warmth, COURIER_VARIANT, 0, 0, 0);
	(void)state;

	assert_false(warmth_is_due(warmth, item, 30, START)); /* not known: the cache has it */
	warmth_keep(warmth, item, 60, false, START);
	const uint32_t later = START + 58 * S;
	assert_true(warmth_is_due(warmth, item, 2, later));
	assert_false(warmth_is_due(warmth, item, 55, later));
}

static void what_is_asked_is_nobodys_turn(void **state)
{
	const struct warmth_kinds plain = { .variants = 1, .types = 1 };
	struct warmth *warmth = new_warmth(&plain, 0);
	struct warmth_turn turn = WARMTH_NOBODY;
	(void)state;

	warmth_start(warmth, next(warmth, START).item);
	warmth_start(warmth, next(warmth, START).item);
	assert_false(warmth_next(warmth, START, &turn));
}

/* --- what does not go well ----------------------------------------------------------------- */

static uint32_t wait_of(const struct warmth *warmth, uint32_t now)
{
	return (uint32_t)next(warmth, now).left / S;
}

static void failures_and_what_cannot_be_kept_are_asked_for_ever_later(void **state)
{
	static const uint32_t fails[] = { 5, 10, 20, 40, 80, 160, 320, 320 };
	static const uint32_t misses[] = { 1, 2, 4, 8, 16, 32, 64, 64 };
	const struct warmth_kinds plain = { .variants = 1, .types = 1 };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct warmth *warmth = new_warmth(&plain, 0);
		const uint32_t item = item_of(warmth, COURIER_VARIANT, 0, 0, 0);
		uint32_t now = START;

		warmth_skip(warmth, item_of(warmth, COURIER_ALIAS, 0, 0, 0));
		for (size_t j = 0; j < 8; j++) {
			warmth_start(warmth, item);
			if (i == 0)
				assert_int_equal(warmth_fail(warmth, item, now), j == 0);
			else
				warmth_miss(warmth, item, now);
			const uint32_t wait_s = i == 0 ? fails[j] : misses[j];
			assert_int_equal(wait_of(warmth, now), wait_s);
			now += wait_s * S;
		}
		warmth_hurry(warmth, now);
		assert_true(next(warmth, now).left <= 0);
		warmth_keep(warmth, item, 60, true, now);
		warmth_fail(warmth, item, now);
		assert_int_equal(wait_of(warmth, now), 5);
		assert_int_equal(warm_of(warmth, now + 55 * S), 1);
		assert_int_equal(warm_of(warmth, now + 61 * S), 0);
		warmth_delay(warmth, item, now);
		assert_int_equal(wait_of(warmth, now), 1);
	}
}

static void what_a_rule_has_otherwise_is_skipped_until_rules_are_others(void **state)
{
	struct warmth *warmth = new_warmth(&apple, 50);
	const uint32_t item = item_of(warmth, COURIER_VARIANT, 0, 20, 0);
	struct play how = { .life_s = 3600 };
	(void)state;

	warmth_skip(warmth, item);
	assert_int_equal(total_of(warmth), TOTAL - 1);
	play(warmth, START, START + 20 * S, &how);
	assert_int_equal(how.asked, TOTAL - 1);
	warmth_review(warmth);
	assert_int_equal(total_of(warmth), TOTAL);
}

static void a_review_leaves_alone_what_is_as_it_was(void **state)
{
	struct warmth *warmth = new_warmth(&apple, 50);
	struct play how = { .life_s = 3600 };
	uint32_t looked = 0;
	(void)state;

	const uint32_t now = play(warmth, START, START + 16 * S, &how);
	const struct warmth_turn before = next(warmth, now);
	warmth_review(warmth);
	for (struct warmth_turn turn; (turn = next(warmth, now)).left <= 0; looked++) {
		/* asked for in turn, each 50 ms, from the start */
		warmth_start(warmth, turn.item);
		assert_true(looked < 400);
		assert_false(warmth_is_due(warmth, turn.item, 3584, now));
		warmth_keep(warmth, turn.item, 3600 - (now - START) / S + (looked + 19) / 20, false,
			    now);
	}
	assert_int_equal(looked, TOTAL);
	assert_int_equal(next(warmth, now).item, before.item);
	assert_int_equal(next(warmth, now).left, before.left);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_item_is_a_question_of_its_own),
	cmocka_unit_test(what_is_not_kept_warm_is_no_item),
	cmocka_unit_test(the_target_waits_for_a_client_where_it_is_not_wanted_anyway),
	cmocka_unit_test(the_count_can_grow_and_shrink),
	cmocka_unit_test(there_is_a_bound_to_it),
	cmocka_unit_test(all_are_due_at_once_the_count_first),
	cmocka_unit_test(a_refreshed_answer_is_due_in_the_last_tenth_and_two_seconds_ahead),
	cmocka_unit_test(what_came_together_is_soon_spread_evenly),
	cmocka_unit_test(a_server_that_counts_down_is_not_asked_in_vain_for_long),
	cmocka_unit_test(lives_too_short_for_all_are_shared_evenly),
	cmocka_unit_test(what_clients_ask_for_goes_first),
	cmocka_unit_test(a_client_that_was_faster_is_noticed),
	cmocka_unit_test(what_is_asked_is_nobodys_turn),
	cmocka_unit_test(failures_and_what_cannot_be_kept_are_asked_for_ever_later),
	cmocka_unit_test(what_a_rule_has_otherwise_is_skipped_until_rules_are_others),
	cmocka_unit_test(a_review_leaves_alone_what_is_as_it_was),
};
UNIT_MAIN(tests)
