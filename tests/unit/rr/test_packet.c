#include "rr/packet.h"

#include <stdio.h>
#include <time.h>

#include "made_reply.h"

static struct made_reply reply;

static struct packet_shape shape_of_reply(void)
{
	struct packet_shape shape = { 0 };
	assert_int_equal(packet_shape(reply.wire, made_reply_len(&reply), &shape), 0);
	return shape;
}

static void answer(const char *owner, uint16_t type, const char *target)
{
	made_reply_add(&reply, SECTION_ANSWER, owner, type, target);
}

/* --- answers ------------------------------------------------------------------------------- */

static void plain_answer_is_data(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_A, NULL);
	answer("a.example", TYPE_A, NULL);

	struct packet_shape shape = shape_of_reply();
	assert_int_equal(shape.rcode, RCODE_NOERROR);
	assert_int_equal(shape.cname_count, 0);
	assert_true(shape.has_data);
	assert_false(shape.has_soa);
	assert_false(shape.has_loop);
	assert_false(shape.has_other_answers);
}

static void empty_reply_has_nothing(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NXDOMAIN, "a.example", TYPE_A);

	struct packet_shape shape = shape_of_reply();
	assert_int_equal(shape.rcode, RCODE_NXDOMAIN);
	assert_false(shape.has_data);
	assert_false(shape.has_soa);
	assert_false(shape.has_other_answers);
}

static void names_are_compared_without_regard_to_case(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "A.eXample", TYPE_A);
	answer("a.Example", TYPE_CNAME, "B.example");
	answer("b.EXAMPLE", TYPE_A, NULL);

	struct packet_shape shape = shape_of_reply();
	assert_int_equal(shape.cname_count, 1);
	assert_true(shape.has_data);
	assert_false(shape.has_other_answers);
}

static void soa_counts_in_authority_only(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	answer("example", TYPE_SOA, NULL);
	assert_false(shape_of_reply().has_soa);
	assert_true(shape_of_reply().has_other_answers);

	made_reply_add(&reply, SECTION_AUTHORITY, "example", TYPE_NS, "ns.example");
	assert_false(shape_of_reply().has_soa);
	made_reply_add(&reply, SECTION_AUTHORITY, "example", TYPE_SOA, NULL);
	assert_true(shape_of_reply().has_soa);
}

static void records_of_other_names_types_and_classes_are_no_data(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	answer("b.example", TYPE_A, NULL);
	answer("a.example", TYPE_AAAA, NULL);
	reply.class = CLASS_CH;
	answer("a.example", TYPE_A, NULL);
	answer("a.example", TYPE_CNAME, "b.example");

	struct packet_shape shape = shape_of_reply();
	assert_false(shape.has_data);
	assert_int_equal(shape.cname_count, 0);
	assert_true(shape.has_other_answers);
}

/* --- chains -------------------------------------------------------------------------------- */

static void NG_01_courier_alias_is_one_hop_without_data(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "courier.push.apple.com", TYPE_A);
	answer("courier.push.apple.com", TYPE_CNAME, "courier-push-apple.com.akadns.net");
	made_reply_add(&reply, SECTION_AUTHORITY, "akadns.net", TYPE_SOA, NULL);

	struct packet_shape shape = shape_of_reply();
	assert_int_equal(shape.cname_count, 1);
	assert_false(shape.has_data);
	assert_true(shape.has_soa);
	assert_false(shape.has_other_answers);
}

static void NG_26_chain_of_16_hops_is_followed(void **state)
{
	(void)state;
	char from[32], to[32];
	made_reply_ask(&reply, RCODE_NOERROR, "hop0.example", TYPE_A);
	for (unsigned i = 0; i < 16; i++) {
		snprintf(from, sizeof(from), "hop%u.example", i);
		snprintf(to, sizeof(to), "hop%u.example", i + 1);
		answer(from, TYPE_CNAME, to);
	}
	answer("hop16.example", TYPE_A, NULL);

	struct packet_shape shape = shape_of_reply();
	assert_int_equal(shape.cname_count, 16);
	assert_true(shape.has_data);
	assert_false(shape.has_other_answers);
}

