#include "query/squasher.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "unit.h"
#include "wire/type.h"

#define MINUTE_US (60u * USEC_PER_SEC)

static const uint8_t alias[] = "\7Courier\4push\5apple\3com";

struct bench {
	struct clock clock;
	struct stats stats;
	struct squashers *squashers;
	struct server *server;
	char said[16384]; /* lines of the log, or of a report */
	unsigned lines;
};

static void add_line(struct bench *bench, const char *text)
{
	const size_t len = strlen(bench->said);

	bench->lines++;
	(void)snprintf(bench->said + len, sizeof(bench->said) - len, "%s\n", text);
}

static void take_log(void *ctx, enum log_level level, const char *text)
{
	(void)level;
	add_line(ctx, text);
}

static void take_line(void *ctx, const char *text)
{
	add_line(ctx, text);
}

static void no_line(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)text;
}

static void free_bench(struct bench *bench)
{
	log_tap(no_line, NULL);
	squasher_table_free(bench->squashers);
	server_unref(bench->server);
}

static struct server *server_of(const char *group, unsigned last_byte)
{
	const struct conf_server how = { .addr = { .bytes = { 192, 0, 2, (uint8_t)last_byte },
						   .port = 53,
						   .family = ADDR_IPV4 } };

	return server_new(group, &how);
}

static struct bench *new_bench(void)
{
	struct bench *bench = unit_own(unit_zalloc(sizeof(*bench)), free_bench);

	log_set_level(LEVEL_INFO);
	log_tap(take_log, bench);
	bench->clock.now_us = 1000000 * (uint64_t)USEC_PER_SEC;
	bench->squashers = squasher_table_new(&bench->clock, &bench->stats);
	assert_non_null(bench->squashers);
	bench->server = server_of("default", 1);
	assert_non_null(bench->server);
	return bench;
}

static bool see_of(struct bench *bench, const struct server *server, uint16_t type,
		   enum squash shape)
{
	const struct squasher_sight sight = {
		.family = "apple", .alias = alias, .server = server, .type = type, .shape = shape
	};
	return squasher_note(bench->squashers, &sight);
}

static bool see(struct bench *bench, uint16_t type, enum squash shape)
{
	return see_of(bench, bench->server, type, shape);
}

/* What the log says at the end of a question. */
static const char *told(struct bench *bench)
{
	bench->said[0] = '\0';
	bench->lines = 0;
	squasher_tell(bench->squashers, "apple", "SO");
	return bench->said;
}

static const char *report(struct bench *bench)
{
	bench->said[0] = '\0';
	squasher_report(bench->squashers, take_line, bench);
	return bench->said;
}

static void pass(struct bench *bench, uint64_t us)
{
	bench->clock.now_us += us;
}

static void hear(struct bench *bench)
{
	server_note_reply(bench->server, bench->clock.now_us, 1000, 1000, 1);
}

#define BEGINS(shape, what)                                                                   \
	"group default: 192.0.2.1@53 squashes courier.push.apple.com (" shape "): asked for " \
	"A, " what "; SO\n"

static void who_begins_and_who_stops_is_told_once(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	assert_false(see(bench, TYPE_A, SQUASH_NONE));
	assert_string_equal(told(bench), "");
	assert_true(see(bench, TYPE_A, SQUASH_NXDOMAIN));
	if (unit_is_starved())
		return;
	assert_string_equal(told(bench), BEGINS("nxdomain", "it says that there is no such name"));
	pass(bench, 90 * USEC_PER_SEC);
	assert_true(see(bench, TYPE_A, SQUASH_NXDOMAIN));
	assert_true(see(bench, TYPE_HTTPS, SQUASH_SERVFAIL));
	assert_string_equal(told(bench), "");
	assert_false(see(bench, TYPE_A, SQUASH_NONE));
	assert_string_equal(told(bench), ""); /* not of every type */
	assert_false(see(bench, TYPE_HTTPS, SQUASH_NONE));
	assert_string_equal(told(bench), "group default: 192.0.2.1@53 does not squash "
					 "courier.push.apple.com any more (servfail, 3 times in "
					 "90 s)\n");
	assert_string_equal(told(bench), "");
}

static void each_shape_says_what_it_means(void **state)
{
	(void)state;
	for (enum squash shape = SQUASH_NONE + 1; shape < SQUASH_COUNT; shape++) {
		struct bench *bench = new_bench();

		hear(bench);
		for (unsigned i = 0; i < 3; i++)
			assert_true(see(bench, TYPE_A, shape));
		if (unit_is_starved())
			return;
		assert_non_null(strstr(told(bench), squash_text(shape)));
		assert_int_equal(bench->lines, 1);
	}
}

