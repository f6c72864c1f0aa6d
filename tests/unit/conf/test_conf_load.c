#include <errno.h>
#include <string.h>

#include "conf/fixture.h"

#include "base/log.h"
#include "wire/type.h"

/* --- defaults ------------------------------------------------------------------------------ */

static struct conf *load_default(void)
{
	struct said *said = unit_zalloc(sizeof(*said));
	struct conf *conf = unit_own(load_saying(NULL, NULL, said), conf_free);
	assert_non_null(conf);
	return conf;
}

static void default_is_loopback_and_private_networks(void **state)
{
	(void)state;
	const struct conf *conf = load_default();
	struct addr_text text;

	assert_int_equal(conf->listen_count, 2);
	assert_string_equal(addr_to_text(&conf->listen[0].addr, &text), "127.0.0.1@53");
	assert_string_equal(addr_to_text(&conf->listen[1].addr, &text), "::1@53");
	assert_true(conf->listen[0].udp && conf->listen[0].tcp);
	assert_int_equal(conf->access_count, 8);
	for (size_t i = 0; i < conf->access_count; i++)
		assert_int_equal(conf->access[i].action, ACCESS_ALLOW);
	assert_null(conf->listen[0].place.file);
}

static void default_scalars_are_those_of_the_specification(void **state)
{
	(void)state;
	const struct conf *conf = load_default();

	assert_int_equal(conf->workers, 1);
	assert_int_equal(conf->inflight, 4096);
	assert_int_equal(conf->inflight_per_client, 256);
	assert_int_equal(conf->tcp_clients, 256);
	assert_int_equal(conf->tcp_clients_per_address, 32);
	assert_int_equal(conf->tcp_idle_ms, 10000);
	assert_int_equal(conf->rate_per_client, 0);
	assert_int_equal(conf->rate_burst, 0);
	assert_int_equal(conf->devices, 1024);
	assert_int_equal(conf->cache_size, 16 << 20);
	assert_int_equal(conf->ttl_max, 86400);
	assert_int_equal(conf->ttl_min, 0);
	assert_int_equal(conf->negative_ttl_max, 3600);
	assert_int_equal(conf->stale_s, 86400);
	assert_int_equal(conf->stale_ttl, 30);
	assert_int_equal(conf->stale_wait_ms, 400);
	assert_true(conf->prefetch);
	assert_int_equal(conf->edns_size, 1232);
	assert_false(conf->strip_ecs);
	assert_true(conf->special_names);
	assert_int_equal(conf->log_level, LEVEL_INFO);
	assert_int_equal(conf->log_target, LOG_TO_STDERR);
	assert_int_equal(conf->log_queries, QUERIES_OFF);
	assert_string_equal(conf->control_socket, "/run/courierdns/control.sock");
	assert_null(conf->user);
	assert_false(conf->web_enabled);
	assert_int_equal(conf->web_listen.bytes[0], 127);
	assert_int_equal(conf->web_port, 8053);
}

static void default_group_is_there_without_servers(void **state)
{
	(void)state;
	const struct conf *conf = load_default();

	assert_int_equal(conf->group_count, 1);
	assert_string_equal(conf->groups[0].name, "default");
	assert_int_equal(conf->groups[0].server_count, 0);
	assert_string_equal(conf->groups[0].resolv_conf, "/etc/resolv.conf");
	assert_int_equal(conf->groups[0].timeout_ms, 2000);
	assert_int_equal(conf->groups[0].order, ORDER_FASTEST);
	assert_false(conf->groups[0].randomize_case);
	assert_int_equal(conf_find_group(conf, "default"), 0);
	assert_int_equal(conf_find_group(conf, "other"), CONF_GROUP_NONE);
}

static void what_is_not_written_keeps_its_default(void **state)
{
	(void)state;
	const struct conf *conf = load("special_names = false;\n");
	struct conf *twin = load_default();

	assert_false(conf->special_names);
	twin->special_names = false;
	assert_string_equal(print(conf), print(twin));
}

/* --- values -------------------------------------------------------------------------------- */

