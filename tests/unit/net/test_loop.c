#include "net/loop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "loop_bench.h"
#include "unit.h"

struct seen {
	struct loop_bench bench;
	struct timer timers[3];
	unsigned fired;
	int signal_number;
	uint64_t now_us;
};

static struct seen *new_seen(void)
{
	struct seen *seen = unit_zalloc(sizeof(*seen));

	loop_bench_init(&seen->bench);
	return seen;
}

static void on_timer(void *ctx)
{
	struct seen *seen = ctx;

	seen->fired++;
	seen->now_us = loop_clock(seen->bench.loop)->now_us;
	if (seen->fired == 3)
		loop_stop(seen->bench.loop);
}

static uint64_t now_us(void)
{
	struct clock clock;

	clock_tick(&clock);
	return clock.now_us;
}

static void timers_fire_when_they_are_due(void **state)
{
	struct seen *seen = new_seen();
	const uint64_t start_us = loop_clock(seen->bench.loop)->now_us;
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		timer_init(&seen->timers[i], on_timer, seen);
		timer_start(loop_timers(seen->bench.loop), &seen->timers[i], 5000 * i);
	}
	assert_int_equal(seen->fired, 0);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->fired, 3);
	assert_true(seen->now_us >= start_us + 10000);
	assert_true(seen->now_us <= now_us());
}

static void a_stop_before_the_run_ends_it_at_once(void **state)
{
	struct seen *seen = new_seen();
	(void)state;

	loop_stop(seen->bench.loop);
	loop_bench_run(&seen->bench);
	/* and only that one */
	loop_bench_pass(&seen->bench, 1000);
}

static void on_signal(void *ctx, int signal_number)
{
	struct seen *seen = ctx;

	seen->signal_number = signal_number;
	loop_stop(seen->bench.loop);
}

static void signals_are_told(void **state)
{
	struct seen *seen = new_seen();
	(void)state;

	assert_int_equal(loop_on_signal(seen->bench.loop, SIGUSR1, on_signal, seen), 0);
	assert_int_equal(loop_on_signal(seen->bench.loop, SIGUSR2, on_signal, seen), 0);
	assert_int_equal(raise(SIGUSR2), 0);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->signal_number, SIGUSR2);
	assert_int_equal(raise(SIGUSR1), 0);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->signal_number, SIGUSR1);
}

static uint64_t cpu_us(void)
{
	struct timespec used;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
	return (uint64_t)used.tv_sec * USEC_PER_SEC + (uint64_t)used.tv_nsec / 1000;
}

static void nothing_to_do_costs_nothing(void **state)
{
	struct seen *seen = new_seen();
	struct sigevent as_signal = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	const struct itimerspec in_50_ms = { .it_value = { .tv_nsec = 50000000 } };
	timer_t alarm_clock;
	(void)state;

	assert_int_equal(loop_on_signal(seen->bench.loop, SIGUSR1, on_signal, seen), 0);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &as_signal, &alarm_clock), 0);
	assert_int_equal(timer_settime(alarm_clock, 0, &in_50_ms, NULL), 0);
	const uint64_t start_us = now_us(), cpu_start_us = cpu_us();
	assert_int_equal(loop_run(seen->bench.loop), 0);
	timer_delete(alarm_clock);
	assert_int_equal(seen->signal_number, SIGUSR1);
	assert_true(now_us() - start_us >= 40000);
	assert_true(cpu_us() - cpu_start_us < 20000);
}

static void a_timer_far_away_costs_nothing_either(void **state)
{
	struct seen *seen = new_seen();
	(void)state;

	timer_init(&seen->timers[0], on_timer, seen);
	timer_start(loop_timers(seen->bench.loop), &seen->timers[0], UINT64_C(1) << 40);
	const uint64_t cpu_start_us = cpu_us();
	loop_bench_pass(&seen->bench, 50000);
	assert_true(cpu_us() - cpu_start_us < 20000);
	assert_int_equal(seen->fired, 0);
}

static void writing_to_who_has_gone_is_an_error_only(void **state)
{
	int pair[2];
	(void)state;

	new_seen();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[1]);
	const ssize_t written = write(pair[0], "x", 1);
	const int err = errno;
	close(pair[0]);
	assert_int_equal(written, -1);
	assert_int_equal(err, EPIPE);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(timers_fire_when_they_are_due),
	cmocka_unit_test(a_stop_before_the_run_ends_it_at_once),
	cmocka_unit_test(signals_are_told),
	cmocka_unit_test(nothing_to_do_costs_nothing),
	cmocka_unit_test(a_timer_far_away_costs_nothing_either),
	cmocka_unit_test(writing_to_who_has_gone_is_an_error_only),
};
UNIT_MAIN(tests)
