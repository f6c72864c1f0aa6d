#include "net/bell.h"

#include <pthread.h>
#include <stdatomic.h>

#include "loop_bench.h"
#include "unit.h"

struct rung {
	struct loop_bench bench;
	struct bell *bell;
	unsigned times;
	pthread_t by;
	struct timer timer;
	atomic_uint rings;
	bool timer_was_first;
};

static void on_rung(void *ctx)
{
	struct rung *rung = ctx;

	rung->times++;
	rung->by = pthread_self();
	rung->timer_was_first = !timer_is_set(&rung->timer);
	loop_stop(rung->bench.loop);
}

static struct rung *new_rung(void)
{
	struct rung *rung = unit_zalloc(sizeof(*rung));

	loop_bench_init(&rung->bench);
	assert_int_equal(bell_new(rung->bench.loop, on_rung, rung, &rung->bell), 0);
	unit_own(rung->bell, bell_free);
	return rung;
}

static void *ring_three_times(void *ctx)
{
	struct rung *rung = ctx;

	for (unsigned i = 0; i < 3; i++) {
		bell_ring(rung->bell);
		atomic_fetch_add(&rung->rings, 1);
	}
	return NULL;
}

static void another_thread_has_the_loop_call_in_its_own(void **state)
{
	struct rung *rung = new_rung();
	pthread_t ringer;
	(void)state;

	assert_int_equal(pthread_create(&ringer, NULL, ring_three_times, rung), 0);
	const bool has_run = loop_bench_runs(&rung->bench, LOOP_BENCH_LIMIT_US);
	assert_int_equal(pthread_join(ringer, NULL), 0);
	assert_true(has_run);
	assert_true(rung->times >= 1 && pthread_equal(rung->by, pthread_self()));
	assert_int_equal(rung->rings, 3);
}

static void many_rings_that_come_together_are_one_call(void **state)
{
	struct rung *rung = new_rung();
	(void)state;

	(void)ring_three_times(rung);
	loop_bench_run(&rung->bench);
	assert_int_equal(rung->times, 1);
	loop_bench_pass(&rung->bench, 30000);
	assert_int_equal(rung->times, 1);
	bell_ring(rung->bell);
	loop_bench_run(&rung->bench);
	assert_int_equal(rung->times, 2);
}

static void on_timer(void *ctx)
{
	(void)ctx;
}

static void it_is_called_at_the_end_of_a_turn(void **state)
{
	struct rung *rung = new_rung();
	(void)state;

	timer_init(&rung->timer, on_timer, rung);
	timer_start(loop_timers(rung->bench.loop), &rung->timer, 0);
	bell_ring(rung->bell);
	loop_bench_run(&rung->bench);
	assert_true(rung->timer_was_first);
}

static void one_that_is_gone_is_silent(void **state)
{
	struct rung *rung = new_rung();
	struct bell *other = NULL;
	(void)state;

	assert_int_equal(bell_new(rung->bench.loop, on_rung, rung, &other), 0);
	bell_ring(other);
	bell_free(other);
	bell_free(NULL);
	loop_bench_pass(&rung->bench, 30000);
	assert_int_equal(rung->times, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(another_thread_has_the_loop_call_in_its_own),
	cmocka_unit_test(many_rings_that_come_together_are_one_call),
	cmocka_unit_test(it_is_called_at_the_end_of_a_turn),
	cmocka_unit_test(one_that_is_gone_is_silent),
};
UNIT_MAIN_MEM(tests)
