#include "policy/special.h"

#include <stdio.h>
#include <string.h>

#include "made_query.h"

/* --- helpers ------------------------------------------------------------------------------- */

static struct made_query query;
static uint8_t name[NAME_MAX_LEN];
static struct special_match match;

static const struct special *special_made(void)
{
	const struct special *special = unit_own(special_new(), special_free);
	assert_non_null(special);
	return special;
}

static bool find(const struct special *special, const char *text, uint16_t type)
{
	const struct query_view *view = made_query_of(&query, text, type, CLASS_IN);
	name_lower(name, view->name, view->name_len);
	match = (struct special_match){ .action = ZONE_FORWARD };
	return special_find(special, view, name, &match);
}

/* What is said of a name, and the apex it is said for: "nxdomain 10.in-addr.arpa". */
static const char *said(const struct special *special, const char *text, uint16_t type)
{
	static char said[1100];
	static const char *const actions[] = { "forward", "answer", "nxdomain", "nodata" };
	struct name_text apex;

	if (!find(special, text, type))
		return "nothing";
	assert_in_range(match.action, ZONE_ANSWER, ZONE_NODATA);
	assert_non_null(match.why);
	assert_int_equal(match.records != NULL, match.action == ZONE_ANSWER);
	assert_true(match.apex >= name && match.apex < name + sizeof(name));
	snprintf(said, sizeof(said), "%s %s", actions[match.action],
		 name_to_text(match.apex, &apex));
	return said;
}

static uint8_t answer[512];

static size_t records_of(const char *text, uint16_t type, const struct special *special)
{
	size_t len = 0;
	struct message_facts facts;

	assert_true(find(special, text, type));
	assert_int_equal(synth_answer(&query.view, match.records, 0, query.view.name, answer,
				      sizeof(answer), &len),
			 0);
	assert_int_equal(message_read(answer, len, &facts), MESSAGE_OK);
	return facts.records[SECTION_ANSWER];
}

/* --- names --------------------------------------------------------------------------------- */

static void LZ_04_localhost_has_the_loopback_addresses(void **state)
{
	(void)state;
	const struct special *special = special_made();

	assert_string_equal(said(special, "localhost", TYPE_A), "answer localhost");
	assert_string_equal(said(special, "x.LocalHost", TYPE_AAAA), "answer localhost");
	assert_int_equal(records_of("localhost", TYPE_A, special), 1);
	assert_memory_equal(answer + MESSAGE_HEADER_LEN + query.view.question_len + 12,
			    "\177\0\0\1", 4);
	assert_int_equal(records_of("a.b.localhost", TYPE_AAAA, special), 1);
	assert_int_equal(records_of("localhost", TYPE_TXT, special), 0);
	assert_int_equal(records_of("localhost", TYPE_ANY, special), 2);
	assert_string_equal(said(special, "notlocalhost", TYPE_A), "nothing");
	assert_string_equal(said(special, "localhost.example", TYPE_A), "nothing");
}

static void LZ_04_loopback_addresses_are_called_localhost(void **state)
{
	(void)state;
	const struct special *special = special_made();
	const char *v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa";

	assert_string_equal(said(special, "1.0.0.127.in-addr.arpa", TYPE_PTR),
			    "answer 127.in-addr.arpa");
	assert_int_equal(records_of("1.0.0.127.in-addr.arpa", TYPE_PTR, special), 1);
	assert_int_equal(records_of("1.0.0.127.in-addr.arpa", TYPE_A, special), 0);
	assert_int_equal(records_of(v6, TYPE_PTR, special), 1);
	assert_memory_equal(said(special, v6, TYPE_PTR), "answer 1.0.0.0.", 15);
}

