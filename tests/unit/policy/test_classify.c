#include "policy/classify.h"

#include "made_reply.h"

static struct made_reply reply;

static enum verdict verdict_of_reply(void)
{
	struct message_facts facts;
	assert_int_not_equal(message_read(reply.wire, made_reply_len(&reply), &facts), MESSAGE_BAD);
	return classify_reply(reply.wire, &facts);
}

static void ask(unsigned rcode, const char *name, uint16_t type)
{
	made_reply_ask(&reply, rcode, name, type);
}

static void answer(const char *owner, uint16_t type, const char *target)
{
	made_reply_add(&reply, SECTION_ANSWER, owner, type, target);
}

static void add_soa(void)
{
	made_reply_add(&reply, SECTION_AUTHORITY, "example", TYPE_SOA, NULL);
}

/* --- verdicts ------------------------------------------------------------------------------ */

static void data_of_the_asked_type_is_answered(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_A, NULL);
	assert_int_equal(verdict_of_reply(), VERDICT_ANSWERED);
	add_soa();
	assert_int_equal(verdict_of_reply(), VERDICT_ANSWERED);
}

static void data_at_the_end_of_a_chain_is_answered(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	answer("b.example", TYPE_A, NULL);
	assert_int_equal(verdict_of_reply(), VERDICT_ANSWERED);
}

static void NG_04_cname_is_the_answer_to_its_own_type_and_any(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_CNAME);
	answer("a.example", TYPE_CNAME, "b.example");
	assert_int_equal(verdict_of_reply(), VERDICT_ANSWERED);
	ask(RCODE_NOERROR, "a.example", TYPE_ANY);
	answer("a.example", TYPE_CNAME, "b.example");
	assert_int_equal(verdict_of_reply(), VERDICT_ANSWERED);
}

static void NG_01_chain_without_data_but_soa_is_dangling(void **state)
{
	(void)state;
	const uint16_t types[] = { TYPE_A, TYPE_AAAA, TYPE_HTTPS, TYPE_SVCB, TYPE_TXT, 65280 };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		ask(RCODE_NOERROR, "courier.push.apple.com", types[i]);
		answer("courier.push.apple.com", TYPE_CNAME, "courier-push-apple.com.akadns.net");
		add_soa();
		assert_int_equal(verdict_of_reply(), VERDICT_DANGLING);
	}
}

static void NG_05_two_hops_without_data_dangle_as_well(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "36-courier.push.apple.com", TYPE_HTTPS);
	answer("36-courier.push.apple.com", TYPE_CNAME, "36.courier-push-apple.com.akadns.net");
	answer("36.courier-push-apple.com.akadns.net", TYPE_CNAME, "pop.push-apple.com.akadns.net");
	add_soa();
	assert_int_equal(verdict_of_reply(), VERDICT_DANGLING);
}

static void NG_09_chain_without_data_and_soa_is_bare(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	assert_int_equal(verdict_of_reply(), VERDICT_BARE);
}

static void NG_10_chain_with_ns_but_no_soa_is_bare(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	made_reply_add(&reply, SECTION_AUTHORITY, "example", TYPE_NS, "ns.example");
	assert_int_equal(verdict_of_reply(), VERDICT_BARE);
}

static void NG_11_chain_to_a_name_that_does_not_exist_is_dangling_nxdomain(void **state)
{
	(void)state;
	ask(RCODE_NXDOMAIN, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	assert_int_equal(verdict_of_reply(), VERDICT_DANGLING_NXDOMAIN);
	add_soa();
	assert_int_equal(verdict_of_reply(), VERDICT_DANGLING_NXDOMAIN);
}

static void nxdomain_needs_no_soa_to_be_one(void **state)
{
	(void)state;
	ask(RCODE_NXDOMAIN, "a.example", TYPE_A);
	assert_int_equal(verdict_of_reply(), VERDICT_NXDOMAIN);
	add_soa();
	assert_int_equal(verdict_of_reply(), VERDICT_NXDOMAIN);
}

static void empty_reply_with_soa_is_nodata(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	add_soa();
	assert_int_equal(verdict_of_reply(), VERDICT_NODATA);
}

static void NG_24_empty_reply_is_bare(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	assert_int_equal(verdict_of_reply(), VERDICT_BARE);
}

static void NG_25_referral_is_bare(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.b.example", TYPE_A);
	made_reply_add(&reply, SECTION_AUTHORITY, "b.example", TYPE_NS, "ns.b.example");
	made_reply_add(&reply, SECTION_ADDITIONAL, "ns.b.example", TYPE_A, NULL);
	assert_int_equal(verdict_of_reply(), VERDICT_BARE);
}

static void NG_27_loop_dangles(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_CNAME, "b.example");
	answer("b.example", TYPE_CNAME, "a.example");
	assert_int_equal(verdict_of_reply(), VERDICT_BARE);
	add_soa();
	assert_int_equal(verdict_of_reply(), VERDICT_DANGLING);
}