static void squashes_are_counted_by_server_and_shape(void **state)
{
	struct bench *bench = new_bench();
	struct server *other = unit_own(server_of("isp", 2), server_unref);
	(void)state;

	assert_non_null(other);
	see(bench, TYPE_A, SQUASH_NXDOMAIN);
	see(bench, TYPE_AAAA, SQUASH_NXDOMAIN);
	see(bench, TYPE_SVCB, SQUASH_SINKHOLE);
	see_of(bench, other, TYPE_A, SQUASH_REWRITTEN);
	if (unit_is_starved())
		return;
	assert_string_equal(report(bench),
			    "courierdns_squashes_total{family=\"apple\",shape=\"nxdomain\","
			    "server=\"192.0.2.1@53\"} 2\n"
			    "courierdns_squashes_total{family=\"apple\",shape=\"sinkhole\","
			    "server=\"192.0.2.1@53\"} 1\n"
			    "courierdns_squashes_total{family=\"apple\",shape=\"rewritten\","
			    "server=\"192.0.2.2@53\"} 1\n");
}

static void silence_counts_when_the_server_is_heard_otherwise(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	assert_false(see(bench, TYPE_A, SQUASH_SILENT)); /* it may be dead */
	assert_string_equal(report(bench), "");
	pass(bench, 5 * USEC_PER_SEC);
	hear(bench);
	if (unit_is_starved())
		return;
	assert_non_null(strstr(report(bench), "silent\",server=\"192.0.2.1@53\"} 1\n"));
	assert_true(see(bench, TYPE_A, SQUASH_SILENT)); /* heard just now */
	assert_string_equal(told(bench), "");		/* packets are lost, too */
	pass(bench, 5 * USEC_PER_SEC);
	assert_true(see(bench, TYPE_A, SQUASH_SILENT)); /* it does that, and is not heard yet */
	assert_string_equal(told(bench), "");
	pass(bench, 5 * USEC_PER_SEC);
	hear(bench);
	assert_non_null(strstr(report(bench), "silent\",server=\"192.0.2.1@53\"} 3\n"));
	assert_string_equal(told(bench),
			    BEGINS("silent", "it answers other questions, this one not"));
	see(bench, TYPE_A, SQUASH_NONE);
	assert_int_equal(strncmp(told(bench), "group default: 192.0.2.1@53 does not", 36), 0);
}

static void one_that_answers_after_all_was_not_silent(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	see(bench, TYPE_A, SQUASH_SILENT);
	pass(bench, 5 * USEC_PER_SEC);
	see(bench, TYPE_A, SQUASH_NONE);
	hear(bench);
	assert_string_equal(report(bench), "");
}

static void one_that_squashes_every_other_time_has_few_lines(void **state)
{
	struct bench *bench = new_bench();
	unsigned lines = 0;
	(void)state;

	for (unsigned i = 0; i < 300; i++) { /* ten minutes */
		see(bench, TYPE_A, i % 2 == 0 ? SQUASH_NXDOMAIN : SQUASH_NONE);
		told(bench);
		lines += bench->lines;
		pass(bench, 2 * USEC_PER_SEC);
	}
	if (unit_is_starved())
		return;
	assert_in_range(lines, 12, 16);
}

static void what_was_left_out_is_counted_in_the_next_line(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	for (unsigned i = 0; i < 9; i++) {
		see(bench, TYPE_A, i % 2 == 0 ? SQUASH_NXDOMAIN : SQUASH_NONE);
		told(bench);
	}
	pass(bench, MINUTE_US);
	told(bench);
	if (unit_is_starved())
		return;
	assert_non_null(strstr(bench->said, "; SO; 4 changes before that were not told\n"));
}

static void a_type_that_nobody_asks_for_any_more_does_not_count_for_ever(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	see(bench, TYPE_SVCB, SQUASH_REFUSED);
	told(bench);
	pass(bench, 3599 * (uint64_t)USEC_PER_SEC);
	see(bench, TYPE_A, SQUASH_NONE);
	assert_string_equal(told(bench), "");
	pass(bench, 2 * USEC_PER_SEC);
	see(bench, TYPE_A, SQUASH_NONE);
	if (unit_is_starved())
		return;
	assert_non_null(strstr(told(bench), "does not squash"));
}

