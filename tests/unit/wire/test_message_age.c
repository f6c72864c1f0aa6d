/* TTLs counted down in place, of messages written by hand. */
#include <string.h>

#include "unit.h"
#include "wire/message.h"

/* a.b A; an alias by pointer, an address at a name in full, a SOA in authority, an address of the
 * root. */
static const uint8_t reply[] = "\0\1\x81\x80\0\1\0\2\0\1\0\1"
			       "\1a\1b\0\0\1\0\1"
			       "\xc0\14\0\5\0\1\0\0\0\12\0\2\xc0\16"
			       "\1b\0\0\1\0\1\0\0\1\54\0\4\300\0\2\1"
			       "\xc0\16\0\6\0\1\x80\0\0\5\0\2\0\0"
			       "\0\0\1\0\1\0\1\0\0\0\4\300\0\2\2";
#define REPLY_LEN (sizeof(reply) - 1)

/* Where they stand. */
static const size_t ttls[] = { 27, 42, 58, 71 };

static uint32_t ttl_at(const uint8_t *wire, size_t i)
{
	const uint8_t *at = wire + ttls[i];

	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void each_ttl_is_less_by_the_age_and_never_below_0(void **state)
{
	uint8_t wire[REPLY_LEN], others[REPLY_LEN];
	struct message_facts facts;
	(void)state;

	memcpy(wire, reply, REPLY_LEN);
	assert_int_not_equal(message_read(wire, REPLY_LEN, &facts), MESSAGE_BAD);
	assert_int_equal(ttl_at(wire, 0), 10);
	message_age_ttls(wire, REPLY_LEN, 11);
	assert_int_equal(ttl_at(wire, 0), 0);
	assert_int_equal(ttl_at(wire, 1), 300 - 11);
	assert_int_equal(ttl_at(wire, 2), 0x80000005); /* means 0 already */
	assert_int_equal(ttl_at(wire, 3), 65536 - 11);
	/* and nothing else has changed */
	memcpy(others, reply, REPLY_LEN);
	message_set_ttls(wire, REPLY_LEN, 1);
	message_set_ttls(others, REPLY_LEN, 1);
	assert_memory_equal(wire, others, REPLY_LEN);
}

static void message_without_question_or_records_is_walked_too(void **state)
{
	static const uint8_t plain[] = "\0\1\x81\x80\0\0\0\1\0\0\0\0\0\0\1\0\1\0\0\0\7\0\0";
	uint8_t wire[sizeof(plain) - 1];
	(void)state;

	memcpy(wire, plain, sizeof(wire));
	message_age_ttls(wire, sizeof(wire), 3);
	assert_int_equal(wire[sizeof(wire) - 3], 4);
	wire[7] = 0;
	message_age_ttls(wire, sizeof(wire), 3);
	assert_int_equal(wire[sizeof(wire) - 3], 4);
}

/* It is to be good, but were it not, nothing beyond its end is written. */
static void message_that_ends_early_is_not_overrun(void **state)
{
	(void)state;
	for (size_t len = MESSAGE_HEADER_LEN + 9; len < REPLY_LEN; len++) {
		uint8_t wire[REPLY_LEN];

		memcpy(wire, reply, REPLY_LEN);
		message_age_ttls(wire, len, 11);
		assert_memory_equal(wire + len, reply + len, REPLY_LEN - len);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_ttl_is_less_by_the_age_and_never_below_0),
	cmocka_unit_test(message_without_question_or_records_is_walked_too),
	cmocka_unit_test(message_that_ends_early_is_not_overrun),
};
UNIT_MAIN(tests)
