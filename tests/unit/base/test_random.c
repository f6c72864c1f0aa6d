#include "base/random.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static void below_stays_below_and_reaches_all(void **state)
{
	(void)state;
	unsigned counts[7] = { 0 };

	for (int i = 0; i < 7000; i++) {
		uint32_t value = random_below(7);
		assert_true(value < 7);
		counts[value]++;
	}
	for (int i = 0; i < 7; i++) /* 1000 expected; 200 off is seven standard deviations */
		assert_in_range(counts[i], 800, 1200);
	assert_int_equal(random_below(1), 0);
	assert_true(random_below(UINT32_MAX) < UINT32_MAX);
	assert_true(random_below(0x80000001) <= 0x80000000);
}

static void all_values_of_an_id_come(void **state)
{
	(void)state;
	uint16_t ones = 0, zeros = 0;

	for (int i = 0; i < 200; i++) {
		uint16_t id = random_u16();
		ones |= id;
		zeros |= (uint16_t)~id;
	}
	assert_int_equal(ones, 0xffff);
	assert_int_equal(zeros, 0xffff);
}

static void blocks_do_not_repeat(void **state)
{
	(void)state;
	static uint8_t drawn[300][16];
	for (size_t i = 0; i < 300; i++) {
		random_bytes(drawn[i], 16);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(drawn[i], drawn[j], 16);
	}
}

static void more_than_a_block_is_filled(void **state)
{
	(void)state;
	uint8_t bytes[1000] = { 0 };
	static const uint8_t zero[40];

	random_bytes(bytes, sizeof(bytes));
	for (size_t at = 0; at < sizeof(bytes); at += 40)
		assert_memory_not_equal(bytes + at, zero, 40);
	random_bytes(bytes, 0);
}

/* --- a battery ----------------------------------------------------------------------------- */

/* Bounds are 5.5 standard deviations or more: a sound generator passes all but once in ten
 * million runs. */
#define DRAWN 1000000u
#define BOUND 5.5
static uint16_t ids[DRAWN];

static void draw_ids(void)
{
	for (size_t i = 0; i < DRAWN; i++)
		ids[i] = random_u16();
}

static void assert_within(double value, double expected, double deviation)
{
	if (fabs(value - expected) > BOUND * deviation)
		fail_msg("%.0f, expected %.0f, deviation %.1f", value, expected, deviation);
}

/* `counts` of `total` draws that should be even: chi-square is nearly normal with so many cells. */
static void assert_even(const uint32_t *counts, size_t cells, double total)
{
	const double expected = total / (double)cells, degrees = (double)cells - 1;
	double sum = 0;

	for (size_t i = 0; i < cells; i++)
		sum += (counts[i] - expected) * (counts[i] - expected) / expected;
	assert_within(sum, degrees, sqrt(2 * degrees));
}

static void SP_03_every_id_and_every_bit_is_as_likely(void **state)
{
	(void)state;
	static uint32_t counts[65536];

	draw_ids();
	memset(counts, 0, sizeof(counts));
	for (size_t i = 0; i < DRAWN; i++)
		counts[ids[i]]++;
	assert_even(counts, 65536, DRAWN);
	for (unsigned bit = 0; bit < 16; bit++) {
		uint32_t ones = 0;
		for (size_t i = 0; i < DRAWN; i++)
			ones += ids[i] >> bit & 1;
		assert_within(ones, DRAWN / 2.0, sqrt(DRAWN) / 2);
	}
}

/* Each byte of one with each byte of the next few: a counter, a shift register or a congruence has
 * some pair that is uneven. */
