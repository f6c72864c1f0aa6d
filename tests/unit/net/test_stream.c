#include "net/stream.h"

#include <errno.h>
#include <string.h>

#include "call_count.h"
#include "loop_bench.h"
#include "stream_bench.h"
#include "unit.h"

#define MANY 100u

/* --- reading --- */

static uint64_t partial_since(const struct stream_bench *seen)
{
	assert_non_null(seen->stream);
	return stream_partial_since(seen->stream);
}

static void messages_come_whole_and_in_order(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	say_messages(seen, 3, 20);
	run_for(seen, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(seen->message[i].len, 20);
		assert_int_equal(seen->message[i].first, i);
	}
	assert_int_equal(partial_since(seen), 0);
}

static void CT_02_one_byte_at_a_time(void **state)
{
	static const uint8_t bytes[] = { 0, 3, 'a', 'b', 'c' };
	struct stream_bench *seen = new_accepted();
	(void)state;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(seen->messages, 0);
		say(seen, &bytes[i], 1);
		if (i < sizeof(bytes) - 1)
			loop_bench_pass(&seen->bench, 2000);
	}
	run_for(seen, 1);
	assert_int_equal(seen->message[0].len, 3);
	assert_memory_equal(seen->last, "abc", 3);
}

static void CT_09_empty_messages_are_handed_out(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	say(seen, "\0\0\0\1x", 5);
	run_for(seen, 2);
	assert_int_equal(seen->message[0].len, 0);
	assert_int_equal(seen->message[1].len, 1);
}

static void TR_20_the_longest_message_goes_both_ways(void **state)
{
	struct stream_bench *seen = new_accepted();
	static uint8_t bytes[65537];
	(void)state;

	memset(bytes, 0xff, 2);
	memset(bytes + 2, 'x', 65535);
	seen->is_echoing = true;
	seen->stops_on_drained = true;
	say(seen, bytes, sizeof(bytes));
	while (seen->drains == 0)
		loop_bench_run(&seen->bench);
	assert_int_equal(seen->messages, 1);
	assert_int_equal(seen->message[0].len, 65535);
	assert_int_equal(recv(seen->fd, bytes, sizeof(bytes), MSG_WAITALL), sizeof(bytes));
	assert_int_equal(bytes[1], 0xff);
	assert_int_equal(bytes[65536], 'x');
	assert_int_equal(stream_queued(seen->stream), 0);
}

static void CT_03_time_counts_from_the_first_byte_of_a_message(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	assert_int_equal(partial_since(seen), 0);
	say(seen, "\0\3a", 3);
	loop_bench_pass(&seen->bench, 3000);
	const uint64_t since_us = partial_since(seen);
	assert_true(since_us > 0);
	say(seen, "b", 1);
	loop_bench_pass(&seen->bench, 3000);
	assert_int_equal(partial_since(seen), since_us);
	/* a reply in between changes nothing */
	assert_int_equal(stream_send(seen->stream, (const uint8_t *)"r", 1), 0);
	loop_bench_pass(&seen->bench, 3000);
	assert_int_equal(partial_since(seen), since_us);
	/* the end of this one and the beginning of the next in one piece */
	say(seen, "c\0\3d", 4);
	run_for(seen, 1);
	assert_true(partial_since(seen) > since_us);
	say(seen, "ef", 2);
	run_for(seen, 2);
	assert_int_equal(partial_since(seen), 0);
}

static void CT_14_a_pause_holds_back_what_has_arrived(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	seen->is_pausing = true;
	say_messages(seen, 5, 10);
	say(seen, "\0\2p", 3);
	run_for(seen, 1);
	loop_bench_pass(&seen->bench, 3000);
	assert_int_equal(seen->messages, 1);
	assert_int_equal(partial_since(seen), 0);
	/* paused again by the next one */
	assert_non_null(seen->stream);
	stream_set_reading(seen->stream, true);
	assert_int_equal(seen->messages, 1);
	run_for(seen, 2);
	loop_bench_pass(&seen->bench, 3000);
	assert_int_equal(seen->messages, 2);
	seen->is_pausing = false;
	assert_non_null(seen->stream);
	stream_set_reading(seen->stream, true);
	run_for(seen, 5);
	assert_true(partial_since(seen) > 0);
	say(seen, "q", 1);
	run_for(seen, 6);
	assert_memory_equal(seen->last, "pq", 2);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(seen->message[i].first, i);
}

static void CT_14_a_paused_stream_reads_nothing(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	stream_set_reading(seen->stream, false);
	say_messages(seen, 1, 10);
	loop_bench_pass(&seen->bench, 3000);
	assert_int_equal(seen->messages, 0);
	assert_non_null(seen->stream);
	stream_set_reading(seen->stream, true);
	run_for(seen, 1);
}

static void CT_19_urgent_bytes_stay_in_their_place(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	assert_int_equal(send(seen->fd, "\0\2a", 3, MSG_OOB), 3);
	say(seen, "b", 1);
	run_for(seen, 1);
	assert_memory_equal(seen->last, "ab", 2);
}

/* --- writing --- */

