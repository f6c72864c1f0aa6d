#include "policy/rebinding.h"

#include "fixture.h"
#include "made_reply.h"

static struct made_reply reply;

/* --- addresses ----------------------------------------------------------------------------- */

static bool find(struct addr *ret_addr)
{
	struct message_facts facts;
	const size_t len = made_reply_len(&reply);

	assert_int_not_equal(message_read(reply.wire, len, &facts), MESSAGE_BAD);
	return rebinding_find(reply.wire, len, ret_addr);
}

/* The bytes of an address; an IPv4-mapped one stays what it is. */
static size_t bytes_of(const char *text, uint8_t bytes[16])
{
	static const char mapped[] = "::ffff:";
	struct addr addr;

	const bool is_mapped = strncmp(text, mapped, sizeof(mapped) - 1) == 0;
	assert_int_equal(addr_parse(text, 0, &addr), 0);
	memset(bytes, 0, 16);
	if (!is_mapped) {
		memcpy(bytes, addr.bytes, 16);
		return addr.family == ADDR_IPV4 ? 4 : 16;
	}
	bytes[10] = bytes[11] = 0xff;
	memcpy(bytes + 12, addr.bytes, 4);
	return 16;
}

static void add_address(enum message_section section, const char *owner, const char *text)
{
	uint8_t bytes[16], name[NAME_MAX_LEN];
	size_t name_size = 0;
	const size_t len = bytes_of(text, bytes);

	assert_int_equal(name_from_text(owner, name, &name_size), 0);
	made_reply_add_raw(&reply, section, name, name_size, len == 4 ? TYPE_A : TYPE_AAAA, bytes,
			   len);
}

static bool is_private(const char *text)
{
	struct addr found;

	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	add_address(SECTION_ANSWER, "a.example", text);
	return find(&found);
}

static void AM_12_ranges_begin_and_end_where_they_should(void **state)
{
	(void)state;
	static const char *const inside[] = {
		"0.0.0.0",
		"0.255.255.255",
		"10.0.0.0",
		"10.255.255.255",
		"100.64.0.0",
		"100.127.255.255",
		"127.0.0.1",
		"127.255.255.255",
		"169.254.0.0",
		"169.254.255.255",
		"172.16.0.0",
		"172.31.255.255",
		"192.168.0.0",
		"192.168.255.255",
		"255.255.255.255",
		"::",
		"::1",
		"fc00::",
		"fdff::ffff",
		"fe80::1",
		"febf::1",
		"fec0::1",
		"feff::1",
		"::ffff:10.0.0.1",
		"::ffff:192.0.2.1",
		"::10.0.0.1",
		"64:ff9b::10.0.0.1",
		"2002:a00:1::",
	};
	static const char *const outside[] = {
		"1.0.0.0",	   "9.255.255.255",   "11.0.0.0",
		"100.63.255.255",  "100.128.0.0",     "126.255.255.255",
		"128.0.0.0",	   "169.253.255.255", "169.255.0.0",
		"172.15.255.255",  "172.32.0.0",      "192.167.255.255",
		"192.169.0.0",	   "255.255.255.254", "192.0.2.1",
		"17.57.146.20",	   "fbff::1",	      "fe7f::1",
		"ff02::1",	   "2001:db8::1",     "64:ff9b::192.0.2.1",
		"2002:c000:201::", "2620:149:a44::1",
	};

	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		if (!is_private(inside[i]))
			fail_msg("%s is let through", inside[i]);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		if (is_private(outside[i]))
			fail_msg("%s is held back", outside[i]);
}

static void AM_12_address_is_found_wherever_it_stands(void **state)
{
	(void)state;
	struct addr found, wanted;

	assert_int_equal(addr_parse("10.1.2.3", 0, &wanted), 0);
	for (unsigned section = 0; section < SECTION_COUNT; section++) {
		made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
		for (unsigned at = 0; at < SECTION_COUNT; at++) {
			made_reply_add(&reply, (enum message_section)at, "a.example", TYPE_CNAME,
				       "b.example");
			add_address((enum message_section)at, "b.example", "192.0.2.1");
			if (at == section)
				add_address((enum message_section)at, "b.example", "10.1.2.3");
		}
		assert_true(find(&found));
		assert_true(addr_equal(&found, &wanted));
	}
}

static void what_only_looks_like_an_address_is_none(void **state)
{
	(void)state;
	struct addr found;
	static const uint8_t ten[5] = { 10, 0, 0, 1, 0 };

	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_TXT);
	made_reply_add_raw(&reply, SECTION_ANSWER, "", 1, TYPE_TXT, "\3\12\0\0", 4);
	made_reply_add_raw(&reply, SECTION_ANSWER, "", 1, 65280, ten, 4);
	made_reply_add_raw(&reply, SECTION_ANSWER, "", 1, TYPE_A, ten, 5);
	made_reply_add_raw(&reply, SECTION_ANSWER, "", 1, TYPE_AAAA, ten, 4);
	reply.class = CLASS_CH;
	made_reply_add_raw(&reply, SECTION_ANSWER, "", 1, TYPE_A, ten, 4);
	assert_false(find(&found));
	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
	assert_false(find(&found));
}

/* --- hints --------------------------------------------------------------------------------- */

static bool svcb_is_private(uint16_t type, const char *rdata, size_t len)
{
	struct addr found;

	made_reply_ask(&reply, RCODE_NOERROR, "a.example", type);
	made_reply_add_raw(&reply, SECTION_ANSWER, "", 1, type, rdata, len);
	return find(&found);
}

