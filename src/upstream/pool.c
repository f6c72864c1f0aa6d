#include "upstream/pool.h"

#include <assert.h>

#include "base/mem.h"

/* One question in so many goes to another server as well, which costs a packet and nobody any time.
 * A young group looks around sooner. */
#define EXPLORE_EVERY 32u
/* An unknown latency, behind any known one: who is unknown is found by exploring. */
#define UNKNOWN_US (1u << 28)

struct pool {
	unsigned holders;
	struct pool *successor; /* a reference, or NULL */
	char *name;
	uint32_t timeout_ms;
	enum group_order order;
	bool randomizes_case;
	unsigned questions; /* so far */
	size_t explored;    /* the server that was asked last to see how it does */
	size_t count;
	struct server *servers[];
};

struct pool *pool_new(struct server_table *table, const struct conf_group *group)
{
	const size_t count =
		group->server_count < POOL_SERVERS_MAX ? group->server_count : POOL_SERVERS_MAX;
	struct pool *pool = mem_zalloc(sizeof(*pool) + count * sizeof(struct server *));

	if (pool == NULL)
		return NULL;
	pool->holders = 1;
	pool->timeout_ms = group->timeout_ms;
	pool->order = group->order;
	pool->randomizes_case = group->randomize_case;
	pool->name = mem_strdup(group->name);
	for (size_t i = 0; i < count && pool->name != NULL; i++) {
		const struct conf_server *how = &group->servers[i];

		pool->servers[i] = table != NULL ? server_table_take(table, group->name, how)
						 : server_new(group->name, how);
		if (pool->servers[i] == NULL)
			break;
		pool->count++;
	}
	if (pool->name == NULL || pool->count < count) {
		pool_unref(pool);
		return NULL;
	}
	return pool;
}

struct pool *pool_ref(struct pool *pool)
{
	pool->holders++;
	return pool;
}

void pool_unref(struct pool *pool)
{
	if (pool == NULL || --pool->holders > 0)
		return;
	for (size_t i = 0; i < pool->count; i++)
		server_unref(pool->servers[i]);
	pool_unref(pool->successor);
	mem_free(pool->name);
	mem_free(pool);
}

void pool_set_successor(struct pool *pool, struct pool *successor)
{
	assert(pool->successor == NULL && successor != pool);
	pool->successor = pool_ref(successor);
}

struct pool *pool_latest(struct pool *pool)
{
	while (pool->successor != NULL)
		pool = pool->successor;
	return pool;
}

const char *pool_name(const struct pool *pool)
{
	return pool->name;
}

uint32_t pool_timeout_ms(const struct pool *pool)
{
	return pool->timeout_ms;
}

bool pool_randomizes_case(const struct pool *pool)
{
	return pool->randomizes_case;
}

size_t pool_size(const struct pool *pool)
{
	return pool->count;
}

struct server *pool_server(const struct pool *pool, size_t at)
{
	return pool->servers[at];
}

/* --- choosing ------------------------------------------------------------------------------ */

static bool is_asked(uint64_t asked, size_t at)
{
	return (asked >> at & 1) != 0;
}

static struct server *take(const struct pool *pool, size_t at, uint64_t *asked)
{
	*asked |= UINT64_C(1) << at;
	return pool->servers[at];
}

/* The least is asked first; of equals, the one listed first. */
static uint32_t rank(const struct pool *pool, const struct server *server, uint64_t now_us)
{
	const uint32_t health = (uint32_t)server_state(server) << 30;

	if (pool->order != ORDER_FASTEST)
		return health;
	const uint32_t latency_us = server_latency_us(server, now_us);
	return health |
	       ((latency_us != 0 ? latency_us : UNKNOWN_US) + server_penalty_us(server, now_us));
}

struct server *pool_next(const struct pool *pool, uint64_t now_us, bool down_too, uint64_t *asked)
{
	uint32_t best_rank = UINT32_MAX;
	size_t best = pool->count;
	bool all_down = true;

	if (pool->count == 1) /* nobody to compare it with, and it may be asked if it is down */
		return is_asked(*asked, 0) ? NULL : take(pool, 0, asked);
	for (size_t i = 0; i < pool->count; i++) {
		const uint32_t this_rank = rank(pool, pool->servers[i], now_us);

		all_down = all_down && server_state(pool->servers[i]) == SERVER_DOWN;
		if (is_asked(*asked, i) || this_rank >= best_rank)
			continue;
		best_rank = this_rank;
		best = i;
	}
	if (best == pool->count)
		return NULL;
	if (server_state(pool->servers[best]) == SERVER_DOWN && !all_down && !down_too)
		return NULL;
	return take(pool, best, asked);
}

static bool is_to_explore(unsigned question)
{
	if (question < EXPLORE_EVERY)
		return question > 0 && (question & (question - 1)) == 0;
	return question % EXPLORE_EVERY == 0;
}

struct server *pool_beside(struct pool *pool, uint64_t *asked)
{
	const unsigned question = pool->questions++;
	const bool explores = pool->order == ORDER_FASTEST;

	if (pool->order == ORDER_LISTED || (explores && !is_to_explore(question)))
		return NULL;
	/* those that are explored take turns; in a race whoever is listed first is the second */
	size_t at = explores ? pool->explored : pool->count - 1;
	for (size_t left = pool->count; left > 0; left--) {
		at = (at + 1) % pool->count;
		if (is_asked(*asked, at) || server_state(pool->servers[at]) != SERVER_UP)
			continue;
		pool->explored = at;
		return take(pool, at, asked);
	}
	return NULL;
}
