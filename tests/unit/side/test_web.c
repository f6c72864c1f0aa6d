/* Over real sockets, at a time of our own. Peers that say what evhttp is to refuse come here; what
 * is right about pages is in test_web_page.c. */
#include "side/web.h"

#include <sys/stat.h>

#include "side/side_bench.h"

#define LARGE 2000000u

struct seen {
	struct loop_bench bench;
	struct web_page_site site;
	struct web *web;
	uint64_t turned_away;
	unsigned pages;
};

static enum web_page_status hello(void *ctx, const char *rest, FILE *out)
{
	struct seen *seen = ctx;

	(void)rest;
	seen->pages++;
	fputs("hello\n", out);
	return WEB_PAGE_OK;
}

static enum web_page_status large(void *ctx, const char *rest, FILE *out)
{
	struct seen *seen = ctx;
	char some[LARGE / 100];

	(void)rest;
	memset(some, 'x', sizeof(some));
	seen->pages++;
	for (unsigned i = 0; i < LARGE / sizeof(some); i++)
		fwrite(some, 1, sizeof(some), out);
	return WEB_PAGE_OK;
}

/* Takes its time. */
static enum web_page_status slow(void *ctx, const char *rest, FILE *out)
{
	(void)ctx;
	(void)rest;
	skew_us += 50 * USEC_PER_MSEC;
	fputs("slow\n", out);
	return WEB_PAGE_OK;
}

static const struct conf_name *no_names(void *ctx, size_t *ret_count)
{
	(void)ctx;
	*ret_count = 0;
	return NULL;
}

static const struct web_page_route routes[] = {
	{ "/hello", "text/plain", hello },
	{ "/large", "text/plain", large },
	{ "/slow", "text/plain", slow },
	{ NULL, NULL, NULL },
};

static void free_seen(struct seen *seen)
{
	web_free(seen->web);
}

static struct seen *make_seen(void)
{
	struct seen *seen = unit_zalloc(sizeof(*seen));

	web_prepare();
	loop_bench_init(&seen->bench);
	seen->site = (struct web_page_site){
		.routes = routes, .names = no_names, .ctx = seen, .turned_away = &seen->turned_away
	};
	unit_own(seen, free_seen);
	return seen;
}

static struct seen *open_web(void)
{
	const struct addr addr = loop_bench_addr("127.0.0.1", 0);
	struct seen *seen = make_seen();

	assert_int_equal(web_new(seen->bench.loop, NULL, &addr, &seen->site, &seen->web), 0);
	return seen;
}

static int connect_to(const struct seen *seen)
{
	const struct addr addr =
		loop_bench_addr("127.0.0.1", web_socket_port(web_socket(seen->web)));
	const int fd = loop_bench_socket(SOCK_STREAM, "127.0.0.1");

	loop_bench_connect(fd, &addr);
	return fd;
}

static void settle(struct seen *seen)
{
	loop_bench_pass(&seen->bench, 40000);
}

static void jump(struct seen *seen, uint64_t us)
{
	skew_us += us;
	settle(seen);
}

static void say(int fd, const char *text)
{
	local_bench_say(fd, text, strlen(text));
}

static const struct reply *take(struct seen *seen, int fd)
{
	return reply_after(&seen->bench, fd, unit_is_starved() ? 50 : 2000);
}

static bool is_closed(int fd)
{
	static struct reply reply;

	reply.len = 0;
	reply.is_closed = false;
	reply_take(&reply, fd);
	return reply.is_closed;
}

#define HOST "Host: localhost\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static const char *answer_to(struct seen *seen, const char *request)
{
	const int fd = connect_to(seen);

	say(fd, request);
	const struct reply *reply = take(seen, fd);
	assert_true(reply->is_closed);
	return reply->text;
}

static void assert_code(struct seen *seen, const char *request, const char *code)
{
	const char *text = answer_to(seen, request);

	assert_int_equal(strncmp(text, "HTTP/1.1 ", 9), 0);
	if (strncmp(text + 9, code, 3) != 0)
		fail_msg("%.3s instead of %s", text + 9, code);
}

static void assert_hello(struct seen *seen)
{
	const char *text = answer_to(seen, GET("/hello"));
	const char *body = strstr(text, "\r\n\r\n");

	assert_non_null(body);
	assert_string_equal(body, "\r\n\r\nhello\n");
}

/* --- what is served ------------------------------------------------------------------------ */

