#include "wire/frame.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

/* What came out: lengths, and a sum over all bytes in their order. */
struct seen {
	size_t lens[64];
	size_t count;
	uint64_t sum;
	size_t stop_after;	    /* messages; 0 is never */
	struct frame_reader *frees; /* done with when stopping */
};

static bool see(void *ctx, const uint8_t *wire, size_t wire_len)
{
	struct seen *seen = ctx;
	const bool goes_on = seen->stop_after == 0 || seen->count + 1 < seen->stop_after;
	if (!goes_on && seen->frees != NULL)
		frame_done(seen->frees);
	assert_true(seen->count < 64);
	seen->lens[seen->count++] = wire_len;
	for (size_t i = 0; i < wire_len; i++)
		seen->sum = seen->sum * 31 + wire[i];
	return goes_on;
}

static struct frame_reader *new_reader(void)
{
	struct frame_reader *reader = unit_zalloc(sizeof(*reader));
	frame_init(reader);
	return unit_own(reader, frame_done);
}

static const uint8_t three[] = "\0\3abc\0\1d\0\2ef";
#define THREE_LEN (sizeof(three) - 1)

static void whole_messages_are_handed_out_in_order(void **state)
{
	(void)state;
	struct frame_reader *reader = new_reader();
	struct seen seen = { 0 };
	assert_int_equal(frame_feed(reader, three, THREE_LEN, see, &seen), 0);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.lens[0], 3);
	assert_int_equal(seen.lens[1], 1);
	assert_int_equal(seen.lens[2], 2);
	assert_false(frame_is_partial(reader));
	assert_null(reader->held); /* nothing had to be kept */
}

static void CT_02_a_byte_at_a_time_is_enough(void **state)
{
	(void)state;
	struct frame_reader *reader = new_reader();
	struct seen whole = { 0 }, seen = { 0 };
	assert_int_equal(frame_feed(reader, three, THREE_LEN, see, &whole), 0);
	for (size_t i = 0; i < THREE_LEN; i++) {
		assert_int_equal(frame_feed(reader, three + i, 1, see, &seen), 0);
		assert_int_equal(frame_is_partial(reader), i != 4 && i != 7 && i != 11);
	}
	assert_int_equal(seen.count, 3);
	assert_true(seen.sum == whole.sum);
	assert_null(reader->held);
}

static void CT_09_empty_and_tiny_messages_are_handed_out(void **state)
{
	(void)state;
	static const uint8_t bytes[] = "\0\0\0\1x\0\13elevenbytes\0\0";
	struct frame_reader *reader = new_reader();
	struct seen seen = { 0 };
	assert_int_equal(frame_feed(reader, bytes, sizeof(bytes) - 1, see, &seen), 0);
	assert_int_equal(seen.count, 4);
	assert_int_equal(seen.lens[0], 0);
	assert_int_equal(seen.lens[1], 1);
	assert_int_equal(seen.lens[2], 11);
	assert_int_equal(seen.lens[3], 0);
	assert_int_equal(frame_feed(reader, bytes, 1, see, &seen), 0);
	assert_int_equal(frame_feed(reader, bytes + 1, 1, see, &seen), 0);
	assert_int_equal(seen.count, 5);
	assert_int_equal(seen.lens[4], 0);
}

static void CT_10_a_promise_of_64k_costs_what_has_come(void **state)
{
	(void)state;
	struct frame_reader *reader = new_reader();
	struct seen seen = { 0 };
	uint8_t bytes[42] = { 0xff, 0xff };
	assert_int_equal(frame_feed(reader, bytes, sizeof(bytes), see, &seen), 0);
	assert_true(frame_is_partial(reader));
	assert_true(reader->held_max <= 128);
	for (int i = 0; i < 100; i++)
		assert_int_equal(frame_feed(reader, bytes, 10, see, &seen), 0);
	assert_int_equal(reader->held_len, 1042);
	assert_true(reader->held_max <= 2 * 1042);
	assert_int_equal(seen.count, 0);
}

static void longest_message_is_put_together(void **state)
{
	(void)state;
	struct frame_reader *reader = new_reader();
	struct seen seen = { 0 };
	uint8_t *bytes = unit_zalloc(2 + 65535 + 1);
	bytes[0] = bytes[1] = 0xff;
	for (size_t at = 0; at < 2 + 65535; at += 4096) {
		size_t len = 2 + 65535 - at < 4096 ? 2 + 65535 - at : 4096;
		assert_int_equal(frame_feed(reader, bytes + at, len, see, &seen), 0);
	}
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.lens[0], 65535);
	assert_false(frame_is_partial(reader));
}

static void reading_stops_when_told(void **state)
{
	(void)state;
	struct frame_reader *reader = new_reader();
	struct seen seen = { .stop_after = 1 };
	assert_int_equal(frame_feed(reader, three, THREE_LEN, see, &seen), 0);
	assert_int_equal(seen.count, 1);
	assert_false(frame_is_partial(reader));
}

static void reader_may_go_while_its_message_is_read(void **state)
{
	(void)state;
	struct frame_reader *reader = new_reader();
	struct seen seen = { .stop_after = 1, .frees = reader };
	assert_int_equal(frame_feed(reader, three, 3, see, &seen), 0);
	assert_int_equal(frame_feed(reader, three + 3, THREE_LEN - 3, see, &seen), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.lens[0], 3);
}

static void short_memory_is_an_error_and_no_message_is_lost(void **state)
{
	(void)state;
	struct frame_reader *reader = new_reader();
	struct seen seen = { 0 };
	int err = frame_feed(reader, three, THREE_LEN - 1, see, &seen);
	assert_int_equal(seen.count, 2);
	assert_true(err == (unit_is_starved() ? -ENOMEM : 0));
}

static void pieces_do_not_matter(void **state)
{
	(void)state;
	struct frame_reader *whole_reader = new_reader(), *reader = new_reader();
	uint64_t seed = 20240817;
	uint8_t bytes[100];

	for (int round = 0; round < 300; round++) {
		struct seen whole = { 0 }, pieces = { 0 };
		const size_t len = unit_random(&seed) % sizeof(bytes);
		/* lengths that are small but for some that have a high byte */
		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(unit_random(&seed) % 8 == 0 ? i : 0);
		assert_int_equal(frame_feed(whole_reader, bytes, len, see, &whole), 0);
		for (size_t at = 0, piece; at < len; at += piece) {
			piece = 1 + unit_random(&seed) % 7;
			if (piece > len - at)
				piece = len - at;
			assert_int_equal(frame_feed(reader, bytes + at, piece, see, &pieces), 0);
		}
		assert_int_equal(pieces.count, whole.count);
		assert_memory_equal(pieces.lens, whole.lens, sizeof(whole.lens));
		assert_true(pieces.sum == whole.sum);
		assert_int_equal(reader->held_len, whole_reader->held_len);
		frame_done(whole_reader);
		frame_done(reader);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(whole_messages_are_handed_out_in_order),
	cmocka_unit_test(CT_02_a_byte_at_a_time_is_enough),
	cmocka_unit_test(CT_09_empty_and_tiny_messages_are_handed_out),
	cmocka_unit_test(CT_10_a_promise_of_64k_costs_what_has_come),
	cmocka_unit_test(longest_message_is_put_together),
	cmocka_unit_test(reading_stops_when_told),
	cmocka_unit_test(reader_may_go_while_its_message_is_read),
	cmocka_unit_test(short_memory_is_an_error_and_no_message_is_lost),
	cmocka_unit_test(pieces_do_not_matter),
};

UNIT_MAIN(tests)
