#include "net/timer.h"

#include <string.h>

#include "unit.h"

#define MSEC 1000u
#define DAY_US (UINT64_C(86400) * USEC_PER_SEC)

/* A wheel, and timers that note when they fired. */
struct probe {
	struct timer timer;
	struct bench *bench;
	uint64_t fired_at_us;
	unsigned fired;
};
struct bench {
	struct clock clock;
	struct timers *timers;
	struct probe probes[8];
	unsigned order[64], fired; /* probes in the order of their firing */
};

static void on_probe(void *ctx)
{
	struct probe *probe = ctx;
	struct bench *bench = probe->bench;

	assert_false(timer_is_set(&probe->timer));
	probe->fired++;
	probe->fired_at_us = bench->clock.now_us;
	if (bench->fired < sizeof(bench->order) / sizeof(bench->order[0]))
		bench->order[bench->fired++] = (unsigned)(probe - bench->probes);
}

static struct bench *new_bench(void)
{
	struct bench *bench = unit_zalloc(sizeof(*bench));

	bench->clock.now_us = 1234567890;
	bench->timers = unit_own(timer_wheel_new(&bench->clock), timer_wheel_free);
	assert_non_null(bench->timers);
	for (size_t i = 0; i < sizeof(bench->probes) / sizeof(bench->probes[0]); i++) {
		bench->probes[i].bench = bench;
		timer_init(&bench->probes[i].timer, on_probe, &bench->probes[i]);
	}
	return bench;
}

static void pass(struct bench *bench, uint64_t us)
{
	bench->clock.now_us += us;
	timer_run_due(bench->timers);
}

static void fires_once_when_it_is_due_and_not_before(void **state)
{
	static const uint64_t delays_us[] = { 0,       1,	   999,	     1000,     1001,
					      399999,  511999,	   512000,   512001,   1023999,
					      1024000, 4500000,	   32768000, 33280000, 3600000000,
					      DAY_US,  40 * DAY_US };
	struct bench *bench = new_bench();
	(void)state;

	for (size_t i = 0; i < sizeof(delays_us) / sizeof(delays_us[0]); i++) {
		struct probe *probe = &bench->probes[i % 8];
		const unsigned before = probe->fired;
		timer_start(bench->timers, &probe->timer, delays_us[i]);
		assert_true(timer_is_set(&probe->timer));
		assert_true(timer_next_due(bench->timers) <= bench->clock.now_us + delays_us[i]);
		if (delays_us[i] > 0)
			pass(bench, delays_us[i] - 1);
		assert_int_equal(probe->fired, before);
		pass(bench, delays_us[i] > 0 ? 1 : 0);
		assert_int_equal(probe->fired, before + 1);
		assert_false(timer_is_set(&probe->timer));
		assert_int_equal(timer_next_due(bench->timers), UINT64_MAX);
		pass(bench, DAY_US);
		assert_int_equal(probe->fired, before + 1);
	}
}

static void next_due_leads_to_each_timer_in_turn(void **state)
{
	static const uint64_t delays_us[] = { 7 * DAY_US,  250,	   90 * MSEC,	  700 * MSEC,
					      2000 * MSEC, DAY_US, 100000 * MSEC, 0 };
	static const unsigned expected[] = { 7, 1, 2, 3, 4, 6, 5, 0 };
	struct bench *bench = new_bench();
	const uint64_t start_us = bench->clock.now_us;
	unsigned turns = 0;
	(void)state;

	for (size_t i = 0; i < 8; i++)
		timer_start(bench->timers, &bench->probes[i].timer, delays_us[i]);
	while (timer_next_due(bench->timers) != UINT64_MAX) {
		bench->clock.now_us = timer_next_due(bench->timers);
		timer_run_due(bench->timers);
		assert_true(++turns < 1000);
	}
	assert_memory_equal(bench->order, expected, sizeof(expected));
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(bench->probes[i].fired_at_us, start_us + delays_us[i]);
}