static void a_page_comes_with_what_browsers_must_know(void **state)
{
	static const char *const lines[] = {
		"HTTP/1.1 200 OK\r\n",
		"\r\nContent-Type: text/plain\r\n",
		"\r\nContent-Length: 6\r\n",
		"\r\nConnection: close\r\n",
		"\r\nCache-Control: no-store\r\n",
		"\r\nX-Content-Type-Options: nosniff\r\n",
		"\r\nContent-Security-Policy: default-src 'none'",
		"\r\nCross-Origin-Resource-Policy: same-origin\r\n",
	};
	(void)state;
	struct seen *seen = open_web();
	const char *text = answer_to(seen, GET("/hello"));

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_non_null(strstr(text, lines[i]));
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\nhello\n");
	assert_int_equal(seen->turned_away, 0);
}

static void a_head_comes_without_the_page(void **state)
{
	(void)state;
	struct seen *seen = open_web();
	const char *text = answer_to(seen, "HEAD /hello HTTP/1.1\r\n" HOST "\r\n");

	assert_non_null(strstr(text, "\r\nContent-Length: 6\r\n"));
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

static void other_methods_are_told_which_there_are(void **state)
{
	static const char *const methods[] = { "POST",	"PUT",	   "DELETE", "OPTIONS", "PATCH",
					       "TRACE", "CONNECT", "BREW",   "get" };
	char request[128];
	(void)state;
	struct seen *seen = open_web();

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		snprintf(request, sizeof(request), "%s /hello HTTP/1.1\r\n" HOST "\r\n",
			 methods[i]);
		assert_code(seen, request, "405");
		assert_non_null(strstr(answer_to(seen, request), "\r\nAllow: GET, HEAD\r\n"));
	}
	assert_code(seen, "POST /hello HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nx=1", "405");
	assert_int_equal(seen->pages, 0);
}

static void a_host_that_is_not_ours_gets_nothing(void **state)
{
	(void)state;
	struct seen *seen = open_web();

	assert_code(seen, "GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421");
	assert_code(seen, "GET http://evil.example/hello HTTP/1.1\r\n" HOST "\r\n", "421");
	assert_code(seen, "GET /hello HTTP/1.1\r\nhost: evil.example\r\n" HOST "\r\n", "400");
	assert_code(seen, "GET /hello HTTP/1.1\r\n\r\n", "400");
	assert_int_equal(seen->pages, 0);
	assert_code(seen, "GET /hello HTTP/1.1\r\nHOST: 10.0.0.1:80\r\n\r\n", "200");
	assert_code(seen,
		    "GET /hello HTTP/1.1\n"
		    "Host: [::1]\n\n",
		    "200");
	assert_non_null(strstr(answer_to(seen, "GET /hello HTTP/1.0\r\n\r\n"), "200 OK"));
}

