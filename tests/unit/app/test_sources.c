#include "app/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf_load.h"
#include "unit.h"

static char directory[64];

static int make_directory(void **state)
{
	(void)state;
	log_open(LEVEL_ERROR, LOG_TO_STDERR);
	snprintf(directory, sizeof(directory), "/tmp/sources.XXXXXX");
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

static void write_file(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	remove(path);
}

/* With group default of file a, one of a too, one of b, and one with a server of its own. */
static struct conf *load(void)
{
	struct complaints *complaints = unit_own(complaint_new(), complaint_free);
	struct conf *conf = NULL;
	char text[1024];

	assert_non_null(complaints);
	snprintf(text, sizeof(text),
		 "listen = ( { address = \"127.0.0.1\"; }, { address = \"0.0.0.0\"; port = 54; } );"
		 "upstreams = { default = { resolv_conf = \"%s/a\"; };"
		 " too = { resolv_conf = \"%s/a\"; }; other = { resolv_conf = \"%s/b\"; };"
		 " own = { servers = [ \"192.0.2.9\" ]; }; };",
		 directory, directory, directory);
	assert_int_equal(conf_load_text(text, "test.conf", complaints, &conf), 0);
	return unit_own(conf, conf_free);
}

static struct sources *new_sources(void)
{
	struct sources *sources = unit_own(sources_new(), sources_free);

	assert_non_null(sources);
	return sources;
}

static bool read_changes(struct sources *sources, struct conf *conf)
{
	bool has_changed = false;

	assert_int_equal(sources_read(sources, conf, &has_changed), 0);
	return has_changed;
}

/* "192.0.2.1 192.0.2.2": who group `at` asks. */
static void assert_servers(const struct conf *conf, size_t at, const char *expected)
{
	char text[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < conf->groups[at].server_count; i++) {
		struct addr addr = conf->groups[at].servers[i].addr;
		struct addr_text one;

		addr.port = 0;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "",
					addr_to_text(&addr, &one));
	}
	assert_string_equal(text, expected);
}

static void each_group_has_the_servers_of_its_file(void **state)
{
	struct sources *sources = new_sources();
	struct conf *conf = load();
	(void)state;

	write_file("a", "nameserver 192.0.2.1\nnameserver 192.0.2.2\n");
	write_file("b", "nameserver 192.0.2.3\n");
	assert_true(read_changes(sources, conf));
	assert_servers(conf, 0, "192.0.2.1 192.0.2.2");
	assert_servers(conf, 1, "192.0.2.1 192.0.2.2");
	assert_servers(conf, 2, "192.0.2.3");
	assert_servers(conf, 3, "192.0.2.9");
	assert_false(read_changes(sources, conf));
	write_file("a", "nameserver 192.0.2.2\n");
	assert_true(read_changes(sources, conf));
	assert_servers(conf, 0, "192.0.2.2");
	assert_servers(conf, 1, "192.0.2.2");
	assert_servers(conf, 2, "192.0.2.3");
}

static void a_file_that_names_nobody_takes_no_server_away(void **state)
{
	static const char *const nobody[] = {
		"",
		"search example\n",
		"\x01\xff rubbish \n",
		"nameserver\n",
		"nameserver 127.0.0.1\n",
		"nameserver nowhere\n",
	};
	struct sources *sources = new_sources();
	struct conf *conf = load();
	(void)state;

	write_file("a", "nameserver 192.0.2.1\n");
	remove_file("b");
	read_changes(sources, conf);
	assert_servers(conf, 2, "");
	for (size_t i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++) {
		write_file("a", nobody[i]);
		assert_false(read_changes(sources, conf));
		assert_servers(conf, 0, "192.0.2.1");
	}
	remove_file("a");
	assert_false(read_changes(sources, conf));
	assert_servers(conf, 0, "192.0.2.1");
	/* a configuration read anew has them as well */
	struct conf *next = load();
	assert_true(read_changes(sources, next));
	assert_servers(next, 1, "192.0.2.1");
}

static void what_a_group_has_is_where_a_file_begins(void **state)
{
	struct conf *conf = load();
	(void)state;

	write_file("a", "nameserver 192.0.2.1\n");
	remove_file("b");
	read_changes(new_sources(), conf);
	remove_file("a");
	assert_false(read_changes(new_sources(), conf));
	assert_servers(conf, 0, "192.0.2.1");
}

/* Another configuration was read meanwhile, and did not come into use. */
static void who_has_not_seen_a_change_is_told_of_it_later(void **state)
{
	struct sources *sources = new_sources();
	struct conf *conf = load(), *refused = load();
	(void)state;

	write_file("a", "nameserver 192.0.2.1\n");
	write_file("b", "nameserver 192.0.2.3\n");
	assert_true(read_changes(sources, conf));
	write_file("a", "nameserver 192.0.2.2\n");
	assert_true(read_changes(sources, refused));
	assert_true(read_changes(sources, conf));
	assert_servers(conf, 0, "192.0.2.2");
	assert_false(read_changes(sources, conf));
}

static void LZ_loops_to_ourselves_are_no_servers(void **state)
{
	struct sources *sources = new_sources();
	struct conf *conf = load();
	(void)state;

	write_file("a", "nameserver 127.0.0.1\nnameserver 127.0.0.53\n");
	read_changes(sources, conf);
	assert_servers(conf, 0, "127.0.0.53"); /* of another's */
	conf->listen[1].addr.port = 53;	       /* now ours too */
	write_file("a", "nameserver 127.0.0.53\nnameserver 192.0.2.1\n");
	assert_true(read_changes(sources, conf));
	assert_servers(conf, 0, "192.0.2.1");
}

static void FO_15_a_link_local_server_has_its_link(void **state)
{
	struct sources *sources = new_sources();
	struct conf *conf = load();
	(void)state;

	write_file("a", "nameserver fe80::1%lo\nnameserver fe80::2\nnameserver fe80::3%none0\n");
	read_changes(sources, conf);
	assert_servers(conf, 0, "fe80::1%lo");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(each_group_has_the_servers_of_its_file, make_directory,
					remove_directory),
	cmocka_unit_test_setup_teardown(a_file_that_names_nobody_takes_no_server_away,
					make_directory, remove_directory),
	cmocka_unit_test_setup_teardown(what_a_group_has_is_where_a_file_begins, make_directory,
					remove_directory),
	cmocka_unit_test_setup_teardown(who_has_not_seen_a_change_is_told_of_it_later,
					make_directory, remove_directory),
	cmocka_unit_test_setup_teardown(LZ_loops_to_ourselves_are_no_servers, make_directory,
					remove_directory),
	cmocka_unit_test_setup_teardown(FO_15_a_link_local_server_has_its_link, make_directory,
					remove_directory),
};

UNIT_MAIN_MEM(tests)