static void a_stopped_timer_does_not_fire(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	timer_start(bench->timers, &bench->probes[0].timer, 5 * MSEC);
	timer_start(bench->timers, &bench->probes[1].timer, 5 * MSEC);
	timer_start(bench->timers, &bench->probes[2].timer, 5 * MSEC);
	timer_stop(bench->timers, &bench->probes[1].timer);
	timer_stop(bench->timers, &bench->probes[1].timer);
	timer_stop(bench->timers, &bench->probes[3].timer);
	assert_false(timer_is_set(&bench->probes[1].timer));
	pass(bench, DAY_US);
	assert_int_equal(bench->probes[0].fired, 1);
	assert_int_equal(bench->probes[1].fired, 0);
	assert_int_equal(bench->probes[2].fired, 1);
}

static void starting_again_moves_it(void **state)
{
	struct bench *bench = new_bench();
	struct probe *probe = &bench->probes[0];
	(void)state;

	timer_start(bench->timers, &probe->timer, 5 * MSEC);
	timer_start(bench->timers, &probe->timer, 50 * MSEC);
	pass(bench, 5 * MSEC);
	assert_int_equal(probe->fired, 0);
	pass(bench, 45 * MSEC);
	assert_int_equal(probe->fired, 1);
}

static void those_of_one_moment_fire_as_they_were_started(void **state)
{
	static const unsigned expected[] = { 3, 1, 2, 0 };
	struct bench *bench = new_bench();
	(void)state;

	for (size_t i = 0; i < 4; i++)
		timer_start(bench->timers, &bench->probes[expected[i]].timer, 600 * MSEC);
	pass(bench, 700 * MSEC);
	assert_memory_equal(bench->order, expected, sizeof(expected));
}

static void fires_at_its_time_and_at_once_where_that_is_past(void **state)
{
	struct bench *bench = new_bench();
	const uint64_t now_us = bench->clock.now_us;
	(void)state;

	timer_start_at(bench->timers, &bench->probes[0].timer, now_us + 1000);
	timer_start_at(bench->timers, &bench->probes[1].timer, now_us - 1000);
	pass(bench, 0);
	assert_int_equal(bench->probes[1].fired, 1);
	pass(bench, 999);
	assert_int_equal(bench->probes[0].fired, 0);
	pass(bench, 1);
	assert_int_equal(bench->probes[0].fired_at_us, now_us + 1000);
	assert_int_equal(bench->probes[1].fired, 1);
}

static void on_restart(void *ctx)
{
	struct probe *probe = ctx;

	on_probe(probe);
	timer_start(probe->bench->timers, &probe->timer, 0);
}

static void one_that_restarts_itself_at_once_fires_once_a_run(void **state)
{
	struct bench *bench = new_bench();
	struct probe *probe = &bench->probes[0];
	(void)state;

	timer_init(&probe->timer, on_restart, probe);
	timer_start(bench->timers, &probe->timer, 0);
	assert_int_equal(probe->fired, 0);
	timer_run_due(bench->timers);
	assert_int_equal(probe->fired, 1);
	assert_int_equal(timer_next_due(bench->timers), bench->clock.now_us);
	timer_run_due(bench->timers);
	assert_int_equal(probe->fired, 2);
}

static void on_stop_others(void *ctx)
{
	struct probe *probe = ctx;

	on_probe(probe);
	for (size_t i = 0; i < 8; i++)
		timer_stop(probe->bench->timers, &probe->bench->probes[i].timer);
}

static void a_callback_may_stop_those_due_with_it(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	for (size_t i = 0; i < 4; i++) {
		timer_init(&bench->probes[i].timer, on_stop_others, &bench->probes[i]);
		timer_start(bench->timers, &bench->probes[i].timer, i * MSEC);
	}
	pass(bench, 10 * MSEC);
	assert_int_equal(bench->fired, 1);
	assert_int_equal(timer_next_due(bench->timers), UINT64_MAX);
	/* and what the last one left behind is sound */
	timer_start(bench->timers, &bench->probes[5].timer, MSEC);
	pass(bench, MSEC);
	assert_int_equal(bench->probes[5].fired, 1);
}

/* --- against a model: an array of due times ------------------------------------------------ */

#define MODEL_TIMERS 200u

