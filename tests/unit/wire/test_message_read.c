/* What the one walk notes for those who come after it: where TTLs stand, where CNAMEs lead. */
#include <stdio.h>

#include "made_reply.h"

static struct made_reply reply;
static struct message_facts facts;

static void ask(unsigned rcode, const char *name, uint16_t type)
{
	made_reply_ask(&reply, rcode, name, type);
}

static void answer(const char *owner, uint16_t type, const char *target)
{
	made_reply_add(&reply, SECTION_ANSWER, owner, type, target);
}

static enum message_quality read_reply(void)
{
	return message_read(reply.wire, made_reply_len(&reply), &facts);
}

static void put_opt(void)
{
	made_reply_count(&reply, SECTION_ADDITIONAL);
	cursor_put(&reply.out, "\0\0\51\4\320\0\0\0\0\0\6\0\3\0\2id", 17);
}

/* --- TTLs ---------------------------------------------------------------------------------- */

static void assert_ttls_are_noted(size_t records)
{
	uint16_t ttl_at[64];
	const size_t count = message_ttl_offsets(reply.wire, facts.wire_len, ttl_at, 64);

	assert_int_equal(count, records);
	assert_int_equal(facts.ttl_count, records);
	for (size_t i = 0; i < count && i < MESSAGE_TTLS_MAX; i++)
		assert_int_equal(facts.ttl_at[i], ttl_at[i]);
}

static void the_first_ttls_are_noted_and_all_are_counted(void **state)
{
	(void)state;
	for (size_t records = 0; records <= 2 * MESSAGE_TTLS_MAX; records++) {
		ask(RCODE_NOERROR, "a.example", TYPE_A);
		for (size_t i = 0; i < records; i++)
			answer("a.example", TYPE_A, NULL);
		put_opt();
		assert_int_equal(read_reply(), MESSAGE_OK);
		assert_ttls_are_noted(records);
		message_cut_opt(reply.wire, &facts);
		assert_ttls_are_noted(records);
	}
}

static void ttls_behind_opt_move_with_their_records(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_A, NULL);
	put_opt();
	made_reply_add(&reply, SECTION_ADDITIONAL, "ns.example", TYPE_A, NULL);
	made_reply_add(&reply, SECTION_ADDITIONAL, "ns.example", TYPE_AAAA, NULL);
	assert_int_equal(read_reply(), MESSAGE_OK);
	assert_ttls_are_noted(3);
	const uint16_t before = facts.ttl_at[2];
	message_cut_opt(reply.wire, &facts);
	assert_ttls_are_noted(3);
	assert_int_equal(facts.ttl_at[2], before - 17);
}

static void ttls_of_records_that_go_with_opt_are_none(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_A, NULL);
	const size_t opt_at = made_reply_len(&reply);
	made_reply_count(&reply, SECTION_ADDITIONAL);
	cursor_put(&reply.out, "\0\0\51\4\320\0\0\0\0\0\7\0\3\0\3\1x\0", 18);
	const uint8_t into_opt[] = { 0xc0, (uint8_t)(opt_at + 15) };
	made_reply_add_raw(&reply, SECTION_ADDITIONAL, into_opt, 2, TYPE_A, "\1\2\3\4", 4);
	assert_int_equal(read_reply(), MESSAGE_OK);
	assert_int_equal(facts.ttl_count, 2);
	message_cut_opt(reply.wire, &facts);
	assert_ttls_are_noted(1);
}

/* --- the chain ----------------------------------------------------------------------------- */

static void assert_followed(unsigned hops, bool has_data)
{
	assert_int_equal(read_reply(), MESSAGE_OK);
	assert_true(facts.is_followed);
	assert_int_equal(facts.hops, hops);
	assert_int_equal(facts.has_data, has_data);
}

static void assert_not_followed(void)
{
	assert_int_not_equal(read_reply(), MESSAGE_BAD);
	assert_false(facts.is_followed);
}

