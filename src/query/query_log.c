#include "query/query_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "request_internal.h"

/* A reader that takes no more is tried again so soon, and while it takes nothing ever later. */
#define RETRY_FIRST_US (uint32_t)(10u * USEC_PER_MSEC)
#define RETRY_LAST_US (uint32_t) USEC_PER_SEC

#define NO_VERDICT (-1)

struct query_log {
	struct timers *timers;
	struct stats *stats;
	struct timer flush; /* set while there are lines */
	uint32_t retry_us;  /* 0: the reader took all there was, when it was asked last */
	uint64_t lost;	    /* since lines were lost first; until it is told, all are */
	bool is_all;	    /* else what went wrong */
	size_t used;
	char lines[QUERY_LOG_ROOM]; /* as log_write_lines() wants them */
};

/* What is told of a question. */
struct account {
	struct query_log *log;
	const struct access *access; /* of whom it is believed whom they ask for */
	const struct client *client;
	const struct query_view *view;
	const struct server *server; /* or NULL */
	const char *from, *group;    /* group: or NULL */
	int rcode;		     /* or QUERY_LOG_SILENCE */
	int verdict;		     /* or NO_VERDICT */
	uint32_t took_us;
	bool is_trouble; /* whatever its rcode */
};

/* --- writing ------------------------------------------------------------------------------- */

static bool has_room(const struct query_log *log)
{
	return QUERY_LOG_ROOM - log->used >= LOG_TEXT_MAX + 2;
}

static void close_line(struct query_log *log, enum log_level level, size_t text_len)
{
	log->lines[log->used] = (char)level;
	log->used += 1 + text_len;
	log->lines[log->used++] = '\n';
}

#define LOST "log.queries: %" PRIu64 " lines are missing here: their reader was too slow"

/* Where they would be. */
static void tell_lost(struct query_log *log)
{
	const int len = snprintf(log->lines + log->used + 1, LOG_TEXT_MAX, LOST, log->lost);

	if (len <= 0)
		return;
	close_line(log, LEVEL_WARNING, (size_t)len);
	log->lost = 0;
}

/* True where the reader took something. */
static bool write_lines(struct query_log *log)
{
	const size_t taken = log_write_lines(log->lines, log->used);

	log->used -= taken;
	memmove(log->lines, log->lines + taken, log->used);
	if (log->lost > 0 && log->used <= QUERY_LOG_ROOM / 2)
		tell_lost(log);
	return taken > 0;
}

static void flush(struct query_log *log)
{
	if (write_lines(log) || log->retry_us == 0)
		log->retry_us = RETRY_FIRST_US;
	else if (log->retry_us < RETRY_LAST_US)
		log->retry_us *= 2;
	if (log->used > 0)
		timer_start(log->timers, &log->flush, log->retry_us);
	else
		log->retry_us = 0;
}

static void on_flush(void *ctx)
{
	flush(ctx);
}

/* More may come in one turn than there is room for. */
static bool make_room(struct query_log *log)
{
	if (log->lost == 0 && !has_room(log) && log->retry_us == 0)
		flush(log);
	if (log->lost == 0 && has_room(log))
		return true;
	log->lost++;
	stats_count(log->stats, STAT_LIMIT_QUERY_LOG);
	return false;
}

/* --- a line -------------------------------------------------------------------------------- */

/* Written in place; what has no room is cut off. */
struct line {
	char *at, *end;
};

static void put(struct line *line, const char *text)
{
	size_t len = strlen(text);

	if (len > (size_t)(line->end - line->at))
		len = (size_t)(line->end - line->at);
	memcpy(line->at, text, len);
	line->at += len;
}

static void put_field(struct line *line, const char *key, const char *value)
{
	put(line, key);
	put(line, value);
}

/* name_to_text() leaves no blanks or control bytes. "=" and quotes would only be taken for ours. */
static void put_name(struct line *line, const struct query_view *view)
{
	uint8_t lowered[NAME_MAX_LEN];
	struct name_text text;

	name_lower(lowered, view->name, view->name_len);
	const char *at = name_to_text(lowered, &text);
	for (; *at != '\0'; at++) {
		char byte[5] = { *at };

		if (*at == '=' || *at == '"' || *at == '\'')
			(void)snprintf(byte, sizeof(byte), "\\%03u", (unsigned)*at & 0xff);
		put(line, byte);
	}
}