struct model {
	struct clock clock;
	struct timers *timers;
	uint64_t seed;
	struct model_timer {
		struct timer timer;
		struct model *model;
		uint64_t due_us; /* 0: not set */
		bool is_due;	 /* in this run */
	} each[MODEL_TIMERS];
};

static uint64_t draw(struct model *model, uint64_t bound)
{
	return unit_random(&model->seed) % bound;
}

static void model_start(struct model *model, struct model_timer *one)
{
	/* delays of all sizes alike */
	uint64_t delay_us = draw(model, UINT64_C(1) << draw(model, 41));

	timer_start(model->timers, &one->timer, delay_us);
	one->due_us = model->clock.now_us + delay_us;
	one->is_due = false;
}

static void model_stop(struct model *model, struct model_timer *one)
{
	timer_stop(model->timers, &one->timer);
	one->due_us = 0;
	one->is_due = false;
}

static void on_model(void *ctx)
{
	struct model_timer *one = ctx;
	struct model *model = one->model;

	assert_true(one->is_due);
	assert_true(one->due_us <= model->clock.now_us);
	one->due_us = 0;
	one->is_due = false;
	for (uint64_t i = draw(model, 3); i > 0; i--)
		model_start(model, &model->each[draw(model, MODEL_TIMERS)]);
	if (draw(model, 3) == 0)
		model_stop(model, &model->each[draw(model, MODEL_TIMERS)]);
}

static uint64_t model_next_due(const struct model *model)
{
	uint64_t due_us = UINT64_MAX;

	for (size_t i = 0; i < MODEL_TIMERS; i++) {
		const struct model_timer *one = &model->each[i];
		assert_int_equal(timer_is_set(&one->timer), one->due_us != 0);
		if (one->due_us != 0 && one->due_us < due_us)
			due_us = one->due_us;
	}
	return due_us;
}

static void agrees_with_a_plain_list_whatever_is_done(void **state)
{
	struct model *model = unit_zalloc(sizeof(*model));
	(void)state;

	model->seed = 4711;
	model->clock.now_us = 3 * DAY_US + 777;
	model->timers = unit_own(timer_wheel_new(&model->clock), timer_wheel_free);
	assert_non_null(model->timers);
	for (size_t i = 0; i < MODEL_TIMERS; i++) {
		model->each[i].model = model;
		timer_init(&model->each[i].timer, on_model, &model->each[i]);
	}
	for (unsigned turn = 0; turn < 5000; turn++) {
		for (uint64_t i = draw(model, 6); i > 0; i--)
			model_start(model, &model->each[draw(model, MODEL_TIMERS)]);
		if (draw(model, 2) == 0)
			model_stop(model, &model->each[draw(model, MODEL_TIMERS)]);

		const uint64_t due_us = model_next_due(model);
		const uint64_t told_us = timer_next_due(model->timers);
		assert_int_equal(told_us, due_us);
		if (draw(model, 2) == 0 && due_us != UINT64_MAX && due_us > model->clock.now_us)
			model->clock.now_us = due_us;
		else
			model->clock.now_us += draw(model, UINT64_C(1) << draw(model, 35));
		for (size_t i = 0; i < MODEL_TIMERS; i++) {
			struct model_timer *one = &model->each[i];
			one->is_due = one->due_us != 0 && one->due_us <= model->clock.now_us;
		}
		timer_run_due(model->timers);
		for (size_t i = 0; i < MODEL_TIMERS; i++)
			assert_false(model->each[i].is_due);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(fires_once_when_it_is_due_and_not_before),
	cmocka_unit_test(next_due_leads_to_each_timer_in_turn),
	cmocka_unit_test(a_stopped_timer_does_not_fire),
	cmocka_unit_test(starting_again_moves_it),
	cmocka_unit_test(those_of_one_moment_fire_as_they_were_started),
	cmocka_unit_test(fires_at_its_time_and_at_once_where_that_is_past),
	cmocka_unit_test(one_that_restarts_itself_at_once_fires_once_a_run),
	cmocka_unit_test(a_callback_may_stop_those_due_with_it),
	cmocka_unit_test(agrees_with_a_plain_list_whatever_is_done),
};
UNIT_MAIN(tests)