static void plain_answers_are_followed(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	assert_followed(0, false);
	answer("a.example", TYPE_A, NULL);
	answer("A.EXAMPLE", TYPE_A, NULL);
	assert_followed(0, true);
	ask(RCODE_NXDOMAIN, "a.example", TYPE_A);
	made_reply_add(&reply, SECTION_AUTHORITY, "example", TYPE_SOA, NULL);
	assert_followed(0, false);
	/* what another name has, or another type, or another class, is no data */
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("b.example", TYPE_A, NULL);
	answer("a.example", TYPE_AAAA, NULL);
	reply.class = CLASS_CH;
	answer("a.example", TYPE_A, NULL);
	assert_followed(0, false);
}

static void chains_are_followed_in_order(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	assert_followed(1, false);
	answer("B.example", TYPE_CNAME, "c.example");
	assert_followed(2, false);
	answer("d.example", 65280, NULL); /* of no meaning here, wherever it stands */
	answer("c.example", TYPE_A, NULL);
	assert_followed(2, true);
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("example", TYPE_DNAME, "other");
	answer("a.example", TYPE_CNAME, "a.other");
	answer("a.other", TYPE_A, NULL);
	assert_followed(1, true);
}

static void what_a_cname_is_asked_for_by_its_type_ends_there(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_CNAME);
	answer("a.example", TYPE_CNAME, "b.example");
	assert_followed(0, true);
	ask(RCODE_NOERROR, "a.example", TYPE_ANY);
	answer("a.example", TYPE_CNAME, "b.example");
	assert_followed(0, true);
}

static void circles_are_seen(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	answer("b.example", TYPE_CNAME, "A.Example");
	assert_followed(2, false);
	answer("a.example", TYPE_CNAME, "c.example");
	answer("c.example", TYPE_A, NULL); /* of a second CNAME, which counts for nothing */
	assert_not_followed();
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "a.example");
	assert_followed(1, false);
}

static void what_is_out_of_order_is_left_to_others(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("b.example", TYPE_A, NULL);
	answer("a.example", TYPE_CNAME, "b.example");
	assert_not_followed();
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	answer("a.example", TYPE_A, NULL);
	assert_not_followed();
}

static void odd_messages_and_those_without_question_are_not_followed(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	made_reply_add_raw(&reply, SECTION_ANSWER, "\300\014", 2, TYPE_CNAME, "\001b\000x", 4);
	made_reply_add_raw(&reply, SECTION_ANSWER, "\001b", 3, TYPE_A, "\1\2\3\4", 4);
	assert_not_followed();
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	reply.wire[5] = 0;
	reply.out.at = reply.wire + MESSAGE_HEADER_LEN;
	answer("a.example", TYPE_A, NULL);
	assert_not_followed();
}

/* --- behind a question that is known ------------------------------------------------------- */

static void the_rest_is_read_behind_a_question_that_is_known(void **state)
{
	(void)state;
	struct message_facts known;

	ask(RCODE_NXDOMAIN, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	made_reply_add(&reply, SECTION_AUTHORITY, "example", TYPE_SOA, NULL);
	put_opt();
	assert_followed(1, false);
	const size_t len = made_reply_len(&reply);
	assert_int_equal(message_read_behind(reply.wire, len, facts.question_len, &known),
			 MESSAGE_OK);
	assert_memory_equal(&known, &facts, offsetof(struct message_facts, ttl_at));
	assert_memory_equal(known.ttl_at, facts.ttl_at, 2 * sizeof(known.ttl_at[0]));
	for (size_t shorter = MESSAGE_HEADER_LEN + facts.question_len; shorter < len; shorter++)
		assert_int_equal(
			message_read_behind(reply.wire, shorter, facts.question_len, &known),
			MESSAGE_BAD);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_first_ttls_are_noted_and_all_are_counted),
	cmocka_unit_test(ttls_behind_opt_move_with_their_records),
	cmocka_unit_test(ttls_of_records_that_go_with_opt_are_none),
	cmocka_unit_test(plain_answers_are_followed),
	cmocka_unit_test(chains_are_followed_in_order),
	cmocka_unit_test(what_a_cname_is_asked_for_by_its_type_ends_there),
	cmocka_unit_test(circles_are_seen),
	cmocka_unit_test(what_is_out_of_order_is_left_to_others),
	cmocka_unit_test(odd_messages_and_those_without_question_are_not_followed),
	cmocka_unit_test(the_rest_is_read_behind_a_question_that_is_known),
};
UNIT_MAIN(tests)