static void every_scalar_goes_to_its_field(void **state)
{
	(void)state;
	const struct conf *conf =
		load("limits = { inflight = 1; tcp_clients = 2; tcp_clients_per_address = 3;\n"
		     "  tcp_idle = 0.25; inflight_per_client = 12; rate_per_client = 13;\n"
		     "  rate_burst = 14; devices = 0; };\n"
		     "control = { socket = \"/tmp/a b\"; };\n"
		     "user = \"dns\";\n"
		     "web = { listen = \"::1\"; port = 15; };\n"
		     "cache = { size = \"3M\"; ttl_max = 4; ttl_min = 3; negative_ttl_max = 5;\n"
		     "  stale = 6; stale_ttl = 7; stale_wait = 0.008; prefetch = false; };\n"
		     "edns = { size = 4096; ecs = \"strip\"; };\n"
		     "rebinding = { protect = true; };\n"
		     "log = { level = \"debug\"; to = \"syslog\"; queries = \"errors\"; };\n");

	assert_int_equal(conf->inflight, 1);
	assert_int_equal(conf->tcp_clients, 2);
	assert_int_equal(conf->tcp_clients_per_address, 3);
	assert_int_equal(conf->tcp_idle_ms, 250);
	assert_int_equal(conf->inflight_per_client, 12);
	assert_int_equal(conf->rate_per_client, 13);
	assert_int_equal(conf->rate_burst, 14);
	assert_int_equal(conf->devices, 0);
	assert_string_equal(conf->control_socket, "/tmp/a b");
	assert_string_equal(conf->user, "dns");
	assert_int_equal(conf->user_place.line, 5);
	assert_int_equal(conf->web_listen.family, ADDR_IPV6);
	assert_null(conf->web_path);
	assert_int_equal(conf->web_port, 15);
	assert_int_equal(conf->cache_size, 3 << 20);
	assert_int_equal(conf->ttl_max, 4);
	assert_int_equal(conf->ttl_min, 3);
	assert_int_equal(conf->negative_ttl_max, 5);
	assert_int_equal(conf->stale_s, 6);
	assert_int_equal(conf->stale_ttl, 7);
	assert_int_equal(conf->stale_wait_ms, 8);
	assert_false(conf->prefetch);
	assert_true(conf->rebinding_protect);
	assert_int_equal(conf->edns_size, 4096);
	assert_true(conf->strip_ecs);
	assert_int_equal(conf->log_level, LEVEL_DEBUG);
	assert_int_equal(conf->log_target, LOG_TO_SYSLOG);
	assert_int_equal(conf->log_queries, QUERIES_ERRORS);
}

