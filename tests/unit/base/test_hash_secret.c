/* The hashes by the key of the process, which is the same in each run here. */
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#include "fixed_random.h"
#include "unit.h"

#define LONGEST HASH_LOWERED_MAX

static uint8_t plain_lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
}

/* All bytes in all places of a word come by. */
static void fill(uint8_t *bytes, size_t len, unsigned round)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 37 + round * 11);
}

static void lowered_bytes_have_the_hash_of_the_lowered(void **state)
{
	(void)state;
	uint8_t *bytes = malloc(LONGEST); /* a sanitizer sees who goes beyond */
	uint8_t lowered[LONGEST];

	assert_non_null(bytes);
	for (unsigned round = 0; round < 256; round++) {
		for (size_t len = 0; len <= LONGEST; len = len < 40 ? len + 1 : len + 13) {
			uint8_t *from = bytes + LONGEST - len, to[LONGEST + 1];

			fill(from, len, round);
			for (size_t i = 0; i < len; i++)
				lowered[i] = plain_lower(from[i]);
			to[len] = 0xaa;
			const uint64_t hash = hash_lowered(to, from, len);
			assert_memory_equal(to, lowered, len);
			assert_int_equal(to[len], 0xaa);
			assert_true(hash_lowered(from, from, len) == hash);
			assert_memory_equal(from, lowered, len);
			assert_true(hash_lowered(from, from, len) == hash);
		}
	}
	free(bytes);
}

static void every_byte_is_lowered_alone(void **state)
{
	(void)state;
	uint8_t from[9], to[9];

	for (unsigned byte = 0; byte < 256; byte++) {
		for (unsigned at = 0; at < sizeof(from); at++) {
			memset(from, 'Z', sizeof(from));
			from[at] = (uint8_t)byte;
			(void)hash_lowered(to, from, sizeof(from));
			for (unsigned i = 0; i < sizeof(from); i++)
				assert_int_equal(to[i], plain_lower(from[i]));
		}
	}
}

/* What differs in one bit, and what differs in its length alone. */
static void every_bit_and_the_length_count(void **state)
{
	(void)state;
	uint8_t bytes[LONGEST] = { 0 }, to[LONGEST];

	for (size_t len = 1; len <= LONGEST; len = len < 20 ? len + 1 : len + 59) {
		const uint64_t hash = hash_lowered(to, bytes, len);

		assert_true(hash != hash_lowered(to, bytes, len - 1));
		for (size_t bit = 0; bit < 8 * len; bit++) {
			bytes[bit / 8] = (uint8_t)(1u << bit % 8);
			const uint64_t other = hash_lowered(to, bytes, len);

			assert_true(hash >> 32 != other >> 32);
			assert_true((uint32_t)hash != (uint32_t)other);
			bytes[bit / 8] = 0;
		}
	}
}

/* Names as they are: numbered, or with one letter more. */
static void names_in_a_row_are_spread_evenly(void **state)
{
	(void)state;
	static uint16_t low[1u << 14], high[1u << 14];
	uint8_t name[] = "\13host-000000\7example\3org";

	for (uint32_t n = 0; n < 1u << 17; n++) {
		for (uint32_t i = 0, rest = n; i < 6; i++, rest /= 10)
			name[11 - i] = (uint8_t)('0' + rest % 10);
		const uint64_t hash = hash_lowered(name, name, sizeof(name));

		low[hash % (1u << 14)]++;
		high[(hash >> 32) % (1u << 14)]++;
	}
	for (size_t i = 0; i < 1u << 14; i++) { /* 8 each, were it even */
		assert_in_range(low[i], 0, 40);
		assert_in_range(high[i], 0, 40);
	}
}

/* Numbers as clients choose them: any type, any class; one differs from the next in its upper bits
 * alone, too. */
static void chosen_numbers_do_not_meet(void **state)
{
	(void)state;
	static const unsigned shifts[] = { 0, 8, 16, 32 };
	static uint16_t low[1u << 12], high[1u << 12];

	for (size_t s = 0; s < sizeof(shifts) / sizeof(shifts[0]); s++) {
		memset(low, 0, sizeof(low));
		memset(high, 0, sizeof(high));
		for (uint64_t n = 0; n < 1u << 16; n++) {
			const uint64_t hash = hash_with(0x123456789abcdef0, n << shifts[s]);

			low[hash % (1u << 12)]++;
			high[hash >> 52]++;
		}
		for (size_t i = 0; i < 1u << 12; i++) { /* 16 each, were it even */
			assert_in_range(low[i], 0, 128);
			assert_in_range(high[i], 0, 128);
		}
	}
}

static void number_and_hash_both_count(void **state)
{
	(void)state;

	assert_true(hash_with(1, 2) != hash_with(1, 3));
	assert_true(hash_with(1, 2) != hash_with(2, 2));
	assert_true(hash_with(1, UINT64_C(1) << 32) != hash_with(1, UINT64_C(2) << 32));
	assert_true(hash_with(1, 2) == hash_with(1, 2));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lowered_bytes_have_the_hash_of_the_lowered),
	cmocka_unit_test(every_byte_is_lowered_alone),
	cmocka_unit_test(every_bit_and_the_length_count),
	cmocka_unit_test(names_in_a_row_are_spread_evenly),
	cmocka_unit_test(chosen_numbers_do_not_meet),
	cmocka_unit_test(number_and_hash_both_count),
};

UNIT_MAIN_PLAIN(tests)