static void families_and_groups_are_told_of_by_their_names(void **state)
{
	struct bench *bench = new_bench();
	struct server *same = unit_own(server_of("isp", 1), server_unref);
	const struct squasher_sight sight = { .family = "sandbox",
					      .alias = alias,
					      .server = bench->server,
					      .type = TYPE_A,
					      .shape = SQUASH_NO_CNAME };
	(void)state;

	assert_non_null(same);
	see_of(bench, same, TYPE_A, SQUASH_NXDOMAIN);
	see_of(bench, bench->server, TYPE_A, SQUASH_NXDOMAIN);
	squasher_note(bench->squashers, &sight);
	told(bench);
	if (unit_is_starved())
		return;
	assert_int_equal(bench->lines, 1);
	assert_int_equal(strncmp(bench->said, "group default: ", 15), 0);
	assert_non_null(strstr(report(bench), "family=\"sandbox\",shape=\"no-cname\""));
	bench->lines = 0;
	bench->said[0] = '\0';
	squasher_tell(bench->squashers, "sandbox", "SO");
	assert_int_equal(bench->lines, 1);
}

static void the_one_seen_longest_ago_gives_way(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	see(bench, TYPE_A, SQUASH_NXDOMAIN);
	for (unsigned i = 2; i <= SQUASHERS_MAX; i++) {
		struct server *server = server_of("default", i);

		assert_non_null(server);
		see_of(bench, server, TYPE_A, SQUASH_NXDOMAIN);
		server_unref(server);
	}
	see(bench, TYPE_A, SQUASH_NXDOMAIN);
	struct server *more = unit_own(server_of("default", 200), server_unref);
	assert_non_null(more);
	see_of(bench, more, TYPE_A, SQUASH_NXDOMAIN);
	if (unit_is_starved())
		return;
	assert_int_equal(bench->stats.count[STAT_LIMIT_SQUASHERS], 1);
	assert_non_null(strstr(report(bench), "server=\"192.0.2.1@53\"} 2\n"));
	assert_null(strstr(bench->said, "192.0.2.2@53"));
	assert_non_null(strstr(bench->said, "192.0.2.200@53"));
}

static void more_than_are_remembered_do_not_flood_the_log(void **state)
{
	struct bench *bench = new_bench();
	unsigned lines = 0;
	(void)state;

	for (unsigned i = 0; i < 60; i++) { /* five minutes */
		for (unsigned at = 1; at <= SQUASHERS_MAX + 1; at++) {
			struct server *server = server_of("default", at);

			assert_non_null(server);
			see_of(bench, server, TYPE_A, SQUASH_NXDOMAIN);
			server_unref(server);
		}
		told(bench);
		lines += bench->lines;
		pass(bench, 5 * USEC_PER_SEC);
	}
	if (unit_is_starved())
		return;
	assert_in_range(lines, SQUASHERS_MAX, 4 * SQUASHERS_MAX);
}

static void look(void *ctx, const struct squasher_view *view)
{
	struct squasher_view *copy = ctx;

	*copy = *view;
}

static void each_can_be_looked_at(void **state)
{
	struct bench *bench = new_bench();
	struct squasher_view view = { 0 };
	(void)state;

	see(bench, TYPE_A, SQUASH_SOA_LOST);
	pass(bench, 30 * USEC_PER_SEC);
	if (unit_is_starved())
		return;
	squasher_each(bench->squashers, look, &view);
	assert_string_equal(view.family, "apple");
	assert_string_equal(view.group, "default");
	assert_true(view.is_squashing);
	assert_int_equal(view.shape, SQUASH_SOA_LOST);
	assert_int_equal(view.since_s, 30);
	assert_int_equal(view.counts[SQUASH_SOA_LOST], 1);
	see(bench, TYPE_A, SQUASH_NONE);
	pass(bench, 60 * USEC_PER_SEC);
	squasher_each(bench->squashers, look, &view);
	assert_false(view.is_squashing);
	assert_int_equal(view.since_s, 90);
}

/* --- another worker ------------------------------------------------------------------------ */

/* It has a server of its own for the same one. */
struct mate {
	struct bench *bench;
	struct clock clock;
	struct stats stats;
	struct squashers *squashers;
	struct server *server;
};

static void free_mate(struct mate *mate)
{
	squasher_table_free(mate->squashers);
	server_unref(mate->server);
}

static struct mate *new_mate(struct bench *bench)
{
	struct mate *mate = unit_own(unit_zalloc(sizeof(*mate)), free_mate);

	mate->bench = bench;
	mate->clock = bench->clock;
	mate->squashers = squasher_table_share(bench->squashers, &mate->clock, &mate->stats);
	assert_non_null(mate->squashers);
	mate->server = server_of("default", 1);
	assert_non_null(mate->server);
	return mate;
}

static bool mate_sees(struct mate *mate, uint16_t type, enum squash shape)
{
	const struct squasher_sight sight = { .family = "apple",
					      .alias = alias,
					      .server = mate->server,
					      .type = type,
					      .shape = shape };
	return squasher_note(mate->squashers, &sight);
}

