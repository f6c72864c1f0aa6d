/* Real files, in a directory of their own. */
#include "net/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop_bench.h"
#include "net/settle.h"
#include "unit.h"

struct seen {
	struct loop_bench bench;
	struct watch *watch;
	unsigned told;
	struct timer again;
	unsigned writes;
};

static char directory[64];

static int make_directory(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/watch.XXXXXX");
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

static const char *path_of(const char *name)
{
	static char paths[4][256];
	static unsigned at;
	char *path = paths[at++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void on_change(void *ctx)
{
	struct seen *seen = ctx;

	seen->told++;
	loop_stop(seen->bench.loop);
}

static void free_watch(struct seen *seen)
{
	watch_free(seen->watch);
}

static struct seen *watching(const char *name)
{
	struct seen *seen = unit_zalloc(sizeof(*seen));
	const char *path = path_of(name);

	loop_bench_init(&seen->bench);
	unit_own(seen, free_watch);
	assert_int_equal(watch_new(seen->bench.loop, on_change, seen, &seen->watch), 0);
	assert_int_equal(watch_set(seen->watch, &path, 1), 0);
	return seen;
}

static void assert_told(struct seen *seen)
{
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->told, 1);
	seen->told = 0;
	/* and of this nothing more */
	loop_bench_pass(&seen->bench, SETTLE_QUIET_US + 50000);
	assert_int_equal(seen->told, 0);
}

static void assert_not_told(struct seen *seen)
{
	loop_bench_pass(&seen->bench, SETTLE_QUIET_US + 50000);
	assert_int_equal(seen->told, 0);
}

static void a_file_that_is_written_is_told_once(void **state)
{
	(void)state;
	write_file("file", "a");
	struct seen *seen = watching("file");
	assert_not_told(seen);
	write_file("file", "b");
	write_file("file", "c");
	assert_told(seen);
}

static void so_is_one_that_its_writer_keeps_open(void **state)
{
	FILE *file = fopen(path_of("file"), "w");
	assert_non_null(file);
	unit_own(file, fclose);
	(void)state;
	struct seen *seen = watching("file");
	assert_true(fputs("a", file) >= 0 && fflush(file) == 0);
	assert_told(seen);
}

static void one_that_is_replaced_is_told_and_watched_on(void **state)
{
	(void)state;
	write_file("file", "a");
	struct seen *seen = watching("file");
	for (unsigned i = 0; i < 2; i++) {
		write_file("new", "b");
		assert_int_equal(rename(path_of("new"), path_of("file")), 0);
		assert_told(seen);
	}
	write_file("file", "c");
	assert_told(seen);
}

static void one_that_is_deleted_and_made_again_is_told(void **state)
{
	(void)state;
	write_file("file", "a");
	struct seen *seen = watching("file");
	assert_int_equal(remove(path_of("file")), 0);
	assert_told(seen);
	write_file("file", "b");
	assert_told(seen);
}

static void its_directories_may_come_and_go(void **state)
{
	(void)state;
	struct seen *seen = watching("one/two/file");
	assert_int_equal(mkdir(path_of("one"), 0700), 0);
	assert_told(seen);
	assert_int_equal(mkdir(path_of("one/two"), 0700), 0);
	write_file("one/two/file", "a");
	assert_told(seen);
	write_file("one/two/file", "b");
	assert_told(seen);
	assert_int_equal(rename(path_of("one"), path_of("three")), 0);
	assert_told(seen);
	write_file("three/two/file", "c");
	assert_not_told(seen);
}

static void what_a_link_leads_to_is_watched_and_the_link_too(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path_of("run"), 0700), 0);
	assert_int_equal(mkdir(path_of("etc"), 0700), 0);
	write_file("run/file", "a");
	write_file("etc/other", "a");
	assert_int_equal(symlink("../run/./file", path_of("etc/file")), 0);
	struct seen *seen = watching("etc/file");
	write_file("run/file", "b");
	assert_told(seen);
	write_file("run/new", "c");
	assert_int_equal(rename(path_of("run/new"), path_of("run/file")), 0);
	assert_told(seen);
	assert_int_equal(symlink(path_of("etc/other"), path_of("etc/new")), 0);
	assert_int_equal(rename(path_of("etc/new"), path_of("etc/file")), 0);
	assert_told(seen);
	write_file("etc/other", "b");
	assert_told(seen);
	write_file("run/file", "d");
	assert_not_told(seen);
}

