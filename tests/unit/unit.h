/* unit.h: how a unit test is run: once as it is, then again and again with an allocation failing.
 *
 *	static void found_after_store(void **state)
 *	{
 *		struct cache *cache = unit_own(cache_new(65536, 1, &clock, &stats), cache_free);
 *		assert_non_null(cache);
 *		...
 *	}
 *	static const struct CMUnitTest tests[] = { cmocka_unit_test(found_after_store) };
 *	UNIT_MAIN(tests)
 *
 * After the plain run each test runs again, in a child process, with its 1st, 2nd, 3rd ...
 *allocation failing (every one for the first hundred, then with growing steps) until a run needs no
 *more than that. In an ordinary build every malloc() counts, those inside ldns and libc too; under
 *the address sanitizer only those through mem_*.
 *
 * With STARVE=N in the environment it is the first N or so only: for a machine that is imitated.
 *
 * In such a run a failed assertion just ends the test: memory was short, after all. What fails the
 * test is a crash, a sanitizer's report, a hang, or memory that nobody gave back. So:
 * - what the test itself holds is given to unit_own(), which gives it back when the test ends,
 *   however it ends, the last first (or it lives in a fixture and the teardown frees it);
 * - a pointer is asserted before it is used (assert_non_null), an error code too;
 * - an object that is not on the heap of its own (struct frame_reader) must outlive the test
 *function: take it from unit_zalloc(), which never fails and needs no free;
 * - where a test cannot go on sensibly, `if (unit_is_starved()) return;`.
 *
 * UNIT_MAIN_MEM(tests) fails those through mem_* alone in every build, for what uses a library that
 * does not survive more. UNIT_MAIN_PLAIN(tests) is for groups that allocation failures say nothing
 * about. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define UNIT_MAIN(tests) UNIT_MAIN_FAILING(tests, UNIT_FAIL_ALL)
#define UNIT_MAIN_MEM(tests) UNIT_MAIN_FAILING(tests, UNIT_FAIL_MEM)
#define UNIT_MAIN_PLAIN(tests) UNIT_MAIN_FAILING(tests, UNIT_FAIL_NONE)
#define UNIT_MAIN_FAILING(tests, failures)                                             \
	int main(void)                                                                 \
	{                                                                              \
		return unit_main(tests, sizeof(tests) / sizeof((tests)[0]), failures); \
	}

enum unit_failures { UNIT_FAIL_NONE, UNIT_FAIL_MEM, UNIT_FAIL_ALL };
int unit_main(const struct CMUnitTest *tests, size_t count, enum unit_failures failures);

/** Has `give_back(thing)` called when the test ends; NULL is fine. The value is `thing`. */
#define unit_own(thing, give_back) \
	((__typeof__(thing))unit_own_pointer((thing), (void (*)(void))(give_back)))
void *unit_own_pointer(const void *thing, void (*give_back)(void));

/** Zeroed memory that lives until the test ends, from a fixed megabyte. */
void *unit_zalloc(size_t size);

/** An allocation of this run has been failed on purpose. */
bool unit_is_starved(void);

/** The next of a sequence of numbers that is the same in every run: for property tests. Starts
 * again from `seed` when that changes. */
uint64_t unit_random(uint64_t *seed);
