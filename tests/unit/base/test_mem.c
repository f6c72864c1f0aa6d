#include "base/mem.h"

#include <stdalign.h>
#include <string.h>

#include "unit.h"

static void nth_allocation_fails_once(void **state)
{
	(void)state;
	mem_fail_nth(2);
	void *first = unit_own(mem_alloc(8), mem_free);
	assert_non_null(first);
	assert_null(mem_zalloc(8));
	void *third = unit_own(mem_strdup("three"), mem_free);
	assert_non_null(third);
	assert_int_equal(mem_allocations(), 3);
	mem_fail_nth(0);
	assert_int_equal(mem_allocations(), 0);
}

static void list_grows_as_it_is_filled(void **state)
{
	uint32_t *list = NULL;
	size_t max = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		list = mem_grow(list, i, &max, sizeof(*list));
		assert_non_null(list);
		assert_true(max > i && max <= 2 * i + 8);
		list[i] = i;
	}
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(list[i], i);
	const size_t before = max;
	mem_fail_nth(1);
	assert_null(mem_grow(list, max, &max, sizeof(*list)));
	assert_int_equal(max, before);
	assert_int_equal(list[999], 999);
	mem_fail_nth(0);
	mem_free(list);
}

static void failed_realloc_keeps_the_old_block(void **state)
{
	(void)state;
	char *block = unit_own(mem_strdup("kept"), mem_free);
	assert_non_null(block);
	mem_fail_nth(1);
	assert_null(mem_realloc(block, 100000));
	assert_string_equal(block, "kept");
}

static void nothing_is_still_a_block(void **state)
{
	(void)state;
	void *block = unit_own(mem_alloc(0), mem_free);
	assert_non_null(block);
	mem_free(NULL);
}

static void zeroed_means_zeroed(void **state)
{
	(void)state;
	static const uint8_t zero[300];
	uint8_t *dirty = mem_alloc(sizeof(zero));
	assert_non_null(dirty);
	memset(dirty, 0xaa, sizeof(zero));
	mem_free(dirty);
	uint8_t *block = unit_own(mem_zalloc(sizeof(zero)), mem_free);
	assert_non_null(block);
	assert_memory_equal(block, zero, sizeof(zero));
}

static void arena_uses_the_scratch_first(void **state)
{
	(void)state;
	alignas(max_align_t) uint8_t scratch[64];
	struct arena *arena = unit_zalloc(sizeof(*arena));

	mem_fail_nth(0);
	arena_init(arena, scratch, sizeof(scratch));
	uint8_t *a = arena_alloc(arena, 1);
	uint8_t *b = arena_alloc(arena, 48);
	assert_ptr_equal(a, scratch);
	assert_true(b > a && b + 48 <= scratch + sizeof(scratch));
	assert_int_equal((uintptr_t)b % alignof(max_align_t), 0);
	assert_int_equal(mem_allocations(), 0);
	arena_done(arena);
}

static void arena_goes_on_in_chunks(void **state)
{
	(void)state;
	struct arena *arena = unit_zalloc(sizeof(*arena));
	arena_init(arena, NULL, 0);
	unit_own(arena, arena_done);

	mem_fail_nth(0);
	uint8_t *blocks[100];
	for (size_t i = 0; i < 100; i++) {
		blocks[i] = arena_alloc(arena, 100);
		assert_non_null(blocks[i]);
		memset(blocks[i], (int)i, 100);
	}
	uint8_t *large = arena_alloc(arena, 100000);
	assert_non_null(large);
	memset(large, 0xff, 100000);
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(blocks[i][0], i);
		assert_int_equal(blocks[i][99], i);
	}
	assert_true(mem_allocations() <= 5);
	assert_non_null(arena_alloc(arena, 0));
	assert_memory_equal(arena_dup(arena, "text", 5), "text", 5);
}

