#include "query/family.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/conf_load.h"
#include "query/family_post.h"
#include "query/warmth.h"
#include "query/worker.h"
#include "unit.h"

/* Nobody listens there, and nothing leaves this machine. */
#define SERVER "upstreams = { default = { servers = [ \"127.0.0.1@9\" ]; }; };"
#define LAB(more)                                                                    \
	"couriers = ( { name = \"apple\"; enabled = false; }, { name = \"lab\"; "    \
	"alias = \"courier.lab.example\"; target = \"target.lab.example\"; "         \
	"variants = [ \"{n}-courier.lab.example\" ]; types = [ \"A\" ]; count = 3; " \
	"pre_resolve = \"always\"; " more "} );"
#define TOTAL (2u + 4)

static const struct hash_key key = { 1, 2 };

struct rig {
	struct loop *loop;
	struct server_table *servers;
	struct worker *worker;
};

static void rig_free(struct rig *rig)
{
	worker_free(rig->worker);
	server_table_free(rig->servers);
	loop_free(rig->loop);
}

static struct plan *new_plan(struct rig *rig, const char *text)
{
	struct complaints *complaints = unit_own(complaint_new(), complaint_free);
	struct conf *conf = NULL;
	struct plan *plan = NULL;

	assert_non_null(complaints);
	assert_int_equal(conf_load_text(text, "conf", complaints, &conf), 0);
	assert_int_equal(plan_new(conf, &key, rig->servers, complaints, &plan), 0);
	return plan;
}

static struct clock *clock_of(struct rig *rig)
{
	return (struct clock *)(uintptr_t)loop_clock(rig->loop);
}

static struct rig *new_rig(const char *text)
{
	struct rig *rig = unit_own(unit_zalloc(sizeof(*rig)), rig_free);

	assert_int_equal(loop_new(&rig->loop), 0);
	struct clock *clock = clock_of(rig);
	clock->now_us -= clock->now_us % WARMTH_TICK_US; /* what is begun begins 50 ms later */
	rig->servers = server_table_new();
	assert_non_null(rig->servers);
	struct plan *plan = new_plan(rig, text);
	const int err = worker_new(rig->loop, plan, NULL, &rig->worker);
	plan_unref(plan);
	assert_int_equal(err, 0);
	return rig;
}

static void set_plan(struct rig *rig, struct plan *plan)
{
	worker_set_plan(rig->worker, plan);
	plan_unref(plan);
}

/* Nothing comes in meanwhile. */
static void pass(struct rig *rig, unsigned ms)
{
	struct clock *clock = clock_of(rig);

	for (; ms > 0; ms--) {
		clock->now_us += USEC_PER_MSEC;
		timer_run_due(loop_timers(rig->loop));
	}
}

static struct family_status status_of(struct rig *rig, unsigned family)
{
	struct family_status status;

	assert_true(family_status(rig->worker, family, &status));
	return status;
}

/* --- the tests ----------------------------------------------------------------------------- */

static void a_family_that_is_always_in_use_is_asked_for_from_the_start(void **state)
{
	struct rig *rig = new_rig(SERVER LAB(""));
	struct family_status status = status_of(rig, 0);
	(void)state;

	assert_string_equal(status.name, "lab");
	assert_true(status.is_in_use && !status.has_been_used && !status.is_count_learned);
	assert_int_equal(status.count, 3);
	assert_int_equal(status.total, 0);
	pass(rig, 60);
	status = status_of(rig, 0);
	if (unit_is_starved())
		return;
	assert_int_equal(status.total, TOTAL);
	assert_int_equal(status.warm, 0);
	assert_int_equal(status.questions_total, 1);
	assert_int_equal(status.asking, 1);
}

static void where_no_family_is_in_use_there_is_no_timer(void **state)
{
	struct rig *rig = new_rig(SERVER);
	const struct family_status status = status_of(rig, 0);
	(void)state;

	assert_string_equal(status.name, "apple");
	assert_false(status.is_in_use);
	assert_true(timer_next_due(loop_timers(rig->loop)) == UINT64_MAX);
	pass(rig, 1000);
	assert_true(timer_next_due(loop_timers(rig->loop)) == UINT64_MAX);
	assert_int_equal(status_of(rig, 0).questions_total, 0);
}

static void no_more_than_four_wait_for_upstream(void **state)
{
	struct rig *rig = new_rig(SERVER LAB(""));
	(void)state;

	pass(rig, 1000);
	const struct family_status status = status_of(rig, 0);
	assert_true(status.asking <= 4);
	if (!unit_is_starved())
		assert_int_equal(status.questions_total, 4);
}

