#include "query/flight.h"

#include <assert.h>
#include <string.h>

#include "request_internal.h"

/* Chained buckets over links in the requests themselves. Always true: a request is in at most one
 * of table and follower list, and leads or leader tells which. */
struct flight {
	struct hash_key key;
	uint32_t mask;
	struct request *buckets[];
};

struct flight *flight_new(uint32_t max_requests)
{
	uint32_t size = 16;

	while (size < max_requests && size < 1u << 20)
		size *= 2;
	struct flight *flight = mem_zalloc(sizeof(*flight) + size * sizeof(struct request *));
	if (flight == NULL)
		return NULL;
	flight->mask = size - 1;
	hash_key_draw(&flight->key);
	return flight;
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

static uint64_t hash_of(const struct flight *flight, const struct request *request)
{
	const struct cache_key *key = &request->key;
	uint64_t parts[4] = {
		hash_bytes(&flight->key, key->name, key->name_len),
		(uint64_t)key->type << 32 | (uint64_t)key->class << 16 | key->flags,
		key->view ^ asked_bits(request),
		request->decision.route,
	};
	return hash_bytes(&flight->key, parts, sizeof(parts));
}

static bool asks_the_same(const struct request *a, const struct request *b)
{
	return a->flight_hash == b->flight_hash && a->key.type == b->key.type &&
	       a->key.class == b->key.class && a->key.flags == b->key.flags &&
	       a->key.view == b->key.view && a->decision.route == b->decision.route &&
	       asked_bits(a) == asked_bits(b) && a->key.name_len == b->key.name_len &&
	       memcmp(a->key.name, b->key.name, a->key.name_len) == 0;
}

struct request *flight_join(struct flight *flight, struct request *request)
{
	assert(!request->leads && request->leader == NULL);
	request->flight_hash = hash_of(flight, request);
	struct request **bucket = &flight->buckets[request->flight_hash & flight->mask];
	for (struct request *leader = *bucket; leader != NULL; leader = leader->next_in_flight) {
		if (!asks_the_same(leader, request))
			continue;
		request->leader = leader;
		request->prev_follower = NULL;
		request->next_follower = leader->followers;
		if (leader->followers != NULL)
			leader->followers->prev_follower = request;
		leader->followers = request;
		return leader;
	}
	request->leads = true;
	request->next_in_flight = *bucket;
	*bucket = request;
	return NULL;
}

static void leave_leader(struct request *request)
{
	if (request->prev_follower != NULL)
		request->prev_follower->next_follower = request->next_follower;
	else
		request->leader->followers = request->next_follower;
	if (request->next_follower != NULL)
		request->next_follower->prev_follower = request->prev_follower;
	request->leader = NULL;
}

void flight_leave(struct flight *flight, struct request *request)
{
	if (request->leader != NULL)
		leave_leader(request);
	if (!request->leads)
		return;
	struct request **link = &flight->buckets[request->flight_hash & flight->mask];
	while (*link != request)
		link = &(*link)->next_in_flight;
	*link = request->next_in_flight;
	request->leads = false;
}

struct request *flight_next_follower(struct request *leader)
{
	struct request *follower = leader->followers;

	if (follower != NULL)
		leave_leader(follower);
	return follower;
}
