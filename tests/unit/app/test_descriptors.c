#include "app/descriptors.h"

#include <sys/resource.h>

#include "unit.h"

static void allow(rlim_t soft)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = soft;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The hard limit too. Nobody but root can undo it: tests that do come last, the smallest at the
 * end. */
static void allow_at_most(rlim_t most)
{
	const struct rlimit limit = { .rlim_cur = most, .rlim_max = most };

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static rlim_t allowed(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur;
}

static struct conf make_conf(uint32_t inflight, uint32_t tcp_clients)
{
	static struct conf_listen listen[] = { { .udp = true, .tcp = true }, { .udp = true } };

	return (struct conf){ .inflight = inflight,
			      .tcp_clients = tcp_clients,
			      .listen = listen,
			      .listen_count = 2 };
}

static int fit(struct conf *conf)
{
	struct complaints *complaints = complaint_new();

	assert_non_null(complaints);
	const int err = descriptors_fit(conf, NULL, complaints);
	assert_int_equal(complaint_count(complaints), err == ERR_LIMIT);
	complaint_free(complaints);
	return err;
}

static void what_is_enough_stays(void **state)
{
	struct conf conf = make_conf(20, 10);
	(void)state;

	allow(100);
	assert_int_equal(fit(&conf), 0);
	assert_int_equal(conf.inflight, 20);
	assert_int_equal(conf.tcp_clients, 10);
	assert_int_equal(allowed(), 100);
}

static void the_soft_limit_is_raised_as_far_as_is_wanted(void **state)
{
	struct conf conf = make_conf(60, 20);
	(void)state;

	allow(64);
	assert_int_equal(fit(&conf), 0);
	assert_int_equal(conf.inflight, 60);
	assert_int_equal(conf.tcp_clients, 20);
	assert_true(allowed() >= 60 * 2 + 20);
	assert_true(allowed() < 200);
}

static void RX_16_limits_are_cut_to_what_is_allowed(void **state)
{
	(void)state;
	for (rlim_t limit = 256; limit >= 40; limit -= 24) {
		struct conf conf = make_conf(4096, 256);

		allow_at_most(limit);
		assert_int_equal(fit(&conf), 0);
		assert_true(conf.tcp_clients >= 4 && conf.inflight >= 2);
		assert_true(conf.inflight * 2 + conf.tcp_clients <= limit - 20);
		assert_true(conf.inflight * 2 + conf.tcp_clients >= limit - 30);
	}
	struct conf small = make_conf(4096, 1);
	assert_int_equal(fit(&small), 0);
	assert_int_equal(small.tcp_clients, 1);
}

static void RX_16_too_few_are_refused(void **state)
{
	struct conf conf = make_conf(4096, 256);
	(void)state;

	allow_at_most(30);
	assert_int_equal(fit(&conf), ERR_LIMIT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_enough_stays),
	cmocka_unit_test(the_soft_limit_is_raised_as_far_as_is_wanted),
	cmocka_unit_test(RX_16_limits_are_cut_to_what_is_allowed),
	cmocka_unit_test(RX_16_too_few_are_refused),
};

UNIT_MAIN_PLAIN(tests)
