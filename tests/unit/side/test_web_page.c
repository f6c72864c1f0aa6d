#include "side/web_page.h"

#include <string.h>

#include "base/mem.h"
#include "unit.h"

static enum web_page_status hello(void *ctx, const char *rest, FILE *out)
{
	(void)ctx;
	(void)rest;
	fputs("hello", out);
	return WEB_PAGE_OK;
}

static enum web_page_status echo(void *ctx, const char *rest, FILE *out)
{
	(void)ctx;
	fprintf(out, "(%s)", rest);
	return strcmp(rest, "nobody") == 0 ? WEB_PAGE_NOT_FOUND : WEB_PAGE_OK;
}

static enum web_page_status busy(void *ctx, const char *rest, FILE *out)
{
	(void)ctx;
	(void)rest;
	fputs("not yet", out);
	return WEB_PAGE_NOT_READY;
}

static const struct conf_name *no_names(void *ctx, size_t *ret_count)
{
	(void)ctx;
	*ret_count = 0;
	return NULL;
}

static const struct web_page_route routes[] = {
	{ "/", "a/b", hello },	  { "/all", "a/all", echo }, { "/all/", "a/one", echo },
	{ "/busy", "a/c", busy }, { NULL, NULL, NULL },
};
static const struct web_page_site site = { .routes = routes, .names = no_names };

static struct web_page_question ask(const char *target)
{
	return (struct web_page_question){ .is_reading = true,
					   .wants_host = true,
					   .has_room = true,
					   .target = target,
					   .host = "localhost",
					   .host_count = 1 };
}

static struct web_page *made(const struct web_page_question *question)
{
	struct web_page *page = unit_zalloc(sizeof(*page));

	assert_true(web_page_make(&site, question, page));
	unit_own(page->bytes, mem_free);
	assert_non_null(page->bytes);
	assert_int_equal(strlen(page->bytes), page->len);
	return page;
}

static void assert_page(const char *target, int code, const char *type, const char *text)
{
	const struct web_page_question question = ask(target);
	const struct web_page *page = made(&question);

	assert_int_equal(page->code, code);
	assert_string_equal(page->type, type);
	assert_string_equal(page->bytes, text);
}

#define PLAIN "text/plain; charset=utf-8"

static void a_path_leads_to_its_page(void **state)
{
	(void)state;
	assert_page("/", 200, "a/b", "hello");
	assert_page("/?x", 200, "a/b", "hello");
	assert_page("/all", 200, "a/all", "()");
	assert_page("/all/x/%79", 200, "a/one", "(x/y)");
}

static void a_page_may_say_that_something_is_not_there_yet(void **state)
{
	(void)state;
	assert_page("/busy", 503, "a/c", "not yet");
}

static void all_other_paths_lead_nowhere(void **state)
{
	(void)state;
	assert_page("/hello", 404, PLAIN, "Not Found\n");
	assert_page("/al", 404, PLAIN, "Not Found\n");
	assert_page("/all/", 404, PLAIN, "Not Found\n");
	assert_page("/allx", 404, PLAIN, "Not Found\n");
	assert_page("/busy/", 404, PLAIN, "Not Found\n");
	assert_page("//", 404, PLAIN, "Not Found\n");
	assert_page("/all/nobody", 404, PLAIN, "Not Found\n");
	assert_page("nowhere", 400, PLAIN, "Bad Request\n");
}

static int code_of(struct web_page_question question)
{
	return made(&question)->code;
}

static void who_wants_to_change_something_may_not(void **state)
{
	struct web_page_question question = ask("/");

	(void)state;
	question.is_reading = false;
	assert_int_equal(code_of(question), 405);
	question.has_body = true;
	assert_int_equal(code_of(question), 405);
	question.is_reading = true;
	assert_int_equal(code_of(question), 413);
}

static void a_host_is_named_once_and_ours(void **state)
{
	struct web_page_question question = ask("/");

	(void)state;
	question.host = "evil.example";
	assert_int_equal(code_of(question), 421);
	question.host = "localhost";
	question.host_count = 2;
	assert_int_equal(code_of(question), 400);
	question.host = NULL;
	question.host_count = 0;
	assert_int_equal(code_of(question), 400);
	question.wants_host = false;
	assert_int_equal(code_of(question), 200);
}

static void a_host_in_the_target_counts_too(void **state)
{
	struct web_page_question question = ask("http://evil.example/");

	(void)state;
	assert_int_equal(code_of(question), 421);
	question.target = "http://127.0.0.1/";
	assert_int_equal(code_of(question), 200);
	question.host = "evil.example";
	assert_int_equal(code_of(question), 421);
}

static void without_room_there_is_no_page(void **state)
{
	struct web_page_question question = ask("/all/x");

	(void)state;
	question.has_room = false;
	const struct web_page *page = made(&question);
	assert_int_equal(page->code, 503);
	assert_string_equal(page->bytes, "Service Unavailable\n");
	assert_string_equal(page->type, PLAIN);
}

static void each_code_has_its_reason(void **state)
{
	(void)state;
	assert_string_equal(web_page_reason(414), "URI Too Long");
	assert_string_equal(web_page_reason(431), "Request Header Fields Too Large");
	assert_string_equal(web_page_reason(999), "");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_path_leads_to_its_page),
	cmocka_unit_test(a_page_may_say_that_something_is_not_there_yet),
	cmocka_unit_test(all_other_paths_lead_nowhere),
	cmocka_unit_test(who_wants_to_change_something_may_not),
	cmocka_unit_test(a_host_is_named_once_and_ours),
	cmocka_unit_test(a_host_in_the_target_counts_too),
	cmocka_unit_test(without_room_there_is_no_page),
	cmocka_unit_test(each_code_has_its_reason),
};
UNIT_MAIN(tests)