static void CT_22_length_and_message_leave_together(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	seen->is_echoing = true;
	seen->stops_on_drained = true;
	say(seen, "\0\3abc", 5);
	loop_bench_run(&seen->bench);
	assert_heard(seen, "\0\3abc", 5);
	/* and so do those of a whole burst */
	say(seen, "\0\1a\0\1b\0\1c", 9);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->drains, 2);
	assert_heard(seen, "\0\1a\0\1b\0\1c", 9);
}

/* What peers pay for each: one read brings many questions, and one write takes their answers. */
static void CT_22_a_burst_costs_one_read_and_one_write(void **state)
{
	struct stream_bench *seen = new_accepted();
	uint8_t heard[MANY * 22 + 1];
	(void)state;

	seen->is_echoing = true;
	seen->stops_on_drained = true;
	say_messages(seen, MANY, 20);
	call_count_reset();
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->messages, MANY);
	assert_int_equal(call_count(CALL_RECV), 1);
	assert_int_equal(call_count(CALL_SEND), 1);
	assert_int_equal(recv(seen->fd, heard, sizeof(heard), 0), MANY * 22);
}

static void what_is_sent_in_one_turn_is_one_write(void **state)
{
	struct stream_bench *seen = new_accepted();
	uint8_t heard[MANY * 3 + 1];
	(void)state;

	seen->stops_on_drained = true;
	call_count_reset();
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(stream_send(seen->stream, (const uint8_t *)"x", 1), 0);
	assert_int_equal(call_count(CALL_SEND), 0);
	loop_bench_run(&seen->bench);
	assert_int_equal(call_count(CALL_SEND), 1);
	assert_int_equal(recv(seen->fd, heard, sizeof(heard), 0), MANY * 3);
}

static void what_cannot_leave_waits_up_to_a_limit(void **state)
{
	struct stream_bench *seen = new_accepted();
	static uint8_t message[60000];
	size_t sent = 0, heard = 0;
	int err;
	(void)state;

	while ((err = stream_send(seen->stream, message, sizeof(message))) == 0) {
		sent += sizeof(message) + 2;
		assert_true(sent < 100000000);
	}
	assert_true(err == ERR_LIMIT || unit_is_starved());
	assert_true(stream_queued(seen->stream) > STREAM_QUEUE_MAX - sizeof(message) - 2);
	assert_true(stream_queued(seen->stream) <= STREAM_QUEUE_MAX);
	loop_bench_pass(&seen->bench, 2000);
	assert_int_equal(seen->drains, 0);
	seen->stops_on_drained = true;
	while (seen->drains == 0) {
		const ssize_t len = recv(seen->fd, message, sizeof(message), MSG_DONTWAIT);
		if (len > 0)
			heard += (size_t)len;
		else
			(void)loop_bench_runs(&seen->bench, 1000);
	}
	assert_int_equal(stream_queued(seen->stream), 0);
	while (heard < sent) {
		const ssize_t len = recv(seen->fd, message, sizeof(message), 0);
		assert_true(len > 0);
		heard += (size_t)len;
	}
	assert_int_equal(heard, sent);
	assert_int_equal(stream_send(seen->stream, message, sizeof(message)), 0);
}

static void CT_17_reset_while_writing_is_told_later(void **state)
{
	struct stream_bench *seen = new_accepted();
	static uint8_t message[60000];
	(void)state;

	assert_int_equal(stream_send(seen->stream, message, sizeof(message)), 0);
	loop_bench_hang_up(seen->fd);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(stream_send(seen->stream, message, sizeof(message)), 0);
	assert_int_equal(seen->breaks, 0);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->breaks, 1);
	assert_true(seen->err == -ECONNRESET || seen->err == -EPIPE);
}

/* --- ends --- */

static void CT_18_a_half_closed_client_is_still_answered(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	seen->stops_on_end = true;
	say(seen, "\0\1q", 3);
	assert_int_equal(shutdown(seen->fd, SHUT_WR), 0);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->messages, 1);
	assert_int_equal(seen->ends, 1);
	loop_bench_pass(&seen->bench, 2000);
	assert_int_equal(stream_send(seen->stream, (const uint8_t *)"r", 1), 0);
	stream_finish(seen->stream, USEC_PER_SEC);
	seen->stream = NULL;
	loop_bench_pass(&seen->bench, 2000);
	assert_heard(seen, "\0\1r", 3);
	assert_closed(seen);
	assert_int_equal(seen->ends, 1);
}

static void finishing_sends_everything_first(void **state)
{
	struct stream_bench *seen = new_accepted();
	static uint8_t message[60000];
	size_t heard = 0;
	(void)state;

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(stream_send(seen->stream, message, sizeof(message)), 0);
	say_messages(seen, 1, 100); /* never read: must not turn the close into a reset */
	stream_finish(seen->stream, 10 * USEC_PER_SEC);
	seen->stream = NULL;
	while (heard < 4 * (sizeof(message) + 2)) {
		const ssize_t len = recv(seen->fd, message, sizeof(message), MSG_DONTWAIT);
		assert_int_not_equal(len, 0);
		if (len > 0)
			heard += (size_t)len;
		else
			loop_bench_pass(&seen->bench, 1000);
	}
	loop_bench_pass(&seen->bench, 1000);
	assert_int_equal(recv(seen->fd, message, sizeof(message), 0), 0);
	assert_int_equal(seen->messages, 0);
}

