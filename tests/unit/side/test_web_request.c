#include "side/web_request.h"

#include <string.h>

#include "unit.h"

static const char *path_of(const char *text)
{
	static struct web_request_target target;

	return web_request_read_target(text, &target) ? target.path : NULL;
}

static void a_path_is_what_stands_before_the_query(void **state)
{
	(void)state;
	assert_string_equal(path_of("/"), "/");
	assert_string_equal(path_of("/metrics"), "/metrics");
	assert_string_equal(path_of("/metrics?a=b/c"), "/metrics");
	assert_string_equal(path_of("/metrics#a"), "/metrics");
	assert_string_equal(path_of("//"), "//");
	assert_string_equal(path_of("/a/../b"), "/a/../b");
}

static void escapes_are_taken_out_once(void **state)
{
	(void)state;
	assert_string_equal(path_of("/api/devices/2001%3Adb8%3a%3a1"), "/api/devices/2001:db8::1");
	assert_string_equal(path_of("/%2541"), "/%41");
	assert_string_equal(path_of("/%3f?x"), "/?");
	assert_null(path_of("/%"));
	assert_null(path_of("/%4"));
	assert_null(path_of("/%4g"));
	assert_null(path_of("/%g4"));
	assert_null(path_of("/%@A"));
	assert_null(path_of("/%`A"));
}

static void bytes_that_no_path_of_ours_has_are_refused(void **state)
{
	(void)state;
	assert_null(path_of("/a%00b"));
	assert_null(path_of("/a%0ab"));
	assert_null(path_of("/a b"));
	assert_null(path_of("/a%20b"));
	assert_null(path_of("/a\tb"));
	assert_null(path_of("/a\x7f"));
	assert_null(path_of("/a%80"));
	assert_null(path_of("/a\xc3\xa4"));
}

static void what_is_no_path_is_refused(void **state)
{
	(void)state;
	assert_null(path_of(""));
	assert_null(path_of("*"));
	assert_null(path_of("metrics"));
	assert_null(path_of("https://localhost/"));
	assert_null(path_of("ftp://localhost/"));
}

static void a_path_has_an_end(void **state)
{
	char text[WEB_REQUEST_PATH_MAX + 1];

	(void)state;
	memset(text, '/', sizeof(text));
	text[WEB_REQUEST_PATH_MAX - 1] = '\0';
	assert_string_equal(path_of(text), text);
	text[WEB_REQUEST_PATH_MAX - 1] = '/';
	text[WEB_REQUEST_PATH_MAX] = '\0';
	assert_null(path_of(text));
}

static void whole_addresses_name_their_host(void **state)
{
	static const struct {
		const char *text, *authority, *path;
	} cases[] = {
		{ "http://localhost:80/a?b", "localhost:80", "/a" },
		{ "HTTP://[::1]", "[::1]", "/" },
		{ "http://a?b", "a", "/" },
		{ "http:///a", "", "/a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct web_request_target target;

		assert_true(web_request_read_target(cases[i].text, &target));
		assert_int_equal(target.authority_len, strlen(cases[i].authority));
		assert_memory_equal(target.authority, cases[i].authority, target.authority_len);
		assert_string_equal(target.path, cases[i].path);
	}
	struct web_request_target target;
	assert_true(web_request_read_target("/a", &target));
	assert_null(target.authority);
}

/* --- hosts --------------------------------------------------------------------------------- */

static bool is_own(const char *host)
{
	static uint8_t wire[] = "\3dns\4corp\7example";
	const struct conf_name name = { .wire = wire, .len = sizeof(wire) };

	return web_request_is_own_host(host, strlen(host), &name, 1);
}

static void addresses_localhost_and_the_names_are_ours(void **state)
{
	static const char *const own[] = {
		"127.0.0.1",	       "10.0.0.1:8053",	    "[::1]",
		"[2001:db8::1]:8053",  "127.0.0.1:",	    "[::1]:",
		"localhost",	       "LocalHost:8053",    "dns.corp.example",
		"DNS.Corp.Example:80", "dns.corp.example.", "localhost.",
		"[::ffff:192.0.2.1]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (!is_own(own[i]))
			fail_msg("%s is ours", own[i]);
	}
}

static void all_others_are_not(void **state)
{
	static const char *const others[] = {
		"",
		":80",
		"evil.example",
		"corp.example",
		"a.dns.corp.example",
		"localhost.evil.example",
		"dns.corp.example@evil.example",
		"127.0.0.1.evil.example",
		"127.0.0.1@80",
		"127.0.0.1:80:80",
		"127.0.0.1:8x",
		"127.0.0.1:123456",
		"127.0.0.1 ",
		" localhost",
		"::1",
		"[::1",
		"[::1]x",
		"[::1]80",
		"[127.0.0.1]",
		"[localhost]",
		"[]",
		"[::1%lo]",
		"fe80::1%lo",
		"localhos\\116",
		"user@localhost",
		"localhost/",
		"127.1",
		"0x7f000001",
		".",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (is_own(others[i]))
			fail_msg("\"%s\" is not ours", others[i]);
	}
}

static void a_host_may_be_as_long_as_a_name_and_no_longer(void **state)
{
	char text[1024];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_false(is_own(text));
	text[0] = '[';
	assert_false(is_own(text));
	assert_false(web_request_is_own_host("localhost\0x", 11, NULL, 0));
	assert_true(web_request_is_own_host("localhost\0x", 9, NULL, 0));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_path_is_what_stands_before_the_query),
	cmocka_unit_test(escapes_are_taken_out_once),
	cmocka_unit_test(bytes_that_no_path_of_ours_has_are_refused),
	cmocka_unit_test(what_is_no_path_is_refused),
	cmocka_unit_test(a_path_has_an_end),
	cmocka_unit_test(whole_addresses_name_their_host),
	cmocka_unit_test(addresses_localhost_and_the_names_are_ours),
	cmocka_unit_test(all_others_are_not),
	cmocka_unit_test(a_host_may_be_as_long_as_a_name_and_no_longer),
};
UNIT_MAIN(tests)