static void AM_12_hints_of_https_and_svcb_are_addresses(void **state)
{
	(void)state;
#define SVCB(params) "\0\1\1x\7example\0" params
#define LEN(text) text, sizeof(text) - 1
	static const uint16_t types[] = { TYPE_SVCB, TYPE_HTTPS };

	for (size_t i = 0; i < 2; i++) {
		const uint16_t type = types[i];

		assert_false(svcb_is_private(type, LEN(SVCB(""))));
		assert_false(svcb_is_private(type, LEN("\0\1\0\0\1\0\3\2h2")));
		assert_true(svcb_is_private(type, LEN("\0\1\0\0\1\0\3\2h2\0\4\0\4\12\0\0\1")));
		assert_false(svcb_is_private(type, LEN("\0\1\0\0\1\0\3\2h2\0\4\0\4\300\0\2\1")));
		/* the second of two */
		assert_true(svcb_is_private(type, LEN(SVCB("\0\4\0\10\300\0\2\1\300\250\1\1"))));
		assert_true(svcb_is_private(
			type, LEN(SVCB("\0\4\0\4\300\0\2\1\0\6\0\20\375\0\0\0\0\0\0\0\0\0\0\0\0\0"
				       "\0\1"))));
		assert_false(svcb_is_private(
			type, LEN(SVCB("\0\6\0\20\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1"))));
		/* another parameter with the same bytes; one that ends too soon */
		assert_false(svcb_is_private(type, LEN(SVCB("\0\7\0\4\12\0\0\1"))));
		assert_false(svcb_is_private(type, LEN(SVCB("\0\4\0\3\12\0\0"))));
		assert_false(svcb_is_private(type, LEN(SVCB("\0\4\0\10\300\0\2\1\12\0\0"))));
		assert_false(svcb_is_private(type, LEN("\0\1\77x")));
		assert_false(svcb_is_private(type, LEN("\0")));
	}
}

/* --- whose --------------------------------------------------------------------------------- */

static bool guards(const char *text, const char *name)
{
	const struct conf *conf = conf_of(text);
	const struct policy *policy = policy_of_conf(conf);
	const struct rebinding *rebinding = unit_own(rebinding_new(conf), rebinding_free);
	uint8_t wire[NAME_MAX_LEN];
	size_t len = 0;

	assert_non_null(rebinding);
	assert_int_equal(name_from_text(name, wire, &len), 0);
	return rebinding_guards(rebinding, judge(policy, name), wire, len);
}

static void AM_12_nothing_is_guarded_unless_told(void **state)
{
	(void)state;
	assert_false(guards("special_names = true;", "www.example"));
	assert_false(guards("rebinding = { allow = [ \"a.example\" ]; };", "www.example"));
	assert_true(guards("rebinding = { protect = true; };", "www.example"));
	assert_true(guards("rebinding = { protect = true; };", "."));
}

static void AM_12_allowed_names_and_those_below_may(void **state)
{
	(void)state;
	static const char text[] =
		"rebinding = { protect = true; allow = [ \"Corp.example\", \"b.example\" ]; };";

	assert_false(guards(text, "corp.example"));
	assert_false(guards(text, "a.b.corp.example"));
	assert_false(guards(text, "b.example"));
	assert_true(guards(text, "example"));
	assert_true(guards(text, "xcorp.example"));
	assert_false(guards("rebinding = { protect = true; allow = [ \".\" ]; };", "a.example"));
}

static void AM_12_zones_with_servers_of_their_own_may(void **state)
{
	(void)state;
	char text[1024];

	snprintf(text, sizeof(text),
		 "%s rebinding = { protect = true; }; zones = ( "
		 "{ name = \".\"; upstream = \"isp\"; },"
		 "{ name = \"corp.example\"; upstream = \"corp\"; },"
		 "{ name = \"plain.example\"; ttl_max = 60; } );",
		 groups);
	assert_false(guards(text, "corp.example"));
	assert_false(guards(text, "a.corp.example"));
	assert_true(guards(text, "plain.example"));
	assert_true(guards(text, "www.example")); /* "." is the world, whoever is asked about it */
}

static void AM_12_reply_is_no_data_with_a_soa_of_the_name(void **state)
{
	(void)state;
	const struct query_view *view = made_query_of(&query, "a.Example", TYPE_A, CLASS_IN);
	uint8_t out[512];
	struct message_facts facts;
	size_t len = 0;

	const int err = rebinding_reply(view, out, sizeof(out), &len);
	assert_int_equal(err, 0);
	assert_int_equal(message_read(out, len, &facts), MESSAGE_OK);
	assert_int_equal(message_rcode(&facts), RCODE_NOERROR);
	assert_int_equal(facts.records[SECTION_ANSWER], 0);
	assert_true(facts.has_soa);
	assert_int_equal(facts.min_ttl, 60);
	assert_int_equal(facts.soa_minimum, 60);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(AM_12_ranges_begin_and_end_where_they_should),
	cmocka_unit_test(AM_12_address_is_found_wherever_it_stands),
	cmocka_unit_test(what_only_looks_like_an_address_is_none),
	cmocka_unit_test(AM_12_hints_of_https_and_svcb_are_addresses),
	cmocka_unit_test(AM_12_nothing_is_guarded_unless_told),
	cmocka_unit_test(AM_12_allowed_names_and_those_below_may),
	cmocka_unit_test(AM_12_zones_with_servers_of_their_own_may),
	cmocka_unit_test(AM_12_reply_is_no_data_with_a_soa_of_the_name),
};
UNIT_MAIN_MEM(tests) /* libconfig survives nothing else */