static void sizes_are_numbers_or_strings_with_a_unit(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{ "cache = { size = 65536; };", 65536 },
		{ "cache = { size = \"65537\"; };", 65537 },
		{ "cache = { size = \"64K\"; };", 65536 },
		{ "cache = { size = \"64k\"; };", 65536 },
		{ "cache = { size = \"1G\"; };", (uint64_t)1 << 30 },
		{ "cache = { size = \"64G\"; };", (uint64_t)64 << 30 },
		{ "cache = { size = 4294967296L; };", (uint64_t)1 << 32 },
		{ "cache = { size = 0x10000; };", 65536 },
		{ "cache = { size = \"0\"; };", 0 },
		{ "cache = { size = 0; };", 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(load(cases[i].text)->cache_size, cases[i].bytes);
}

static void durations_are_integers_or_floats(void **state)
{
	(void)state;
	assert_int_equal(load("cache = { ttl_max = 3600.0; };")->ttl_max, 3600);
	assert_int_equal(load("cache = { ttl_max = 36e2; };")->ttl_max, 3600);
	assert_int_equal(load("cache = { stale_wait = 1; };")->stale_wait_ms, 1000);
	assert_int_equal(load("cache = { stale_wait = .5; };")->stale_wait_ms, 500);
	assert_int_equal(load("cache = { stale_wait = 0; };")->stale_wait_ms, 0);
	assert_int_equal(load("limits = { tcp_idle = 3600; };")->tcp_idle_ms, 3600000);
}

/* --- listen, access, upstreams ------------------------------------------------------------- */

static void listen_entry_has_port_53_and_both_protocols_where_not_written(void **state)
{
	(void)state;
	const struct conf *conf =
		load("listen = ( { address = \"0.0.0.0\"; },\n"
		     "  { port = 5353; address = \"::\"; protocols = [ \"tcp\" ]; },\n"
		     "  { address = \"::\"; port = 5353; protocols = ( \"udp\" ); } );\n");
	struct addr_text text;

	assert_int_equal(conf->listen_count, 3);
	assert_string_equal(addr_to_text(&conf->listen[0].addr, &text), "0.0.0.0@53");
	assert_true(conf->listen[0].udp && conf->listen[0].tcp);
	assert_string_equal(addr_to_text(&conf->listen[1].addr, &text), "::@5353");
	assert_true(!conf->listen[1].udp && conf->listen[1].tcp);
	assert_true(conf->listen[2].udp && !conf->listen[2].tcp);
	assert_int_equal(conf->listen[1].place.line, 2);
	assert_string_equal(conf->listen[1].place.file, "test.conf");
}

static void written_access_replaces_the_default(void **state)
{
	(void)state;
	const struct conf *conf = load("access = ( { net = \"0.0.0.0/0\"; action = \"drop\"; },\n"
				       "{ net = \"192.0.2.1\"; action = \"refuse\"; } );");
	struct addr_text text;

	assert_int_equal(conf->access_count, 2);
	assert_int_equal(conf->access[0].action, ACCESS_DROP);
	assert_int_equal(conf->access[1].action, ACCESS_REFUSE);
	assert_string_equal(addr_prefix_to_text(&conf->access[1].net, &text), "192.0.2.1/32");
}

static void servers_are_strings_or_groups(void **state)
{
	(void)state;
	const struct conf *conf = load(
		"upstreams = { corp = { servers = ( \"192.0.2.1\",\n"
		"  { address = \"2001:db8::1@5353\"; } ); timeout = 0.1; order = \"listed\"; };\n"
		"  default = { timeout = 4.5; }; };");
	struct addr_text text;

	assert_int_equal(conf->group_count, 2);
	assert_string_equal(conf->groups[0].name, "default");
	assert_int_equal(conf->groups[0].timeout_ms, 4500);
	assert_int_equal(conf->groups[0].server_count, 0);
	assert_string_equal(conf->groups[1].name, "corp");
	assert_int_equal(conf->groups[1].server_count, 2);
	assert_string_equal(addr_to_text(&conf->groups[1].servers[0].addr, &text), "192.0.2.1@53");
	assert_string_equal(addr_to_text(&conf->groups[1].servers[1].addr, &text),
			    "2001:db8::1@5353");
	assert_int_equal(conf->groups[1].timeout_ms, 100);
	assert_int_equal(conf->groups[1].order, ORDER_LISTED);
}

static void a_server_says_how_it_is_reached(void **state)
{
	(void)state;
	const struct conf *conf = load(
		"upstreams = { default = { servers = ( \"192.0.2.1\",\n"
		"  { address = \"192.0.2.1\"; source = \"10.0.0.5\"; interface = \"wan0.123456789\"; },\n"
		"  { address = \"fe80::1@54\"; interface = \"wan\"; }, { address = \"fe80::1%lo\"; }, "
		"\"fe80::2%none0@54\" ); };\n"
		"  isp = { resolv_conf = \"/tmp/a b\"; }; };");
	static const char printed[] =
		"servers = ( { address = \"192.0.2.1@53\"; }, "
		"{ address = \"192.0.2.1@53\"; source = \"10.0.0.5\"; interface = "
		"\"wan0.123456789\"; }, "
		"{ address = \"fe80::1@54\"; interface = \"wan\"; }, "
		"{ address = \"fe80::1%lo@53\"; }, "
		"{ address = \"fe80::2@54\"; interface = \"none0\"; } );\n";
	const struct conf_server *servers = conf->groups[0].servers;
	struct addr_text text;

	assert_int_equal(conf->groups[0].server_count, 5);
	assert_int_equal(servers[0].source.family, ADDR_NONE);
	assert_string_equal(servers[0].interface, "");
	assert_string_equal(addr_to_text(&servers[1].source, &text), "10.0.0.5");
	assert_string_equal(servers[1].interface, "wan0.123456789");
	assert_int_equal(servers[2].addr.scope, 0);
	assert_true(servers[3].addr.scope != 0);
	assert_null(conf->groups[0].resolv_conf);
	assert_string_equal(conf->groups[1].resolv_conf, "/tmp/a b");
	assert_int_equal(conf->groups[1].server_count, 0);
	const char *whole = print(conf);
	assert_non_null(strstr(whole, printed));
	assert_non_null(strstr(whole, "resolv_conf = \"/tmp/a b\";\n"));
	assert_string_equal(print(load(whole)), whole);
}

/* --- zones --------------------------------------------------------------------------------- */

static void zone_has_defaults(void **state)
{
	(void)state;
	const struct conf *conf = load("zones = ( { name = \"Corp.EXAMPLE.\"; } );");
	const struct conf_zone *zone = &conf->zones[0];

	assert_int_equal(conf->zone_count, 1);
	assert_int_equal(zone->name_count, 1);
	assert_int_equal(zone->names[0].len, 14);
	assert_memory_equal(zone->names[0].wire, "\4corp\7example", 14);
	assert_false(zone->names[0].is_template);
	assert_false(zone->is_exact || zone->has_range || zone->no_cache);
	assert_int_equal(zone->except_count + zone->type_count + zone->client_count, 0);
	assert_int_equal(zone->action, ZONE_FORWARD);
	assert_int_equal(zone->group, 0);
	assert_int_equal(zone->on_failure, CONF_GROUP_NONE);
	assert_int_equal(zone->ttl_min, -1);
	assert_int_equal(zone->ttl_max, -1);
	assert_int_equal(zone->stale_s, -1);
}

static void zone_keeps_all_that_is_written(void **state)
{
	(void)state;
	const struct conf *conf =
		load("zones = ( { names = [ \"a.example\", \".\" ]; except = [ \"x.a.example\" ];\n"
		     "  types = [ \"TYPE65\", \"a\" ]; clients = [ \"2001:db8::/32\", "
		     "\"10.9.0.0/16\" ];\n"
		     "  upstream = \"isp\"; on_failure = \"default\"; cache = false;\n"
		     "  ttl_min = 1; ttl_max = 2; } );\n"
		     "upstreams = { isp = { servers = [ \"192.0.2.1\" ]; }; };");
	const struct conf_zone *zone = &conf->zones[0];

	assert_int_equal(zone->name_count, 2);
	assert_int_equal(zone->names[1].len, 1);
	assert_int_equal(zone->except_count, 1);
	assert_int_equal(zone->type_count, 2);
	assert_int_equal(zone->types[0], TYPE_A);
	assert_int_equal(zone->types[1], TYPE_HTTPS);
	assert_int_equal(zone->client_count, 2);
	assert_int_equal(zone->clients[0].net.family, ADDR_IPV4);
	assert_int_equal(zone->group, 1);
	assert_int_equal(zone->on_failure, 0);
	assert_true(zone->no_cache);
	assert_int_equal(zone->ttl_min, 1);
	assert_int_equal(zone->ttl_max, 2);
}

static void every_action_has_its_word(void **state)
{
	static const char *const words[] = { "forward", "answer", "nxdomain",
					     "nodata",	"refuse", "drop" };
	(void)state;
	for (int i = 0; i < 6; i++) {
		char text[128];
		snprintf(text, sizeof(text), "zones = ( { name = \"a\"; action = \"%s\"; %s } );",
			 words[i], i == ZONE_ANSWER ? "records = [ \"@ 1 IN A ::\" ];" : "");
		assert_int_equal(load(text)->zones[0].action, i);
	}
}

static void template_is_lower_case_with_its_range(void **state)
{
	(void)state;
	const struct conf *conf =
		load("zones = ( { name = \"{N}-Courier.push.apple.com\"; n = ( 0, 250 );\n"
		     "  match = \"exact\"; action = \"answer\";\n"
		     "  records = [ \"@ 60 IN A 10.100.100.{n}\",\n"
		     "              \"@ 60 IN TXT \\\"\\\\\\\" }\\\"\" ]; } );");
	const struct conf_zone *zone = &conf->zones[0];

	assert_true(zone->names[0].is_template);
	assert_memory_equal(zone->names[0].wire, "\13{n}-courier\4push", 17);
	assert_true(zone->has_range && zone->is_exact);
	assert_int_equal(zone->n_low, 0);
	assert_int_equal(zone->n_high, 250);
	assert_int_equal(zone->record_count, 2);
	assert_string_equal(zone->records[0].text, "@ 60 IN A 10.100.100.{n}");
	assert_string_equal(zone->records[1].text, "@ 60 IN TXT \"\\\" }\"");
	/* libconfig gives a string in a list the line of what follows it */
	assert_int_equal(zone->records[0].place.line, 3);
	assert_int_equal(zone->records[1].place.line, 4);
}

static void same_name_under_other_conditions_is_another_rule(void **state)
{
	(void)state;
	const struct conf *conf =
		load("zones = ( { name = \"a\"; action = \"drop\"; },\n"
		     "{ name = \"a\"; match = \"exact\"; action = \"drop\"; },\n"
		     "{ name = \"a\"; types = [ \"A\" ]; action = \"drop\"; },\n"
		     "{ name = \"a\"; types = [ \"AAAA\" ]; action = \"drop\"; },\n"
		     "{ name = \"a\"; clients = [ \"10.0.0.0/8\" ]; action = \"drop\"; },\n"
		     "{ name = \"a\"; clients = [ \"10.0.0.0/9\" ]; action = \"drop\"; },\n"
		     "{ name = \"{n}.a\"; n = [ 0, 1 ]; action = \"drop\"; },\n"
		     "{ name = \"{n}.a\"; n = [ 0, 2 ]; action = \"drop\"; } );");
	assert_int_equal(conf->zone_count, 8);
}

/* --- printing ------------------------------------------------------------------------------ */

static void print_shows_everything_and_loads_again(void **state)
{
	static const char printed[] =
		"listen = (\n"
		"\t{ address = \"::1\"; port = 53; protocols = [ \"udp\" ]; }\n"
		");\n"
		"workers = 1;\n"
		"access = (\n"
		"\t{ net = \"2001:db8::/32\"; action = \"refuse\"; }\n"
		");\n"
		"trusted = [ ];\n"
		"limits = {\n"
		"\tinflight = 4096;\n"
		"\tinflight_per_client = 256;\n"
		"\ttcp_clients = 256;\n"
		"\ttcp_clients_per_address = 32;\n"
		"\ttcp_idle = 1.25;\n"
		"\trate_per_client = 0;\n"
		"\trate_burst = 0;\n"
		"\tdevices = 1024;\n"
		"};\n"
		"cache = {\n"
		"\tsize = \"65537\";\n"
		"\tttl_max = 86400;\n"
		"\tttl_min = 0;\n"
		"\tnegative_ttl_max = 3600;\n"
		"\tstale = 86400;\n"
		"\tstale_ttl = 30;\n"
		"\tstale_wait = 0.4;\n"
		"\tprefetch = true;\n"
		"};\n"
		"upstreams = {\n"
		"\tdefault = {\n"
		"\t\tresolv_conf = \"/etc/resolv.conf\";\n"
		"\t\torder = \"fastest\";\n"
		"\t\trandomize_case = false;\n"
		"\t\ttimeout = 2.0;\n"
		"\t};\n"
		"\tcorp = {\n"
		"\t\tservers = [ \"192.0.2.1@53\", \"2001:db8::1@5353\" ];\n"
		"\t\torder = \"race\";\n"
		"\t\trandomize_case = true;\n"
		"\t\ttimeout = 0.333;\n"
		"\t};\n"
		"};\n"
		"zones = (\n"
		"\t{\n"
		"\t\tname = \"corp.example\";\n"
		"\t\texcept = [ \"x.corp.example\" ];\n"
		"\t\tmatch = \"suffix\";\n"
		"\t\ttypes = [ \"A\", \"AAAA\", \"TYPE65280\" ];\n"
		"\t\tclients = [ \"10.9.0.0/16\", \"::1/128\" ];\n"
		"\t\taction = \"forward\";\n"
		"\t\tupstream = \"corp\";\n"
		"\t\ton_failure = \"servfail\";\n"
		"\t\tcache = true;\n"
		"\t\tstale = 0;\n"
		"\t},\n"
		"\t{\n"
		"\t\tnames = [ \"{n}.a\\\\.b\\\\003\\\\\\\\\", \".\" ];\n"
		"\t\tmatch = \"exact\";\n"
		"\t\tn = [ 1, 2 ];\n"
		"\t\taction = \"answer\";\n"
		"\t\trecords = [\n"
		"\t\t\t\"@ 1 IN TXT \\\"a\\\\\\\\b\\\" \\x01\xc3\xa4\",\n"
		"\t\t\t\"\"\n"
		"\t\t];\n"
		"\t}\n"
		");\n"
		"couriers = (\n"
		"\t{\n"
		"\t\tname = \"lab\";\n"
		"\t\tenabled = true;\n"
		"\t\talias = \"push.example\";\n"
		"\t\ttarget = \"target.example\";\n"
		"\t\tvariants = [ \"a{n}b.push.example\" ];\n"
		"\t\tcount_txt = \"\";\n"
		"\t\tcount = 50;\n"
		"\t\tpre_resolve = \"always\";\n"
		"\t\ttypes = [ \"A\", \"HTTPS\" ];\n"
		"\t\trepair = \"synthesize\";\n"
		"\t\trepair_upstream = \"corp\";\n"
		"\t},\n"
		"\t{\n"
		"\t\tname = \"apple\";\n"
		"\t\tenabled = false;\n"
		"\t}\n"
		");\n"
		"edns = {\n"
		"\tsize = 1232;\n"
		"\tecs = \"forward\";\n"
		"};\n"
		"special_names = true;\n"
		"rebinding = {\n"
		"\tprotect = false;\n"
		"\tallow = [ \"corp.example\", \"b\" ];\n"
		"};\n"
		"log = {\n"
		"\tlevel = \"info\";\n"
		"\tto = \"stderr\";\n"
		"\tqueries = \"off\";\n"
		"};\n"
		"control = {\n"
		"\tsocket = \"\";\n"
		"};\n"
		"web = {\n"
		"\tlisten = \"/run/a b\";\n"
		"\tport = 8053;\n"
		"\tenabled = false;\n"
		"\thosts = [ \"dns.corp.example\", \"d\" ];\n"
		"};\n";
	static const char text[] =
		"zones = ( { name = \"corp.example\"; except = [ \"X.corp.example\" ];\n"
		"    types = [ \"type65280\", \"AAAA\", \"A\" ]; clients = [ \"::1\", "
		"\"10.9.0.0/16\" ];\n"
		"    upstream = \"corp\"; stale = 0; },\n"
		"  { names = [ \"{n}.a\\\\.b\\\\003\\\\\\\\\", \".\" ]; n = [ 1, 2 ]; match = "
		"\"exact\";\n"
		"    action = \"answer\"; records = [ \"@ 1 IN TXT \\\"a\\\\\\\\b\\\" "
		"\\x01\xc3\xa4\", \"\" ];\n"
		"  } );\n"
		"upstreams = { corp = { timeout = 0.3333; order = \"race\"; randomize_case = true;\n"
		"  servers = [ \"192.0.2.1\", \"2001:db8:0::1@5353\" ]; }; };\n"
		"trusted = ( ); control = { socket = \"\"; };\n"
		"web = { listen = \"/run/a b\"; hosts = [ \"DNS.corp.example\", \"d.\" ]; };\n"
		"couriers = ( { name = \"apple\"; enabled = false; },\n"
		"  { name = \"lab\"; types = [ \"https\", \"a\" ]; repair = \"synthesize\";\n"
		"    variants = [ \"A{N}b.push.example.\" ]; target = \"target.example.\";\n"
		"    alias = \"PUSH.example\"; repair_upstream = \"corp\"; pre_resolve = \"always\";\n"
		"  } );\n"
		"cache = { size = 65537; };\n"
		"rebinding = { allow = [ \"Corp.example.\", \"b\" ]; };\n"
		"limits = { tcp_idle = 1.25; };\n"
		"access = ( { net = \"2001:db8::/32\"; action = \"refuse\"; } );\n"
		"listen = ( { address = \"0::1\"; protocols = [ \"udp\" ]; } );\n";
	(void)state;
	assert_string_equal(print(load(text)), printed);
	assert_string_equal(print(load(printed)), printed);
}

/* Whoever has no pages is told when they are wanted, not when nobody finds them. */
static void pages_are_wanted_only_where_they_are_built_in(void **state)
{
	static const char text[] = "\nweb = { port = 80;\n  enabled = true; };\n";

	(void)state;
	if (COURIERDNS_WEB)
		assert_true(load(text)->web_enabled);
	else
		assert_string_equal(complaints_of(text),
				    "test.conf:3: web.enabled is true; expected false: this "
				    "courierdns was built without it (make WEB=yes)");
}

static void zero_may_have_a_sign(void **state)
{
	(void)state;
	const struct conf *conf = load("cache = { stale = -0.0; stale_wait = -0.0; };");
	assert_int_equal(conf->stale_s, 0);
	assert_int_equal(conf->stale_wait_ms, 0);
	assert_non_null(strstr(complaints_of("cache = { stale_wait = -0.4; };"),
			       "is -0.4; expected seconds from 0 to 4.5"));
}

static void printed_default_loads_again(void **state)
{
	(void)state;
	const char *text = print(load_default());
	assert_string_equal(print(load(text)), text);
}

static void rows_tell_every_option(void **state)
{
	struct conf_load_row row;
	size_t count = 0;

	(void)state;
	for (; conf_load_row(count, &row); count++) {
		assert_non_null(row.section);
		assert_true(strlen(row.name) > 0);
		assert_true(strlen(row.help) > 0);
	}
	assert_in_range(count, 81, 200);
	assert_false(conf_load_row(count + 1, &row));
}

/* --- complaints ---------------------------------------------------------------------------- */

static void text_of_nothing_is_complained_of(void **state)
{
	(void)state;
	assert_string_equal(complaints_of(""), "test.conf:1: is empty; expected settings, such as "
					       "listen, upstreams or zones");
	assert_string_equal(complaints_of(" \n\t\r\n"), complaints_of(""));
	load("# all defaults\n");
}

static void include_in_text_is_refused(void **state)
{
	(void)state;
	assert_string_equal(complaints_of("log = { };\n@include \"/etc/passwd\"\n"),
			    "test.conf:2: @include is not possible here; expected settings alone");
}

static void deep_nesting_is_refused_before_it_is_parsed(void **state)
{
	static char text[200000];
	(void)state;
	memset(text, '(', sizeof(text) - 1);
	memcpy(text, "zones = ", 8);
	assert_string_equal(complaints_of(text), "test.conf:1: \"(\" is out of place; expected "
						 "fewer brackets in each other");
}

static void more_settings_than_a_group_takes_are_refused(void **state)
{
	static char text[60000];
	size_t len = 0;
	(void)state;
	for (int i = 0; i < 4097; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "a%d=1;\n", i);
	assert_string_equal(complaints_of(text), "test.conf:4097: \"a4096\" is out of place; "
						 "expected fewer settings in one group");
}

static void string_of_a_megabyte_is_cut_in_the_complaint(void **state)
{
	static char text[1 << 20];
	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "log = { level = \"", 17);
	memcpy(text + sizeof(text) - 6, "\"; };", 5);
	assert_string_equal(complaints_of(text),
			    "test.conf:1: log.level is "
			    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\"; expected "
			    "\"error\", \"warning\", \"notice\", \"info\" or \"debug\"");
}

