/* What the one walk notes for those who come after it: where the CNAMEs lead. */
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

/* A pointer has 14 bits: it cannot mean a name that stands behind the first 16 KB. */
static void a_name_far_behind_is_not_that_of_a_pointer(void **state)
{
	static const uint8_t padding[0x4000] = { 0 };
	const size_t target_at = 0x4000 + MESSAGE_HEADER_LEN + 2;
	(void)state;

	ask(RCODE_NOERROR, "a.example", TYPE_A);
	const size_t padding_len = target_at - made_reply_len(&reply) - 11 - 11 - 10;
	made_reply_count(&reply, SECTION_ANSWER);
	made_reply_put_name(&reply, ".");
	made_reply_head(&reply, 65280, padding_len);
	cursor_put(&reply.out, padding, padding_len);
	answer("a.example", TYPE_CNAME, "b.example");
	made_reply_count(&reply, SECTION_ANSWER);
	cursor_put_u16(&reply.out, 0xc000u | (MESSAGE_HEADER_LEN + 2)); /* "example" */
	made_reply_head(&reply, TYPE_A, 4);
	cursor_put(&reply.out, "\xc0\0\2\1", 4);
	assert_int_equal(read_reply(), MESSAGE_OK);
	assert_int_equal(facts.hops, 1);
	assert_false(facts.has_data);
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
	assert_memory_equal(&known, &facts, sizeof(facts));
	for (size_t shorter = MESSAGE_HEADER_LEN + facts.question_len; shorter < len; shorter++)
		assert_int_equal(
			message_read_behind(reply.wire, shorter, facts.question_len, &known),
			MESSAGE_BAD);
}

/* --- names that are laborious to read --------------------------------------------------------- */

/* One record whose RDATA is pointers, each to the one before and the first to the question's name,
 * and behind it so many whose owner is the last. */
static enum message_quality read_pointers(unsigned pointers, unsigned records)
{
	uint8_t chain[2 * NAME_MAX_LABELS];

	ask(RCODE_NOERROR, "a.example", TYPE_A);
	const size_t at = made_reply_len(&reply) + 12;
	size_t last = MESSAGE_HEADER_LEN;
	for (unsigned i = 0; i < pointers; i++) {
		chain[2 * i] = (uint8_t)(0xc0 | last >> 8);
		chain[2 * i + 1] = (uint8_t)last;
		last = at + 2 * i;
	}
	made_reply_add_raw(&reply, SECTION_ANSWER, "\300\014", 2, 65280, (const char *)chain,
			   2 * pointers);
	const uint8_t owner[2] = { (uint8_t)(0xc0 | last >> 8), (uint8_t)last };
	while (records-- > 0)
		made_reply_add_raw(&reply, SECTION_ANSWER, (const char *)owner, 2, TYPE_A,
				   "\300\0\2\1", 4);
	return read_reply();
}

static void pointers_may_lead_far_for_a_few_owners_or_near_for_all(void **state)
{
	(void)state;
	assert_int_equal(read_pointers(120, 2), MESSAGE_OK);
	assert_int_equal(read_pointers(120, 20), MESSAGE_BAD);
	assert_int_equal(read_pointers(12, 20), MESSAGE_OK);
	assert_int_equal(read_pointers(15, 60), MESSAGE_OK);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(pointers_may_lead_far_for_a_few_owners_or_near_for_all),
	cmocka_unit_test(plain_answers_are_followed),
	cmocka_unit_test(a_name_far_behind_is_not_that_of_a_pointer),
	cmocka_unit_test(chains_are_followed_in_order),
	cmocka_unit_test(what_a_cname_is_asked_for_by_its_type_ends_there),
	cmocka_unit_test(circles_are_seen),
	cmocka_unit_test(what_is_out_of_order_is_left_to_others),
	cmocka_unit_test(odd_messages_and_those_without_question_are_not_followed),
	cmocka_unit_test(the_rest_is_read_behind_a_question_that_is_known),
};
UNIT_MAIN(tests)