static void put_question(struct line *line, const struct query_view *view)
{
	struct type_text text;

	put(line, " name=");
	if (view->question_len == 0) {
		put(line, "- type=-");
		return;
	}
	put_name(line, view);
	put_field(line, " type=", type_to_text(view->type, &text));
	if (view->class != CLASS_IN) {
		(void)snprintf(text.text, sizeof(text.text), "%u", view->class);
		put_field(line, " class=", text.text);
	}
}

static void put_client(struct line *line, const struct account *account)
{
	const struct query_view *view = account->view;
	struct addr client = account->client->from;
	struct hardware_text hardware;
	struct addr_text text;

	client.port = 0;
	put_field(line, "query client=", addr_to_text(&client, &text));
	if ((view->has_hardware || view->has_host) && access_trusts(account->access, &client)) {
		if (view->has_hardware)
			put_field(line,
				  " device=", timeline_hardware_to_text(view->hardware, &hardware));
		else if (query_view_host(view, &client))
			put_field(line, " device=", addr_to_text(&client, &text));
	}
	put(line, account->client->is_stream ? " proto=tcp" : " proto=udp");
}

static void put_origin(struct line *line, const struct account *account)
{
	struct addr_text text;

	put_field(line, " from=", account->from);
	if (account->server != NULL)
		put_field(line, " server=", addr_to_text(server_addr(account->server), &text));
	if (account->group != NULL)
		put_field(line, " group=", account->group);
}

static void put_line(struct line *line, const struct account *account)
{
	struct type_text rcode;
	char time[32];

	put_client(line, account);
	put_question(line, account->view);
	put_field(line, " rcode=",
		  account->rcode == QUERY_LOG_SILENCE
			  ? "-"
			  : type_rcode_to_text((unsigned)account->rcode, &rcode));
	put_field(line, " verdict=",
		  account->verdict == NO_VERDICT ? "-"
						 : classify_text((enum verdict)account->verdict));
	put_origin(line, account);
	(void)snprintf(time, sizeof(time), "%u.%ums", (unsigned)account->took_us / 1000,
		       (unsigned)account->took_us / 100 % 10);
	put_field(line, " time=", time);
}

static bool is_trouble(const struct account *account)
{
	return account->is_trouble ||
	       (account->rcode != RCODE_NOERROR && account->rcode != RCODE_NXDOMAIN);
}

static void tell(const struct account *account)
{
	struct query_log *log = account->log;
	const bool is_bad = is_trouble(account);

	if ((!is_bad && !log->is_all) || !make_room(log))
		return;
	char *start = log->lines + log->used + 1;
	struct line line = { .at = start, .end = start + LOG_TEXT_MAX };
	put_line(&line, account);
	close_line(log, is_bad ? LEVEL_NOTICE : LEVEL_INFO, (size_t)(line.at - start));
	if (!timer_is_set(&log->flush))
		timer_start(log->timers, &log->flush, 0);
}

/* --- what is told -------------------------------------------------------------------------- */

/* What a client without EDNS cannot be told is a failure to it (wire/reply.h). */
static int rcode_of(const struct reply_source *source, const struct query_view *view)
{
	if (source->opt_rcode != 0 && !view->has_edns)
		return RCODE_SERVFAIL;
	return (int)((unsigned)source->opt_rcode << 4 | FLAGS_RCODE(message_flags(source->wire)));
}

static void begin(struct account *account, const struct worker *worker, const struct client *client,
		  const struct query_view *view)
{
	*account = (struct account){
		.log = worker->query_log,
		.access = worker->plan->access,
		.client = client,
		.view = view,
		.verdict = NO_VERDICT,
	};
}

