#include "query/fill.h"

#if COURIERDNS_NFTSET
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "net/nftset.h"
#include "request_internal.h"

/* Of a larger answer the first ones: more than anybody tries. */
#define ADDRESSES_MAX 256u
/* Answers at once; others go as they come. */
#define HELD_MAX 1024u

struct fill {
	struct worker *worker;
	struct nftset_user *user;
	struct list held;
	uint32_t count;
};

struct held {
	struct list link; /* in fill->held */
	struct fill *fill;
	struct nftset_job *job;
	struct timer timer;
	struct client client;
	uint64_t came_us;
	size_t wire_len;
	uint8_t wire[];
};

/* --- addresses of an answer ---------------------------------------------------------------- */

struct addresses {
	size_t count;
	struct nftset_item items[ADDRESSES_MAX];
};

/* The name that the asked one stands for, where the CNAME that says so is. 0: there is none. */
static size_t find_alias(const uint8_t *wire, size_t wire_len, size_t name_at)
{
	struct message_walk walk = message_walk_from(wire, wire_len);
	struct message_record record;

	while (message_walk_next(&walk, &record) && record.section == SECTION_ANSWER) {
		if (record.type == TYPE_CNAME && record.class == CLASS_IN &&
		    name_is_same(wire, record.at, wire, name_at))
			return name_check(wire, wire_len, record.rdata_at) == record.next
				       ? record.rdata_at
				       : 0;
	}
	return 0;
}

static bool read_address(const uint8_t *wire, const struct message_record *record,
			 struct nftset_item *ret_item)
{
	const bool is_ipv4 = record->type == TYPE_A && record->rdata_len == 4;

	if (record->class != CLASS_IN ||
	    (!is_ipv4 && !(record->type == TYPE_AAAA && record->rdata_len == 16)))
		return false;
	*ret_item = (struct nftset_item){ .addr.family = is_ipv4 ? ADDR_IPV4 : ADDR_IPV6,
					  .ttl_s = record->ttl > INT32_MAX ? 0 : record->ttl };
	memcpy(ret_item->addr.bytes, wire + record->rdata_at, record->rdata_len);
	return true;
}

static void find_addresses(const uint8_t *wire, size_t wire_len, struct addresses *ret_addresses)
{
	struct message_walk walk = message_walk_from(wire, wire_len);
	struct message_record record;
	size_t name_at = MESSAGE_HEADER_LEN, next;

	ret_addresses->count = 0;
	for (unsigned hops = 0; hops < MESSAGE_HOPS_MAX * 2; hops++, name_at = next) {
		if ((next = find_alias(wire, wire_len, name_at)) == 0)
			break;
	}
	while (message_walk_next(&walk, &record) && record.section == SECTION_ANSWER &&
	       ret_addresses->count < ADDRESSES_MAX) {
		if (read_address(wire, &record, &ret_addresses->items[ret_addresses->count]) &&
		    name_is_same(wire, record.at, wire, name_at))
			ret_addresses->count++;
	}
}

/* --- holding back -------------------------------------------------------------------------- */

static void free_held(struct held *held)
{
	list_remove(&held->link);
	timer_stop(held->fill->worker->timers, &held->timer);
	held->fill->count--;
	held->client.ops->release(&held->client);
	mem_free(held);
}

static void send_held(struct held *held)
{
	struct worker *worker = held->fill->worker;

	if (worker->clock->now_us > held->came_us)
		histogram_add(&worker->traffic.waited, worker->clock->now_us - held->came_us);
	held->client.ops->send(&held->client, held->wire, held->wire_len);
	free_held(held);
}

static void on_done(void *ctx)
{
	send_held(ctx);
}

static void on_late(void *ctx)
{
	struct held *held = ctx;

	stats_count(&held->fill->worker->stats, STAT_NFTSET_LATE);
	nftset_forget(held->job);
	send_held(held);
}

static struct held *hold(const struct request *request, const uint8_t *wire, size_t wire_len)
{
	struct fill *fill = request->worker->fill;
	struct held *held = fill->count < HELD_MAX ? mem_alloc(sizeof(*held) + wire_len) : NULL;

	if (held == NULL)
		return NULL;
	*held = (struct held){ .fill = fill,
			       .client = request->client,
			       .came_us = request->deadline_us - REQUEST_DEADLINE_US,
			       .wire_len = wire_len };
	memcpy(held->wire, wire, wire_len);
	held->client.ops->hold(&held->client);
	timer_init(&held->timer, on_late, held);
	list_add(&fill->held, &held->link);
	fill->count++;
	return held;
}

bool fill_wants(const struct request *request)
{
	return request->decision.zone != NULL && request->decision.zone->nftset_count > 0;
}