static void NG_29_order_of_the_chain_does_not_matter(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	answer("c.example", TYPE_A, NULL);
	answer("b.example", TYPE_CNAME, "c.example");
	answer("a.example", TYPE_CNAME, "b.example");

	struct packet_shape shape = shape_of_reply();
	assert_int_equal(shape.cname_count, 2);
	assert_true(shape.has_data);
	assert_false(shape.has_other_answers);
}

static void NG_27_loops_are_told(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	answer("b.example", TYPE_CNAME, "a.example");

	struct packet_shape shape = shape_of_reply();
	assert_true(shape.has_loop);
	assert_false(shape.has_data);
	assert_int_equal(shape.cname_count, 2);
	assert_false(shape.has_other_answers);

	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "a.example");
	assert_true(shape_of_reply().has_loop);
	assert_int_equal(shape_of_reply().cname_count, 1);
}

static void NG_30_address_beside_the_cname_is_data(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	answer("a.example", TYPE_A, NULL);

	struct packet_shape shape = shape_of_reply();
	assert_true(shape.has_data);
	assert_int_equal(shape.cname_count, 1);
}

static void NG_04_cname_and_any_questions_are_answered_by_the_first_cname(void **state)
{
	(void)state;
	const uint16_t types[] = { TYPE_CNAME, TYPE_ANY };
	for (size_t i = 0; i < 2; i++) {
		made_reply_ask(&reply, RCODE_NOERROR, "a.example", types[i]);
		answer("a.example", TYPE_CNAME, "b.example");
		struct packet_shape shape = shape_of_reply();
		assert_true(shape.has_data);
		assert_int_equal(shape.cname_count, 0);
		assert_false(shape.has_other_answers);
	}
}

static void TR_23_cname_made_from_a_dname_is_a_hop(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "a.d.example", TYPE_A);
	answer("d.example", TYPE_DNAME, "e.example");
	answer("a.d.example", TYPE_CNAME, "a.e.example");
	answer("a.e.example", TYPE_A, NULL);

	struct packet_shape shape = shape_of_reply();
	assert_int_equal(shape.cname_count, 1);
	assert_true(shape.has_data);
	assert_true(shape.has_other_answers);
}

static void first_of_several_cnames_is_followed(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "c.example");
	answer("a.example", TYPE_CNAME, "b.example");
	answer("b.example", TYPE_A, NULL);
	assert_false(shape_of_reply().has_data);
	answer("c.example", TYPE_A, NULL);
	assert_true(shape_of_reply().has_data);
	assert_int_equal(shape_of_reply().cname_count, 1);
}

static void compressed_names_are_read(void **state)
{
	(void)state;
	/* a.example asked; pointers to it, to "example" in it, and into the first record's RDATA */
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	made_reply_add_raw(&reply, SECTION_ANSWER, "\300\014", 2, TYPE_CNAME, "\001b\300\016", 4);
	const uint16_t target_at = (uint16_t)(made_reply_len(&reply) - 4);
	const uint8_t owner[] = { (uint8_t)(0xc0 | target_at >> 8), (uint8_t)target_at };
	made_reply_add_raw(&reply, SECTION_ANSWER, owner, 2, TYPE_A, "\300\000\002\001", 4);

	struct packet_shape shape = shape_of_reply();
	assert_int_equal(shape.cname_count, 1);
	assert_true(shape.has_data);
	assert_false(shape.has_other_answers);
}

/* --- what is not right --------------------------------------------------------------------- */

static void rdata_of_unread_types_is_not_looked_at(void **state)
{
	(void)state;
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_HTTPS);
	made_reply_add_raw(&reply, SECTION_ANSWER, "\300\014", 2, TYPE_HTTPS, "\xff", 1);
	made_reply_add_raw(&reply, SECTION_ANSWER, "\300\014", 2, TYPE_SOA, "\xff\xff\xff", 3);
	assert_true(shape_of_reply().has_data);
}