static void a_connection_has_one_request(void **state)
{
	(void)state;
	struct seen *seen = open_web();
	const char *text = answer_to(seen, GET("/hello") GET("/hello"));

	assert_null(strstr(text + 1, "HTTP/1."));
	assert_int_equal(seen->pages, 1);
	text = answer_to(seen, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
	assert_null(strstr(text, "keep-alive"));
}

static void who_has_said_all_may_close_that_side(void **state)
{
	(void)state;
	struct seen *seen = open_web();
	const int fd = connect_to(seen);

	say(fd, GET("/large"));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	const struct reply *reply = take(seen, fd);
	assert_true(reply->is_closed);
	assert_int_equal(reply->text + reply->len - strstr(reply->text, "\r\n\r\n"), LARGE + 4);
}

static void a_request_may_come_byte_by_byte(void **state)
{
	static const char request[] = GET("/hello");
	(void)state;
	struct seen *seen = open_web();
	const int fd = connect_to(seen);

	for (size_t i = 0; i + 1 < sizeof(request); i++) {
		assert_int_equal(seen->pages, 0);
		local_bench_say(fd, request + i, 1);
		loop_bench_pass(&seen->bench, 2000);
	}
	assert_non_null(strstr(take(seen, fd)->text, "hello\n"));
}

/* --- what a request may be ----------------------------------------------------------------- */

static void what_is_no_request_is_told_so(void **state)
{
	(void)state;
	struct seen *seen = open_web();

	assert_code(seen, "hello, who is there?\r\n\r\n", "400");
	assert_code(seen, "GET /hello\r\n\r\n", "400");
	assert_code(seen, "GET /hello HTTP/2.0\r\n\r\n", "400");
	assert_code(seen, "GET /hello HTTP/1.1\r\nno header\r\n\r\n", "400");
	assert_code(seen, "GET /hello HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", "413");
	assert_code(seen, "GET /hello HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", "400");
	assert_code(seen,
		    "GET /hello HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
		    "0\r\n\r\n",
		    "413");
	assert_code(seen, "GET /hello HTTP/1.1\r\n" HOST "Content-Length: 9000\r\n\r\n", "413");
	assert_int_equal(seen->pages, 0);
	assert_hello(seen);
}

/* `start`, filled up to `len` bytes, and `end`. */
static const char *long_request(const char *start, const char *filler, size_t len, const char *end)
{
	char *text = unit_zalloc(len + strlen(end) + 1);
	size_t at = strlen(start);

	memcpy(text, start, at);
	for (; at < len; at++)
		text[at] = filler[at % strlen(filler)];
	memcpy(text + at, end, strlen(end) + 1);
	return text;
}

static void a_first_line_that_is_too_long_is_refused(void **state)
{
	static const char end[] = " HTTP/1.1\r\n" HOST "\r\n";
	(void)state;
	struct seen *seen = open_web();

	assert_code(seen, long_request("GET /", "a", WEB_TARGET_MAX - 11, end), "404");
	assert_int_equal(seen->turned_away, 0);
	assert_code(seen, long_request("GET /", "a", WEB_TARGET_MAX - 10, end), "414");
	assert_code(seen, long_request("GET /", "a", WEB_TARGET_MAX + 1, ""), "414");
	assert_code(seen, long_request("GET /", "a", 100000, end), "414");
	assert_int_equal(seen->turned_away, 3);
	assert_hello(seen);
}

static void a_request_that_is_too_long_is_refused(void **state)
{
	static const char start[] = "GET /hello HTTP/1.1\r\n" HOST "X: ";
	(void)state;
	struct seen *seen = open_web();

	assert_code(seen, long_request(start, "a", WEB_HEAD_MAX - 4, "\r\n\r\n"), "200");
	assert_code(seen, long_request(start, "a", WEB_HEAD_MAX - 3, "\r\n\r\n"), "431");
	assert_code(seen, long_request(start, "a", WEB_HEAD_MAX + 1, ""), "431");
	assert_code(seen, long_request(start, "a", 100000, "\r\n\r\n"), "431");
	/* a chunk's length may be as long as one likes, for evhttp */
	assert_code(seen,
		    long_request("GET /hello HTTP/1.1\r\n" HOST
				 "Transfer-Encoding: chunked\r\n\r\n",
				 "0", WEB_HEAD_MAX + 1, ""),
		    "431");
	assert_int_equal(seen->pages, 1);
	assert_int_equal(seen->turned_away, 4);
	assert_hello(seen);
}

static void a_request_of_too_many_lines_is_refused(void **state)
{
	static const char start[] = "GET /hello HTTP/1.1\r\n" HOST;
	const size_t few = sizeof(start) - 1 + 3 * (WEB_LINES_MAX - 3);
	(void)state;
	struct seen *seen = open_web();
	const size_t at = (sizeof(start) - 1) % 3; /* where the filler is to begin with its "a" */
	const char *filler = at == 0 ? "a:\n" : at == 1 ? "\na:" : ":\na";

	assert_code(seen, long_request(start, filler, few, "\n"), "200");
	assert_code(seen, long_request(start, filler, few + 3, "\n"), "431");
	assert_code(seen, long_request(start, filler, few + 6, "\n"), "431");
	assert_code(seen, long_request(start, filler, few + 6, ""), "431");
	assert_hello(seen);
}

/* --- what peers may do --------------------------------------------------------------------- */

static void who_says_nothing_is_let_go(void **state)
{
	(void)state;
	struct seen *seen = open_web();
	const int fd = connect_to(seen), half = connect_to(seen);

	say(half, "GET /hel");
	settle(seen);
	jump(seen, WEB_PATIENCE_US - USEC_PER_SEC);
	assert_false(is_closed(fd));
	assert_false(is_closed(half));
	jump(seen, USEC_PER_SEC);
	assert_true(is_closed(fd));
	assert_true(is_closed(half));
	assert_int_equal(seen->turned_away, 2);
}

/* For evhttp each byte would be a sign of life. */
static void who_dribbles_has_no_more_time_than_others(void **state)
{
	(void)state;
	struct seen *seen = open_web();
	const int fd = connect_to(seen);
	const uint64_t began_us = skew_us;

	say(fd, "GET /hello HTTP/1.1\r\n");
	settle(seen);
	while (skew_us - began_us < WEB_PATIENCE_US) {
		assert_false(is_closed(fd));
		say(fd, "X:a\r\n");
		jump(seen, USEC_PER_SEC / 2);
	}
	assert_true(is_closed(fd));
	assert_int_equal(seen->turned_away, 1);
}

static void who_hangs_makes_room_the_oldest_first(void **state)
{
	int fds[WEB_CONNECTIONS_MAX];
	(void)state;
	struct seen *seen = open_web();

	for (unsigned i = 0; i < WEB_CONNECTIONS_MAX; i++) {
		fds[i] = connect_to(seen);
		loop_bench_pass(&seen->bench, 5000);
	}
	settle(seen);
	assert_int_equal(seen->turned_away, 0);
	assert_hello(seen);
	assert_true(is_closed(fds[0]));
	assert_false(is_closed(fds[1]));
	assert_int_equal(seen->turned_away, 1);
}

static void who_goes_midway_hurts_nobody(void **state)
{
	(void)state;
	struct seen *seen = open_web();
	const int fd = connect_to(seen), half = connect_to(seen), silent = connect_to(seen);

	say(fd, GET("/large"));
	say(half, "GET /hel");
	settle(seen);
	loop_bench_hang_up(fd);
	loop_bench_hang_up(half);
	loop_bench_hang_up(silent);
	settle(seen);
	assert_hello(seen);
	jump(seen, 3 * WEB_PATIENCE_US);
	assert_hello(seen);
}

static void a_large_page_waits_for_a_peer_that_takes_some_of_it(void **state)
{
	char some[65536];
	(void)state;
	struct seen *seen = open_web();
	const int fd = connect_to(seen);

	say(fd, GET("/large"));
	settle(seen);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned j = 0; j < 6; j++) {
			(void)!recv(fd, some, sizeof(some), MSG_DONTWAIT);
			loop_bench_pass(&seen->bench, 2000);
		}
		jump(seen, WEB_PATIENCE_US);
	}
	assert_int_equal(seen->turned_away, 0);
	assert_hello(seen); /* nobody else waits for it */
	const struct reply *rest = take(seen, fd);
	assert_true(rest->is_closed);
	assert_int_equal(rest->text[rest->len - 1], 'x');
}

