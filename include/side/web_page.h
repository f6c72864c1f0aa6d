/* side/web_page.h: which page a request over HTTP leads to, and the making of it in memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/conf.h"

enum web_page_status {
	WEB_PAGE_OK = 200,
	WEB_PAGE_NOT_FOUND = 404, /* what is written is not shown */
	WEB_PAGE_NOT_READY = 503,
};

/* A page is a row. */
struct web_page_route {
	const char *path; /* one that ends in a slash, but "/", is for all that is below it */
	const char *type; /* of what it writes */
	/* `rest` is what of the request's path follows this one's: printable ASCII. */
	enum web_page_status (*write)(void *ctx, const char *rest, FILE *out);
};

struct web_page_site {
	const struct web_page_route *routes; /* the one behind the last has no path */
	/* Names that it may be called by, beside localhost and any address. */
	const struct conf_name *(*names)(void *ctx, size_t *ret_count);
	void *ctx;
	uint64_t *turned_away; /* counts each peer that is let go for a limit */
};

/* What a request says. */
struct web_page_question {
	bool is_reading; /* GET or HEAD */
	bool has_body;	 /* which these have not */
	bool wants_host; /* it is of an HTTP that always names one; without, old health checks come
			  */
	bool has_room;	 /* for a page, beside those that are being sent */
	const char *target;
	const char *host; /* the first one, or NULL */
	unsigned host_count;
};

struct web_page {
	int code; /* 200, or 503 by a page's own word; else the reason is all there is */
	const char *type;
	char *bytes; /* the caller's, from mem_* */
	size_t len;
};
/** False, and nothing to be freed, when memory is short. */
bool web_page_make(const struct web_page_site *site, const struct web_page_question *question,
		   struct web_page *ret_page);

/** "Not Found"; "" for a code that none of ours has. */
const char *web_page_reason(int code);