static void SP_03_an_id_says_nothing_of_the_next(void **state)
{
	(void)state;
	static uint32_t counts[65536];

	draw_ids();
	for (unsigned lag = 1; lag <= 8; lag *= 2) {
		for (unsigned shift = 0; shift < 4; shift++) {
			const unsigned first = shift & 1 ? 8 : 0, second = shift & 2 ? 8 : 0;
			memset(counts, 0, sizeof(counts));
			for (size_t i = 0; i + lag < DRAWN; i++)
				counts[(ids[i] >> first & 0xff) << 8 |
				       (ids[i + lag] >> second & 0xff)]++;
			assert_even(counts, 65536, DRAWN - lag);
		}
	}
	memset(counts, 0, sizeof(counts));
	for (size_t i = 1; i < DRAWN; i++)
		counts[(uint16_t)(ids[i] - ids[i - 1])]++;
	assert_even(counts, 65536, DRAWN - 1);
}

/* Knuth's runs above the middle, and how often the next is larger. */
static void SP_03_runs_are_as_long_as_chance_makes_them(void **state)
{
	(void)state;
	uint32_t runs = 1, rises = 0, ties = 0, above;

	draw_ids();
	above = ids[0] >> 15;
	for (size_t i = 1; i < DRAWN; i++) {
		runs += ids[i] >> 15 != ids[i - 1] >> 15;
		rises += ids[i] > ids[i - 1];
		ties += ids[i] == ids[i - 1];
		above += ids[i] >> 15;
	}
	const double below = DRAWN - above, product = 2.0 * above * below;
	assert_within(runs, product / DRAWN + 1,
		      sqrt(product * (product - DRAWN) / DRAWN / DRAWN / (DRAWN - 1)));
	assert_within(rises + ties / 2.0, (DRAWN - 1) / 2.0, sqrt((DRAWN + 1) / 12.0));
	assert_within(ties, DRAWN / 65536.0, sqrt(DRAWN / 65536.0) + 1);
}

/* How far apart values of one 64th of the range are: geometric. */
static void SP_03_gaps_are_as_long_as_chance_makes_them(void **state)
{
	(void)state;
	uint32_t counts[256] = { 0 }, total = 0;
	size_t last = DRAWN;

	draw_ids();
	for (size_t i = 0; i < DRAWN; i++) {
		if (ids[i] >> 10 != 17)
			continue;
		if (last != DRAWN) {
			const size_t gap = i - last - 1;
			counts[gap < 255 ? gap : 255]++;
			total++;
		}
		last = i;
	}
	double sum = 0, share = 1.0 / 64, left = 1;
	for (size_t gap = 0; gap < 256; gap++) {
		const double expected = total * (gap < 255 ? share : left);
		sum += (counts[gap] - expected) * (counts[gap] - expected) / expected;
		left -= share;
		share *= 63.0 / 64;
	}
	assert_within(sum, 255, sqrt(2 * 255.0) * 1.2); /* its tail is heavier than the normal's */
}

static void SP_03_forked_child_draws_its_own(void **state)
{
	(void)state;
	uint8_t parents[16], childs[16];
	int ends[2];

	random_u16(); /* so that a block is there to be inherited */
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		random_bytes(childs, sizeof(childs));
		_exit(write(ends[1], childs, sizeof(childs)) != sizeof(childs));
	}
	assert_true(child > 0);
	random_bytes(parents, sizeof(parents));
	assert_int_equal(read(ends[0], childs, sizeof(childs)), sizeof(childs));
	waitpid(child, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	assert_memory_not_equal(parents, childs, sizeof(parents));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(below_stays_below_and_reaches_all),
	cmocka_unit_test(all_values_of_an_id_come),
	cmocka_unit_test(blocks_do_not_repeat),
	cmocka_unit_test(more_than_a_block_is_filled),
	cmocka_unit_test(SP_03_every_id_and_every_bit_is_as_likely),
	cmocka_unit_test(SP_03_an_id_says_nothing_of_the_next),
	cmocka_unit_test(SP_03_runs_are_as_long_as_chance_makes_them),
	cmocka_unit_test(SP_03_gaps_are_as_long_as_chance_makes_them),
	cmocka_unit_test(SP_03_forked_child_draws_its_own),
};

UNIT_MAIN_PLAIN(tests)
