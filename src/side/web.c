#include "side/web.h"

#include <errno.h>

#if COURIERDNS_WEB
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "web_internal.h"

#define REST_MAX_US USEC_PER_SEC
/* A connection that was there a moment ago is taken by then, or is gone, or there is no descriptor
 * or memory for it. */
#define TAKE_US (100u * USEC_PER_MSEC)
/* evhttp's own limit, above ours: it answers 400. */
#define EVHTTP_HEAD_MAX (4 * WEB_HEAD_MAX)
/* After a page, in parts of what it took: of our time pages have a fortieth. What a crowd costs the
 * system besides is more than that, and a tenth is what it may cost in all. */
#define REST_PER_WORK 39u
/* After a page of this size what it took is worth giving back to the system. */
#define LARGE_PAGE 65536u

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

/* --- a connection -------------------------------------------------------------------------- */

void web_visit_free(struct visit *visit)
{
	const bool was_large = visit->page_len >= LARGE_PAGE;

	list_remove(&visit->link);
	visit->web->visit_count--;
	timer_stop(loop_timers(visit->web->loop), &visit->patience);
	if (visit->connection != NULL)
		evhttp_connection_set_closecb(visit->connection, NULL, NULL);
	if (visit->http != NULL)
		evhttp_free(visit->http);
	if (visit->state == VISIT_TAKING && visit->stream != NULL)
		bufferevent_free(visit->stream);
	mem_free(visit);
	if (was_large)
		mem_trim();
}

void web_visit_end(struct visit *visit)
{
	visit->state = VISIT_OVER;
	timer_start(loop_timers(visit->web->loop), &visit->patience, 0);
}

void web_visit_turn_away(struct visit *visit)
{
	(*visit->web->site->turned_away)++;
	web_visit_free(visit);
}

/* --- an answer ----------------------------------------------------------------------------- */

static void forget_page(const void *bytes, size_t len, void *ctx)
{
	(void)bytes;
	(void)len;
	mem_free(ctx);
}

/* What browsers are to know of it. Where memory is short a line is missing. */
static void add_headers(struct evhttp_request *request, const char *type, size_t len)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	char number[24];

	(void)snprintf(number, sizeof(number), "%zu", len);
	(void)evhttp_add_header(headers, "Content-Type", type);
	(void)evhttp_add_header(headers, "Content-Length", number);
	(void)evhttp_add_header(headers, "Connection", "close");
	(void)evhttp_add_header(headers, "Cache-Control", "no-store");
	(void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	(void)evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
	(void)evhttp_add_header(headers, "Cross-Origin-Resource-Policy", "same-origin");
	(void)evhttp_add_header(headers, "Content-Security-Policy",
				"default-src 'none'; frame-ancestors 'none'");
	/* else what an old client says of it is repeated beside ours */
	while (evhttp_remove_header(evhttp_request_get_input_headers(request), "Connection") == 0)
		;
}

/* Takes over the bytes. */
static void send_page(struct visit *visit, struct evhttp_request *request, struct web_page *page)
{
	const bool has_body = evhttp_request_get_command(request) != EVHTTP_REQ_HEAD;
	struct evbuffer *body = has_body ? evbuffer_new() : NULL;

	add_headers(request, page->type, page->len);
	if (body != NULL &&
	    evbuffer_add_reference(body, page->bytes, page->len, forget_page, page->bytes) == 0)
		page->bytes = NULL;
	mem_free(page->bytes);
	visit->page_len = visit->unsent = page->len;
	evhttp_send_reply(request, page->code, web_page_reason(page->code), body);
	if (body != NULL)
		evbuffer_free(body);
	/* Whoever has said all may close that side; and what else is said is not for us. */
	(void)bufferevent_disable(evhttp_connection_get_bufferevent(visit->connection), EV_READ);
}

static size_t unsent(const struct visit *visit)
{
	struct bufferevent *stream = evhttp_connection_get_bufferevent(visit->connection);

	return evbuffer_get_length(bufferevent_get_output(stream));
}

static bool has_room_for_page(const struct web *web)
{
	size_t sum = 0;

	for (struct list *link = list_first(&web->visits); link != NULL;
	     link = list_next(&web->visits, link)) {
		const struct visit *visit = LIST_ITEM(link, struct visit, link);

		if (visit->state == VISIT_ANSWERED && visit->page_len > 0)
			sum += unsent(visit);
	}
	return sum <= WEB_UNSENT_MAX;
}

/* How many there are; the first. */
static unsigned find_hosts(const struct evhttp_request *request, const char **ret_host)
{
	unsigned count = 0;

	*ret_host = NULL;
	for (const struct evkeyval *header = request->input_headers->tqh_first; header != NULL;
	     header = header->next.tqe_next) {
		if (strcasecmp(header->key, "Host") == 0 && count++ == 0)
			*ret_host = header->value;
	}
	return count;
}

