#include "app/settings.h"

#include <string.h>

#include "unit.h"

static struct conf *load(const struct settings *settings)
{
	struct complaints *complaints = unit_own(complaint_new(), complaint_free);
	struct conf *conf = NULL;

	assert_non_null(complaints);
	assert_int_equal(settings_load(settings, complaints, &conf), 0);
	return unit_own(conf, conf_free);
}

static void give(struct addr *list, size_t *count, const char *text)
{
	assert_int_equal(addr_parse(text, 53, &list[(*count)++]), 0);
}

static void addresses_alone_need_no_file(void **state)
{
	struct settings settings = { 0 };

	(void)state;
	give(settings.listen, &settings.listen_count, "127.0.0.1@5300");
	give(settings.servers, &settings.server_count, "192.0.2.1");
	give(settings.servers, &settings.server_count, "192.0.2.2@5353");
	assert_null(settings_file(&settings));

	const struct conf *conf = load(&settings);
	assert_int_equal(conf->listen_count, 1);
	assert_int_equal(conf->listen[0].addr.port, 5300);
	assert_true(conf->listen[0].udp && conf->listen[0].tcp);
	assert_string_equal(conf->groups[0].name, "default");
	assert_int_equal(conf->groups[0].server_count, 2);
	assert_true(addr_equal(&conf->groups[0].servers[1].addr, &settings.servers[1]));
}

static void servers_alone_leave_the_default_listeners(void **state)
{
	struct settings settings = { 0 };

	(void)state;
	give(settings.servers, &settings.server_count, "192.0.2.1");
	assert_true(settings_listens_by_default(&settings));
	assert_int_equal(load(&settings)->listen_count, 2); /* 127.0.0.1 and ::1 */
}

static void a_named_file_is_the_file(void **state)
{
	struct settings settings = { .path = "some.conf" };

	(void)state;
	give(settings.listen, &settings.listen_count, "127.0.0.1@5300");
	assert_string_equal(settings_file(&settings), "some.conf");
	assert_false(settings_listens_by_default(&settings));
}

static void given_servers_stand_in_for_resolv_conf(void **state)
{
	struct settings settings = { 0 };

	(void)state;
	give(settings.servers, &settings.server_count, "192.0.2.1");
	const struct conf *conf = load(&settings);
	assert_null(conf->groups[0].resolv_conf);
	assert_int_equal(conf->groups[0].server_count, 1);
}

static int complaints_about(const char *listen, const char *server)
{
	struct complaints *complaints = unit_own(complaint_new(), complaint_free);
	struct settings settings = { 0 };
	struct conf *conf = NULL;

	assert_non_null(complaints);
	give(settings.listen, &settings.listen_count, listen);
	give(settings.servers, &settings.server_count, "192.0.2.1");
	give(settings.servers, &settings.server_count, server);
	const int err = settings_load(&settings, complaints, &conf);
	unit_own(conf, conf_free);
	assert_true(err == 0 || err == ERR_CONF);
	if (err != 0) {
		assert_true(complaint_kept(complaints) > 0);
		assert_non_null(strstr(complaint_text(complaints, 0), server));
	}
	return (int)complaint_count(complaints);
}

static void LZ_01_a_server_that_is_ourselves_is_refused(void **state)
{
	(void)state;
	assert_int_equal(complaints_about("127.0.0.1@5300", "127.0.0.1@5300"), 1);
	assert_int_equal(complaints_about("0.0.0.0@5300", "127.0.0.1@5300"), 1);
	assert_int_equal(complaints_about("0.0.0.0@5300", "127.9.9.9@5300"), 1);
	assert_int_equal(complaints_about("::@5300", "::1@5300"), 1);
	assert_int_equal(complaints_about("192.0.2.7@53", "192.0.2.7@53"), 1);

	assert_int_equal(complaints_about("127.0.0.1@5300", "127.0.0.1@5301"), 0);
	assert_int_equal(complaints_about("127.0.0.1@5300", "127.0.0.2@5300"), 0);
	assert_int_equal(complaints_about("0.0.0.0@5300", "::1@5300"), 0);
	assert_int_equal(complaints_about("0.0.0.0@5300", "192.0.2.7@5300"), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(addresses_alone_need_no_file),
	cmocka_unit_test(servers_alone_leave_the_default_listeners),
	cmocka_unit_test(a_named_file_is_the_file),
	cmocka_unit_test(given_servers_stand_in_for_resolv_conf),
	cmocka_unit_test(LZ_01_a_server_that_is_ourselves_is_refused),
};

UNIT_MAIN(tests)
