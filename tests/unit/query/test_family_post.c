#include "query/family_post.h"

#include "query/warmth.h"
#include "unit.h"

static struct family_letter letter_of(uint32_t n)
{
	return (struct family_letter){ .plan_id = 1,
				       .match = { .role = COURIER_VARIANT, .n = n },
				       .type = 1 };
}

static struct family_post *new_post(void)
{
	struct family_post *post = unit_own(family_post_new(), family_post_free);

	assert_non_null(post);
	return post;
}

static void letters_come_out_as_they_went_in(void **state)
{
	struct family_post *post = new_post();
	struct family_letter letter;
	(void)state;

	for (uint32_t round = 0; round < 50; round++) {
		for (uint32_t n = 0; n < 3; n++) {
			letter = letter_of(round + n);
			assert_int_equal(family_post_put(post, &letter), n == 0);
		}
		for (uint32_t n = 0; n < 3; n++) {
			assert_true(family_post_take(post, &letter));
			assert_int_equal(letter.match.n, round + n);
		}
		assert_false(family_post_take(post, &letter));
	}
}

static void what_is_too_much_is_lost(void **state)
{
	struct family_post *post = new_post();
	struct family_letter letter;
	uint32_t taken = 0;
	(void)state;

	for (uint32_t n = 0; n < 1000; n++) {
		letter = letter_of(n);
		(void)family_post_put(post, &letter);
	}
	while (family_post_take(post, &letter))
		assert_int_equal(letter.match.n, taken++);
	assert_true(taken >= 16 && taken < 1000);
	assert_true(family_post_put(post, &letter));
}

static void what_is_said_again_is_new_once_a_second(void **state)
{
	struct family_post_memo memos[FAMILY_POST_MEMOS] = { 0 };
	const struct family_letter one = letter_of(1), two = letter_of(2);
	struct family_letter other = letter_of(1);
	(void)state;

	assert_true(family_post_is_new(memos, &one, 1000));
	assert_false(family_post_is_new(memos, &one, 1000));
	assert_true(family_post_is_new(memos, &two, 1000));
	assert_false(family_post_is_new(memos, &one, 1000 + WARMTH_TICKS_PER_S - 1));
	assert_true(family_post_is_new(memos, &one, 1000 + WARMTH_TICKS_PER_S));
	other.plan_id = 2;
	assert_true(family_post_is_new(memos, &other, 1000 + WARMTH_TICKS_PER_S));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(letters_come_out_as_they_went_in),
	cmocka_unit_test(what_is_too_much_is_lost),
	cmocka_unit_test(what_is_said_again_is_new_once_a_second),
};
UNIT_MAIN(tests)
