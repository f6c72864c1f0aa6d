#include "query/device_feed.h"

#include "query/query_log.h"
#include "request_internal.h"

_Static_assert((int)TOLD_ANSWERED == (int)VERDICT_ANSWERED &&
		       (int)TOLD_NODATA == (int)VERDICT_NODATA &&
		       (int)TOLD_NXDOMAIN == (int)VERDICT_NXDOMAIN &&
		       (int)TOLD_DANGLING == (int)VERDICT_DANGLING &&
		       (int)TOLD_DANGLING_NXDOMAIN == (int)VERDICT_DANGLING_NXDOMAIN &&
		       (int)TOLD_BARE == (int)VERDICT_BARE &&
		       (int)TOLD_FAILED == (int)VERDICT_FAILED,
	       "a verdict is what is told");

/* The stages that names of a configured family are of. */
static const struct stage_match family_stages[] = {
	[COURIER_NONE] = { .stage = STAGE_NONE },
	[COURIER_ALIAS] = { .stage = STAGE_COURIER, .expects = STAGE_EXPECTS_DANGLING },
	[COURIER_TARGET] = { .stage = STAGE_COURIER, .expects = STAGE_EXPECTS_NOTHING },
	[COURIER_VARIANT] = { .stage = STAGE_VARIANT, .expects = STAGE_EXPECTS_ADDRESS },
	[COURIER_COUNT_TXT] = { .stage = STAGE_TXT, .expects = STAGE_EXPECTS_TEXT },
};

/* Families come first: of what is forwarded they are known already. */
bool device_feed_stage(const struct courier_match *courier, const uint8_t *name, size_t name_len,
		       struct stage_match *ret_match)
{
	if (courier->role == COURIER_NONE)
		return stage_find(name, name_len, ret_match);
	*ret_match = family_stages[courier->role];
	ret_match->pool = (uint8_t)(STAGE_POOL_OTHERS + courier->family);
	ret_match->n = (uint16_t)courier->n;
	return true;
}

static bool find_stage(const struct request *request, struct stage_match *ret_match)
{
	const struct query_view *view = &request->view;

	if (view->class != CLASS_IN || view->is_opaque)
		return false;
	if (request->decision.action == ZONE_FORWARD)
		return device_feed_stage(&request->courier, request->key.name, view->name_len,
					 ret_match);
	/* of what a rule here answers, nobody else wants to know */
	struct courier_match courier;
	(void)courier_find(request->plan->courier, request->key.name, view->name_len, &courier);
	return device_feed_stage(&courier, request->key.name, view->name_len, ret_match);
}

bool device_feed_watches(struct request *request)
{
	struct stage_match match;

	if (request->watch == WATCH_UNKNOWN)
		request->watch = find_stage(request, &match) ? WATCH_YES : WATCH_NO;
	return request->watch == WATCH_YES;
}

/* `host` is for event.client, where a forwarder tells of another than itself. */
struct feed {
	struct timeline_event event;
	struct addr host;
};

static void believe(const struct plan *plan, const struct query_view *view, struct feed *feed)
{
	if (!(view->has_hardware || view->has_host) ||
	    !access_trusts(plan->access, feed->event.client))
		return;
	if (view->has_hardware)
		feed->event.hardware = view->hardware;
	if (query_view_host(view, &feed->host))
		feed->event.client = &feed->host;
}

/* The event but for what was told. False where there is none. */
static bool begin_event(struct request *request, struct feed *feed)
{
	const struct query_view *view = &request->view;
	struct timeline_event *ret_event = &feed->event;

	if (request->watch == WATCH_NO || timeline_limit(request->worker->timeline) == 0)
		return false;
	*ret_event = (struct timeline_event){
		.client = &request->client.from,
		.name = request->key.name,
		.name_len = view->name_len,
		.type = view->type,
	};
	request->watch = find_stage(request, &ret_event->match) ? WATCH_YES : WATCH_NO;
	if (request->watch == WATCH_NO)
		return false;
	believe(request->plan, view, feed);
	return true;
}

static void note_reply(struct worker *worker, struct timeline_event *event,
		       const struct reply_source *source)
{
	event->rcode = (uint16_t)((unsigned)source->opt_rcode << 4 |
				  FLAGS_RCODE(message_flags(source->wire)));
	event->wire = source->wire;
	event->wire_len = source->wire_len;
	timeline_note(worker->timeline, event);
}

void device_feed_reply(struct request *request, const struct reply_source *source,
		       enum verdict verdict, enum told_by by)
{
	struct feed feed;

	if (!begin_event(request, &feed))
		return;
	if (by == TOLD_BY_RULE)
		verdict = classify_made(source->wire, source->wire_len);
	feed.event.told = (enum told)verdict;
	feed.event.by = by;
	note_reply(request->worker, &feed.event, source);
}

void device_feed_repeat(struct worker *worker, const struct client *client,
			const struct query_view *view, const struct device_feed_known *known,
			const struct reply_source *source)
{
	struct feed feed = { .event = {
				     .client = &client->from,
				     .match = known->stage,
				     .name = known->name,
				     .name_len = view->name_len,
				     .type = view->type,
				     .told = (enum told)known->verdict,
				     .by = TOLD_BY_CACHE,
			     } };

	believe(worker->plan, view, &feed);
	note_reply(worker, &feed.event, source);
}

void device_feed_error(struct request *request, int rcode)
{
	struct feed feed;

	if (!begin_event(request, &feed))
		return;
	feed.event.told = rcode == QUERY_LOG_SILENCE ? TOLD_SILENCE : TOLD_FAILED;
	feed.event.by = request->decision.action == ZONE_FORWARD ? TOLD_BY_US : TOLD_BY_RULE;
	if (rcode != QUERY_LOG_SILENCE)
		feed.event.rcode = (uint16_t)rcode;
	timeline_note(request->worker->timeline, &feed.event);
}
