#include "base/random.h"

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

static void forked_child_draws_its_own(void **state)
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
	cmocka_unit_test(forked_child_draws_its_own),
};

UNIT_MAIN_PLAIN(tests)