static void begin_request(struct account *account, const struct request *request)
{
	const struct worker *worker = request->worker;

	begin(account, worker, &request->client, &request->view);
	account->access = request->plan->access;
	account->took_us =
		(uint32_t)(worker->clock->now_us - (request->deadline_us - REQUEST_DEADLINE_US));
}

void query_log_reply(const struct request *request, const struct reply_source *source,
		     enum verdict verdict, enum told_by by)
{
	static const char *const words[] = {
		[TOLD_BY_UPSTREAM] = "server", [TOLD_BY_CACHE] = "cache", [TOLD_BY_STALE] = "stale",
		[TOLD_BY_RULE] = "local",      [TOLD_BY_US] = "us",
	};
	struct account account;

	begin_request(&account, request);
	account.rcode = rcode_of(source, &request->view);
	/* a reply that is made here was not classified on its way */
	account.verdict =
		(int)(by == TOLD_BY_RULE ? classify_made(source->wire, source->wire_len) : verdict);
	account.from = words[by];
	account.is_trouble = by == TOLD_BY_STALE;
	if (by == TOLD_BY_UPSTREAM && request->result != NULL) {
		account.server = request->result->server;
		account.group = server_group(account.server);
	} else if (by == TOLD_BY_US) {
		account.group = request_asked_group(request);
	}
	tell(&account);
}

void query_log_error(const struct request *request, int rcode)
{
	struct account account;

	begin_request(&account, request);
	account.rcode = rcode;
	account.from = request->decision.action == ZONE_FORWARD ? "us" : "local";
	tell(&account);
}

void query_log_repeat(struct worker *worker, const struct client *client,
		      const struct query_view *view, const struct reply_source *source,
		      enum verdict verdict)
{
	struct account account;

	begin(&account, worker, client, view);
	account.rcode = rcode_of(source, view);
	account.verdict = (int)verdict;
	account.from = "cache";
	tell(&account);
}

void query_log_refusal(struct worker *worker, const struct client *client,
		       const struct query_view *view, int rcode, enum query_log_why why)
{
	static const char *const words[] = {
		[QUERY_LOG_FAULT] = "us",
		[QUERY_LOG_ACCESS] = "access",
		[QUERY_LOG_LIMIT] = "limit",
	};
	struct account account;

	begin(&account, worker, client, view);
	account.rcode = rcode;
	account.from = words[why];
	account.is_trouble = true;
	tell(&account);
}

void query_log_ignored(struct worker *worker, const struct client *client, const uint8_t *wire,
		       size_t wire_len, enum query_log_why why)
{
	struct query_view view;

	if (query_view_parse(&view, wire, wire_len) != QUERY_IGNORE)
		query_log_refusal(worker, client, &view, QUERY_LOG_SILENCE, why);
}

/* --- beginning and end --------------------------------------------------------------------- */

/* The lines are not touched before there are some. */
static struct query_log *log_new(struct worker *worker)
{
	struct query_log *log = mem_alloc(sizeof(*log));

	if (log == NULL)
		return NULL;
	log->timers = worker->timers;
	log->stats = &worker->stats;
	timer_init(&log->flush, on_flush, log);
	log->retry_us = log->lost = 0;
	log->used = 0;
	return log;
}

int query_log_follow(struct worker *worker)
{
	const int queries = worker->plan->conf->log_queries;

	if (queries == QUERIES_OFF) {
		query_log_free(worker->query_log);
		worker->query_log = NULL;
		return 0;
	}
	if (worker->query_log == NULL)
		worker->query_log = log_new(worker);
	if (worker->query_log == NULL)
		return -ENOMEM;
	worker->query_log->is_all = queries == QUERIES_ALL;
	return 0;
}

void query_log_free(struct query_log *log)
{
	if (log == NULL)
		return;
	(void)write_lines(log);
	uint32_t left = 0;
	for (size_t at = 0; at < log->used; at++)
		left += log->lines[at] == '\n';
	stats_add(log->stats, STAT_LIMIT_QUERY_LOG, left);
	if (log->lost + left > 0)
		LOG(LEVEL_WARNING, LOST, log->lost + left);
	timer_stop(log->timers, &log->flush);
	mem_free(log);
}
