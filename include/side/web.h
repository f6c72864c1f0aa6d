/* side/web.h: pages over HTTP, by libevent's evhttp: one request a connection, GET and HEAD.
 *
 * A page is made at once, in memory, and handed out as the peer takes it. That must cost nobody who
 * asks us something else: connections are few, what a request may say is bounded in bytes and in
 * time, and after a page there is a rest that is longer the longer it took to make. Built in with
 * WEB=yes; without, none can be opened. */
#pragma once

#include <stdio.h>

#include "base/addr.h"
#include "conf/conf.h"
#include "net/loop.h"

#define WEB_CONNECTIONS_MAX 16u
#define WEB_TARGET_MAX 1024u /* bytes of a request's first line: more is answered 414; */
#define WEB_HEAD_MAX 8192u   /* of all that it says, */
#define WEB_LINES_MAX 64u    /* and lines: more is answered 431 */
#define WEB_UNSENT_MAX \
	(4u << 20) /* bytes of pages: while more wait to be taken, no other is made */
/* For the whole request; and for the peer to take some of the page. */
#define WEB_PATIENCE_US (5u * USEC_PER_SEC)

enum web_status { WEB_OK = 200, WEB_NOT_FOUND = 404, WEB_NOT_READY = 503 };

/* A page is a row. */
struct web_route {
	const char *path; /* one that ends in a slash, but "/", is for all that is below it */
	const char *type; /* of what it writes */
	/* `rest` is what of the request's path follows this one's. What is written for
	 * WEB_NOT_FOUND is not shown. */
	enum web_status (*write)(void *ctx, const char *rest, FILE *out);
};

struct web_site {
	const struct web_route *routes; /* behind the last one without a path */
	/* Names that it may be called by, beside localhost and any address. */
	const struct conf_name *(*names)(void *ctx, size_t *ret_count);
	void *ctx;
	/* Counts each peer that is let go for a limit. */
	uint64_t *turned_away;
};

struct web;
bool web_is_built(void);
/** Listens at the path, or where that is NULL at the address. All is borrowed. -errno, for a path
 * those of local_listener_new(); -ENOTSUP where it is not built in. */
MUST_CHECK int web_new(struct loop *loop, const char *path, const struct addr *addr,
		       const struct web_site *site, struct web **ret_web);
void web_free(struct web *web); /* NULL is fine */

/** Its socket can still be found by its path; true of an address. */
bool web_is_there(const struct web *web);
/** The port that it listens on. */
uint16_t web_port(const struct web *web);
