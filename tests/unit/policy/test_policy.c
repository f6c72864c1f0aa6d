#include "policy/policy.h"

#include <string.h>

#include "fixture.h"
#include "policy/special.h"
#include "wire/message.h"

/* --- which rule decides -------------------------------------------------------------------- */

static void no_rules_mean_forward_to_the_default_group(void **state)
{
	(void)state;
	const struct decision *decided = judge(policy_of(""), "www.example.org");

	assert_int_equal(decided->action, ZONE_FORWARD);
	assert_int_equal(decided->source, DECISION_DEFAULT);
	assert_null(decided->zone);
	assert_int_equal(decided->group, 0);
	assert_int_equal(decided->on_failure, CONF_GROUP_NONE);
	assert_false(decided->no_cache);
	assert_int_equal(decided->ttl_min, 0);
	assert_int_equal(decided->ttl_max, 86400);
	assert_int_equal(decided->view, 0);
	assert_int_equal(*decided->apex, 0);
}

static void FO_11_longest_name_decides_at_label_borders(void **state)
{
	(void)state;
	const struct policy *policy =
		policy_of("\n{ name = \"example\"; },"
			  "\n{ name = \"corp.example\"; upstream = \"corp\"; },"
			  "\n{ name = \"eu.corp.example\"; upstream = \"isp\"; }");

	assert_int_equal(line(policy, "example"), 2);
	assert_int_equal(line(policy, "www.Example"), 2);
	assert_int_equal(line(policy, "notcorp.example"), 2);
	assert_int_equal(line(policy, "corp.example"), 3);
	assert_int_equal(line(policy, "a.b.CORP.example"), 3);
	assert_int_equal(line(policy, "noteu.corp.example"), 3);
	assert_int_equal(line(policy, "eu.corp.example"), 4);
	assert_int_equal(line(policy, "x.eu.corp.example"), 4);
	assert_int_equal(line(policy, "corp.example.org"), 0);
	assert_int_equal(line(policy, "."), 0);
	assert_int_equal(judge(policy, "x.corp.example")->group, 1);
	assert_int_equal(judge(policy, "x.eu.corp.example")->group, 2);
	assert_int_equal(judge(policy, "x.eu.corp.example")->source, DECISION_RULE);
}

static void root_rule_covers_all(void **state)
{
	(void)state;
	const struct policy *policy = policy_of("\n{ name = \".\"; upstream = \"isp\"; }");

	assert_int_equal(line(policy, "."), 2);
	assert_int_equal(line(policy, "www.example"), 2);
	assert_int_equal(judge(policy, "www.example")->group, 2);
}

static void names_of_one_rule_are_alike(void **state)
{
	(void)state;
	const struct policy *policy = policy_of("\n{ names = [ \"a.example\", \"b.example\" ]; }");

	assert_int_equal(line(policy, "x.a.example"), 2);
	assert_int_equal(line(policy, "b.example"), 2);
	assert_int_equal(line(policy, "c.example"), 0);
}

static void apex_is_the_matched_part_of_the_asked_name(void **state)
{
	(void)state;
	const struct policy *policy = policy_of("{ name = \"corp.example\"; }");

	assert_ptr_equal(judge(policy, "a.b.Corp.example")->apex, query.view.name + 4);
	assert_ptr_equal(judge(policy, "corp.example")->apex, query.view.name);
}

static void exact_rule_covers_the_name_alone(void **state)
{
	(void)state;
	const struct policy *policy = policy_of("\n{ name = \"a.example\"; match = \"exact\"; }");

	assert_int_equal(line(policy, "a.example"), 2);
	assert_int_equal(line(policy, "x.a.example"), 0);
}

static void exact_beats_suffix_of_the_same_length_in_any_order(void **state)
{
	(void)state;
	const struct policy *first = policy_of(
		"\n{ name = \"a.example\"; match = \"exact\"; },\n"
		"{ name = \"a.example\"; types = [ \"A\" ]; clients = [ \"10.0.0.1\" ]; }");
	const struct policy *last = policy_of(
		"\n{ name = \"a.example\"; types = [ \"A\" ]; clients = [ \"10.0.0.1\" ]; },"
		"\n{ name = \"a.example\"; match = \"exact\"; }");

	assert_int_equal(line(first, "a.example"), 2);
	assert_int_equal(line(first, "x.a.example"), 3);
	assert_int_equal(line(last, "a.example"), 3);
	assert_int_equal(line(last, "x.a.example"), 2);
}