static void where_memory_is_short_nothing_is_known_until_there_is_some(void **state)
{
	struct rig *rig = new_rig(SERVER LAB(""));
	struct family_status status;
	(void)state;

	if (unit_is_starved())
		return;
	/* the new family; and another such family after it */
	for (int round = 1; round <= 2; round++) {
		char text[1024];

		snprintf(text, sizeof(text),
			 SERVER LAB("}, { name = \"new%d\"; alias = "
				    "\"a.example\"; target = \"t.example\"; "
				    "variants = [ \"{n}.v.example\" ]; "),
			 round);
		struct plan *plan = new_plan(rig, text);
		mem_fail_nth(1);
		set_plan(rig, plan);
		mem_fail_nth(0);
		assert_false(family_status(rig->worker, 0, &status));
		assert_false(family_status(rig->worker, 1, &status));
		assert_true(family_is_in_use(rig->worker, 0));
		assert_false(family_is_in_use(rig->worker, 1));
		assert_int_equal(family_count(rig->worker, 0), 3);
		pass(rig, 600);
		assert_true(family_status(rig->worker, 1, &status));
		assert_int_equal(status_of(rig, 0).total, TOTAL);
	}
}

static void what_cannot_be_begun_or_asked_for_want_of_memory_is_later(void **state)
{
	struct rig *rig = new_rig(SERVER LAB(""));
	(void)state;

	if (unit_is_starved())
		return;
	for (uint64_t nth = 1; nth <= 2; nth++) { /* warmth and its items */
		pass(rig, 49);
		mem_fail_nth(1);
		pass(rig, nth == 1 ? 2 : 600);
		mem_fail_nth(0);
		assert_int_equal(status_of(rig, 0).total, 0);
	}
	pass(rig, 600);
	assert_int_equal(status_of(rig, 0).total, TOTAL);
	pass(rig, 10000);
	assert_true(status_of(rig, 0).questions_total >= 4);
}

struct lines {
	char text[2048];
	size_t len;
};

static void add_line(void *ctx, const char *text)
{
	struct lines *lines = ctx;

	lines->len += (size_t)snprintf(lines->text + lines->len, sizeof(lines->text) - lines->len,
				       "%s\n", text);
}

static void a_report_is_in_the_words_of_metrics(void **state)
{
	struct rig *rig = new_rig(SERVER LAB(""));
	struct lines lines = { .len = 0 };
	(void)state;

	pass(rig, 60);
	if (unit_is_starved())
		return;
	family_report(rig->worker, add_line, &lines);
	assert_string_equal(lines.text, "courierdns_preresolve_questions_total{family=\"lab\"} 1\n"
					"courierdns_preresolve_total{family=\"lab\"} 6\n"
					"courierdns_preresolve_warm{family=\"lab\"} 0\n"
					"courierdns_family_in_use{family=\"lab\"} 1\n"
					"courierdns_family_count{family=\"lab\"} 3\n");
}

static void when_the_worker_closes_nothing_is_waited_for(void **state)
{
	struct rig *rig = new_rig(SERVER LAB(""));
	(void)state;

	pass(rig, 60);
	worker_close(rig->worker);
	assert_int_equal(worker_waiting(rig->worker), 0);
	pass(rig, 1000);
	assert_int_equal(worker_waiting(rig->worker), 0);
}

static int no_log(void **state)
{
	(void)state;
	log_open(LEVEL_ERROR, LOG_TO_STDERR);
	return 0;
}

/* Nothing says so of an hour that was years ago, when ticks have come round. */
static void what_was_used_years_ago_is_not_in_use(void **state)
{
	struct rig *rig = new_rig(SERVER);
	const struct family_letter letter = { .match = { .role = COURIER_ALIAS }, .type = TYPE_A };
	(void)state;

	family_note_used(rig->worker, &letter);
	assert_true(status_of(rig, 0).is_in_use);
	clock_of(rig)->now_us += UINT64_C(3601) * USEC_PER_SEC;
	assert_false(status_of(rig, 0).is_in_use);
	clock_of(rig)->now_us +=
		(UINT64_C(1) << 32) * WARMTH_TICK_US - UINT64_C(3 * 86400) * USEC_PER_SEC;
	assert_false(status_of(rig, 0).is_in_use);
	assert_true(status_of(rig, 0).used_ago_s > 6 * 365 * 86400u);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(what_was_used_years_ago_is_not_in_use, no_log),
	cmocka_unit_test_setup(a_family_that_is_always_in_use_is_asked_for_from_the_start, no_log),
	cmocka_unit_test_setup(where_no_family_is_in_use_there_is_no_timer, no_log),
	cmocka_unit_test_setup(no_more_than_four_wait_for_upstream, no_log),
	cmocka_unit_test_setup(where_memory_is_short_nothing_is_known_until_there_is_some, no_log),
	cmocka_unit_test_setup(what_cannot_be_begun_or_asked_for_want_of_memory_is_later, no_log),
	cmocka_unit_test_setup(a_report_is_in_the_words_of_metrics, no_log),
	cmocka_unit_test_setup(when_the_worker_closes_nothing_is_waited_for, no_log),
};
UNIT_MAIN_MEM(tests)
