#include "query/gate.h"

#include <assert.h>

#include "request_internal.h"

/* Those of one name, type and class, or those of one zone. Known by a keyed hash of 64 bits alone:
 * that two of them meet is a matter of chance, and rarer than a broken machine.
 *
 * Always true: `members` are inside or in line; a crowd without members is not there. */
struct crowd {
	struct list bucket;
	uint64_t hash;
	uint32_t members;
	uint32_t inside;  /* of a name's */
	struct list line; /* of a name's: requests, the oldest first */
};

/* Chained buckets, all zero until they are first used, as in flight. Every request has two crowds
 * at most, so the slab never runs out. */
struct gate {
	struct hash_key key;
	struct slab *crowds;
	uint32_t members; /* of all names together */
	uint32_t per_zone;
	bool counts_zones; /* else some have no zone_crowd, and there are fewer than per_zone */
	uint32_t mask;
	struct list *buckets;
};

static uint32_t buckets_for(uint32_t max_requests)
{
	uint32_t size = 16;

	while (size < max_requests && size < 1u << 20)
		size *= 2;
	return size;
}

struct gate *gate_new(uint32_t max_requests)
{
	const uint32_t size = buckets_for(max_requests);
	struct gate *gate = mem_zalloc(sizeof(*gate));

	if (gate == NULL)
		return NULL;
	gate->buckets = mem_zalloc(size * sizeof(struct list));
	gate->crowds = slab_new(sizeof(struct crowd), 2 * max_requests);
	if (gate->buckets == NULL || gate->crowds == NULL) {
		gate_free(gate);
		return NULL;
	}
	gate->mask = size - 1;
	gate_set_limit(gate, max_requests);
	hash_key_draw(&gate->key);
	return gate;
}

static void move_crowds(struct gate *gate, struct list *buckets, uint32_t mask)
{
	for (uint32_t i = 0; i <= gate->mask; i++) {
		struct list *before = &gate->buckets[i];

		for (struct list *link; list_has(before) && (link = list_first(before)) != NULL;) {
			const struct crowd *crowd = LIST_ITEM(link, struct crowd, bucket);
			struct list *bucket = &buckets[crowd->hash & mask];

			list_remove(link);
			if (!list_has(bucket))
				list_init(bucket);
			list_add(bucket, link);
		}
	}
}

bool gate_reserve(struct gate *gate, uint32_t max_requests)
{
	const uint32_t size = buckets_for(max_requests);

	if (!slab_reserve(gate->crowds, 2 * max_requests))
		return false;
	if (size <= gate->mask + 1)
		return true;
	struct list *buckets = mem_zalloc(size * sizeof(struct list));
	if (buckets == NULL)
		return false;
	move_crowds(gate, buckets, size - 1);
	mem_free(gate->buckets);
	gate->buckets = buckets;
	gate->mask = size - 1;
	return true;
}

void gate_set_limit(struct gate *gate, uint32_t max_requests)
{
	gate->per_zone = max_requests / 4;
	if (gate->per_zone < GATE_PER_ZONE_LEAST)
		gate->per_zone = GATE_PER_ZONE_LEAST;
}

void gate_free(struct gate *gate)
{
	if (gate == NULL)
		return;
	slab_free(gate->crowds);
	mem_free(gate->buckets);
	mem_free(gate);
}

/* The last two labels of a name. */
static const uint8_t *zone_of(const uint8_t *name, size_t *ret_len)
{
	const uint8_t *last = name, *before_last = name, *at = name;

	for (; *at != 0; at += 1u + *at) {
		before_last = last;
		last = at;
	}
	*ret_len = (size_t)(at + 1 - before_last);
	return before_last;
}

const uint8_t *gate_zone(const uint8_t *name)
{
	size_t len;

	return zone_of(name, &len);
}

uint32_t gate_per_zone(const struct gate *gate)
{
	return gate->per_zone;
}