static void except_leaves_names_and_what_is_below_to_others(void **state)
{
	(void)state;
	const struct policy *policy =
		policy_of("\n{ name = \"example\"; },"
			  "\n{ name = \"a.example\"; except = [ \"x.a.example\","
			  " \"q.y.a.example\" ]; }");

	assert_int_equal(line(policy, "a.example"), 3);
	assert_int_equal(line(policy, "xx.a.example"), 3);
	assert_int_equal(line(policy, "X.a.example"), 2);
	assert_int_equal(line(policy, "z.x.a.example"), 2);
	assert_int_equal(line(policy, "y.a.example"), 3);
	assert_int_equal(line(policy, "q.y.a.example"), 2);
}

static void types_limit_a_rule(void **state)
{
	(void)state;
	const struct policy *policy =
		policy_of("\n{ name = \"example\"; },"
			  "\n{ name = \"a.example\"; types = [ \"AAAA\", \"TYPE65\" ]; }");

	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_AAAA, "::1")), 3);
	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_HTTPS, "::1")), 3);
	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_A, "::1")), 2);
	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_ANY, "::1")), 2);
}

static void more_conditions_go_before_fewer(void **state)
{
	(void)state;
	const struct policy *policy = policy_of(
		"\n{ name = \"a.example\"; },"
		"\n{ name = \"a.example\"; types = [ \"A\" ]; },"
		"\n{ name = \"a.example\"; clients = [ \"10.0.0.0/8\" ]; },"
		"\n{ name = \"a.example\"; clients = [ \"10.0.0.0/8\" ]; types = [ \"A\" ]; }");

	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_A, "10.1.1.1")), 5);
	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_TXT, "10.1.1.1")), 4);
	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_A, "192.0.2.1")), 3);
	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_TXT, "192.0.2.1")), 2);
}

static void longer_client_prefix_goes_before_shorter(void **state)
{
	(void)state;
	const struct policy *policy = policy_of(
		"\n{ name = \"a.example\"; clients = [ \"10.0.0.0/8\", \"::/0\" ]; },"
		"\n{ name = \"a.example\"; clients = [ \"10.9.0.0/16\", \"192.0.2.1\" ]; },"
		"\n{ name = \"a.example\"; types = [ \"A\" ]; }");

	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_A, "10.1.1.1")), 2);
	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_A, "10.9.1.1")), 3);
	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_A, "2001:db8::1")), 2);
	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_A, "192.0.2.1")), 3);
	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_A, "192.0.2.2")), 4);
}

static void earlier_in_the_file_goes_before_later(void **state)
{
	(void)state;
	const struct policy *policy =
		policy_of("\n{ name = \"a.example\"; types = [ \"A\", \"TXT\" ]; },"
			  "\n{ name = \"a.example\"; types = [ \"A\", \"MX\" ]; }");

	assert_int_equal(line(policy, "a.example"), 2);
	assert_int_equal(line_of(judge_as(policy, "a.example", TYPE_MX, "::1")), 3);
}

static void length_of_the_name_goes_before_everything(void **state)
{
	(void)state;
	const struct policy *policy = policy_of(
		"\n{ name = \"example\"; types = [ \"A\" ]; clients = [ \"10.0.0.1\" ]; },"
		"\n{ name = \"a.example\"; }");

	assert_int_equal(line(policy, "a.example"), 3);
}

static void rules_are_for_every_class(void **state)
{
	(void)state;
	const struct policy *policy = policy_with_special("\n{ name = \"a.example\"; }");
	struct addr addr;
	assert_int_equal(addr_parse("::1", 53, &addr), 0);

	policy_judge(policy, made_query_of(&query, "a.example", TYPE_A, CLASS_CH), query.lowered,
		     &addr, &decision);
	assert_int_equal(line_of(&decision), 2);
}

/* --- templates ----------------------------------------------------------------------------- */