static bool make_page(const struct web *web, const struct evhttp_request *request,
		      struct web_page *page)
{
	const enum evhttp_cmd_type method = evhttp_request_get_command(request);
	struct web_page_question question = {
		.is_reading = method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD,
		.has_body = evbuffer_get_length(request->input_buffer) > 0,
		.has_room = has_room_for_page(web),
		.target = evhttp_request_get_uri(request),
		.wants_host = request->minor > 0,
	};

	question.host_count = find_hosts(request, &question.host);
	return web_page_make(web->site, &question, page);
}

/* --- what a peer says ---------------------------------------------------------------------- */

static void on_close(struct evhttp_connection *connection, void *ctx)
{
	struct visit *visit = ctx;

	(void)connection;
	loop_tick(visit->web->loop);
	visit->connection = NULL;
	web_visit_end(visit);
}

void web_visit_on_request(struct evhttp_request *request, void *ctx)
{
	struct visit *visit = ctx;
	struct web *web = visit->web;
	struct web_page page;
	struct clock before, after;

	loop_tick(web->loop);
	if (visit->state != VISIT_ASKING) /* it was refused while it was read */
		return;
	visit->connection = evhttp_request_get_connection(request);
	evhttp_connection_set_closecb(visit->connection, on_close, visit);
	clock_tick(&before);
	const bool is_made = make_page(web, request, &page);
	clock_tick(&after);
	web_rest(web, REST_US + REST_PER_WORK * (after.now_us - before.now_us));
	if (!is_made) {
		web_visit_end(visit);
		return;
	}
	visit->state = VISIT_ANSWERED;
	timer_start(loop_timers(web->loop), &visit->patience, WEB_PATIENCE_US);
	/* evhttp never closes behind an answer to CONNECT, whatever it was */
	if (request->type == EVHTTP_REQ_CONNECT)
		request->type = EVHTTP_REQ_OPTIONS;
	if (page.code == 405)
		(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Allow",
					"GET, HEAD");
	send_page(visit, request, &page);
}

/* evhttp has one answer to all that is too long, if it has an end, and keeps the rest. What the
 * peer has sent already is taken, or closing would be a reset that overtakes the answer. */
static void refuse(struct visit *visit, int code)
{
	const int fd = bufferevent_getfd(visit->stream);
	char text[128], unread[4096];
	const int len = snprintf(text, sizeof(text),
				 "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
				 code, web_page_reason(code));

	(void)!send(fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	for (unsigned i = 0; i < 32 && recv(fd, unread, sizeof(unread), MSG_DONTWAIT) > 0; i++)
		;
	(*visit->web->site->turned_away)++;
	web_visit_end(visit);
}

static void count_lines(struct visit *visit, struct evbuffer *buffer, size_t from, size_t len)
{
	struct evbuffer_iovec parts[4];
	struct evbuffer_ptr start;

	if (evbuffer_ptr_set(buffer, &start, from, EVBUFFER_PTR_SET) != 0)
		return;
	const int count = evbuffer_peek(buffer, (ev_ssize_t)len, &start, parts, 4);
	for (int i = 0; i < count && i < 4; i++) {
		const char *at = parts[i].iov_base, *const end = at + parts[i].iov_len;

		for (; at < end; at++) {
			visit->line_len += visit->lines == 0;
			visit->lines += *at == '\n';
		}
	}
}

void web_visit_on_bytes(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *ctx)
{
	struct visit *visit = ctx;

	loop_tick(visit->web->loop);
	if (info->n_added == 0 || visit->state != VISIT_ASKING)
		return;
	visit->said += info->n_added;
	count_lines(visit, buffer, info->orig_size, info->n_added);
	if (visit->line_len > WEB_TARGET_MAX)
		refuse(visit, 414);
	else if (visit->said > WEB_HEAD_MAX || visit->lines > WEB_LINES_MAX)
		refuse(visit, 431);
}

void web_visit_on_patience_over(void *ctx)
{
	struct visit *visit = ctx;
	struct web *web = visit->web;

	switch (visit->state) {
	case VISIT_TAKING:
		web_visit_free(visit);
		web_rest(web, 0);
		return;
	case VISIT_ASKING:
		web_visit_turn_away(visit);
		return;
	case VISIT_ANSWERED: {
		const size_t left = unsent(visit);

		if (left == visit->unsent) {
			web_visit_turn_away(visit);
			return;
		}
		visit->unsent = left;
		visit->is_slow = true;
		timer_start(loop_timers(web->loop), &visit->patience, WEB_PATIENCE_US);
		return;
	}
	case VISIT_OVER:
		web_visit_free(visit);
		return;
	}
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