static void one_that_never_ends_is_closed_after_its_time(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	assert_int_equal(stream_send(seen->stream, (const uint8_t *)"r", 1), 0);
	stream_finish(seen->stream, 10000);
	seen->stream = NULL;
	loop_bench_pass(&seen->bench, 3000);
	say(seen, "x", 1);
	loop_bench_pass(&seen->bench, 20000);
	assert_heard(seen, "\0\1r", 3);
	assert_closed(seen);
	/* gone for good: what is said now is answered with a reset */
	(void)send(seen->fd, "x", 1, MSG_NOSIGNAL);
	assert_int_equal(send(seen->fd, "x", 1, MSG_NOSIGNAL), -1);
}

static void one_that_is_finishing_goes_with_the_loop(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	stream_finish(seen->stream, 10 * USEC_PER_SEC);
	seen->stream = NULL;
	/* the sanitizer, or the runner, tells whether it is freed */
}

static void a_reset_is_told(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	loop_bench_hang_up(seen->fd);
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->err, -ECONNRESET);
	assert_int_equal(seen->ends, 0);
}

/* --- freeing from inside --- */

static void freed_by_a_message(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	seen->is_freeing = true;
	seen->is_echoing = true;
	say(seen, "\0\2a", 3);
	loop_bench_pass(&seen->bench, 2000);
	say(seen, "b\0\1c\0", 5); /* one that was begun before, one whole, one begun */
	run_for(seen, 1);
	loop_bench_pass(&seen->bench, 2000);
	assert_int_equal(seen->messages, 1);
	assert_memory_equal(seen->last, "ab", 2);
	assert_closed(seen);
}

static void freed_by_a_message_that_was_held_back(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	seen->is_pausing = true;
	say_messages(seen, 4, 10);
	run_for(seen, 1);
	assert_non_null(seen->stream);
	stream_set_reading(seen->stream, true);
	seen->is_pausing = false;
	seen->is_freeing = true;
	run_for(seen, 2);
	assert_int_equal(seen->last[9], 1);
	loop_bench_pass(&seen->bench, 2000);
	assert_int_equal(seen->messages, 2);
}

static void finished_by_a_message(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	seen->is_finishing = true;
	seen->is_echoing = true;
	say(seen, "\0\1a\0\1b", 6);
	run_for(seen, 1);
	loop_bench_pass(&seen->bench, 2000);
	assert_int_equal(seen->messages, 1);
	assert_heard(seen, "\0\1a", 3);
	assert_closed(seen);
}

static void freed_by_its_end(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	seen->frees_on_end = true;
	seen->stops_on_end = true;
	assert_int_equal(shutdown(seen->fd, SHUT_WR), 0);
	loop_bench_run(&seen->bench);
	assert_closed(seen);
}

static void freed_with_bytes_to_write(void **state)
{
	struct stream_bench *seen = new_accepted();
	(void)state;

	assert_int_equal(stream_send(seen->stream, (const uint8_t *)"r", 1), 0);
	drop_stream(seen);
	loop_bench_pass(&seen->bench, 2000);
	assert_closed(seen);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(messages_come_whole_and_in_order),
	cmocka_unit_test(CT_02_one_byte_at_a_time),
	cmocka_unit_test(CT_09_empty_messages_are_handed_out),
	cmocka_unit_test(TR_20_the_longest_message_goes_both_ways),
	cmocka_unit_test(CT_03_time_counts_from_the_first_byte_of_a_message),
	cmocka_unit_test(CT_14_a_pause_holds_back_what_has_arrived),
	cmocka_unit_test(CT_14_a_paused_stream_reads_nothing),
	cmocka_unit_test(CT_19_urgent_bytes_stay_in_their_place),
	cmocka_unit_test(CT_22_length_and_message_leave_together),
	cmocka_unit_test(CT_22_a_burst_costs_one_read_and_one_write),
	cmocka_unit_test(what_is_sent_in_one_turn_is_one_write),
	cmocka_unit_test(what_cannot_leave_waits_up_to_a_limit),
	cmocka_unit_test(CT_17_reset_while_writing_is_told_later),
	cmocka_unit_test(CT_18_a_half_closed_client_is_still_answered),
	cmocka_unit_test(finishing_sends_everything_first),
	cmocka_unit_test(one_that_never_ends_is_closed_after_its_time),
	cmocka_unit_test(one_that_is_finishing_goes_with_the_loop),
	cmocka_unit_test(a_reset_is_told),
	cmocka_unit_test(freed_by_a_message),
	cmocka_unit_test(freed_by_a_message_that_was_held_back),
	cmocka_unit_test(finished_by_a_message),
	cmocka_unit_test(freed_by_its_end),
	cmocka_unit_test(freed_with_bytes_to_write),
};
UNIT_MAIN(tests)