static void template_takes_the_numbers_of_its_range(void **state)
{
	(void)state;
	const struct policy *policy =
		policy_of("\n{ name = \"{n}-courier.push.apple.com\"; n = [ 0, 250 ]; }");

	assert_int_equal(line(policy, "0-courier.push.apple.com"), 2);
	assert_int_equal(judge(policy, "0-courier.push.apple.com")->n, 0);
	assert_int_equal(line(policy, "250-COURIER.push.apple.com"), 2);
	assert_int_equal(judge(policy, "250-courier.push.apple.com")->n, 250);
	assert_int_equal(line(policy, "251-courier.push.apple.com"), 0);
	assert_int_equal(line(policy, "007-courier.push.apple.com"), 0);
	assert_int_equal(line(policy, "4294967296-courier.push.apple.com"), 0);
	assert_int_equal(line(policy, "4294967297-courier.push.apple.com"), 0);
	assert_int_equal(line(policy, "-courier.push.apple.com"), 0);
	assert_int_equal(line(policy, "courier.push.apple.com"), 0);
}

static void template_may_begin_above_zero(void **state)
{
	(void)state;
	const struct policy *policy = policy_of("\n{ name = \"h{n}.example\"; n = [ 5, 5 ]; }");

	assert_int_equal(line(policy, "h4.example"), 0);
	assert_int_equal(line(policy, "h5.example"), 2);
	assert_int_equal(line(policy, "h6.example"), 0);
}

static void template_covers_names_below_unless_exact(void **state)
{
	(void)state;
	const struct policy *policy =
		policy_of("\n{ name = \"{n}.a.example\"; n = [ 0, 9 ]; },"
			  "\n{ name = \"{n}.b.example\"; n = [ 0, 9 ]; match = \"exact\"; }");

	assert_int_equal(line(policy, "x.7.a.example"), 2);
	assert_ptr_equal(judge(policy, "x.7.a.example")->apex, query.view.name + 2);
	assert_int_equal(line(policy, "7.b.example"), 3);
	assert_int_equal(line(policy, "x.7.b.example"), 0);
}

static void template_beats_suffix_of_the_same_length_in_any_order(void **state)
{
	(void)state;
	const struct policy *policy = policy_of("\n{ name = \"7.example\"; types = [ \"A\" ]; },"
						"\n{ name = \"{n}.example\"; n = [ 0, 9 ]; },"
						"\n{ name = \"x.7.example\"; }");

	assert_int_equal(line(policy, "7.example"), 3);
	assert_int_equal(line(policy, "y.7.example"), 3);
	assert_int_equal(line(policy, "x.7.example"), 4);
}

static void template_out_of_range_is_passed_over(void **state)
{
	(void)state;
	const struct policy *policy =
		policy_of("\n{ name = \"example\"; },"
			  "\n{ name = \"{n}.example\"; n = [ 0, 9 ]; },"
			  "\n{ name = \"{n}.example\"; n = [ 20, 29 ]; types = [ \"A\" ]; }");

	assert_int_equal(line(policy, "9.example"), 3);
	assert_int_equal(line(policy, "10.example"), 2);
	assert_int_equal(line(policy, "20.example"), 4);
}

/* --- what a rule says ---------------------------------------------------------------------- */

static void every_action_is_decided(void **state)
{
	(void)state;
	const struct policy *policy = policy_of(
		"{ name = \"f.example\"; action = \"forward\"; },"
		"{ name = \"a.example\"; action = \"answer\"; records = [ \"@ A 10.0.0.1\" ]; },"
		"{ name = \"x.example\"; action = \"nxdomain\"; },"
		"{ name = \"d.example\"; action = \"nodata\"; },"
		"{ name = \"r.example\"; action = \"refuse\"; },"
		"{ name = \"s.example\"; action = \"drop\"; }");

	assert_int_equal(judge(policy, "f.example")->action, ZONE_FORWARD);
	assert_int_equal(judge(policy, "a.example")->action, ZONE_ANSWER);
	assert_int_equal(judge(policy, "x.example")->action, ZONE_NXDOMAIN);
	assert_int_equal(judge(policy, "d.example")->action, ZONE_NODATA);
	assert_int_equal(judge(policy, "r.example")->action, ZONE_REFUSE);
	assert_int_equal(judge(policy, "s.example")->action, ZONE_DROP);
}

