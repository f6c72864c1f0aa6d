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
	ask.view = (struct query_view){ .name = reply.wire + MESSAGE_HEADER_LEN,
					.type = type,
					.class = CLASS_IN };
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

/* Anew. */
static const struct doctor_ask *read_it(void)
{
	ask.addresses = 0;
	ask.cname_at = ask.soa_at = 0;
	ask.address = ask.inner = (struct addr){ .family = ADDR_NONE };
	assert_int_not_equal(message_read(reply.wire, made_reply_len(&reply), &ask.facts),
			     MESSAGE_BAD);
	doctor_reply_read(&ask);
	return &ask;
}

static void addresses_are_those_of_the_answer(void **state)
{
	struct addr_text text;

	(void)state;
	asked(RCODE_NOERROR, "a.example", TYPE_A);
	assert_false(doctor_reply_leads_on(read_it()));
	add(SECTION_ANSWER, "a.example", TYPE_CNAME, "b.example");
	add_raw("b.example", TYPE_A, "\x11\x39\x90\x0a", 4);
	add(SECTION_ANSWER, "b.example", TYPE_A, NULL);
	add(SECTION_ADDITIONAL, "ns.example", TYPE_A, NULL);
	assert_true(doctor_reply_leads_on(read_it()));
	assert_int_equal(ask.addresses, 2);
	assert_string_equal(addr_to_text(&ask.address, &text), "17.57.144.10");
}

static void private_address_is_found_where_there_is_one(void **state)
{
	(void)state;
	asked(RCODE_NOERROR, "a.example", TYPE_A);
	add_raw("a.example", TYPE_A, "\x11\x39\x90\x0a", 4);
	assert_int_equal(read_it()->inner.family, ADDR_NONE);
	add_raw("a.example", TYPE_A, "\0\0\0\0", 4);
	add_raw("a.example", TYPE_A, "\x0a\0\0\1", 4);
	assert_int_equal(read_it()->inner.family, ADDR_IPV4);
	assert_true(addr_is_wildcard(&ask.inner));
	assert_true(doctor_reply_leads_on(&ask));
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
	struct doctor_finding finding = { .result = DOCTOR_OK };

	(void)state;
	asked(RCODE_NOERROR, "a.example", TYPE_A);
	doctor_finding_describe(&finding, "", read_it());
	assert_string_equal(finding.seen, "NOERROR, no address, no SOA");
	add(SECTION_ANSWER, "a.example", TYPE_CNAME, "b.example");
	add(SECTION_ANSWER, "b.example", TYPE_CNAME, "c.example");
	add(SECTION_AUTHORITY, "example", TYPE_SOA, NULL);
	add(SECTION_AUTHORITY, "other.example", TYPE_SOA, NULL);
	doctor_finding_describe(&finding, "a.example", read_it());
	assert_string_equal(finding.seen,
			    "NOERROR, no address, no SOA; a.example: NOERROR, CNAME to "
			    "c.example, no address, SOA of example");
}

static void end_of_the_chain_is_the_last_that_can_be_read(void **state)
{
	struct doctor_finding finding = { .result = DOCTOR_OK };

	(void)state;
	asked(RCODE_NOERROR, "a.example", TYPE_A);
	add(SECTION_ANSWER, "a.example", TYPE_CNAME, "b.example");
	add_raw("b.example", TYPE_CNAME, "\7short", 6);
	doctor_finding_describe(&finding, "", read_it());
	assert_non_null(strstr(finding.seen, "CNAME to b.example"));
}

static unsigned count_of(const char *rdata, size_t len)
{
	asked(RCODE_NOERROR, "push.apple.com", TYPE_TXT);
	add_raw("push.apple.com", TYPE_TXT, "\7v=other", 8);
	add_raw("push.apple.com", TYPE_TXT, rdata, len);
	return doctor_run_read_count(read_it());
}

static void count_is_read_from_txt(void **state)
{
	(void)state;
	assert_int_equal(count_of("\x8"
				  "count=50",
				  9),
			 50);
	assert_int_equal(count_of("\4coun\4t=12", 10), 12);
	assert_int_equal(count_of("\7count=0", 8), 0);
	assert_int_equal(count_of("\6count=", 7), 0);
	assert_int_equal(count_of("\12count=1001", 11), 0);
	assert_int_equal(count_of("\10count=5x", 9), 0);
	assert_int_equal(count_of("\40count=5", 8), 0);
	ask.state = DOCTOR_ASK_SILENT;
	assert_int_equal(doctor_run_read_count(&ask), 0);
}

static enum squash shape_of(unsigned rcode)
{
	asked(rcode, "a.example", TYPE_A);
	return read_it()->shape;
}