/* A resolver that believes RFC 8020 would take an NXDOMAIN for the end of all that is below. */
static void names_above_the_loopback_address_exist(void **state)
{
	(void)state;
	const struct special *special = special_made();

	assert_string_equal(said(special, "127.in-addr.arpa", TYPE_PTR), "nodata 127.in-addr.arpa");
	assert_string_equal(said(special, "0.127.in-addr.arpa", TYPE_PTR),
			    "nodata 127.in-addr.arpa");
	assert_string_equal(said(special, "0.0.127.in-addr.arpa", TYPE_PTR),
			    "nodata 127.in-addr.arpa");
	assert_string_equal(said(special, "2.0.0.127.in-addr.arpa", TYPE_PTR),
			    "nxdomain 127.in-addr.arpa");
	assert_string_equal(said(special, "x.1.0.0.127.in-addr.arpa", TYPE_PTR),
			    "nxdomain 127.in-addr.arpa");
	assert_string_equal(said(special, "1.127.in-addr.arpa", TYPE_PTR),
			    "nxdomain 127.in-addr.arpa");
}

static void LZ_05_names_that_never_resolve_do_not_exist(void **state)
{
	(void)state;
	const struct special *special = special_made();
	static const char *const tops[] = { "invalid", "test", "onion", "alt", "local" };
	char text[64], expected[64];

	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		snprintf(expected, sizeof(expected), "nxdomain %s", tops[i]);
		assert_string_equal(said(special, tops[i], TYPE_A), expected);
		snprintf(text, sizeof(text), "a.b.%s", tops[i]);
		assert_string_equal(said(special, text, TYPE_AAAA), expected);
		snprintf(text, sizeof(text), "a.%s.example", tops[i]);
		assert_string_equal(said(special, text, TYPE_A), "nothing");
	}
}

static void LZ_06_home_arpa_does_not_exist_but_has_no_ds(void **state)
{
	(void)state;
	const struct special *special = special_made();

	assert_string_equal(said(special, "x.home.arpa", TYPE_A), "nxdomain home.arpa");
	assert_string_equal(said(special, "home.arpa", TYPE_SOA), "nxdomain home.arpa");
	assert_string_equal(said(special, "home.arpa", TYPE_DS), "nodata home.arpa");
	assert_string_equal(said(special, "arpa", TYPE_DS), "nothing");
}

static void LZ_07_resolver_arpa_is_empty(void **state)
{
	(void)state;
	const struct special *special = special_made();

	assert_string_equal(said(special, "_dns.resolver.arpa", TYPE_SVCB), "nodata resolver.arpa");
	assert_string_equal(said(special, "resolver.arpa", TYPE_A), "nodata resolver.arpa");
}

