/* Views and routes: which answers policy lets be shared, and for how long. */
#include "base/mem.h"
#include "fixture.h"

/* --- views --------------------------------------------------------------------------------- */

static uint64_t view(const struct policy *policy, const char *name, uint16_t type,
		     const char *client)
{
	return judge_as(policy, name, type, client)->view;
}

static void views_part_only_where_a_rule_looks_at_clients(void **state)
{
	(void)state;
	const struct policy *policy = policy_of(
		"{ name = \"corp.example\"; upstream = \"corp\"; },"
		"{ name = \"corp.example\"; clients = [ \"10.9.0.0/16\" ]; upstream = \"isp\"; },"
		"{ name = \"corp.example\"; clients = [ \"10.8.0.0/16\" ]; upstream = \"isp\"; },"
		"{ name = \"a.corp.example\"; upstream = \"corp\"; },"
		"{ name = \"t.example\"; types = [ \"A\" ]; clients = [ \"10.9.0.0/16\" ]; }");
	const uint64_t nine = view(policy, "x.corp.example", TYPE_A, "10.9.1.1");
	const uint64_t eight = view(policy, "x.corp.example", TYPE_A, "10.8.1.1");
	const uint64_t others = view(policy, "x.corp.example", TYPE_A, "10.7.1.1");

	assert_true(nine != 0 && eight != 0 && others != 0);
	assert_true(nine != eight && nine != others && eight != others);
	assert_true(view(policy, "y.corp.example", TYPE_TXT, "10.9.2.2") == nine);
	assert_true(view(policy, "y.corp.example", TYPE_TXT, "2001:db8::1") == others);
	/* a longer name has spoken before any rule with clients */
	assert_true(view(policy, "x.a.corp.example", TYPE_A, "10.9.1.1") == 0);
	assert_true(view(policy, "example", TYPE_A, "10.9.1.1") == 0);
	/* the rule is for A alone, and the default has a view of its own then */
	assert_true(view(policy, "t.example", TYPE_TXT, "10.9.1.1") == 0);
	assert_true(view(policy, "t.example", TYPE_TXT, "10.7.1.1") == 0);
	const uint64_t with = view(policy, "t.example", TYPE_A, "10.9.1.1");
	const uint64_t without = view(policy, "t.example", TYPE_A, "10.7.1.1");
	assert_true(with != 0 && without != 0 && with != without);
}

static void views_part_below_a_longer_rule_that_is_not_for_this_client(void **state)
{
	(void)state;
	const struct policy *policy = policy_of(
		"{ name = \"example\"; upstream = \"corp\"; },"
		"{ name = \"a.example\"; clients = [ \"10.9.0.0/16\" ]; upstream = \"isp\"; }");

	assert_true(view(policy, "a.example", TYPE_A, "10.9.1.1") != 0);
	assert_true(view(policy, "a.example", TYPE_A, "10.7.1.1") != 0);
	assert_true(view(policy, "a.example", TYPE_A, "10.7.1.1") !=
		    view(policy, "a.example", TYPE_A, "10.9.1.1"));
	assert_true(view(policy, "b.example", TYPE_A, "10.7.1.1") == 0);
}

static void views_part_even_where_only_some_are_forwarded(void **state)
{
	(void)state;
	const struct policy *policy = policy_of(
		"{ name = \"a.example\"; clients = [ \"10.9.0.0/16\" ]; action = \"nxdomain\"; }");

	assert_true(view(policy, "a.example", TYPE_A, "10.7.1.1") != 0);
}

static void views_stay_the_same_after_a_reload(void **state)
{
	(void)state;
	const char *rule = "{ name = \"a.example\"; clients = [ \"10.9.0.0/16\" ]; }";
	char moved[512];
	snprintf(moved, sizeof(moved), "{ name = \"b.example\"; }, %s, { name = \"c.example\"; }",
		 rule);
	const struct policy *before = policy_of(rule), *after = policy_of(moved);

	assert_true(view(before, "a.example", TYPE_A, "10.9.1.1") ==
		    view(after, "a.example", TYPE_A, "10.9.1.1"));
	assert_true(view(before, "a.example", TYPE_A, "10.7.1.1") ==
		    view(after, "a.example", TYPE_A, "10.7.1.1"));
}

/* --- routes -------------------------------------------------------------------------------- */

/* Of a.example under the text of a whole configuration. */
static uint64_t route(const char *text)
{
	return judge(policy_of_conf(conf_of(text)), "a.example")->route;
}

static void route_stays_the_same_wherever_the_rule_stands(void **state)
{
	(void)state;
	char text[2048];
	const char *rule = "{ name = \"a.example\"; upstream = \"corp\"; ttl_max = 60; }";

	snprintf(text, sizeof(text), "%s zones = ( %s );", groups, rule);
	const uint64_t first = route(text);
	snprintf(text, sizeof(text),
		 "%s zones = ( { name = \"b\"; }, { name = \"c\"; action = \"drop\"; }, %s );",
		 groups, rule);
	assert_true(route(text) == first);
	/* other groups come and go, and this one has another name */
	snprintf(text, sizeof(text),
		 "upstreams = { default = { servers = [ \"192.0.2.9\" ]; };"
		 " new = { servers = [ \"192.0.2.8\" ]; };"
		 " head = { servers = [ \"192.0.2.2\" ]; }; };"
		 "zones = ( { name = \"example\"; upstream = \"head\"; ttl_max = 60; } );");
	assert_true(route(text) == first);
}

