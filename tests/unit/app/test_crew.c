/* The workers are given another configuration: all of it, or all is as it was. */
#include "app/crew.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/conf_load.h"
#include "unit.h"

static const struct hash_key key = { 1, 2 };

static void ignore_failure(void *ctx, int err)
{
	(void)ctx;
	(void)err;
}

/* Of the crew's servers; nothing is listened on but at `listen`, where that is wanted. */
static struct plan *new_plan(struct crew *crew, const char *options, const struct addr *listen)
{
	struct complaints *complaints = complaint_new();
	struct conf *conf = NULL;
	struct plan *plan = NULL;
	char text[256];

	snprintf(text, sizeof(text),
		 "%s upstreams = { default = { servers = [ \"192.0.2.1\" ]; }; };", options);
	assert_non_null(complaints);
	assert_int_equal(conf_load_text(text, "conf", complaints, &conf), 0);
	assert_true(conf->listen_count > 0);
	conf->listen_count = listen != NULL ? 1 : 0;
	if (listen != NULL)
		conf->listen[0].addr = *listen;
	assert_int_equal(plan_new(conf, &key, crew_mate(crew, 0)->servers, complaints, &plan), 0);
	complaint_free(complaints);
	return plan;
}

/* Their threads run. */
static struct crew *new_crew(const char *options)
{
	struct complaints *complaints = unit_own(complaint_new(), complaint_free);
	struct crew *crew = unit_own(crew_new(), crew_free);

	assert_non_null(crew);
	struct plan *plan = new_plan(crew, options, NULL);
	assert_int_equal(crew_gather(crew, plan, complaints), 0);
	plan_unref(plan);
	assert_int_equal(crew_start(crew, ignore_failure, NULL), 0);
	crew_release(crew);
	return crew;
}

/* The cache is of the size that the plan wants, and there is nothing to be moved, which there would
 * be of a large one, even an empty one. */
static void assert_is_as_it_was(const struct crew *crew, size_t workers, uint64_t cache_size)
{
	struct worker *first = crew_mate(crew, 0)->worker;
	struct cache_report report;

	worker_cache_report(first, &report);
	assert_int_equal(crew_size(crew), workers);
	assert_int_equal(crew_active(crew), workers);
	assert_int_equal(report.max_bytes, cache_size);
	assert_int_equal(worker_plan(first)->conf->cache_size, cache_size);
	assert_false(worker_move_cache(first));
}

/* Allocation by allocation, until there is enough for all of it. Returns how often it was refused.
 */
static uint64_t change_until_done(struct crew *crew, const char *options)
{
	const size_t workers = crew_size(crew);
	const uint64_t cache_size = worker_plan(crew_mate(crew, 0)->worker)->conf->cache_size;
	struct complaints *complaints = unit_own(complaint_new(), complaint_free);
	struct plan *plan = unit_own(new_plan(crew, options, NULL), plan_unref);
	uint64_t refused = 0;

	for (int err = -1; err != 0; refused += err != 0) {
		mem_fail_nth(refused + 1);
		err = crew_change(crew, plan, complaints);
		mem_fail_nth(0);
		if (err != 0)
			assert_is_as_it_was(crew, workers, cache_size);
	}
	return refused;
}

static void refused_size_of_the_cache_leaves_it_alone(void **state)
{
	struct crew *crew = new_crew("workers = 2; cache = { size = \"64M\"; };");
	(void)state;

	assert_true(change_until_done(crew, "workers = 2; cache = { size = \"16M\"; };") > 3);
	assert_true(worker_move_cache(crew_mate(crew, 0)->worker));
}

static void refused_workers_are_gone(void **state)
{
	struct crew *crew = new_crew("workers = 2; cache = { size = \"64M\"; };");
	(void)state;

	assert_true(change_until_done(crew, "workers = 4; cache = { size = \"16M\"; };") > 50);
	assert_int_equal(crew_size(crew), 4);
	assert_int_equal(crew_active(crew), 4);
}

/* Over UDP alone. Nobody else comes to have it meanwhile, over TCP neither: the address is this
 * process's, and the port none that the system gives away by itself. */
static int take_port(struct addr *ret_addr)
{
	const unsigned own = (unsigned)getpid();
	struct sockaddr_storage bound;
	char text[32];

	snprintf(text, sizeof(text), "127.%u.%u.%u@5300", 200 + (own >> 16 & 31), own >> 8 & 255,
		 own & 255);
	assert_int_equal(addr_parse(text, 0, ret_addr), 0);
	const socklen_t len = addr_to_sockaddr(ret_addr, &bound);
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&bound, len), 0);
	return fd;
}

/* Those that were too many rest, and what they have counted counts. */
static void those_who_rest_stay_though_others_are_refused(void **state)
{
	struct crew *crew = new_crew("workers = 3;");
	struct complaints *complaints = unit_own(complaint_new(), complaint_free);
	struct plan *one = unit_own(new_plan(crew, "workers = 1;", NULL), plan_unref);
	struct addr taken;
	(void)state;

	assert_int_equal(crew_change(crew, one, complaints), 0);
	assert_int_equal(crew_size(crew), 3);
	assert_int_equal(crew_active(crew), 1);

	const int fd = take_port(&taken);
	struct plan *five = unit_own(new_plan(crew, "workers = 5;", &taken), plan_unref);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_not_equal(crew_change(crew, five, complaints), 0);
		assert_int_equal(crew_size(crew), 3);
		assert_int_equal(crew_active(crew), 1);
	}
	(void)close(fd);
	assert_int_equal(crew_change(crew, five, complaints), 0);
	assert_int_equal(crew_size(crew), 5);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(refused_size_of_the_cache_leaves_it_alone),
	cmocka_unit_test(refused_workers_are_gone),
	cmocka_unit_test(those_who_rest_stay_though_others_are_refused),
};
UNIT_MAIN_PLAIN(tests)