/* Where there is no room to hold it back, it goes and the addresses follow. */
bool fill_take(const struct request *request, const uint8_t *wire, size_t wire_len)
{
	struct fill *fill = request->worker->fill;
	const struct conf_zone *zone = request->decision.zone;
	struct addresses addresses;

	if (fill == NULL || !fill_wants(request))
		return false;
	find_addresses(wire, wire_len, &addresses);
	if (addresses.count == 0)
		return false;
	struct held *held = request->client.ops != NULL ? hold(request, wire, wire_len) : NULL;
	struct nftset_job *job = nftset_put(fill->user, zone, addresses.items, addresses.count,
					    held != NULL ? on_done : NULL, held);
	if (held == NULL)
		return false;
	if (job == NULL) {
		free_held(held);
		return false;
	}
	held->job = job;
	timer_start(request->worker->timers, &held->timer, FILL_WAIT_US);
	return true;
}

uint32_t fill_waiting(const struct worker *worker)
{
	return worker->fill == NULL ? 0 : worker->fill->count;
}

/* --- what is told -------------------------------------------------------------------------- */

static const char *reason(int err)
{
	switch (err) {
	case -ENOENT:
		return "there is no such set (nft list sets)";
	case -EPERM:
		return "this program may not change it: it keeps CAP_NET_ADMIN only where it has it and "
		       "a rule names a set when it is started; start it anew";
	case -EMEDIUMTYPE:
		return "it is no set of IPv4 or of IPv6 addresses (type ipv4_addr or ipv6_addr)";
	case -ENFILE:
		return "it is full (size)";
	default:
		return err_text(err);
	}
}

static void on_news(void *ctx, enum nftset_news news, const struct nftset_state *state)
{
	(void)ctx;
	switch (news) {
	case NFTSET_FAILS:
		LOG(LEVEL_WARNING,
		    "nft set %s: %s; answers go to clients, their addresses are not in the set",
		    state->name, reason(state->err));
		return;
	case NFTSET_WORKS_AGAIN:
		LOG(LEVEL_NOTICE,
		    "nft set %s: works again; %" PRIu64 " addresses were not put into it",
		    state->name, state->failures);
		return;
	case NFTSET_LACKS_TIMEOUTS:
		LOG(LEVEL_WARNING,
		    "nft set %s: has no timeouts: addresses stay in it for good; with \"flags "
		    "timeout\" they go when the TTL of the answer is over",
		    state->name);
		return;
	}
}

struct reporting {
	fill_line_fn line;
	void *ctx;
};

static void report_set(void *ctx, const struct nftset_state *state)
{
	const struct reporting *reporting = ctx;
	char text[640];

	(void)snprintf(text, sizeof(text), "courierdns_nftset_additions_total{set=\"%s\"} %" PRIu64,
		       state->name, state->additions);
	reporting->line(reporting->ctx, text);
	(void)snprintf(text, sizeof(text), "courierdns_nftset_failures_total{set=\"%s\"} %" PRIu64,
		       state->name, state->failures);
	reporting->line(reporting->ctx, text);
}

void fill_report(const struct worker *worker, fill_line_fn line, void *ctx)
{
	struct reporting reporting = { line, ctx };

	if (worker->commons->nftset != NULL)
		nftset_report(worker->commons->nftset, report_set, &reporting);
}

/* --- beginning and end --------------------------------------------------------------------- */

static int fill_new(struct worker *worker)
{
	struct fill *fill = mem_zalloc(sizeof(*fill));

	if (fill == NULL)
		return -ENOMEM;
	fill->worker = worker;
	list_init(&fill->held);
	const int err =
		nftset_user_new(worker->commons->nftset, worker->loop, on_news, fill, &fill->user);
	if (err != 0) {
		mem_free(fill);
		return err;
	}
	worker->fill = fill;
	return 0;
}

int fill_follow(struct worker *worker)
{
	const struct conf *conf = worker->plan->conf;
	struct commons *commons = worker->commons;

	if (!conf_has_nftsets(conf))
		return 0;
	if (commons->nftset == NULL && (commons->nftset = nftset_new()) == NULL)
		return -ENOMEM;
	const int err = nftset_follow(commons->nftset, conf);
	if (err != 0 || worker->fill != NULL)
		return err;
	return fill_new(worker);
}

void fill_free(struct worker *worker)
{
	struct fill *fill = worker->fill;

	if (fill == NULL)
		return;
	nftset_user_free(fill->user);
	for (struct list *link; (link = list_first(&fill->held)) != NULL;)
		free_held(LIST_ITEM(link, struct held, link));
	mem_free(fill);
	worker->fill = NULL;
}
#else
int fill_follow(struct worker *worker)
{
	(void)worker;
	return 0;
}

void fill_free(struct worker *worker)
{
	(void)worker;
}

bool fill_wants(const struct request *request)
{
	(void)request;
	return false;
}

bool fill_take(const struct request *request, const uint8_t *wire, size_t wire_len)
{
	(void)request;
	(void)wire;
	(void)wire_len;
	return false;
}

uint32_t fill_waiting(const struct worker *worker)
{
	(void)worker;
	return 0;
}

void fill_report(const struct worker *worker, fill_line_fn line, void *ctx)
{
	(void)worker;
	(void)line;
	(void)ctx;
}
#endif
