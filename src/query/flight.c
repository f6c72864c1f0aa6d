#include "query/flight.h"

#include <assert.h>
#include <string.h>

#include "request_internal.h"

/* Of questions that are the same but private so many go upstream at once. Not one alone, lest two
 * clients wait for each other; and not all, for what servers send round in a circle is always one
 * more of them. */
#define PRIVATE_AT_ONCE 2u

/* Chained buckets over links in the requests themselves. A bucket is all zero until it is first
 * used, so that an idle table costs no memory. Always true: a request's link is in at most one of a
 * bucket and a follower list, and `leader` tells which. */
struct flight {
	struct hash_key key;
	uint32_t mask;
	struct list buckets[];
};

struct flight *flight_new(uint32_t max_requests)
{
	uint32_t size = 16;

	while (size < max_requests && size < 1u << 20)
		size *= 2;
	struct flight *flight = mem_zalloc(sizeof(*flight) + size * sizeof(struct list));
	if (flight == NULL)
		return NULL;
	flight->mask = size - 1;
	hash_key_draw(&flight->key);
	return flight;
}

static void put(struct flight *flight, struct request *leader)
{
	struct list *bucket = flight->buckets + (leader->flight_hash & flight->mask);

	if (!list_has(bucket))
		list_init(bucket);
	list_add(bucket, &leader->flight);
}

bool flight_reserve(struct flight **flight, uint32_t max_requests)
{
	struct flight *before = *flight;

	if (max_requests <= before->mask + 1)
		return true;
	struct flight *after = flight_new(max_requests);
	if (after == NULL)
		return false;
	after->key = before->key;
	for (uint32_t i = 0; i <= before->mask; i++) {
		struct list *bucket = &before->buckets[i];

		for (struct list *link; list_has(bucket) && (link = list_first(bucket)) != NULL;) {
			struct request *leader = LIST_ITEM(link, struct request, flight);

			list_remove(link);
			put(after, leader);
		}
	}
	flight_free(before);
	*flight = after;
	return true;
}

void flight_free(struct flight *flight)
{
	mem_free(flight);
}

/* The AD bit asked for is part of it: who asks with AD wants to know what one without does not. */
static uint16_t asked_bits(const struct request *request)
{
	return request->view.flags & FLAG_AD;
}

/* What makes a question private, and travels upstream with it: an opaque one is all private. */
static const uint8_t *private_part(const struct request *request, size_t *ret_len)
{
	const struct query_view *view = &request->view;
	const size_t id_len = sizeof(view->id);

	if (request->is_shared) {
		*ret_len = 0;
		return NULL;
	}
	*ret_len = view->is_opaque ? view->wire_len - id_len : view->options_len;
	return view->is_opaque ? view->wire + id_len : view->options;
}

static bool is_as_private(const struct request *a, const struct request *b)
{
	size_t a_len = 0, b_len = 0;
	const uint8_t *a_part = private_part(a, &a_len), *b_part = private_part(b, &b_len);

	return a->is_shared == b->is_shared && a_len == b_len &&
	       (a_len == 0 || memcmp(a_part, b_part, a_len) == 0);
}

static uint64_t hash_of(const struct flight *flight, const struct request *request)
{
	const uint64_t hash = request->key.hash ^ request->decision.route;
	size_t private_len = 0;
	const uint8_t *private_bytes = private_part(request, &private_len);

	return hash_with(private_len == 0
				 ? hash
				 : hash ^ hash_bytes(&flight->key, private_bytes, private_len),
			 (uint64_t)asked_bits(request) << 1 | request->is_shared);
}

static bool asks_the_same(const struct request *a, const struct request *b)
{
	return a->flight_hash == b->flight_hash && a->key.type == b->key.type &&
	       a->key.class == b->key.class && a->key.flags == b->key.flags &&
	       a->key.view == b->key.view && a->decision.route == b->decision.route &&
	       asked_bits(a) == asked_bits(b) && a->key.name_len == b->key.name_len &&
	       memcmp(a->key.name, b->key.name, a->key.name_len) == 0 && is_as_private(a, b);
}

struct request *flight_join(struct flight *flight, struct request *request)
{
	assert(!list_has(&request->flight));
	request->flight_hash = hash_of(flight, request);
	struct list *bucket = flight->buckets + (request->flight_hash & flight->mask);
	unsigned leaders = 0;
	for (struct list *link = list_first(bucket); link != NULL; link = list_next(bucket, link)) {
		struct request *leader = LIST_ITEM(link, struct request, flight);

		if (!asks_the_same(leader, request) ||
		    (!request->is_shared && ++leaders < PRIVATE_AT_ONCE))
			continue;
		request->leader = leader;
		list_add(&leader->followers, &request->flight);
		return leader;
	}
	put(flight, request);
	return NULL;
}

void flight_leave(struct request *request)
{
	list_remove(&request->flight);
	request->leader = NULL;
}

struct request *flight_next_follower(struct request *leader)
{
	struct list *link = list_first(&leader->followers);

	if (link == NULL)
		return NULL;
	struct request *follower = LIST_ITEM(link, struct request, flight);
	flight_leave(follower);
	return follower;
}
