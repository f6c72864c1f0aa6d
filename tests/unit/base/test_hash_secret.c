/* The hashes by the key of the process, which is known here. */
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "unit.h"

#define LONGEST 300u

static struct hash_key secret; /* what was drawn first */

/* In place of the one in base/. */
void random_bytes(void *out, size_t len)
{
	static uint64_t seed = 1;
	uint8_t *at = out;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		at[i] = (uint8_t)(seed >> 56);
	}
	if (secret.k0 == 0)
		memcpy(&secret, out, sizeof(secret));
}

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
			assert_true(hash == hash_bytes(&secret, lowered, len));
			assert_memory_equal(to, lowered, len);
			assert_int_equal(to[len], 0xaa);
			assert_true(hash_lowered(from, from, len) == hash);
			assert_memory_equal(from, lowered, len);
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
			assert_in_range(low[i], 0, 64);
			assert_in_range(high[i], 0, 64);
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
	cmocka_unit_test(chosen_numbers_do_not_meet),
	cmocka_unit_test(number_and_hash_both_count),
};

UNIT_MAIN_PLAIN(tests)
