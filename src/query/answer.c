#include "query/answer.h"

#include "query/device_feed.h"
#include "query/fill.h"
#include "query/query_log.h"
#include "request_internal.h"

static size_t limit_for(const struct client *client, const struct query_view *view,
			uint16_t edns_size)
{
	return client->is_stream ? MESSAGE_MAX_LEN : reply_udp_limit(view, edns_size);
}

/* Wherever a reply of a request leaves. What it has of the extended rcode stands in an OPT record.
 */
static void count_reply(struct request *request, unsigned upper)
{
	traffic_count_reply(&request->worker->traffic, request->worker->out, upper,
			    request->view.has_edns);
}

static void count_time(struct request *request)
{
	struct worker *worker = request->worker;
	const uint64_t came_us = request->deadline_us - REQUEST_DEADLINE_US;

	if (worker->clock->now_us > came_us)
		histogram_add(&worker->traffic.waited, worker->clock->now_us - came_us);
}

static void send_reply(struct request *request, const struct reply_source *source,
		       enum verdict verdict, enum told_by by)
{
	struct worker *worker = request->worker;
	const struct client *client = &request->client;
	const uint16_t edns_size = request->plan->conf->edns_size;

	if (client->ops == NULL) {
		(void)fill_take(request, source->wire, source->wire_len);
		return;
	}
	device_feed_reply(request, source, verdict, by);
	if (worker->query_log != NULL)
		query_log_reply(request, source, verdict, by);
	size_t len = reply_write(worker->out, sizeof(worker->out),
				 limit_for(client, &request->view, edns_size), source,
				 &request->view, edns_size);
	if (len == 0)
		return;
	count_reply(request, source->opt_rcode);
	if (fill_take(request, worker->out, len))
		return;
	count_time(request);
	client->ops->send(client, worker->out, len);
}

/* What was made here lies in a buffer of ours: failures; answers in the place of others. */
static enum told_by who_says(const struct request *request, const struct reply_source *source)
{
	const struct worker *worker = request->worker;

	if (request->decision.action != ZONE_FORWARD)
		return TOLD_BY_RULE;
	return source->wire == worker->failure || source->wire == worker->found ? TOLD_BY_US
										: TOLD_BY_UPSTREAM;
}

void answer_send(struct request *request, const struct reply_source *source)
{
	send_reply(request, source, request->verdict, who_says(request, source));
}

/* What its client is told, or that it is told nothing. */
static void tell(struct request *request, int rcode)
{
	device_feed_error(request, rcode);
	if (request->worker->query_log != NULL)
		query_log_error(request, rcode);
}

void answer_error(struct request *request, unsigned rcode, enum ede ede, const char *text)
{
	struct worker *worker = request->worker;
	const struct reply_error error = { .rcode = rcode, .ede = ede, .text = text };

	if (request->client.ops == NULL)
		return;
	tell(request, (int)rcode);
	size_t len = reply_error(worker->out, sizeof(worker->out), &request->view, &error,
				 request->plan->conf->edns_size);
	if (len == 0)
		return;
	count_reply(request, rcode >> 4);
	count_time(request);
	request->client.ops->send(&request->client, worker->out, len);
}

static struct reply_source found_source(const struct worker *worker, const struct cache_hit *hit)
{
	return (struct reply_source){
		.wire = worker->found,
		.wire_len = hit->wire_len,
		.opt_rcode = hit->note.opt_rcode,
		.options = worker->found + hit->wire_len,
		.options_len = hit->options_len,
	};
}

void answer_found(struct request *request, const struct cache_hit *hit)
{
	const struct reply_source source = found_source(request->worker, hit);

	/* what has to be filled is never confirmed, so its note is of the plan that it was kept
	 * under */
	if (!fill_wants(request))
		request->watch = hit->note.is_watched ? WATCH_YES : WATCH_NO;
	send_reply(request, &source, (enum verdict)hit->note.verdict, TOLD_BY_CACHE);
}

