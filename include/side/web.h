/* side/web.h: pages over HTTP, by libevent's evhttp: one request a connection, GET and HEAD.
 *
 * A page is made at once, in memory, and handed out as the peer takes it. That must cost nobody who
 * asks us something else: connections are few, what a request may say is bounded in bytes and in
 * time, and after a page there is a rest that is longer the longer it took to make. Built in with
 * WEB=yes; without, none can be opened. */
#pragma once

#include "base/addr.h"
#include "net/loop.h"
#include "side/web_page.h"
#include "side/web_socket.h"

#define WEB_CONNECTIONS_MAX 16u
#define WEB_TARGET_MAX 1024u /* bytes of a request's first line: more is answered 414; */
#define WEB_HEAD_MAX 8192u   /* of all that it says, */
#define WEB_LINES_MAX 64u    /* and lines: more is answered 431 */
#define WEB_UNSENT_MAX \
	(4u << 20) /* bytes of pages: while more wait to be taken, no other is made */
/* For the whole request; and for the peer to take some of the page. */
#define WEB_PATIENCE_US (5u * USEC_PER_SEC)

struct web;
bool web_is_built(void);
/** Once, before there is another thread and any web: libevent has its memory by mem_*, which a web
 * sees to. */
void web_prepare(void);
/** Listens at the path, or where that is NULL at the address. All is borrowed. -errno, for a path
 * those of local_listener_new(); -ENOTSUP where it is not built in. */
MUST_CHECK int web_new(struct loop *loop, const char *path, const struct addr *addr,
		       const struct web_page_site *site, struct web **ret_web);
void web_free(struct web *web); /* NULL is fine */

/** Where it listens; NULL where it is not built in. */
const struct web_socket *web_socket(const struct web *web);