static void forward_settings_are_the_rules_else_the_cache_sections(void **state)
{
	(void)state;
	char text[1024];
	snprintf(text, sizeof(text),
		 "%s cache = { ttl_min = 5; ttl_max = 900; stale = 70; }; zones = ("
		 "{ name = \"a.example\"; upstream = \"corp\"; on_failure = \"isp\"; cache = "
		 "false; },"
		 "{ name = \"b.example\"; ttl_min = 0; ttl_max = 60; stale = 0; } );",
		 groups);
	const struct policy *policy = policy_of_conf(conf_of(text));

	judge(policy, "a.example");
	assert_int_equal(decision.group, 1);
	assert_int_equal(decision.on_failure, 2);
	assert_true(decision.no_cache);
	assert_int_equal(decision.ttl_min, 5);
	assert_int_equal(decision.ttl_max, 900);
	assert_int_equal(decision.stale_s, 70);
	judge(policy, "b.example");
	assert_false(decision.no_cache);
	assert_int_equal(decision.on_failure, CONF_GROUP_NONE);
	assert_int_equal(decision.ttl_min, 0);
	assert_int_equal(decision.ttl_max, 60);
	assert_int_equal(decision.stale_s, 0);
	judge(policy, "c.example");
	assert_int_equal(decision.ttl_min, 5);
	assert_int_equal(decision.ttl_max, 900);
	assert_int_equal(decision.stale_s, 70);
}

/* --- local answers ------------------------------------------------------------------------- */

static uint8_t out[MESSAGE_MAX_LEN];

static void facts_of_answer(struct message_facts *facts)
{
	size_t len = 0;
	const int err = policy_answer(&decision, &query.view, out, sizeof(out), &len);

	assert_int_equal(err, 0);
	assert_int_equal(message_read(out, len, facts), MESSAGE_OK);
}

static void answer_rule_gives_its_records(void **state)
{
	(void)state;
	const struct policy *policy = policy_of(
		"{ name = \"{n}-a.example\"; n = [ 0, 250 ]; types = [ \"A\", \"TXT\" ]; action ="
		" \"answer\"; records = [ \"@ 60 IN A 10.100.100.{n}\" ]; }");
	struct message_facts facts;

	judge(policy, "17-A.example");
	facts_of_answer(&facts);
	assert_int_equal(facts.records[SECTION_ANSWER], 1);
	assert_int_equal(facts.min_ttl, 60);
	assert_memory_equal(out + facts.wire_len - 4, "\012\144\144\021", 4);
	judge_as(policy, "17-A.example", TYPE_TXT, "::1");
	facts_of_answer(&facts);
	assert_int_equal(facts.records[SECTION_ANSWER], 0);
	assert_int_equal(FLAGS_RCODE(facts.flags), RCODE_NOERROR);
	assert_true(facts.has_soa);
}

static void negative_rules_answer_with_a_soa_at_their_name(void **state)
{
	(void)state;
	const struct policy *policy = policy_of("{ name = \"x.example\"; action = \"nxdomain\"; },"
						"{ name = \"d.example\"; action = \"nodata\"; }");
	struct message_facts facts;
	uint8_t owner[NAME_MAX_LEN];
	size_t len = 0, next = 0;

	judge(policy, "www.X.example");
	facts_of_answer(&facts);
	assert_int_equal(FLAGS_RCODE(facts.flags), RCODE_NXDOMAIN);
	assert_true(facts.has_soa);
	assert_int_equal(name_read(out, facts.wire_len, MESSAGE_HEADER_LEN + facts.question_len,
				   owner, &len, &next),
			 0);
	assert_true(name_equal(owner, query.view.name + 4));
	judge(policy, "d.example");
	facts_of_answer(&facts);
	assert_int_equal(FLAGS_RCODE(facts.flags), RCODE_NOERROR);
	assert_true(facts.has_soa);
	assert_int_equal(facts.records[SECTION_ANSWER], 0);
}

static void expect_complaint(const char *zone, const char *expected)
{
	char text[1024];
	struct complaints *complaints = complaints_new();
	struct policy *policy = NULL;

	snprintf(text, sizeof(text), "zones = ( { %s } );", zone);
	const int err = policy_compile(conf_of(text), &route_key, complaints, &policy);
	unit_own(policy, policy_free);
	assert_int_equal(err, ERR_CONF);
	assert_int_equal(complaint_count(complaints), 1);
	assert_int_equal(complaint_kept(complaints), 1);
	assert_string_equal(complaint_text(complaints, 0), expected);
}