static const char *mate_tells(struct mate *mate)
{
	mate->bench->said[0] = '\0';
	squasher_tell(mate->squashers, "apple", "SO");
	return mate->bench->said;
}

static void what_one_worker_has_told_another_does_not_tell_again(void **state)
{
	struct bench *bench = new_bench();
	struct mate *mate = new_mate(bench);
	(void)state;

	assert_true(mate_sees(mate, TYPE_A, SQUASH_NXDOMAIN));
	assert_true(see(bench, TYPE_A, SQUASH_NXDOMAIN));
	if (unit_is_starved())
		return;
	assert_string_equal(told(bench), BEGINS("nxdomain", "it says that there is no such name"));
	assert_string_equal(mate_tells(mate), "");
	assert_non_null(strstr(report(bench), "nxdomain\",server=\"192.0.2.1@53\"} 2\n"));
	assert_false(see(bench, TYPE_A, SQUASH_NONE));
	assert_non_null(strstr(mate_tells(mate), "does not squash"));
	assert_string_equal(told(bench), "");
}

static void silence_to_one_worker_counts_when_another_hears_of_the_alias(void **state)
{
	struct bench *bench = new_bench();
	struct mate *mate = new_mate(bench);
	(void)state;

	for (unsigned i = 0; i < 3; i++)
		assert_false(mate_sees(mate, TYPE_A, SQUASH_SILENT));
	assert_string_equal(report(bench), "");
	pass(bench, USEC_PER_SEC);
	mate->clock = bench->clock;
	assert_true(see(bench, TYPE_HTTPS, SQUASH_NO_CNAME));
	if (unit_is_starved())
		return;
	assert_true(mate_sees(mate, TYPE_A, SQUASH_SILENT));
	assert_non_null(strstr(report(bench), "silent\",server=\"192.0.2.1@53\"} 4\n"));
}

static void the_truth_told_to_another_is_no_squash(void **state)
{
	struct bench *bench = new_bench();
	struct mate *mate = new_mate(bench);
	(void)state;

	assert_false(mate_sees(mate, TYPE_A, SQUASH_SILENT));
	pass(bench, USEC_PER_SEC);
	assert_false(see(bench, TYPE_A, SQUASH_NONE));
	server_note_reply(mate->server, bench->clock.now_us, 1000, 1000, 1);
	assert_string_equal(report(bench), "");
}

/* Whose silence it was may have been forgotten by others meanwhile. */
static void what_another_has_forgotten_comes_to_nothing(void **state)
{
	struct bench *bench = new_bench();
	struct mate *mate = new_mate(bench);
	(void)state;

	assert_false(mate_sees(mate, TYPE_A, SQUASH_SILENT));
	for (unsigned i = 2; i < SQUASHERS_MAX + 2; i++) {
		struct server *other = unit_own(server_of("default", i), server_unref);

		assert_non_null(other);
		(void)see_of(bench, other, TYPE_A, SQUASH_NXDOMAIN);
	}
	if (unit_is_starved())
		return;
	assert_int_equal(bench->stats.count[STAT_LIMIT_SQUASHERS], 1);
	server_note_reply(mate->server, bench->clock.now_us + 1, 1000, 1000, 1);
	assert_null(strstr(report(bench), "192.0.2.1@53"));
	assert_false(mate_sees(mate, TYPE_A, SQUASH_NONE));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_one_worker_has_told_another_does_not_tell_again),
	cmocka_unit_test(silence_to_one_worker_counts_when_another_hears_of_the_alias),
	cmocka_unit_test(the_truth_told_to_another_is_no_squash),
	cmocka_unit_test(what_another_has_forgotten_comes_to_nothing),
	cmocka_unit_test(who_begins_and_who_stops_is_told_once),
	cmocka_unit_test(each_shape_says_what_it_means),
	cmocka_unit_test(squashes_are_counted_by_server_and_shape),
	cmocka_unit_test(silence_counts_when_the_server_is_heard_otherwise),
	cmocka_unit_test(one_that_answers_after_all_was_not_silent),
	cmocka_unit_test(one_that_squashes_every_other_time_has_few_lines),
	cmocka_unit_test(what_was_left_out_is_counted_in_the_next_line),
	cmocka_unit_test(a_type_that_nobody_asks_for_any_more_does_not_count_for_ever),
	cmocka_unit_test(families_and_groups_are_told_of_by_their_names),
	cmocka_unit_test(the_one_seen_longest_ago_gives_way),
	cmocka_unit_test(more_than_are_remembered_do_not_flood_the_log),
	cmocka_unit_test(each_can_be_looked_at),
};
UNIT_MAIN(tests)