static void what_leaves_the_message_is_malformed(void **state)
{
	(void)state;
	struct packet_shape shape;
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	answer("b.example", TYPE_A, NULL);
	for (size_t len = 0; len < made_reply_len(&reply); len++) {
		uint8_t *cut = unit_zalloc(len);
		memcpy(cut, reply.wire, len);
		const int err = packet_shape(cut, len, &shape);
		assert_true(err == ERR_MALFORMED || (unit_is_starved() && err < 0));
	}
	reply.wire[5] = 0; /* no question */
	assert_true(packet_shape(reply.wire, made_reply_len(&reply), &shape) < 0);
}

static void cname_that_ends_before_its_rdata_is_malformed(void **state)
{
	(void)state;
	struct packet_shape shape;
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	made_reply_add_raw(&reply, SECTION_ANSWER, "\300\014", 2, TYPE_CNAME, "\001b\300\016x", 5);
	assert_true(packet_shape(reply.wire, made_reply_len(&reply), &shape) < 0);
}

/* "\\002" and two bytes that no case folding touches, before the asked name's parent. */
static void number_label(uint8_t label[5], unsigned number)
{
	label[0] = 2;
	label[1] = (uint8_t)(128 + number / 64);
	label[2] = (uint8_t)(128 + number % 64);
	label[3] = 0xc0;
	label[4] = MESSAGE_HEADER_LEN + 3;
}

static void NG_27_reply_of_thousands_of_cnames_costs_little(void **state)
{
	(void)state;
	const unsigned hops = 3200;
	uint8_t owner[5], target[5];
	struct timespec from, to;

	/* long names that differ in their first label only, the chain written backwards */
	made_reply_ask(&reply, RCODE_NOERROR,
		       "\\128\\128."
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		       TYPE_A);
	for (unsigned i = hops; i-- > 0;) {
		number_label(owner, i);
		number_label(target, i + 1);
		made_reply_add_raw(&reply, SECTION_ANSWER, owner, 5, TYPE_CNAME, target, 5);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	struct packet_shape shape = shape_of_reply();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	assert_int_equal(shape.cname_count, hops);
	assert_false(shape.has_loop);
	assert_false(shape.has_other_answers);
	/* it takes some milliseconds; a look at each record for each hop would take seconds */
	const long ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	assert_in_range(ms, 0, 300);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(plain_answer_is_data),
	cmocka_unit_test(empty_reply_has_nothing),
	cmocka_unit_test(names_are_compared_without_regard_to_case),
	cmocka_unit_test(soa_counts_in_authority_only),
	cmocka_unit_test(records_of_other_names_types_and_classes_are_no_data),
	cmocka_unit_test(NG_01_courier_alias_is_one_hop_without_data),
	cmocka_unit_test(NG_26_chain_of_16_hops_is_followed),
	cmocka_unit_test(NG_29_order_of_the_chain_does_not_matter),
	cmocka_unit_test(NG_27_loops_are_told),
	cmocka_unit_test(NG_30_address_beside_the_cname_is_data),
	cmocka_unit_test(NG_04_cname_and_any_questions_are_answered_by_the_first_cname),
	cmocka_unit_test(TR_23_cname_made_from_a_dname_is_a_hop),
	cmocka_unit_test(first_of_several_cnames_is_followed),
	cmocka_unit_test(compressed_names_are_read),
	cmocka_unit_test(rdata_of_unread_types_is_not_looked_at),
	cmocka_unit_test(what_leaves_the_message_is_malformed),
	cmocka_unit_test(cname_that_ends_before_its_rdata_is_malformed),
	cmocka_unit_test(NG_27_reply_of_thousands_of_cnames_costs_little),
};
UNIT_MAIN(tests)