static void bad_records_are_complained_of_at_their_line(void **state)
{
	(void)state;
	expect_complaint(
		"name = \"a.example\"; action = \"answer\";\nrecords = [\n"
		"\"@ A 10.0.0.1\",\n\"@ 300 IN A 10.1.2.300\" ];",
		"test.conf:4: record \"@ 300 IN A 10.1.2.300\": not an IPv4 address; expected "
		"something like \"@ 300 IN A 192.0.2.1\"");
	expect_complaint(
		"name = \"a{n}.example\"; n = [ 0, 300 ]; action = \"answer\";"
		"records = [ \"@ AAAA ::{n}\", \"@ MX {n}000 a.\" ];",
		"test.conf:1: record \"@ MX {n}000 a.\" with {n} = 300: not a number from 0 "
		"to 65535; expected something like \"@ 300 IN MX 10 mail.example.\"");
	expect_complaint(
		"names = [ \"a{n}.example\", \"b.example\" ]; n = [ 0, 9 ]; "
		"action = \"answer\"; records = [ \"@ A 10.0.0.{n}\" ];",
		"test.conf:1: record \"@ A 10.0.0.{n}\": {n} needs a {n} in each name of the "
		"rule; expected something like \"@ 300 IN A 192.0.2.1\"");
}

static void all_bad_records_are_complained_of(void **state)
{
	(void)state;
	struct complaints *complaints = complaints_new();
	struct policy *policy = NULL;
	const struct conf *conf = conf_of(
		"zones = ( { name = \"a\"; action = \"answer\"; records = [ \"x\", \"y\" ]; },"
		"{ name = \"b\"; action = \"answer\"; records = [ \"@ A 1.2.3.4\", \"z\" ]; } );");

	const int err = policy_compile(conf, &route_key, complaints, &policy);
	unit_own(policy, policy_free);
	assert_int_equal(err, ERR_CONF);
	assert_int_equal(complaint_count(complaints), 3);
}

/* --- special names ------------------------------------------------------------------------- */

static void LZ_04_special_names_are_answered_without_rules(void **state)
{
	(void)state;
	const struct policy *policy = policy_with_special("");
	struct message_facts facts;

	judge(policy, "x.LOCALHOST");
	assert_int_equal(decision.source, DECISION_SPECIAL);
	assert_int_equal(decision.action, ZONE_ANSWER);
	assert_string_equal(decision.special_why, "RFC 6761 section 6.3");
	assert_ptr_equal(decision.apex, query.view.name + 2);
	facts_of_answer(&facts);
	assert_int_equal(facts.records[SECTION_ANSWER], 1);
	judge(policy, "x.invalid");
	assert_int_equal(decision.action, ZONE_NXDOMAIN);
	facts_of_answer(&facts);
	assert_int_equal(FLAGS_RCODE(facts.flags), RCODE_NXDOMAIN);
	assert_true(facts.has_soa);
	assert_int_equal(facts.min_ttl, SPECIAL_TTL);
	judge_as(policy, "_dns.resolver.arpa", TYPE_SVCB, "::1");
	assert_int_equal(decision.action, ZONE_NODATA);
}

static void special_names_can_be_switched_off(void **state)
{
	(void)state;
	assert_int_equal(judge(policy_of(""), "localhost")->source, DECISION_DEFAULT);
	assert_int_equal(judge(policy_of(""), "1.0.0.10.in-addr.arpa")->action, ZONE_FORWARD);
}

static void LZ_09_any_rule_but_the_roots_goes_before_special_names(void **state)
{
	(void)state;
	const struct policy *policy =
		policy_with_special("\n{ name = \"corp.local\"; upstream = \"corp\"; },"
				    "\n{ name = \"10.in-addr.arpa\"; upstream = \"corp\"; },"
				    "\n{ name = \".\"; upstream = \"isp\"; },"
				    "\n{ name = \"arpa\"; types = [ \"SOA\" ]; }");

	assert_int_equal(line(policy, "x.corp.local"), 2);
	assert_int_equal(line(policy, "1.2.3.10.in-addr.arpa"), 3);
	assert_int_equal(judge(policy, "x.local")->source, DECISION_SPECIAL);
	assert_int_equal(judge(policy, "1.1.168.192.in-addr.arpa")->source, DECISION_SPECIAL);
	assert_int_equal(line_of(judge_as(policy, "home.arpa", TYPE_SOA, "::1")), 5);
	assert_int_equal(judge_as(policy, "home.arpa", TYPE_A, "::1")->source, DECISION_SPECIAL);
	assert_int_equal(line(policy, "example"), 4);
}