void answer_repeat(struct worker *worker, const struct client *client,
		   const struct query_view *view, const struct reply_source *source, uint8_t *out,
		   size_t out_max)
{
	const uint16_t edns_size = worker->plan->conf->edns_size;
	const size_t len = reply_write(out, out_max, limit_for(client, view, edns_size), source,
				       view, edns_size);

	if (len == 0)
		return;
	traffic_count_reply(&worker->traffic, out, source->opt_rcode, view->has_edns);
	if (out == worker->found)
		client->ops->send(client, out, len);
	else
		client->ops->commit(client, len);
}

bool answer_stale(struct request *request)
{
	return answer_stale_because(request, NULL);
}

bool answer_stale_because(struct request *request, const char *why)
{
	struct worker *worker = request->worker;
	uint8_t option[64];
	struct cache_hit hit;

	if (!cache_find(worker->cache, &request->key, true, worker->found, sizeof(worker->found),
			&hit) ||
	    hit.note.route != request->decision.route || hit.note.kind >= CACHE_FAILURE)
		return false;
	if (request->client.ops == NULL)
		return true;
	const enum ede ede = FLAGS_RCODE(message_flags(worker->found)) == RCODE_NXDOMAIN
				     ? EDE_STALE_NXDOMAIN
				     : EDE_STALE;
	if (hit.is_stale)
		message_set_ttls(worker->found, hit.wire_len, request->plan->conf->stale_ttl);
	const struct reply_source source = {
		.wire = worker->found,
		.wire_len = hit.wire_len,
		.opt_rcode = hit.note.opt_rcode,
		.options = option,
		.options_len = hit.is_stale ? reply_put_ede(option, sizeof(option), ede, why) : 0,
	};
	stats_count(&worker->stats, hit.is_stale ? STAT_CACHE_STALE : STAT_CACHE_HITS);
	send_reply(request, &source, (enum verdict)hit.note.verdict,
		   hit.is_stale ? TOLD_BY_STALE : TOLD_BY_CACHE);
	return true;
}

void answer_drop(struct request *request)
{
	if (request->client.ops == NULL)
		return;
	tell(request, QUERY_LOG_SILENCE);
	request->client.ops->drop(&request->client);
}

void answer_forget_client(struct request *request)
{
	if (request->client.ops != NULL)
		request->client.ops->release(&request->client);
	request->client.ops = NULL;
}

static void send_error(struct worker *worker, const struct client *client,
		       const struct query_view *view, const struct reply_error *error,
		       uint16_t more_flags)
{
	size_t len = reply_error(worker->out, sizeof(worker->out), view, error,
				 worker->plan->conf->edns_size);

	if (len == 0)
		return;
	message_set_flags(worker->out, message_flags(worker->out) | more_flags);
	traffic_count_reply(&worker->traffic, worker->out, error->rcode >> 4, view->has_edns);
	client->ops->send(client, worker->out, len);
}

void answer_fault(struct worker *worker, const struct client *client, const struct query_view *view,
		  unsigned rcode)
{
	const struct reply_error error = { .rcode = rcode, .ede = EDE_NONE };

	if (worker->query_log != NULL)
		query_log_refusal(worker, client, view, (int)rcode,
				  rcode == RCODE_REFUSED ? QUERY_LOG_ACCESS : QUERY_LOG_FAULT);
	send_error(worker, client, view, &error, 0);
}

void answer_too_fast(struct worker *worker, const struct client *client,
		     const struct query_view *view)
{
	static const struct reply_error come_by_stream = { .rcode = RCODE_NOERROR,
							   .ede = EDE_NONE };
	static const struct reply_error refused = { .rcode = RCODE_REFUSED,
						    .ede = EDE_PROHIBITED,
						    .text = "too many questions a second" };

	const struct reply_error *error = client->is_stream ? &refused : &come_by_stream;
	if (worker->query_log != NULL)
		query_log_refusal(worker, client, view, (int)error->rcode, QUERY_LOG_LIMIT);
	send_error(worker, client, view, error, client->is_stream ? 0 : FLAG_TC);
}
