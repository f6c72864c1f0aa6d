#include "base/hash.h"

#include <string.h>

#include "unit.h"

/* Expected values: another implementation of the paper, which gives the paper's own vector with its
 * round counts; the last two are CPython's hash() of these bytes under PYTHONHASHSEED=0. */
static void hash_is_siphash_1_3(void **state)
{
	(void)state;
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {
		{ 0, 0xabac0158050fc4dc },  { 1, 0xc9f49bf37d57ca93 },	{ 7, 0xd3927d989bb11140 },
		{ 8, 0x369095118d299a8e },  { 9, 0x25a48eb36c063de4 },	{ 15, 0xd320d86d2a519956 },
		{ 16, 0xcc4fdd1a7d908b66 }, { 63, 0x9d199062b7bbb3a8 }, { 300, 0x4016a23bda5a2224 },
	};
	const struct hash_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	const struct hash_key zero = { 0, 0 };
	uint8_t bytes[300];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(hash_bytes(&key, bytes, rows[i].len) == rows[i].hash);
	assert_true(hash_bytes(&zero, "courier", 7) == 0x6c66cb2790f9253f);
	assert_true(hash_bytes(&zero, "courier.push.apple", 18) == 0x78bc7bceb56e3146);
}

static void place_in_memory_does_not_matter(void **state)
{
	(void)state;
	const struct hash_key key = { 1, 2 };
	uint8_t bytes[8 + 20];
	uint64_t hash = 0;

	for (size_t shift = 0; shift < 8; shift++) {
		memcpy(bytes + shift, "twenty bytes of text", 20);
		uint64_t its = hash_bytes(&key, bytes + shift, 20);
		assert_true(shift == 0 || its == hash);
		hash = its;
	}
}

static void every_table_draws_its_own_key(void **state)
{
	(void)state;
	struct hash_key a = { 0 }, b = { 0 };
	hash_key_draw(&a);
	hash_key_draw(&b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_true(hash_bytes(&a, "x", 1) != hash_bytes(&b, "x", 1));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(hash_is_siphash_1_3),
	cmocka_unit_test(place_in_memory_does_not_matter),
	cmocka_unit_test(every_table_draws_its_own_key),
};

UNIT_MAIN_PLAIN(tests)