static void arena_refuses_sizes_that_wrap(void **state)
{
	(void)state;
	struct arena *arena = unit_zalloc(sizeof(*arena));
	arena_init(arena, NULL, 0);
	unit_own(arena, arena_done);
	assert_null(arena_alloc(arena, SIZE_MAX));
	assert_null(arena_alloc(arena, SIZE_MAX - 8));
	mem_fail_nth(1);
	assert_null(arena_alloc(arena, 10));
	assert_non_null(arena_alloc(arena, 10));
}

static void slab_that_grows_keeps_what_is_taken(void **state)
{
	struct slab *slab = unit_own(slab_new(24, 2), slab_free);
	uint8_t *slots[7];

	(void)state;
	assert_non_null(slab);
	slots[0] = slab_take(slab);
	assert_true(slab_reserve(slab, 1)); /* it has more */
	assert_true(slab_reserve(slab, 7));
	for (unsigned i = 1; i < 7; i++) {
		slots[i] = slab_take(slab);
		assert_non_null(slots[i]);
		memset(slots[i], (int)i, 24);
		for (unsigned j = 0; j < i; j++)
			assert_true(slots[i] >= slots[j] + 24 || slots[j] >= slots[i] + 24);
	}
	assert_null(slab_take(slab));
	assert_int_equal(slab_in_use(slab), 7);
	for (unsigned i = 0; i < 7; i++)
		slab_give(slab, slots[i]);
	assert_int_equal(slab_in_use(slab), 0);
	for (unsigned i = 0; i < 7; i++)
		slots[i] = slab_take(slab);
	assert_null(slab_take(slab));
	for (unsigned i = 0; i < 7; i++)
		slab_give(slab, slots[i]);
}

static void slab_stops_at_its_limit(void **state)
{
	(void)state;
	struct slab *slab = unit_own(slab_new(24, 3), slab_free);
	assert_non_null(slab);
	uint8_t *slots[3];
	for (size_t i = 0; i < 3; i++) {
		slots[i] = slab_take(slab);
		assert_non_null(slots[i]);
		assert_int_equal((uintptr_t)slots[i] % alignof(max_align_t), 0);
		memset(slots[i], (int)i, 24);
	}
	assert_null(slab_take(slab));
	assert_int_equal(slab_in_use(slab), 3);
	assert_int_equal(slots[0][23], 0);
	assert_int_equal(slots[1][0], 1);
	slab_give(slab, slots[1]);
	assert_int_equal(slab_in_use(slab), 2);
	assert_ptr_equal(slab_take(slab), slots[1]);
	assert_null(slab_take(slab));
	for (size_t i = 0; i < 3; i++)
		slab_give(slab, slots[i]);
}

static void slab_reuses_before_it_touches_more(void **state)
{
	(void)state;
	struct slab *slab = unit_own(slab_new(1, 1000), slab_free);
	assert_non_null(slab);
	void *slot = slab_take(slab);
	slab_give(slab, slot);
	for (int i = 0; i < 1000; i++) {
		assert_ptr_equal(slab_take(slab), slot);
		slab_give(slab, slot);
	}
}

static void slab_refuses_sizes_that_wrap(void **state)
{
	(void)state;
	assert_null(slab_new(SIZE_MAX, 1));
	assert_null(slab_new(SIZE_MAX / 2, 3));
	mem_fail_nth(1);
	assert_null(slab_new(16, 1));
	slab_free(NULL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nth_allocation_fails_once),
	cmocka_unit_test(failed_realloc_keeps_the_old_block),
	cmocka_unit_test(list_grows_as_it_is_filled),
	cmocka_unit_test(nothing_is_still_a_block),
	cmocka_unit_test(zeroed_means_zeroed),
	cmocka_unit_test(arena_uses_the_scratch_first),
	cmocka_unit_test(arena_goes_on_in_chunks),
	cmocka_unit_test(arena_refuses_sizes_that_wrap),
	cmocka_unit_test(slab_that_grows_keeps_what_is_taken),
	cmocka_unit_test(slab_stops_at_its_limit),
	cmocka_unit_test(slab_reuses_before_it_touches_more),
	cmocka_unit_test(slab_refuses_sizes_that_wrap),
};

UNIT_MAIN_PLAIN(tests)