static void answers_about_other_names_are_none(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("b.example", TYPE_A, NULL);
	assert_int_equal(verdict_of_reply(), VERDICT_BARE);
	add_soa();
	assert_int_equal(verdict_of_reply(), VERDICT_NODATA);
}

static void every_other_rcode_is_failed(void **state)
{
	(void)state;
	for (unsigned rcode = 0; rcode < 16; rcode++) {
		if (rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN)
			continue;
		ask(rcode, "a.example", TYPE_A);
		answer("a.example", TYPE_A, NULL);
		add_soa();
		assert_int_equal(verdict_of_reply(), VERDICT_FAILED);
		const struct packet_shape shape = { .rcode = rcode, .has_data = true };
		assert_int_equal(classify_shape(&shape), VERDICT_FAILED);
	}
}

static void TR_28_extended_rcode_is_failed(void **state)
{
	(void)state;
	struct message_facts facts;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	answer("a.example", TYPE_A, NULL);
	assert_int_equal(message_read(reply.wire, made_reply_len(&reply), &facts), MESSAGE_OK);
	facts.has_opt = true;
	facts.opt_rcode = 1;
	assert_int_equal(classify_reply(reply.wire, &facts), VERDICT_FAILED);
}

/* --- what ldns cannot read ----------------------------------------------------------------- */

static void reply_that_cannot_be_followed_is_judged_by_its_counts(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, "a.example", TYPE_A);
	made_reply_add_raw(&reply, SECTION_ANSWER, "\300\014", 2, TYPE_CNAME, "\001b\000x", 4);
	struct message_facts facts;
	assert_int_equal(message_read(reply.wire, made_reply_len(&reply), &facts), MESSAGE_ODD);
	assert_int_equal(classify_reply(reply.wire, &facts), VERDICT_ANSWERED);
	add_soa();
	assert_int_equal(verdict_of_reply(), VERDICT_DANGLING);
	reply.wire[3] |= RCODE_NXDOMAIN;
	assert_int_equal(verdict_of_reply(), VERDICT_DANGLING_NXDOMAIN);
}

static void verdicts_have_their_names(void **state)
{
	(void)state;
	assert_string_equal(classify_text(VERDICT_ANSWERED), "answered");
	assert_string_equal(classify_text(VERDICT_NODATA), "nodata");
	assert_string_equal(classify_text(VERDICT_NXDOMAIN), "nxdomain");
	assert_string_equal(classify_text(VERDICT_DANGLING), "dangling");
	assert_string_equal(classify_text(VERDICT_DANGLING_NXDOMAIN), "dangling-nxdomain");
	assert_string_equal(classify_text(VERDICT_BARE), "bare");
	assert_string_equal(classify_text(VERDICT_FAILED), "failed");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(data_of_the_asked_type_is_answered),
	cmocka_unit_test(data_at_the_end_of_a_chain_is_answered),
	cmocka_unit_test(NG_04_cname_is_the_answer_to_its_own_type_and_any),
	cmocka_unit_test(NG_01_chain_without_data_but_soa_is_dangling),
	cmocka_unit_test(NG_05_two_hops_without_data_dangle_as_well),
	cmocka_unit_test(NG_09_chain_without_data_and_soa_is_bare),
	cmocka_unit_test(NG_10_chain_with_ns_but_no_soa_is_bare),
	cmocka_unit_test(NG_11_chain_to_a_name_that_does_not_exist_is_dangling_nxdomain),
	cmocka_unit_test(nxdomain_needs_no_soa_to_be_one),
	cmocka_unit_test(empty_reply_with_soa_is_nodata),
	cmocka_unit_test(NG_24_empty_reply_is_bare),
	cmocka_unit_test(NG_25_referral_is_bare),
	cmocka_unit_test(NG_27_loop_dangles),
	cmocka_unit_test(answers_about_other_names_are_none),
	cmocka_unit_test(every_other_rcode_is_failed),
	cmocka_unit_test(TR_28_extended_rcode_is_failed),
	cmocka_unit_test(reply_that_cannot_be_followed_is_judged_by_its_counts),
	cmocka_unit_test(verdicts_have_their_names),
};
UNIT_MAIN(tests)
