#include "side/web.h"

#include <errno.h>

#if COURIERDNS_WEB
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "base/mem.h"
#include "web_internal.h"

#define REST_MAX_US USEC_PER_SEC
/* A connection that was there a moment ago is taken by then, or is gone, or there is no descriptor
 * or memory for it. */
#define TAKE_US (100u * USEC_PER_MSEC)
/* evhttp's own limit, above ours: it answers 400. */
#define EVHTTP_HEAD_MAX (4 * WEB_HEAD_MAX)

/* --- memory for evhttp --------------------------------------------------------------------- */

/* evhttp does not survive it that memory is short while it accepts: the request that it could not
 * make is freed as if it were whole. So what it takes then is set aside before. libevent asks for
 * memory without saying for whom; this is whose, in the thread that is about to accept. */
static _Thread_local struct web *in_need;

static void *take_memory(size_t size)
{
	void *block = mem_alloc(size);

	if (block != NULL || in_need == NULL || size > SPARE_SIZE)
		return block;
	for (unsigned i = 0; i < SPARE_BLOCKS && block == NULL; i++) {
		block = in_need->spare[i];
		in_need->spare[i] = NULL;
	}
	return block;
}

static bool set_memory_aside(struct web *web)
{
	for (unsigned i = 0; i < SPARE_BLOCKS; i++) {
		if (web->spare[i] == NULL && (web->spare[i] = mem_alloc(SPARE_SIZE)) == NULL)
			return false;
	}
	return true;
}

/* --- its coming ---------------------------------------------------------------------------- */

/* Whoever has said nothing whole for longest makes room, else whoever is slow to take its page; who
 * is just being answered does not. */
static bool make_room(struct web *web, const struct visit *newcomer)
{
	struct visit *slow = NULL;

	for (struct list *link = list_first(&web->visits); link != NULL;
	     link = list_next(&web->visits, link)) {
		struct visit *visit = LIST_ITEM(link, struct visit, link);

		if (visit == newcomer)
			continue;
		if (visit->state == VISIT_ASKING) {
			web_visit_turn_away(visit);
			return true;
		}
		if (slow == NULL && visit->state == VISIT_ANSWERED && visit->is_slow)
			slow = visit;
	}
	if (slow != NULL)
		web_visit_turn_away(slow);
	return slow != NULL;
}

/* evhttp has accepted it, and asks what to read and write it with: the one moment at which we hear
 * of it. Should it be refused then, nobody says so: patience will end. */
static struct bufferevent *on_accept(struct event_base *base, void *ctx)
{
	struct visit *visit = ctx;
	struct web *web = visit->web;

	(void)base;
	loop_tick(web->loop);
	in_need = web;
	(void)evconnlistener_disable(evhttp_bound_socket_get_listener(visit->door));
	visit->state = VISIT_ASKING;
	timer_start(loop_timers(web->loop), &visit->patience, WEB_PATIENCE_US);
	if (web->visit_count > WEB_CONNECTIONS_MAX && !make_room(web, visit)) {
		(*web->site->turned_away)++;
		web_visit_end(visit);
	}
	web_rest(web, REST_US);
	return visit->stream;
}

/* At the descriptor limit the connection stays in the backlog and would wake us without end. */
static void on_accept_error(struct evconnlistener *listener, void *ctx)
{
	(void)ctx;
	(void)evconnlistener_disable(listener);
}

static bool open_door(struct visit *visit)
{
	struct event_base *base = loop_base(visit->web->loop);
	struct evconnlistener *listener = evconnlistener_new(
		base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, visit->web->socket.fd);

	if (listener == NULL)
		return false;
	evconnlistener_set_error_cb(listener, on_accept_error);
	visit->door = evhttp_bind_listener(visit->http, listener);
	if (visit->door == NULL)
		evconnlistener_free(listener);
	return visit->door != NULL;
}