/* `count` times `entry`, whose %d is its number, with commas between. */
static const char *repeat(const char *before, const char *entry, int count, const char *after)
{
	static char text[32768];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s", before);

	for (int i = 0; i < count; i++) {
		const char *number = strchr(entry, '%');
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s%d%s",
					i > 0 ? "," : "", (int)(number - entry), entry, i,
					number + 2);
	}
	snprintf(text + len, sizeof(text) - len, "%s", after);
	return text;
}

static void lists_are_as_long_as_what_comes_of_them_allows(void **state)
{
	(void)state;
	const char *text =
		repeat("upstreams = { default = { servers = [", "\"192.0.2.%d\"", 64, "]; }; };");
	assert_int_equal(load(text)->groups[0].server_count, 64);
	text = repeat("upstreams = { default = { servers = [", "\"192.0.2.%d\"", 65, "]; }; };");
	assert_string_equal(complaints_of(text), "test.conf:1: upstreams.default.servers has 65 "
						 "servers; expected at most 64");
	text = repeat("upstreams = {", "g%d = { servers = [ \"::1\" ]; }", 256, "};");
	assert_int_equal(load(text)->group_count, 257);
	text = repeat("upstreams = {", "g%d = { servers = [ \"::1\" ]; }", 257, "};");
	assert_string_equal(complaints_of(text),
			    "test.conf:1: upstreams has 257 groups; expected at most 256");
	text = repeat("listen = (", "{ address = \"127.0.1.1\"; port = 1%d; }", 256, ");");
	assert_int_equal(load(text)->listen_count, 256);
	text = repeat("listen = (", "{ address = \"127.0.1.1\"; port = 1%d; }", 257, ");");
	assert_string_equal(complaints_of(text),
			    "test.conf:1: listen has 257 entries; expected at most 256");
}

