/* side/web_internal.h: what web.c, which lets connections in, and web_visit.c, which answers them,
 * share. */
#pragma once

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/list.h"
#include "side/web.h"

/* Between two connections, so that a flood of them takes a small part of our time. */
#define REST_US (4u * USEC_PER_MSEC)
/* What evhttp allocates when it accepts: so many blocks at most, none of them larger. */
#define SPARE_BLOCKS 12u
#define SPARE_SIZE 1024u

struct evhttp_request;

struct web {
	struct loop *loop;
	const struct web_page_site *site;
	struct web_socket socket;
	struct event acceptable;
	struct timer rest;
	uint64_t rest_until_us;
	struct list visits; /* the oldest first */
	unsigned visit_count;
	void *spare[SPARE_BLOCKS]; /* all there when evhttp is to accept; NULL: gone */
};

enum visit_state {
	VISIT_TAKING, /* evhttp is to accept it */
	VISIT_ASKING,
	VISIT_ANSWERED, /* of the page some is still to be sent */
	VISIT_OVER,	/* the connection has ended, or is to */
};

/* A connection. evhttp knows no limit of them, and nobody but itself can end one: so each has an
 * evhttp of its own, which accepts it and nothing else, and is freed with it. */
struct visit {
	struct list link;
	struct web *web;
	enum visit_state state;
	struct evhttp *http;
	struct evhttp_bound_socket *door;
	struct bufferevent *stream; /* ours while TAKING; then to be used in its callbacks alone */
	struct evhttp_connection *connection; /* while ANSWERED */
	struct timer patience;
	size_t said, line_len; /* bytes in all, and of the first line */
	unsigned lines;
	bool is_slow;		 /* of the page some was left after a while */
	size_t page_len, unsent; /* the latter when patience was last renewed */
};

/** Accepts nobody for so long, at the least. */
void web_rest(struct web *web, uint64_t us);

/** Ends it now: libevent must not be busy with it. */
void web_visit_free(struct visit *visit);
/** From a later turn. */
void web_visit_end(struct visit *visit);
/** Ends it now, and counts that. */
void web_visit_turn_away(struct visit *visit);
/** A whole request, or what is as good as one. */
void web_visit_on_request(struct evhttp_request *request, void *ctx);
/** What it says, before evhttp looks at it. */
void web_visit_on_bytes(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *ctx);
void web_visit_on_patience_over(void *ctx);
