#include <assert.h>

#include "base/mem.h"
#include "exchange_internal.h"

/* Servers an exchange may have asked at the same time, on the average; the first has room whatever
 * other exchanges do. */
#define ATTEMPTS_PER_EXCHANGE 4u
/* Changes of the network come in swarms, and each costs a packet for whatever waits. */
#define CHANGE_EVERY_US (1u * USEC_PER_SEC)

static struct exchange *running(struct list *link)
{
	return link == NULL ? NULL : LIST_ITEM(link, struct exchange, running);
}

/* --- another network ----------------------------------------------------------------------- */

/* Nothing here tells anybody of an end, so that the list stays as it is. Between the two loops
 * nothing points to a server or a connection of before. */
static void on_change(void *ctx)
{
	struct upstream *upstream = ctx;
	struct list *link;

	upstream->change_next = loop_clock(upstream->loop)->now_us + CHANGE_EVERY_US;
	for (link = list_first(&upstream->running); link != NULL;
	     link = list_next(&upstream->running, link))
		exchange_suspend(running(link));
	health_network_changed(upstream->health);
	transport_stream_close_all(upstream->streams);
	for (link = list_first(&upstream->running); link != NULL;
	     link = list_next(&upstream->running, link))
		exchange_resume(running(link));
}

void exchange_upstream_network_changed(struct upstream *upstream)
{
	if (!timer_is_set(&upstream->change))
		timer_start_at(loop_timers(upstream->loop), &upstream->change,
			       upstream->change_next);
}

/* --- beginning and end --------------------------------------------------------------------- */

struct upstream *exchange_upstream_new(struct loop *loop, struct stats *stats,
				       uint32_t max_exchanges, struct upstream *first)
{
	struct upstream *upstream = mem_zalloc(sizeof(*upstream));

	if (upstream == NULL)
		return NULL;
	assert(max_exchanges <= UINT32_MAX / ATTEMPTS_PER_EXCHANGE);
	list_init(&upstream->running);
	timer_init(&upstream->change, on_change, upstream);
	upstream->loop = loop;
	upstream->stats = stats;
	upstream->exchanges = slab_new(sizeof(struct exchange), max_exchanges);
	upstream->attempts =
		slab_new(sizeof(struct attempt), max_exchanges * ATTEMPTS_PER_EXCHANGE);
	upstream->max_more = max_exchanges * (ATTEMPTS_PER_EXCHANGE - 1);
	upstream->datagrams = transport_udp_new(loop, stats);
	upstream->streams = transport_stream_new(loop, stats);
	if (upstream->datagrams != NULL && upstream->streams != NULL)
		upstream->health = health_new(loop, stats, upstream->datagrams, upstream->streams,
					      first != NULL ? first->health : NULL);
	if (upstream->exchanges == NULL || upstream->attempts == NULL || upstream->health == NULL) {
		exchange_upstream_free(upstream);
		return NULL;
	}
	return upstream;
}

bool exchange_upstream_reserve(struct upstream *upstream, uint32_t max_exchanges)
{
	const uint32_t max_more = max_exchanges * (ATTEMPTS_PER_EXCHANGE - 1);

	if (!slab_reserve(upstream->exchanges, max_exchanges) ||
	    !slab_reserve(upstream->attempts, max_exchanges * ATTEMPTS_PER_EXCHANGE))
		return false;
	if (max_more > upstream->max_more)
		upstream->max_more = max_more;
	return true;
}

void exchange_upstream_free(struct upstream *upstream)
{
	if (upstream == NULL)
		return;
	for (struct list *link; (link = list_first(&upstream->running)) != NULL;)
		exchange_cancel(running(link));
	timer_stop(loop_timers(upstream->loop), &upstream->change);
	health_free(upstream->health);
	transport_stream_free(upstream->streams);
	transport_udp_free(upstream->datagrams);
	slab_free(upstream->attempts);
	slab_free(upstream->exchanges);
	mem_free(upstream);
}
