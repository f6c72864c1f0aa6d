#include "app/doctor_reply.h"

#include "app/doctor_finding.h"
#include "app/doctor_run.h"
#include "made_reply.h"

static struct made_reply reply;
static struct doctor_ask ask;

static void asked(unsigned rcode, const char *name, uint16_t type)
{
	made_reply_ask(&reply, rcode, name, type);
	ask = (struct doctor_ask){ .state = DOCTOR_ASK_REPLY, .wire = reply.wire };
	ask.view.type = type;
}

static void add(enum message_section section, const char *owner, uint16_t type, const char *target)
{
	made_reply_add(&reply, section, owner, type, target);
}

static void add_raw(const char *owner, uint16_t type, const void *rdata, size_t len)
{
	uint8_t name[NAME_MAX_LEN];
	size_t name_bytes = 0;

	assert_int_equal(name_from_text(owner, name, &name_bytes), 0);
	made_reply_add_raw(&reply, SECTION_ANSWER, name, name_bytes, type, rdata, len);
}

static const struct doctor_ask *read_it(void)
{
	assert_int_not_equal(message_read(reply.wire, made_reply_len(&reply), &ask.facts),
			     MESSAGE_BAD);
	return &ask;
}

static void addresses_are_those_of_the_answer(void **state)
{
	struct addr addrs[4];
	struct addr_text text;

	(void)state;
	asked(RCODE_NOERROR, "a.example", TYPE_A);
	add(SECTION_ANSWER, "a.example", TYPE_CNAME, "b.example");
	add(SECTION_ANSWER, "b.example", TYPE_A, NULL);
	add_raw("b.example", TYPE_A, "\x11\x39\x90\x0a", 4);
	add(SECTION_ADDITIONAL, "ns.example", TYPE_A, NULL);
	assert_int_equal(doctor_reply_addresses(read_it(), addrs, 4), 2);
	assert_string_equal(addr_to_text(&addrs[1], &text), "17.57.144.10");
	assert_int_equal(doctor_reply_addresses(&ask, addrs, 1), 1);
	ask.state = DOCTOR_ASK_SILENT;
	assert_int_equal(doctor_reply_addresses(&ask, addrs, 4), 0);
}

static void private_address_is_found_where_there_is_one(void **state)
{
	struct addr addr;

	(void)state;
	asked(RCODE_NOERROR, "a.example", TYPE_A);
	add(SECTION_ANSWER, "a.example", TYPE_A, NULL);
	assert_false(doctor_reply_private(read_it(), &addr));
	add_raw("a.example", TYPE_A, "\0\0\0\0", 4);
	assert_true(doctor_reply_private(read_it(), &addr));
	assert_true(addr_is_wildcard(&addr));
}

static void addresses_that_lead_nowhere_are_known(void **state)
{
	static const char *const texts[] = { "0.0.0.0", "127.8.0.1", "::", "::1" };
	static const char *const others[] = { "10.0.0.1", "17.57.146.132", "::2",
					      "2620:149:a44::1" };
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(addr_parse(texts[i], 53, &addr), 0);
		assert_true(doctor_reply_leads_nowhere(&addr));
		assert_int_equal(addr_parse(others[i], 53, &addr), 0);
		assert_false(doctor_reply_leads_nowhere(&addr));
	}
}

static void end_of_the_chain_and_zone_are_named(void **state)
{
	struct name_text text;

	(void)state;
	asked(RCODE_NOERROR, "a.example", TYPE_A);
	assert_false(doctor_reply_last_cname(read_it(), &text));
	assert_false(doctor_reply_soa(&ask, &text));
	add(SECTION_ANSWER, "a.example", TYPE_CNAME, "b.example");
	add(SECTION_ANSWER, "b.example", TYPE_CNAME, "c.example");
	add(SECTION_AUTHORITY, "example", TYPE_SOA, NULL);
	assert_true(doctor_reply_last_cname(read_it(), &text));
	assert_string_equal(text.text, "c.example");
	assert_true(doctor_reply_soa(&ask, &text));
	assert_string_equal(text.text, "example");
}

static bool count_of(const char *rdata, size_t len, unsigned *ret_count)
{
	asked(RCODE_NOERROR, "push.apple.com", TYPE_TXT);
	add_raw("push.apple.com", TYPE_TXT, "\7v=other", 8);
	add_raw("push.apple.com", TYPE_TXT, rdata, len);
	return doctor_run_read_count(read_it(), ret_count);
}

static void count_is_read_from_txt(void **state)
{
	unsigned count = 0;

	(void)state;
	assert_true(count_of("\x8"
			     "count=50",
			     9, &count));
	assert_int_equal(count, 50);
	assert_true(count_of("\4coun\4t=12", 10, &count));
	assert_int_equal(count, 12);
	assert_false(count_of("\7count=0", 8, &count));
	assert_false(count_of("\6count=", 7, &count));
	assert_false(count_of("\12count=1001", 11, &count));
	assert_false(count_of("\10count=5x", 9, &count));
	assert_false(count_of("\40count=5", 8, &count));
	ask.state = DOCTOR_ASK_SILENT;
	assert_false(doctor_run_read_count(&ask, &count));
}

static void name_without_alias_has_a_shape_too(void **state)
{
	(void)state;
	asked(RCODE_NOERROR, "a.example", TYPE_A);
	assert_int_equal(doctor_finding_shape_of(read_it(), false), SQUASH_NONE);
	assert_int_equal(doctor_finding_shape_of(&ask, true), SQUASH_NO_CNAME);
	add(SECTION_ANSWER, "a.example", TYPE_A, NULL);
	assert_int_equal(doctor_finding_shape_of(read_it(), true), SQUASH_NONE);
	add_raw("a.example", TYPE_A, "\x7f\0\0\1", 4);
	assert_int_equal(doctor_finding_shape_of(read_it(), true), SQUASH_SINKHOLE);
	asked(RCODE_NXDOMAIN, "a.example", TYPE_A);
	assert_int_equal(doctor_finding_shape_of(read_it(), true), SQUASH_NXDOMAIN);
	asked(RCODE_REFUSED, "a.example", TYPE_A);
	assert_int_equal(doctor_finding_shape_of(read_it(), true), SQUASH_REFUSED);
	ask.state = DOCTOR_ASK_BROKEN;
	assert_int_equal(doctor_finding_shape_of(&ask, true), SQUASH_SILENT);
}

static void what_was_seen_is_cut_and_not_overrun(void **state)
{
	struct doctor_finding finding = { .result = DOCTOR_OK };

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		doctor_finding_say(&finding, "%u numbers ", i);
	assert_int_equal(strlen(finding.seen), sizeof(finding.seen) - 1);
	doctor_finding_fail(&finding, SQUASH_SERVFAIL);
	doctor_finding_warn(&finding, "a warning", "never hides");
	assert_int_equal(finding.result, DOCTOR_FAIL);
	assert_string_not_equal(finding.means, "a warning");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(addresses_are_those_of_the_answer),
	cmocka_unit_test(private_address_is_found_where_there_is_one),
	cmocka_unit_test(addresses_that_lead_nowhere_are_known),
	cmocka_unit_test(end_of_the_chain_and_zone_are_named),
	cmocka_unit_test(count_is_read_from_txt),
	cmocka_unit_test(name_without_alias_has_a_shape_too),
	cmocka_unit_test(what_was_seen_is_cut_and_not_overrun),
};
UNIT_MAIN(tests)
