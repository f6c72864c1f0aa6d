#include "upstream/health_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../../src/upstream/server_internal.h"
#include "base/log.h"
#include "fake_net.h"

#define SEC ((uint64_t)USEC_PER_SEC)
#define WORKERS 3u

/* Workers with a server each for 192.0.2.1, and what they say together. */
struct office {
	struct loop *loop; /* of all of them, here */
	struct health_log *logs[WORKERS];
	struct server *servers[WORKERS];
	struct health_log_entry entries[WORKERS];
	unsigned entered, lines;
	char line[16][256];
};

static void keep_line(void *ctx, enum log_level level, const char *text)
{
	struct office *office = ctx;

	(void)level;
	if (office->lines < 16)
		snprintf(office->line[office->lines], sizeof(office->line[0]), "%s", text);
	office->lines++;
}

static void office_free(struct office *office)
{
	log_tap(NULL, NULL);
	for (unsigned i = 0; i < office->entered; i++)
		health_log_leave(office->logs[i], &office->entries[i]);
	for (unsigned i = WORKERS; i > 0; i--) {
		health_log_free(office->logs[i - 1]);
		server_unref(office->servers[i - 1]);
	}
}

static struct office *new_office(void)
{
	const struct conf_server how = { .addr = fake_addr(1) };
	struct office *office = unit_zalloc(sizeof(*office));

	assert_int_equal(loop_new(&office->loop), 0);
	unit_own(office->loop, loop_free);
	unit_own(office, office_free);
	log_open(LEVEL_INFO, LOG_TO_STDERR);
	log_tap(keep_line, office);
	for (unsigned i = 0; i < WORKERS; i++) {
		office->logs[i] = i == 0 ? health_log_new(office->loop)
					 : health_log_share(office->logs[0], office->loop);
		assert_non_null(office->logs[i]);
		office->servers[i] = server_new("default", &how);
		assert_non_null(office->servers[i]);
	}
	for (unsigned i = 0; i < WORKERS; i++, office->entered++)
		assert_int_equal(
			health_log_enter(office->logs[i], &office->entries[i], office->servers[i]),
			0);
	return office;
}

static void down(struct office *office, unsigned worker)
{
	server_set_aside(office->servers[worker]);
	health_log_down(office->logs[worker], &office->entries[worker], 3);
}

static void up(struct office *office, unsigned worker)
{
	server_hear(office->servers[worker], office->loop->clock.now_us);
	health_log_up(office->logs[worker], &office->entries[worker]);
}

static void the_first_says_that_it_is_down_and_the_last_that_it_is_back(void **state)
{
	struct office *office = new_office();
	(void)state;

	down(office, 1);
	assert_int_equal(office->lines, 1);
	assert_non_null(strstr(office->line[0], "192.0.2.1@53 does not answer"));
	assert_non_null(strstr(office->line[0], "no other server left"));
	fake_pass(office->loop, 2 * SEC);
	down(office, 0);
	up(office, 2); /* suspected, but not down */
	up(office, 1);
	assert_int_equal(office->lines, 1);
	fake_pass(office->loop, 2 * SEC);
	up(office, 0);
	assert_int_equal(office->lines, 2);
	assert_string_equal(office->line[1],
			    "group default: server 192.0.2.1@53 answers again after 4 s; 1 of 1 "
			    "servers in use");
}

static void while_it_is_down_the_group_is_told_of_once_by_all(void **state)
{
	struct office *office = new_office();
	(void)state;

	down(office, 1);
	down(office, 2);
	fake_pass(office->loop, 70 * SEC);
	assert_int_equal(office->lines, 2);
	assert_non_null(
		strstr(office->line[1], "1 of 1 servers still set aside: 192.0.2.1@53 for"));
	fake_pass(office->loop, 120 * SEC);
	assert_int_equal(office->lines, 3);
}

static void another_network_makes_all_of_them_forget_it(void **state)
{
	struct office *office = new_office();
	(void)state;

	down(office, 0);
	down(office, 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		server_forget(office->servers[i]);
		health_log_forget(office->logs[i], &office->entries[i]);
	}
	fake_pass(office->loop, 300 * SEC);
	assert_int_equal(office->lines, 1);
	up(office, 2);
	assert_int_equal(office->lines, 2);
	assert_non_null(strstr(office->line[1], "answers again"));
}

static void who_leaves_leaves_nothing_behind(void **state)
{
	struct office *office = new_office();
	(void)state;

	down(office, 2);
	health_log_leave(office->logs[2], &office->entries[2]);
	office->entered = 2;
	fake_pass(office->loop, 300 * SEC);
	assert_int_equal(office->lines, 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_first_says_that_it_is_down_and_the_last_that_it_is_back),
	cmocka_unit_test(while_it_is_down_the_group_is_told_of_once_by_all),
	cmocka_unit_test(another_network_makes_all_of_them_forget_it),
	cmocka_unit_test(who_leaves_leaves_nothing_behind),
};
UNIT_MAIN(tests)