/* Records are read by a later stage, which is to have them whatever else is wrong. */
static void what_could_be_read_is_kept_for_further_complaints(void **state)
{
	static const char text[] =
		"levl = 1;\nzones = ( { name = \"a\"; action = \"answer\";\n"
		"  records = [ \"@ 1 IN A 1.2.3\", \"@ 1 IN A 192.0.2.{n}\" ]; },\n"
		"  { names = [ \"b..\", \"{n}.b\" ]; n = [ 2, 1 ]; action = \"answer\";\n"
		"    records = [ \"@ 1 IN A 192.0.2.{N}\", \"@ 1 IN TXT\" ]; } );";
	struct complaints *complaints = unit_own(complaint_new(), complaint_free);
	struct conf *conf = NULL;

	(void)state;
	assert_non_null(complaints);
	assert_int_equal(conf_load_text(text, "test.conf", complaints, &conf), ERR_CONF);
	unit_own(conf, conf_free);
	assert_non_null(conf);
	assert_int_equal(complaint_count(complaints), 3);
	assert_int_equal(conf->zone_count, 2);
	assert_int_equal(conf->zones[0].record_count, 2);
	assert_int_equal(conf->zones[0].records[0].place.line, 3);
	assert_string_equal(conf->zones[0].records[0].place.file, "test.conf");
	/* what needs the range that is wrong would be complained of for that */
	assert_int_equal(conf->zones[1].name_count, 1);
	assert_int_equal(conf->zones[1].record_count, 1);
	assert_string_equal(conf->zones[1].records[0].text, "@ 1 IN TXT");
}