static void LZ_09_rule_for_others_does_not_leak_a_special_name(void **state)
{
	(void)state;
	const struct policy *policy =
		policy_with_special("\n{ name = \"10.in-addr.arpa\"; clients = [ \"10.0.0.0/8\" ]; "
				    "upstream = \"corp\"; }");

	assert_int_equal(line_of(judge_as(policy, "1.0.0.10.in-addr.arpa", TYPE_PTR, "10.0.0.1")),
			 2);
	assert_int_equal(judge_as(policy, "1.0.0.10.in-addr.arpa", TYPE_PTR, "192.0.2.1")->source,
			 DECISION_SPECIAL);
}

static void TR_05_version_bind_is_refused_whatever_the_rules(void **state)
{
	(void)state;
	const struct policy *policies[] = {
		policy_of(""),
		policy_with_special(""),
		policy_of("{ name = \"bind\"; upstream = \"corp\"; }, { name = \".\"; }"),
	};
	struct addr addr;
	assert_int_equal(addr_parse("::1", 53, &addr), 0);

	for (size_t i = 0; i < 3; i++) {
		policy_judge(policies[i], made_query_of(&query, "Version.Bind", TYPE_TXT, CLASS_CH),
			     query.lowered, &addr, &decision);
		assert_int_equal(decision.action, ZONE_REFUSE);
		assert_int_equal(decision.source, DECISION_SPECIAL);
		policy_judge(policies[i], made_query_of(&query, "x.example", TYPE_TXT, CLASS_CH),
			     query.lowered, &addr, &decision);
		assert_int_equal(decision.action, ZONE_FORWARD);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(no_rules_mean_forward_to_the_default_group),
	cmocka_unit_test(FO_11_longest_name_decides_at_label_borders),
	cmocka_unit_test(root_rule_covers_all),
	cmocka_unit_test(names_of_one_rule_are_alike),
	cmocka_unit_test(apex_is_the_matched_part_of_the_asked_name),
	cmocka_unit_test(exact_rule_covers_the_name_alone),
	cmocka_unit_test(exact_beats_suffix_of_the_same_length_in_any_order),
	cmocka_unit_test(except_leaves_names_and_what_is_below_to_others),
	cmocka_unit_test(types_limit_a_rule),
	cmocka_unit_test(more_conditions_go_before_fewer),
	cmocka_unit_test(longer_client_prefix_goes_before_shorter),
	cmocka_unit_test(earlier_in_the_file_goes_before_later),
	cmocka_unit_test(length_of_the_name_goes_before_everything),
	cmocka_unit_test(rules_are_for_every_class),
	cmocka_unit_test(template_takes_the_numbers_of_its_range),
	cmocka_unit_test(template_may_begin_above_zero),
	cmocka_unit_test(template_covers_names_below_unless_exact),
	cmocka_unit_test(template_beats_suffix_of_the_same_length_in_any_order),
	cmocka_unit_test(template_out_of_range_is_passed_over),
	cmocka_unit_test(every_action_is_decided),
	cmocka_unit_test(forward_settings_are_the_rules_else_the_cache_sections),
	cmocka_unit_test(answer_rule_gives_its_records),
	cmocka_unit_test(negative_rules_answer_with_a_soa_at_their_name),
	cmocka_unit_test(bad_records_are_complained_of_at_their_line),
	cmocka_unit_test(all_bad_records_are_complained_of),
	cmocka_unit_test(LZ_04_special_names_are_answered_without_rules),
	cmocka_unit_test(special_names_can_be_switched_off),
	cmocka_unit_test(LZ_09_any_rule_but_the_roots_goes_before_special_names),
	cmocka_unit_test(LZ_09_rule_for_others_does_not_leak_a_special_name),
	cmocka_unit_test(TR_05_version_bind_is_refused_whatever_the_rules),
};
UNIT_MAIN_MEM(tests) /* libconfig survives nothing else */
