#include "upstream/packet_match.h"

#include "made_query.h"
#include "made_reply.h"

#define ID 0x1234

static struct made_query query;
static struct made_reply reply;
static struct message_facts facts;
static enum message_quality quality;

static enum packet_match match_len(size_t len)
{
	return packet_match(&query.view, ID, reply.wire, len, &facts, &quality);
}

static enum packet_match match(void)
{
	return match_len(made_reply_len(&reply));
}

/* www.Example.com A, and a reply to it with an address. */
static void start(void)
{
	made_query_of(&query, "www.Example.com", TYPE_A, CLASS_IN);
	made_reply_ask(&reply, RCODE_NOERROR, "www.Example.com", TYPE_A);
	made_reply_add(&reply, SECTION_ANSWER, "www.example.com", TYPE_A, NULL);
}

static void the_reply_is_known_by_its_question_whatever_its_case(void **state)
{
	(void)state;
	start();
	assert_int_equal(match(), PACKET_REPLY);
	assert_int_equal(quality, MESSAGE_OK);
	assert_int_equal(facts.question_len, query.view.question_len);
	assert_true(facts.is_followed && facts.has_data);
	reply.wire[MESSAGE_HEADER_LEN + 1] = 'W';
	assert_int_equal(match(), PACKET_REPLY);
	assert_true(facts.has_data);
}

static void SP_09_another_question_is_no_reply(void **state)
{
	(void)state;
	start();
	/* any byte of the name, and of type and class: where a letter's case is, it is the same */
	for (size_t at = 0; at < query.view.question_len; at++) {
		start();
		reply.wire[MESSAGE_HEADER_LEN + at] ^= 1;
		assert_int_equal(match(), PACKET_OTHER);
	}
	made_reply_ask(&reply, RCODE_NOERROR, "www.Example.com.au", TYPE_A);
	assert_int_equal(match(), PACKET_OTHER);
	made_reply_ask(&reply, RCODE_NOERROR, "Example.com", TYPE_A);
	assert_int_equal(match(), PACKET_OTHER);
}

static void neither_is_one_without_it_or_with_two(void **state)
{
	(void)state;
	for (uint8_t questions = 0; questions < 4; questions++) {
		start();
		reply.wire[5] = questions;
		assert_int_equal(match(), questions == 1 ? PACKET_REPLY : PACKET_OTHER);
	}
	start();
	reply.wire[4] = 1;
	assert_int_equal(match(), PACKET_OTHER);
}

static void another_id_a_query_and_another_opcode_are_no_reply(void **state)
{
	(void)state;
	start();
	reply.wire[1]++;
	assert_int_equal(match(), PACKET_OTHER);
	start();
	reply.wire[2] &= 0x7f;
	assert_int_equal(match(), PACKET_OTHER);
	start();
	reply.wire[2] |= 0x20;
	assert_int_equal(match(), PACKET_OTHER);
}

static void what_is_cut_short_is_no_reply(void **state)
{
	(void)state;
	start();
	for (size_t len = made_reply_len(&reply); len-- > 0;)
		assert_int_equal(match_len(len), PACKET_OTHER);
}

static void odd_replies_are_replies(void **state)
{
	(void)state;
	start();
	made_reply_add_raw(&reply, SECTION_ANSWER, "", 1, TYPE_A, "\1\2\3", 3);
	assert_int_equal(match(), PACKET_REPLY);
	assert_int_equal(quality, MESSAGE_ODD);
}

static void bare_errors_are_headers_alone(void **state)
{
	(void)state;
	for (unsigned rcode = 0; rcode < 16; rcode++) {
		made_query_of(&query, "www.Example.com", TYPE_A, CLASS_IN);
		made_reply_ask(&reply, rcode, "www.Example.com", TYPE_A);
		reply.wire[5] = 0;
		const bool is_error = rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP;
		assert_int_equal(match_len(MESSAGE_HEADER_LEN),
				 is_error ? PACKET_BARE_ERROR : PACKET_OTHER);
		assert_int_equal(match_len(MESSAGE_HEADER_LEN + 1), PACKET_OTHER);
		reply.wire[7] = 1; /* a record that is not there */
		assert_int_equal(match_len(MESSAGE_HEADER_LEN), PACKET_OTHER);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_reply_is_known_by_its_question_whatever_its_case),
	cmocka_unit_test(SP_09_another_question_is_no_reply),
	cmocka_unit_test(neither_is_one_without_it_or_with_two),
	cmocka_unit_test(another_id_a_query_and_another_opcode_are_no_reply),
	cmocka_unit_test(what_is_cut_short_is_no_reply),
	cmocka_unit_test(odd_replies_are_replies),
	cmocka_unit_test(bare_errors_are_headers_alone),
};
UNIT_MAIN(tests)