static void who_takes_nothing_of_it_is_let_go(void **state)
{
	(void)state;
	struct seen *seen = open_web();
	const int fd = connect_to(seen);

	say(fd, GET("/large"));
	settle(seen);
	for (unsigned i = 0; i < 5 && seen->turned_away == 0; i++) /* the system takes some */
		jump(seen, WEB_PATIENCE_US);
	assert_int_equal(seen->turned_away, 1);
	const struct reply *rest = take(seen, fd);
	assert_true(rest->is_closed);
	assert_in_range(rest->len, 1, LARGE - 1);
}

/* Who asks for much and takes nothing of it may have some megabytes, not sixteen times as many. */
static void pages_that_wait_are_bounded_in_all(void **state)
{
	int fds[8];
	(void)state;
	struct seen *seen = open_web();
	/* of each, some is with the system */
	const unsigned most = WEB_UNSENT_MAX / (LARGE - 500000) + 1;

	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		fds[i] = connect_to(seen);
		say(fds[i], GET("/large"));
		jump(seen, USEC_PER_SEC); /* for so long nobody may be served */
	}
	assert_in_range(seen->pages, 3, most);
	assert_code(seen, GET("/large"), "503");
	jump(seen, 2 * WEB_PATIENCE_US); /* they are let go */
	jump(seen, 2 * WEB_PATIENCE_US);
	assert_hello(seen);
}

/* Nobody can have pages made all the time: a fortieth of it is theirs. */
static void after_a_page_that_took_long_comes_a_rest(void **state)
{
	(void)state;
	struct seen *seen = open_web();

	assert_non_null(strstr(answer_to(seen, GET("/slow")), "slow\n"));
	const int fd = connect_to(seen);
	say(fd, GET("/hello"));
	jump(seen, 500 * USEC_PER_MSEC);
	assert_int_equal(seen->pages, 0);
	jump(seen, 550 * USEC_PER_MSEC); /* a second at most */
	assert_int_equal(seen->pages, 1);
	assert_non_null(strstr(take(seen, fd)->text, "hello\n"));
}