static void assert_routes_differ(const char *const texts[], size_t count)
{
	uint64_t routes[32];

	for (size_t i = 0; i < count; i++) {
		routes[i] = route(texts[i]);
		for (size_t k = 0; k < i; k++) {
			if (routes[k] == routes[i])
				fail_msg("%s and %s have one route", texts[k], texts[i]);
		}
	}
}

static void route_changes_with_whatever_could_change_the_answer(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"upstreams = { default = { servers = [ \"192.0.2.1\" ]; }; };",
		"upstreams = { default = { servers = [ \"192.0.2.2\" ]; }; };",
		"upstreams = { default = { servers = [ \"192.0.2.1@5353\" ]; }; };",
		"upstreams = { default = { servers = [ \"192.0.2.1\", \"192.0.2.2\" ]; }; };",
		"upstreams = { default = { servers = [ \"192.0.2.2\", \"192.0.2.1\" ]; }; };",
		"upstreams = { default = { servers = [ \"2001:db8::1\" ]; }; };",
		"upstreams = { default = { servers = [ \"192.0.2.1\" ]; }; }; edns = { ecs = "
		"\"strip\"; };",
		"upstreams = { default = { servers = [ \"192.0.2.1\" ]; }; }; cache = { ttl_max = "
		"60; };",
		"upstreams = { default = { servers = [ \"192.0.2.1\" ]; }; }; cache = { ttl_min = "
		"60; };",
		"upstreams = { default = { servers = [ \"192.0.2.1\" ]; }; };"
		"zones = ( { name = \"a.example\"; ttl_max = 61; } );",
		"upstreams = { default = { servers = [ \"192.0.2.1\" ]; }; };"
		"zones = ( { name = \"a.example\"; cache = false; } );",
		"upstreams = { default = { servers = [ \"192.0.2.1\" ]; };"
		" b = { servers = [ \"192.0.2.2\" ]; }; };"
		"zones = ( { name = \"a.example\"; on_failure = \"b\"; } );",
		"upstreams = { default = { servers = [ \"192.0.2.1\" ]; };"
		" b = { servers = [ \"192.0.2.3\" ]; }; };"
		"zones = ( { name = \"a.example\"; on_failure = \"b\"; } );",
		"upstreams = { default = { servers = [ \"192.0.2.1\" ]; };"
		" b = { servers = [ \"192.0.2.2\" ]; }; };"
		"zones = ( { name = \"a.example\"; upstream = \"b\"; on_failure = \"default\"; } "
		");",
	};

	assert_routes_differ(texts, sizeof(texts) / sizeof(texts[0]));
}

static void route_changes_with_the_way_to_a_server(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"upstreams = { default = { servers = [ \"192.0.2.1\" ]; }; };",
		"upstreams = { default = { resolv_conf = \"/a\"; }; };",
		"upstreams = { default = { resolv_conf = \"/b\"; }; };",
		"upstreams = { default = { servers = ( { address = \"192.0.2.1\"; source = "
		"\"10.0.0.1\"; } ); }; };",
		"upstreams = { default = { servers = ( { address = \"192.0.2.1\"; source = "
		"\"10.0.0.2\"; } ); }; };",
		"upstreams = { default = { servers = ( { address = \"192.0.2.1\"; interface = "
		"\"a\"; } ); }; };",
		"upstreams = { default = { servers = ( { address = \"192.0.2.1\"; interface = "
		"\"b\"; } ); }; };",
	};

	assert_routes_differ(texts, sizeof(texts) / sizeof(texts[0]));
}

static void route_survives_what_a_file_names(void **state)
{
	static struct conf_server server = {
		.addr = { .bytes = { 192, 0, 2, 1 }, .port = 53, .family = ADDR_IPV4 }
	};
	const struct conf *conf = conf_of("upstreams = { default = { resolv_conf = \"/a\"; }; };");
	const uint64_t before = judge(policy_of_conf(conf), "a.example")->route;
	(void)state;

	conf->groups[0].servers = mem_dup(&server, sizeof(server));
	assert_non_null(conf->groups[0].servers);
	conf->groups[0].server_count = 1;
	assert_true(judge(policy_of_conf(conf), "a.example")->route == before);
}

static void rule_that_changes_nothing_has_the_default_route(void **state)
{
	(void)state;
	const struct policy *policy = policy_of("{ name = \"a.example\"; }");

	assert_true(judge(policy, "a.example")->route == judge(policy, "b.example")->route);
	assert_true(judge(policy, "b.example")->route != 0);
}

static void route_depends_on_the_key(void **state)
{
	(void)state;
	const struct hash_key other_key = { 3, 4 };
	const struct conf *conf = conf_of(groups);
	struct policy *policy = NULL;
	const uint64_t route_before = judge(policy_of_conf(conf), "a")->route;

	assert_int_equal(policy_compile(conf, &other_key, complaints_new(), &policy), 0);
	unit_own(policy, policy_free);
	assert_true(judge(policy, "a")->route != route_before);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(views_part_only_where_a_rule_looks_at_clients),
	cmocka_unit_test(views_part_below_a_longer_rule_that_is_not_for_this_client),
	cmocka_unit_test(views_part_even_where_only_some_are_forwarded),
	cmocka_unit_test(views_stay_the_same_after_a_reload),
	cmocka_unit_test(route_stays_the_same_wherever_the_rule_stands),
	cmocka_unit_test(route_changes_with_whatever_could_change_the_answer),
	cmocka_unit_test(route_changes_with_the_way_to_a_server),
	cmocka_unit_test(route_survives_what_a_file_names),
	cmocka_unit_test(rule_that_changes_nothing_has_the_default_route),
	cmocka_unit_test(route_depends_on_the_key),
};
UNIT_MAIN_MEM(tests) /* libconfig survives nothing else */
