/* A request's target and host, one a line. What is taken for a host of ours is one by other means
 * too, and what is read of a target can be written so that it is read again. */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "fuzz.h"
#include "side/web_page.h"
#include "side/web_request.h"

static uint8_t wire[] = "\3dns\4corp\7example";
static const struct conf_name names[] = { { .wire = wire, .len = sizeof(wire) } };

static const struct conf_name *site_names(void *ctx, size_t *ret_count)
{
	(void)ctx;
	*ret_count = 1;
	return names;
}

static enum web_page_status show(void *ctx, const char *rest, FILE *out)
{
	(void)ctx;
	for (const char *at = rest; *at != '\0'; at++)
		CHECK(*at > ' ' && *at <= '~');
	fprintf(out, "page %s", rest);
	return WEB_PAGE_OK;
}

static const struct web_page_route routes[] = {
	{ "/", "a/b", show },
	{ "/metrics", "a/b", show },
	{ "/api/devices/", "a/b", show },
	{ NULL, NULL, NULL },
};

static bool has_good_port(const char *text)
{
	return text[0] == '\0' || (text[0] == ':' && strlen(text) <= 6 &&
				   strspn(text + 1, "0123456789") == strlen(text) - 1);
}

static bool is_own_by_other_means(const char *host)
{
	static const char *const own[] = { "localhost", "localhost.", "dns.corp.example",
					   "dns.corp.example." };
	unsigned char address[16];
	char name[256];
	const char *end = host + strcspn(host, host[0] == '[' ? "]" : ":");

	if (end - host >= (ptrdiff_t)sizeof(name))
		return false;
	memcpy(name, host, (size_t)(end - host));
	name[end - host] = '\0';
	if (name[0] == '[')
		return *end == ']' && has_good_port(end + 1) &&
		       inet_pton(AF_INET6, name + 1, address) == 1;
	if (!has_good_port(end))
		return false;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (strcasecmp(name, own[i]) == 0)
			return true;
	}
	return inet_pton(AF_INET, name, address) == 1;
}

static void check_target(const char *text)
{
	struct web_request_target target, again;
	char encoded[3 * WEB_REQUEST_PATH_MAX];
	size_t len = 0;

	if (!web_request_read_target(text, &target))
		return;
	CHECK(target.path[0] == '/' && strlen(target.path) < sizeof(target.path));
	if (target.authority != NULL)
		CHECK(target.authority > text &&
		      target.authority + target.authority_len <= text + strlen(text));
	encoded[len++] = '/';
	for (const char *at = target.path + 1; *at != '\0'; at++) {
		CHECK(*at > ' ' && *at <= '~');
		len += (size_t)snprintf(encoded + len, sizeof(encoded) - len, "%%%02x",
					(unsigned char)*at);
	}
	encoded[len] = '\0';
	CHECK(web_request_read_target(encoded, &again));
	CHECK(strcmp(again.path, target.path) == 0 && again.authority == NULL);
}

static void check_page(const char *target, const char *host)
{
	const struct web_page_site site = { .routes = routes, .names = site_names };
	const struct web_page_question question = { .is_reading = true,
						    .has_room = true,
						    .target = target,
						    .host = host,
						    .host_count = 1 };
	struct web_page page;

	CHECK(web_page_make(&site, &question, &page));
	CHECK(page.len == strlen(page.bytes) && page.len > 0);
	CHECK((page.code == 200) == (strncmp(page.bytes, "page ", 5) == 0));
	CHECK(page.code == 200 || web_page_reason(page.code)[0] != '\0');
	if (page.code == 200)
		CHECK(is_own_by_other_means(host));
	mem_free(page.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = (char *)fuzz_alloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	char *host = strchr(text, '\n');
	if (host != NULL)
		*host++ = '\0';
	else
		host = text + strlen(text);
	CHECK(web_request_is_own_host(host, strlen(host), names, 1) == is_own_by_other_means(host));
	check_target(text);
	check_page(text, host);
	free(text);
	return 0;
}
