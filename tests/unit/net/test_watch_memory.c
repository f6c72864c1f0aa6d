/* Beside test_watch.c, whose tests take too long to be run again for each allocation. */
#include "loop_bench.h"
#include "net/watch.h"

static void on_change(void *ctx)
{
	(void)ctx;
}

static void files_are_watched_or_memory_was_short(void **state)
{
	static const char *const paths[] = { "/etc/resolv.conf", "/proc/self/exe", "/none/at/all" };
	struct loop_bench *bench = unit_zalloc(sizeof(*bench));
	struct watch *watch = NULL;
	(void)state;

	loop_bench_init(bench);
	assert_int_equal(watch_new(bench->loop, on_change, NULL, &watch), 0);
	unit_own(watch, watch_free);
	assert_int_equal(watch_set(watch, paths, 1), 0);
	assert_int_equal(watch_set(watch, paths, 3), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(files_are_watched_or_memory_was_short),
};

UNIT_MAIN(tests)
