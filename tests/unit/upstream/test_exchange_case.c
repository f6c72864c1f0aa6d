/* A question that goes out in random letter case (0x20). */
#include "exchange_bench.h"

static struct exchange_bench *new_bench(unsigned servers)
{
	return exchange_bench_new_as(servers, ORDER_LISTED, true);
}

static const uint8_t *name_of(const struct exchange_bench *bench, unsigned at)
{
	return exchange_bench_sent(bench, at)->wire + 12;
}

#define NAME_LEN (EXCHANGE_BENCH_QUESTION_LEN - 4)

/* The question as it was sent there comes back, with an answer. */
static struct answer echo(const struct exchange_bench *bench, unsigned at)
{
	return (struct answer){ .has_data = true,
				.has_opt = true,
				.question = (const char *)name_of(bench, at) };
}

static void SP_11_each_question_goes_out_in_another_case(void **state)
{
	struct exchange_bench *bench = new_bench(1);
	unsigned upper[NAME_LEN] = { 0 }, as_asked = 0;
	(void)state;

	for (unsigned i = 0; i < 200; i++) {
		exchange_bench_start(bench);
		const uint8_t *name = name_of(bench, i);

		as_asked += memcmp(name, EXCHANGE_BENCH_QUESTION, NAME_LEN) == 0;
		assert_true(name_equal(name, EXCHANGE_BENCH_QUESTION));
		for (unsigned j = 0; j < NAME_LEN; j++)
			upper[j] += name[j] >= 'A' && name[j] <= 'Z';
		const struct answer how = echo(bench, i);
		reply_with(bench, i, &how);
		bench->loop->opened = 0;
	}
	assert_int_equal(bench->done, 200);
	/* 13 letters: 0.02 expected */
	assert_true(as_asked < 3);
	for (unsigned j = 0; j < NAME_LEN; j++) {
		const uint8_t lower = EXCHANGE_BENCH_QUESTION[j] | 0x20;
		if (lower >= 'a' && lower <= 'z')
			assert_in_range(upper[j], 50, 150); /* 100 expected, +- 7 */
		else
			assert_int_equal(upper[j], 0);
	}
}

static void SP_11_who_repeats_it_is_believed_and_nobody_sees_it(void **state)
{
	struct exchange_bench *bench = new_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	const struct answer how = echo(bench, 0);
	reply_with(bench, 0, &how);
	assert_replied(bench, 1, RCODE_NOERROR); /* the question is as the client wrote it */
	assert_counted(bench, STAT_UPSTREAM_MISMATCHED, 0);
}

static void SP_11_who_does_not_repeat_it_is_asked_over_tcp(void **state)
{
	struct exchange_bench *bench = new_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_data(bench, 0); /* in the client's case */
	assert_int_equal(bench->done, 0);
	assert_counted(bench, STAT_UPSTREAM_MISMATCHED, 1);
	assert_asked(bench, 1, 1, true);
	/* where nobody else can speak case is no matter */
	assert_memory_equal(name_of(bench, 1), EXCHANGE_BENCH_QUESTION, NAME_LEN);
	const struct answer lower = { .has_data = true,
				      .question = "\3www\7example\3org\0\0\1\0\1" };
	reply_with(bench, 1, &lower);
	assert_outcome(bench, EXCHANGE_REPLIED);
}

static void SP_11_the_right_case_counts_after_a_wrong_one(void **state)
{
	struct exchange_bench *bench = new_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	reply_data(bench, 0);
	const struct answer how = echo(bench, 0);
	reply_with(bench, 0, &how);
	assert_replied(bench, 1, RCODE_NOERROR);
}

/* SP_04: nor does a forger get a second pattern to hit. */
static void it_is_sent_again_as_it_was(void **state)
{
	struct exchange_bench *bench = new_bench(1);
	(void)state;

	exchange_bench_ask(bench);
	fake_pass(bench->loop, 1700 * MSEC);
	assert_int_equal(bench->loop->sent, 3);
	assert_memory_equal(name_of(bench, 1), name_of(bench, 0), NAME_LEN);
	assert_memory_equal(name_of(bench, 2), name_of(bench, 0), NAME_LEN);
}

static void each_server_is_asked_in_a_case_of_its_own(void **state)
{
	struct exchange_bench *bench = new_bench(5);
	unsigned same = 0;
	(void)state;

	exchange_bench_ask(bench);
	for (unsigned i = 0; i < 4; i++)
		fake_break(bench->loop, i, -ECONNREFUSED);
	for (unsigned i = 1; i < 5; i++)
		same += memcmp(name_of(bench, i), name_of(bench, 0), NAME_LEN) == 0;
	assert_true(same < 2);
}

static void an_opaque_question_keeps_its_case(void **state)
{
	static const uint8_t ixfr[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7Example\3org\0\0\xfb\0\1";
	struct exchange_bench *bench = new_bench(1);
	(void)state;

	exchange_bench_set_query(bench, ixfr, sizeof(ixfr) - 1);
	assert_true(bench->view.is_opaque);
	exchange_bench_ask(bench);
	assert_memory_equal(name_of(bench, 0), ixfr + 12, NAME_LEN);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(SP_11_each_question_goes_out_in_another_case),
	cmocka_unit_test(SP_11_who_repeats_it_is_believed_and_nobody_sees_it),
	cmocka_unit_test(SP_11_who_does_not_repeat_it_is_asked_over_tcp),
	cmocka_unit_test(SP_11_the_right_case_counts_after_a_wrong_one),
	cmocka_unit_test(it_is_sent_again_as_it_was),
	cmocka_unit_test(each_server_is_asked_in_a_case_of_its_own),
	cmocka_unit_test(an_opaque_question_keeps_its_case),
};
UNIT_MAIN(tests)