static void LZ_08_private_reverse_zones_do_not_exist(void **state)
{
	(void)state;
	const struct special *special = special_made();
	static const char *const rows[][2] = {
		{ "1.2.3.10.in-addr.arpa", "nxdomain 10.in-addr.arpa" },
		{ "10.in-addr.arpa", "nxdomain 10.in-addr.arpa" },
		{ "1.2.16.172.in-addr.arpa", "nxdomain 16.172.in-addr.arpa" },
		{ "1.2.31.172.in-addr.arpa", "nxdomain 31.172.in-addr.arpa" },
		{ "1.2.15.172.in-addr.arpa", "nothing" },
		{ "1.2.32.172.in-addr.arpa", "nothing" },
		{ "1.2.168.192.in-addr.arpa", "nxdomain 168.192.in-addr.arpa" },
		{ "1.2.254.169.in-addr.arpa", "nxdomain 254.169.in-addr.arpa" },
		{ "1.2.64.100.in-addr.arpa", "nxdomain 64.100.in-addr.arpa" },
		{ "1.2.99.100.in-addr.arpa", "nxdomain 99.100.in-addr.arpa" },
		{ "1.2.127.100.in-addr.arpa", "nxdomain 127.100.in-addr.arpa" },
		{ "1.2.63.100.in-addr.arpa", "nothing" },
		{ "1.2.128.100.in-addr.arpa", "nothing" },
		{ "1.2.0.192.in-addr.arpa", "nxdomain 2.0.192.in-addr.arpa" },
		{ "1.100.51.198.in-addr.arpa", "nxdomain 100.51.198.in-addr.arpa" },
		{ "1.113.0.203.in-addr.arpa", "nxdomain 113.0.203.in-addr.arpa" },
		{ "255.255.255.255.in-addr.arpa", "nxdomain 255.255.255.255.in-addr.arpa" },
		{ "254.255.255.255.in-addr.arpa", "nothing" },
		{ "0.0.0.0.in-addr.arpa", "nxdomain 0.in-addr.arpa" },
		{ "1.1.1.1.in-addr.arpa", "nothing" },
		{ "1.2.3.d.f.ip6.arpa", "nxdomain d.f.ip6.arpa" },
		{ "1.2.3.c.f.ip6.arpa", "nothing" },
		{ "1.8.e.f.ip6.arpa", "nxdomain 8.e.f.ip6.arpa" },
		{ "1.9.e.f.ip6.arpa", "nxdomain 9.e.f.ip6.arpa" },
		{ "1.a.e.f.ip6.arpa", "nxdomain a.e.f.ip6.arpa" },
		{ "1.B.E.F.IP6.ARPA", "nxdomain b.e.f.ip6.arpa" },
		{ "1.c.e.f.ip6.arpa", "nothing" },
		{ "1.8.b.d.0.1.0.0.2.ip6.arpa", "nxdomain 8.b.d.0.1.0.0.2.ip6.arpa" },
		{ "1.9.b.d.0.1.0.0.2.ip6.arpa", "nothing" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(said(special, rows[i][0], TYPE_PTR), rows[i][1]);
	assert_memory_equal(
		said(special,
		     "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
		     TYPE_PTR),
		"nxdomain 0.0.0.0.", 17);
}

static void LZ_12_ipv4only_arpa_is_not_special(void **state)
{
	(void)state;
	assert_string_equal(said(special_made(), "ipv4only.arpa", TYPE_AAAA), "nothing");
}

static void other_names_are_not_special(void **state)
{
	(void)state;
	const struct special *special = special_made();

	assert_string_equal(said(special, ".", TYPE_NS), "nothing");
	assert_string_equal(said(special, "com", TYPE_NS), "nothing");
	assert_string_equal(said(special, "courier.push.apple.com", TYPE_A), "nothing");
}

/* --- classes ------------------------------------------------------------------------------- */

static void other_classes_have_no_special_names(void **state)
{
	(void)state;
	const struct special *special = special_made();
	const uint16_t classes[] = { CLASS_CH, CLASS_NONE, CLASS_ANY, 65280 };

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		const struct query_view *view =
			made_query_of(&query, "localhost", TYPE_A, classes[i]);
		assert_false(special_find(special, view, view->name, &match));
	}
}

static bool is_private(const char *text, uint16_t class)
{
	const struct query_view *view = made_query_of(&query, text, TYPE_TXT, class);
	name_lower(name, view->name, view->name_len);
	return special_is_private(view, name);
}

static void TR_05_chaos_names_about_the_server_are_private(void **state)
{
	(void)state;
	assert_true(is_private("version.bind", CLASS_CH));
	assert_true(is_private("VERSION.Server", CLASS_CH));
	assert_true(is_private("id.server", CLASS_CH));
	assert_true(is_private("hostname.bind", CLASS_CH));
	assert_true(is_private("authors.bind", CLASS_CH));
	assert_false(is_private("version.bind", CLASS_IN));
	assert_false(is_private("x.version.bind", CLASS_CH));
	assert_false(is_private("bind", CLASS_CH));
	assert_false(is_private("example", CLASS_CH));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(LZ_04_localhost_has_the_loopback_addresses),
	cmocka_unit_test(LZ_04_loopback_addresses_are_called_localhost),
	cmocka_unit_test(names_above_the_loopback_address_exist),
	cmocka_unit_test(LZ_05_names_that_never_resolve_do_not_exist),
	cmocka_unit_test(LZ_06_home_arpa_does_not_exist_but_has_no_ds),
	cmocka_unit_test(LZ_07_resolver_arpa_is_empty),
	cmocka_unit_test(LZ_08_private_reverse_zones_do_not_exist),
	cmocka_unit_test(LZ_12_ipv4only_arpa_is_not_special),
	cmocka_unit_test(other_names_are_not_special),
	cmocka_unit_test(other_classes_have_no_special_names),
	cmocka_unit_test(TR_05_chaos_names_about_the_server_are_private),
};
UNIT_MAIN(tests)