static void name_without_alias_has_a_shape_too(void **state)
{
	(void)state;
	assert_int_equal(shape_of(RCODE_NOERROR), SQUASH_NONE);
	assert_false(doctor_reply_is_good(&ask));
	add_raw("a.example", TYPE_A, "\x11\x39\x90\x0a", 4);
	assert_true(doctor_reply_is_good(read_it()));
	add_raw("a.example", TYPE_A, "\x7f\0\0\1", 4);
	assert_int_equal(read_it()->shape, SQUASH_SINKHOLE);
	assert_false(doctor_reply_is_good(&ask));
	assert_int_equal(shape_of(RCODE_NXDOMAIN), SQUASH_NXDOMAIN);
	assert_int_equal(shape_of(RCODE_REFUSED), SQUASH_REFUSED);
	assert_int_equal(shape_of(RCODE_NOTIMP), SQUASH_REFUSED);
	assert_int_equal(shape_of(RCODE_FORMERR), SQUASH_SERVFAIL);
}

static void alias_has_the_shape_of_what_became_of_it(void **state)
{
	(void)state;
	asked(RCODE_NOERROR, "CoUrIeR.push.apple.com", TYPE_A);
	assert_int_equal(read_it()->shape, SQUASH_NO_CNAME);
	add(SECTION_ANSWER, "courier.push.apple.com", TYPE_CNAME,
	    "courier-push-apple.com.akadns.net");
	assert_int_equal(read_it()->shape, SQUASH_SOA_LOST);
	add(SECTION_AUTHORITY, "akadns.net", TYPE_SOA, NULL);
	assert_int_equal(read_it()->shape, SQUASH_NONE);
}

static void what_has_no_reply_is_silent(void **state)
{
	struct doctor_ask unasked = { .state = DOCTOR_ASK_NONE };

	(void)state;
	doctor_ask_end(&unasked);
	assert_int_equal(unasked.shape, SQUASH_SILENT);
	assert_false(doctor_reply_is_good(&unasked));
	assert_int_equal(shape_of(RCODE_NOERROR), SQUASH_NONE);
	doctor_ask_end(&ask);
	assert_int_equal(ask.shape, SQUASH_NONE);
}

static void hosts_stand_by_their_use(void **state)
{
	const struct doctor_host *const activation =
		&doctor_run_hosts[SLOT_ACTIVATION - SLOT_HOSTS];
	const struct doctor_host *const enrolment = &doctor_run_hosts[SLOT_ENROLMENT - SLOT_HOSTS];

	(void)state;
	assert_string_equal(doctor_run_hosts[SLOT_BAG_A - SLOT_HOSTS].name, "init.push.apple.com");
	assert_int_equal(activation->use, HOST_ACTIVATION);
	assert_int_equal(activation[-1].use, HOST_BAG);
	assert_int_equal(enrolment->use, HOST_ENROLMENT);
	assert_int_equal(enrolment[-1].use, HOST_ACTIVATION);
	for (size_t i = 1; i < DOCTOR_HOSTS; i++)
		assert_true(doctor_run_hosts[i].use >= doctor_run_hosts[i - 1].use);
}

static void what_was_seen_is_cut_and_not_overrun(void **state)
{
	struct doctor_finding finding = { .result = DOCTOR_OK };

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		doctor_finding_say(&finding, "%u numbers ", i);
	assert_int_equal(strlen(finding.seen), sizeof(finding.seen) - 1);
	doctor_finding_set(&finding, DOCTOR_WARN, "a warning", "what to do");
	assert_int_equal(finding.result, DOCTOR_WARN);
	doctor_finding_fail(&finding, SQUASH_SERVFAIL);
	assert_int_equal(finding.result, DOCTOR_FAIL);
	assert_int_equal(finding.shape, SQUASH_SERVFAIL);
	assert_string_not_equal(finding.means, "a warning");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(addresses_are_those_of_the_answer),
	cmocka_unit_test(private_address_is_found_where_there_is_one),
	cmocka_unit_test(addresses_that_lead_nowhere_are_known),
	cmocka_unit_test(end_of_the_chain_and_zone_are_named),
	cmocka_unit_test(end_of_the_chain_is_the_last_that_can_be_read),
	cmocka_unit_test(count_is_read_from_txt),
	cmocka_unit_test(name_without_alias_has_a_shape_too),
	cmocka_unit_test(alias_has_the_shape_of_what_became_of_it),
	cmocka_unit_test(what_has_no_reply_is_silent),
	cmocka_unit_test(hosts_stand_by_their_use),
	cmocka_unit_test(what_was_seen_is_cut_and_not_overrun),
};
UNIT_MAIN(tests)
