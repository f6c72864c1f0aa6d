#include "side/web_page.h"

#include <string.h>

#include "base/mem.h"
#include "side/web_request.h"

static const struct {
	int code;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 421, "Misdirected Request" },
	{ 431, "Request Header Fields Too Large" },
	{ 503, "Service Unavailable" },
};

const char *web_page_reason(int code)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == code)
			return reasons[i].reason;
	}
	return "";
}

/* --- its bytes ----------------------------------------------------------------------------- */

static FILE *open_page(struct web_page *page)
{
	page->bytes = NULL;
	return open_memstream(&page->bytes, &page->len);
}

/* False: memory was short, and nothing is left of it. */
static bool close_page(struct web_page *page, FILE *out)
{
	const bool is_whole = ferror(out) == 0;

	if (fclose(out) == 0 && is_whole && page->bytes != NULL)
		return true;
	mem_free(page->bytes);
	return false;
}

/* In place of what was written. */
static bool write_reason(struct web_page *page)
{
	mem_free(page->bytes);
	page->type = "text/plain; charset=utf-8";
	FILE *out = open_page(page);
	if (out == NULL)
		return false;
	fprintf(out, "%s\n", web_page_reason(page->code));
	return close_page(page, out);
}

/* --- which --------------------------------------------------------------------------------- */

static const struct web_page_route *find_route(const struct web_page_route *route, const char *path)
{
	for (; route->path != NULL; route++) {
		const size_t len = strlen(route->path);
		const bool has_more = len > 1 && route->path[len - 1] == '/';

		if (strncmp(path, route->path, len) == 0 && (path[len] == '\0') != has_more)
			return route;
	}
	return NULL;
}

static bool is_for_us(const struct web_page_site *site, const struct web_page_question *question,
		      const struct web_request_target *target)
{
	const char *host = question->host;
	size_t count;
	const struct conf_name *names = site->names(site->ctx, &count);

	return (host == NULL || web_request_is_own_host(host, strlen(host), names, count)) &&
	       (target->authority == NULL ||
		web_request_is_own_host(target->authority, target->authority_len, names, count));
}

/* The code that it leads to. */
static int write_page(const struct web_page_site *site, const struct web_page_question *question,
		      struct web_page *page, FILE *out)
{
	struct web_request_target target;

	if (!question->is_reading)
		return 405;
	if (question->has_body)
		return 413;
	if (question->host_count > 1 || (question->host_count == 0 && question->wants_host) ||
	    !web_request_read_target(question->target, &target))
		return 400;
	if (!is_for_us(site, question, &target))
		return 421;
	const struct web_page_route *route = find_route(site->routes, target.path);
	if (route == NULL)
		return 404;
	if (!question->has_room)
		return 503;
	page->type = route->type;
	return (int)route->write(site->ctx, target.path + strlen(route->path), out);
}

bool web_page_make(const struct web_page_site *site, const struct web_page_question *question,
		   struct web_page *ret_page)
{
	FILE *out = open_page(ret_page);

	if (out == NULL)
		return false;
	ret_page->code = write_page(site, question, ret_page, out);
	if (!close_page(ret_page, out))
		return false;
	if (ret_page->len > 0 &&
	    (ret_page->code == WEB_PAGE_OK || ret_page->code == WEB_PAGE_NOT_READY))
		return true;
	return write_reason(ret_page);
}
