#include "net/nftset.h"

#include "loop_bench.h"
#include "unit.h"

/* A set that no system has: the kernel is asked for it, and whatever it says, that it cannot be
 * done. */
static struct conf_nftset missing = { (char *)(uintptr_t) "ip#courierdns_test#no_such_set",
				      "ip#courierdns_test#no_such_set", ADDR_NONE };
static struct conf_zone zone = { .nftsets = &missing, .nftset_count = 1 };
static const struct conf conf = { .zones = &zone, .zone_count = 1 };
static const struct nftset_item item = { .addr = { .bytes = { 192, 0, 2, 7 }, .family = ADDR_IPV4 },
					 .ttl_s = 300 };

struct filling {
	struct loop_bench bench;
	struct nftset *nftset;
	struct nftset_user *user;
	unsigned done, news;
	enum nftset_news last;
	struct nftset_state state;
};

static void on_done(void *ctx)
{
	struct filling *filling = ctx;

	filling->done++;
	loop_stop(filling->bench.loop);
}

static void on_news(void *ctx, enum nftset_news news, const struct nftset_state *state)
{
	struct filling *filling = ctx;

	filling->news++;
	filling->last = news;
	filling->state = *state;
}

static struct filling *new_filling(void)
{
	struct filling *filling = unit_zalloc(sizeof(*filling));

	loop_bench_init(&filling->bench);
	filling->nftset = unit_own(nftset_new(), nftset_free);
	assert_non_null(filling->nftset);
	assert_int_equal(nftset_follow(filling->nftset, &conf), 0);
	assert_int_equal(nftset_user_new(filling->nftset, filling->bench.loop, on_news, filling,
					 &filling->user),
			 0);
	unit_own(filling->user, nftset_user_free);
	return filling;
}

static void note_state(void *ctx, const struct nftset_state *state)
{
	*(struct nftset_state *)ctx = *state;
}

static void what_cannot_be_done_is_done_with_and_told_once(void **state)
{
	struct filling *filling = new_filling();
	struct nftset_state now = { 0 };
	(void)state;

	for (unsigned i = 1; i <= 2; i++) {
		assert_non_null(nftset_put(filling->user, &zone, &item, 1, on_done, filling));
		assert_true(loop_bench_runs(&filling->bench, LOOP_BENCH_LIMIT_US));
		assert_int_equal(filling->done, i);
	}
	nftset_report(filling->nftset, note_state, &now);
	assert_string_equal(now.name, "ip#courierdns_test#no_such_set");
	assert_int_equal(now.failures, 2);
	assert_int_equal(now.additions, 0);
	assert_true(now.err < 0);
	assert_int_equal(filling->news, 1);
	assert_int_equal(filling->last, NFTSET_FAILS);
	assert_int_equal(filling->state.err, now.err);
}

static void what_is_forgotten_is_not_heard_of(void **state)
{
	struct filling *filling = new_filling();
	(void)state;

	struct nftset_job *job = nftset_put(filling->user, &zone, &item, 1, on_done, filling);
	assert_non_null(job);
	nftset_forget(job);
	assert_non_null(nftset_put(filling->user, &zone, &item, 1, on_done, filling));
	assert_true(loop_bench_runs(&filling->bench, LOOP_BENCH_LIMIT_US));
	assert_int_equal(filling->done, 1);
}

/* With jobs that wait, that are under way, and that are done. */
static void a_user_may_go_at_any_time(void **state)
{
	struct filling *filling = new_filling();
	struct nftset_user *other;
	(void)state;

	assert_int_equal(
		nftset_user_new(filling->nftset, filling->bench.loop, on_news, filling, &other), 0);
	for (unsigned i = 0; i < 50; i++) {
		struct nftset_job *job = nftset_put(other, &zone, &item, 1, on_done, filling);

		if (job == NULL)
			break; /* memory is short */
	}
	nftset_user_free(other);
	assert_int_equal(filling->done, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_cannot_be_done_is_done_with_and_told_once),
	cmocka_unit_test(what_is_forgotten_is_not_heard_of),
	cmocka_unit_test(a_user_may_go_at_any_time),
};
UNIT_MAIN_MEM(tests)