/* --- crowds -------------------------------------------------------------------------------- */

static uint64_t hash_of_name(const struct cache_key *key)
{
	return hash_with(key->name_hash,
			 UINT64_C(1) << 32 | (uint64_t)key->type << 16 | key->class);
}

static uint64_t hash_of_zone(const struct gate *gate, const struct cache_key *key)
{
	size_t len;
	const uint8_t *zone = zone_of(key->name, &len);

	return hash_bytes(&gate->key, zone, len);
}

/* The crowd of that hash, or a new one without members. */
static struct crowd *find_crowd(struct gate *gate, uint64_t hash)
{
	struct list *bucket = &gate->buckets[hash & gate->mask];

	for (struct list *link = list_first(bucket); link != NULL; link = list_next(bucket, link)) {
		struct crowd *crowd = LIST_ITEM(link, struct crowd, bucket);

		if (crowd->hash == hash)
			return crowd;
	}
	if (!list_has(bucket))
		list_init(bucket);
	struct crowd *crowd = slab_take(gate->crowds);
	assert(crowd != NULL);
	*crowd = (struct crowd){ .hash = hash };
	list_init(&crowd->line);
	list_add(bucket, &crowd->bucket);
	return crowd;
}

static void leave_crowd(struct gate *gate, struct crowd *crowd)
{
	if (--crowd->members > 0)
		return;
	list_remove(&crowd->bucket);
	slab_give(gate->crowds, crowd);
}

/* --- in and out ---------------------------------------------------------------------------- */

/* False where its zone has its share, of which there is some at least. */
static bool join_zone(struct gate *gate, struct request *request)
{
	struct crowd *zone = find_crowd(gate, hash_of_zone(gate, &request->key));

	if (zone->members >= gate->per_zone)
		return false;
	zone->members++;
	request->zone_crowd = zone;
	return true;
}

/* While all together are fewer than one zone may have, nobody needs to know whose they are. Where
 * that has become less than they are, those that were inside before stay. */
static void count_zones(struct gate *gate, const struct worker *worker)
{
	struct list *link;

	for (link = list_first(&worker->waiters); link != NULL;
	     link = list_next(&worker->waiters, link)) {
		struct request *request = LIST_ITEM(link, struct request, waiting);

		if (request->name_crowd != NULL && request->zone_crowd == NULL)
			(void)join_zone(gate, request);
	}
	gate->counts_zones = true;
}

enum gate_pass gate_enter(struct gate *gate, struct request *request)
{
	assert(request->name_crowd == NULL && request->zone_crowd == NULL);
	if (gate->members >= gate->per_zone && !gate->counts_zones)
		count_zones(gate, request->worker);
	if (gate->counts_zones && !join_zone(gate, request))
		return GATE_FULL;
	struct crowd *name = find_crowd(gate, hash_of_name(&request->key));
	gate->members++;
	name->members++;
	request->name_crowd = name;
	if (name->inside < GATE_PER_NAME) {
		name->inside++;
		return GATE_OPEN;
	}
	list_add(&name->line, &request->in_line);
	return GATE_WAIT;
}

struct request *gate_leave(struct gate *gate, struct request *request)
{
	struct crowd *name = request->name_crowd;
	struct request *next = NULL;

	if (name == NULL)
		return NULL;
	if (list_has(&request->in_line)) {
		list_remove(&request->in_line);
	} else if (!list_is_empty(&name->line)) { /* its place inside goes to the next */
		next = LIST_ITEM(list_first(&name->line), struct request, in_line);
		list_remove(&next->in_line);
	} else {
		name->inside--;
	}
	leave_crowd(gate, name);
	if (request->zone_crowd != NULL)
		leave_crowd(gate, request->zone_crowd);
	request->name_crowd = request->zone_crowd = NULL;
	/* not at each question where they are about as many as that */
	if (--gate->members < gate->per_zone / 2)
		gate->counts_zones = false;
	return next;
}