/* One case of faults.txt: lines of configuration, and behind a tab what is said of them. */
static bool read_fault(FILE *file, char *text, char *expected, size_t max)
{
	char line[1024];
	size_t text_len = 0, len = 0;

	text[0] = expected[0] = '\0';
	while (fgets(line, sizeof(line), file) != NULL && line[0] != '\n') {
		if (line[0] != '\t') {
			text_len += (size_t)snprintf(text + text_len, max - text_len, "%s", line);
			continue;
		}
		line[strcspn(line, "\n")] = '\0';
		len += (size_t)snprintf(expected + len, max - len, "%sf.conf:%s",
					len > 0 ? "\n" : "", line + 1);
	}
	return text_len > 0;
}

static void each_fault_is_told_with_its_line_OP_16(void **state)
{
	static char text[4096], expected[4096];
	static struct said said;
	size_t count = 0, wrong = 0;

	(void)state;
	FILE *file = fopen("tests/unit/conf/faults.txt", "r");
	assert_non_null(file);
	while (read_fault(file, text, expected, sizeof(text))) {
		conf_free(load_saying(text, "f.conf", &said));
		count++;
		if (said.err == ERR_CONF && strcmp(said.text, expected) == 0)
			continue;
		/* memory was short in this one: the others show whether that is all */
		if (unit_is_starved())
			continue;
		wrong++;
		print_message("%sexpected:\n%s\nsaid:\n%s\n\n", text, expected, said.text);
	}
	fclose(file);
	assert_int_equal(wrong, 0);
	assert_true(count >= 200);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(default_is_loopback_and_private_networks),
	cmocka_unit_test(default_scalars_are_those_of_the_specification),
	cmocka_unit_test(default_group_is_there_without_servers),
	cmocka_unit_test(what_is_not_written_keeps_its_default),
	cmocka_unit_test(every_scalar_goes_to_its_field),
	cmocka_unit_test(sizes_are_numbers_or_strings_with_a_unit),
	cmocka_unit_test(durations_are_integers_or_floats),
	cmocka_unit_test(listen_entry_has_port_53_and_both_protocols_where_not_written),
	cmocka_unit_test(written_access_replaces_the_default),
	cmocka_unit_test(servers_are_strings_or_groups),
	cmocka_unit_test(a_server_says_how_it_is_reached),
	cmocka_unit_test(zone_has_defaults),
	cmocka_unit_test(zone_keeps_all_that_is_written),
	cmocka_unit_test(every_action_has_its_word),
	cmocka_unit_test(template_is_lower_case_with_its_range),
	cmocka_unit_test(same_name_under_other_conditions_is_another_rule),
	cmocka_unit_test(print_shows_everything_and_loads_again),
	cmocka_unit_test(zero_may_have_a_sign),
	cmocka_unit_test(printed_default_loads_again),
	cmocka_unit_test(pages_are_wanted_only_where_they_are_built_in),
	cmocka_unit_test(rows_tell_every_option),
	cmocka_unit_test(text_of_nothing_is_complained_of),
	cmocka_unit_test(include_in_text_is_refused),
	cmocka_unit_test(deep_nesting_is_refused_before_it_is_parsed),
	cmocka_unit_test(more_settings_than_a_group_takes_are_refused),
	cmocka_unit_test(string_of_a_megabyte_is_cut_in_the_complaint),
	cmocka_unit_test(lists_are_as_long_as_what_comes_of_them_allows),
	cmocka_unit_test(what_could_be_read_is_kept_for_further_complaints),
	cmocka_unit_test(each_fault_is_told_with_its_line_OP_16),
};
UNIT_MAIN_MEM(tests)