static void what_is_open_ends_with_the_web(void **state)
{
	(void)state;
	struct seen *seen = open_web();
	const int fd = connect_to(seen), half = connect_to(seen), page = connect_to(seen);

	say(half, "GET /hel");
	say(page, GET("/large"));
	settle(seen);
	web_free(seen->web);
	seen->web = NULL;
	assert_true(is_closed(fd));
	assert_true(is_closed(half));
	(void)take(seen, page);
}

/* --- where it listens ---------------------------------------------------------------------- */

static void a_port_that_is_taken_is_told(void **state)
{
	(void)state;
	struct seen *seen = open_web(), *other = make_seen();
	const struct addr addr =
		loop_bench_addr("127.0.0.1", web_socket_port(web_socket(seen->web)));

	assert_int_equal(web_new(other->bench.loop, NULL, &addr, &other->site, &other->web),
			 -EADDRINUSE);
	assert_true(web_socket_is_there(web_socket(seen->web)));
}

static void it_listens_at_a_path_too(void **state)
{
	struct stat made;
	(void)state;
	struct seen *seen = make_seen();
	const char *path = local_bench_path("socket");

	assert_int_equal(web_new(seen->bench.loop, path, NULL, &seen->site, &seen->web), 0);
	assert_int_equal(stat(path, &made), 0);
	assert_int_equal(made.st_mode & 0777, 0660);
	assert_true(web_socket_is_there(web_socket(seen->web)));
	const int fd = local_bench_connect("socket");
	say(fd, GET("/hello"));
	assert_non_null(strstr(take(seen, fd)->text, "hello\n"));
	assert_int_equal(unlink(path), 0);
	assert_false(web_socket_is_there(web_socket(seen->web)));
}

#define WEB_TEST(name)                                                    \
	cmocka_unit_test_setup_teardown(name, local_bench_make_directory, \
					local_bench_remove_directory)

static const struct CMUnitTest short_of_memory[] = {
	WEB_TEST(a_page_comes_with_what_browsers_must_know),
	WEB_TEST(it_listens_at_a_path_too),
};

static const struct CMUnitTest tests[] = {
	WEB_TEST(a_head_comes_without_the_page),
	WEB_TEST(other_methods_are_told_which_there_are),
	WEB_TEST(a_host_that_is_not_ours_gets_nothing),
	WEB_TEST(a_connection_has_one_request),
	WEB_TEST(who_has_said_all_may_close_that_side),
	WEB_TEST(a_request_may_come_byte_by_byte),
	WEB_TEST(what_is_no_request_is_told_so),
	WEB_TEST(a_first_line_that_is_too_long_is_refused),
	WEB_TEST(a_request_that_is_too_long_is_refused),
	WEB_TEST(a_request_of_too_many_lines_is_refused),
	WEB_TEST(who_says_nothing_is_let_go),
	WEB_TEST(who_dribbles_has_no_more_time_than_others),
	WEB_TEST(who_hangs_makes_room_the_oldest_first),
	WEB_TEST(who_goes_midway_hurts_nobody),
	WEB_TEST(a_large_page_waits_for_a_peer_that_takes_some_of_it),
	WEB_TEST(who_takes_nothing_of_it_is_let_go),
	WEB_TEST(pages_that_wait_are_bounded_in_all),
	WEB_TEST(after_a_page_that_took_long_comes_a_rest),
	WEB_TEST(what_is_open_ends_with_the_web),
	WEB_TEST(a_port_that_is_taken_is_told),
};

int main(void)
{
	if (!web_is_built()) {
		printf("unit: 0 passed, 0 failed\n");
		return 0;
	}
	/* real sockets and real waits, a hundred times over, would take minutes: so with memory
	 * short there are few (and the functional test allocations_fail_under_pages_too) */
	const int few = unit_main(short_of_memory, sizeof(short_of_memory) / sizeof(tests[0]),
				  UNIT_FAIL_MEM);
	const int all = unit_main(tests, sizeof(tests) / sizeof(tests[0]), UNIT_FAIL_NONE);

	return few != 0 ? few : all;
}