static void links_in_a_circle_lead_nowhere(void **state)
{
	(void)state;
	assert_int_equal(symlink("two", path_of("one")), 0);
	assert_int_equal(symlink("one", path_of("two")), 0);
	struct seen *seen = watching("one");
	assert_not_told(seen);
	assert_int_equal(remove(path_of("two")), 0);
	write_file("two", "a");
	assert_told(seen);
}

static void other_files_beside_it_are_not_told(void **state)
{
	char bytes[1];
	(void)state;
	write_file("file", "a");
	struct seen *seen = watching("file");
	write_file("file2", "a");
	write_file("fil", "a");
	FILE *file = fopen(path_of("file"), "r");
	assert_non_null(file);
	assert_int_equal(fread(bytes, 1, 1, file), 1);
	fclose(file);
	assert_not_told(seen);
}

static void files_that_are_set_take_the_place_of_others(void **state)
{
	(void)state;
	write_file("a", "a");
	struct seen *seen = watching("a");
	const char *paths[2] = { path_of("b"), path_of("c") };
	assert_int_equal(watch_set(seen->watch, paths, 2), 0);
	write_file("a", "b");
	assert_not_told(seen);
	write_file("c", "b");
	assert_told(seen);
	assert_int_equal(watch_set(seen->watch, NULL, 0), 0);
	write_file("c", "c");
	assert_not_told(seen);
}

static void on_again(void *ctx)
{
	struct seen *seen = ctx;

	write_file("file", "x");
	seen->writes++;
	timer_start(loop_timers(seen->bench.loop), &seen->again, 5000);
}

static void on_flood_change(void *ctx)
{
	struct seen *seen = ctx;

	/* so that a machine that stalls makes it later, never too soon */
	if (++seen->told == 2)
		loop_stop(seen->bench.loop);
}

static void stop_again(struct seen *seen)
{
	timer_stop(loop_timers(seen->bench.loop), &seen->again);
}

static void a_flood_of_writes_is_told_once_a_second(void **state)
{
	struct seen *seen = unit_zalloc(sizeof(*seen));
	const char *path = path_of("file");
	(void)state;

	loop_bench_init(&seen->bench);
	unit_own(seen, free_watch);
	assert_int_equal(watch_new(seen->bench.loop, on_flood_change, seen, &seen->watch), 0);
	assert_int_equal(watch_set(seen->watch, &path, 1), 0);
	timer_init(&seen->again, on_again, seen);
	unit_own(seen, stop_again);
	const uint64_t began_us = loop_clock(seen->bench.loop)->now_us;

	on_again(seen);
	if (!loop_bench_runs(&seen->bench, LOOP_BENCH_LIMIT_US)) {
		assert_true(unit_is_starved());
		return;
	}
	assert_true(loop_clock(seen->bench.loop)->now_us - began_us >= USEC_PER_SEC);
	assert_true(seen->writes > seen->told);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)
static const struct CMUnitTest tests[] = {
	TEST(a_file_that_is_written_is_told_once),
	TEST(so_is_one_that_its_writer_keeps_open),
	TEST(one_that_is_replaced_is_told_and_watched_on),
	TEST(one_that_is_deleted_and_made_again_is_told),
	TEST(its_directories_may_come_and_go),
	TEST(what_a_link_leads_to_is_watched_and_the_link_too),
	TEST(links_in_a_circle_lead_nowhere),
	TEST(other_files_beside_it_are_not_told),
	TEST(files_that_are_set_take_the_place_of_others),
	TEST(a_flood_of_writes_is_told_once_a_second),
};

/* Each waits for the system; tests/unit/net/test_watch_memory.c is for memory that runs short. */
UNIT_MAIN_PLAIN(tests)