static bool make_visit(struct visit *visit)
{
	struct event_base *base = loop_base(visit->web->loop);

	/* Else evhttp, when it ends a connection while it is read or written, closes the descriptor
	 * before it is watched no more, and another thread may have it by then. */
	visit->stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	visit->http = evhttp_new(base);
	if (visit->stream == NULL || visit->http == NULL ||
	    evbuffer_add_cb(bufferevent_get_input(visit->stream), web_visit_on_bytes, visit) ==
		    NULL)
		return false;
	evhttp_set_max_headers_size(visit->http, EVHTTP_HEAD_MAX);
	/* of a body so long it answers 413 by itself, and 405 is what most are to hear */
	evhttp_set_max_body_size(visit->http, WEB_HEAD_MAX);
	evhttp_set_allowed_methods(visit->http, UINT16_MAX); /* it would answer 501, not 405 */
	evhttp_set_bevcb(visit->http, on_accept, visit);
	evhttp_set_gencb(visit->http, web_visit_on_request, visit);
	return open_door(visit);
}

static void on_acceptable(evutil_socket_t fd, short what, void *ctx)
{
	struct web *web = ctx;
	struct visit *visit = set_memory_aside(web) ? mem_zalloc(sizeof(*visit)) : NULL;

	(void)fd;
	(void)what;
	loop_tick(web->loop);
	if (visit == NULL) {
		web_rest(web, TAKE_US);
		return;
	}
	visit->web = web;
	visit->state = VISIT_TAKING;
	timer_init(&visit->patience, web_visit_on_patience_over, visit);
	list_add(&web->visits, &visit->link);
	web->visit_count++;
	if (make_visit(visit)) {
		timer_start(loop_timers(web->loop), &visit->patience, TAKE_US);
		return;
	}
	web_visit_free(visit);
	web_rest(web, TAKE_US);
}

static void on_rested(void *ctx)
{
	struct web *web = ctx;

	in_need = NULL;
	if (event_add(&web->acceptable, NULL) != 0)
		web_rest(web, TAKE_US);
}

void web_rest(struct web *web, uint64_t us)
{
	const uint64_t now_us = loop_clock(web->loop)->now_us;
	const uint64_t until_us = now_us + (us < REST_MAX_US ? us : REST_MAX_US);

	event_del(&web->acceptable);
	if (until_us > web->rest_until_us)
		web->rest_until_us = until_us;
	timer_start(loop_timers(web->loop), &web->rest, web->rest_until_us - now_us);
}

/* --- the whole ----------------------------------------------------------------------------- */

bool web_is_built(void)
{
	return true;
}

void web_prepare(void)
{
	event_set_mem_functions(take_memory, mem_realloc, mem_free);
}

int web_new(struct loop *loop, const char *path, const struct addr *addr,
	    const struct web_page_site *site, struct web **ret_web)
{
	struct web *web = mem_zalloc(sizeof(*web));

	if (web == NULL)
		return -ENOMEM;
	web->loop = loop;
	web->site = site;
	list_init(&web->visits);
	timer_init(&web->rest, on_rested, web);
	int err = web_socket_open(loop, path, addr, &web->socket);
	if (err == 0 && (event_assign(&web->acceptable, loop_base(loop), web->socket.fd, EV_READ,
				      on_acceptable, web) != 0 ||
			 event_add(&web->acceptable, NULL) != 0))
		err = -ENOMEM;
	if (err != 0) {
		web_free(web);
		return err;
	}
	*ret_web = web;
	return 0;
}

void web_free(struct web *web)
{
	if (web == NULL)
		return;
	for (struct list *link; (link = list_first(&web->visits)) != NULL;)
		web_visit_free(LIST_ITEM(link, struct visit, link));
	timer_stop(loop_timers(web->loop), &web->rest);
	if (event_initialized(&web->acceptable))
		event_del(&web->acceptable);
	web_socket_close(&web->socket);
	for (unsigned i = 0; i < SPARE_BLOCKS; i++)
		mem_free(web->spare[i]);
	if (in_need == web)
		in_need = NULL;
	mem_free(web);
}

const struct web_socket *web_socket(const struct web *web)
{
	return &web->socket;
}

#else

bool web_is_built(void)
{
	return false;
}

void web_prepare(void)
{
}

int web_new(struct loop *loop, const char *path, const struct addr *addr,
	    const struct web_page_site *site, struct web **ret_web)
{
	(void)loop;
	(void)path;
	(void)addr;
	(void)site;
	(void)ret_web;
	return -ENOTSUP;
}

void web_free(struct web *web)
{
	(void)web;
}

const struct web_socket *web_socket(const struct web *web)
{
	(void)web;
	return NULL;
}

#endif
