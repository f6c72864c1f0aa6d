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

/* --- names made to collide ----------------------------------------------------------------- */

/* Whatever has no key and goes through its bytes one by one can be made to collide as often as one
 * likes (Joux, "Multicollisions in iterated hash functions", 2004): two blocks that lead from one
 * state to the same next, seventeen times in a row, are 2^17 names of one hash. */
#define BLOCKS 17u
#define BLOCK_LEN 8u /* short ones of letters are never alike to a CRC */
#define NAMES 100000u
#define BUCKETS (1u << 17)

typedef uint32_t (*weak_fn)(uint32_t state, uint8_t byte);

static uint32_t fnv_1a(uint32_t state, uint8_t byte)
{
	return (state ^ byte) * 16777619u;
}

static uint32_t djb2(uint32_t state, uint8_t byte)
{
	return state * 33 + byte;
}

static uint32_t crc32_step(uint32_t state, uint8_t byte)
{
	state ^= byte;
	for (unsigned bit = 0; bit < 8; bit++)
		state = state >> 1 ^ (state & 1 ? 0xedb88320u : 0);
	return state;
}

static uint32_t weak_hash(weak_fn step, uint32_t state, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		state = step(state, bytes[i]);
	return state;
}

static void write_block(uint64_t number, uint8_t block[BLOCK_LEN])
{
	number *= 0x9e3779b97f4a7c15u;
	for (unsigned i = 0; i < BLOCK_LEN; i++, number /= 36)
		block[i] = (uint8_t) "abcdefghijklmnopqrstuvwxyz0123456789"[number % 36];
}

/* Two blocks that lead to the same state, by the birthday paradox; returns that. */
static uint32_t collide(weak_fn step, uint32_t state, uint8_t pair[2][BLOCK_LEN])
{
	static uint32_t table[1u << 20]; /* block numbers and one, by their state */

	memset(table, 0, sizeof(table));
	for (uint32_t number = 0; number < 1u << 22; number++) {
		uint8_t other[BLOCK_LEN];
		write_block(number, pair[0]);
		const uint32_t next = weak_hash(step, state, pair[0], BLOCK_LEN);
		uint32_t *slot = &table[(next * 0x9e3779b1u) >> 12];
		if (*slot != 0) {
			write_block(*slot - 1, other);
			if (weak_hash(step, state, other, BLOCK_LEN) == next) {
				memcpy(pair[1], other, BLOCK_LEN);
				return next;
			}
		}
		*slot = number + 1;
	}
	fail_msg("no two blocks collide");
	return 0;
}

/* How many entries are looked at to find all of them once, in chained buckets. */
static uint64_t probes_of(const uint32_t counts[BUCKETS])
{
	uint64_t probes = 0;
	for (size_t i = 0; i < BUCKETS; i++)
		probes += (uint64_t)counts[i] * (counts[i] + 1) / 2;
	return probes;
}

static void RX_13_names_made_to_collide_are_as_good_as_any(void **state)
{
	(void)state;
	static const weak_fn weak[] = { fnv_1a, djb2, crc32_step };
	static uint32_t made[BUCKETS], plain[BUCKETS];
	struct hash_key key;

	hash_key_draw(&key);
	for (size_t w = 0; w < sizeof(weak) / sizeof(weak[0]); w++) {
		uint8_t pairs[BLOCKS][2][BLOCK_LEN], name[BLOCKS * BLOCK_LEN];
		uint32_t at = 2166136261u;

		for (unsigned block = 0; block < BLOCKS; block++)
			at = collide(weak[w], at, pairs[block]);
		memset(made, 0, sizeof(made));
		memset(plain, 0, sizeof(plain));
		for (uint32_t n = 0; n < NAMES; n++) {
			for (unsigned block = 0; block < BLOCKS; block++)
				memcpy(name + block * BLOCK_LEN, pairs[block][n >> block & 1],
				       BLOCK_LEN);
			if (n % 64 == 0)
				assert_int_equal(
					weak_hash(weak[w], 2166136261u, name, sizeof(name)), at);
			made[hash_bytes(&key, name, sizeof(name)) % BUCKETS]++;
			for (unsigned block = 0; block < BLOCKS; block++)
				write_block(n * 131 + block * 7919, name + block * BLOCK_LEN);
			plain[hash_bytes(&key, name, sizeof(name)) % BUCKETS]++;
		}
		/* 138,000 of each, give or take some hundreds */
		assert_in_range(probes_of(plain), 130000, 146000);
		assert_in_range(probes_of(made), 130000, 146000);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(hash_is_siphash_1_3),
	cmocka_unit_test(place_in_memory_does_not_matter),
	cmocka_unit_test(every_table_draws_its_own_key),
	cmocka_unit_test(RX_13_names_made_to_collide_are_as_good_as_any),
};

UNIT_MAIN_PLAIN(tests)
