#include "side/web.h"

#if COURIERDNS_WEB
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "web_internal.h"

/* After a page, in parts of what it took: of our time pages have a fortieth. What a crowd costs the
 * system besides is more than that, and a tenth is what it may cost in all. */
#define REST_PER_WORK 39u
/* After a page of this size what it took is worth giving back to the system. */
#define LARGE_PAGE 65536u

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

#endif
