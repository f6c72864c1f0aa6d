#include "upstream/pool.h"

#include "base/mem.h"

struct pool {
	unsigned holders;
	char *name;
	uint32_t timeout_ms;
	size_t count;
	struct server *servers[];
};

struct pool *pool_new(struct server_table *table, const struct conf_group *group)
{
	const size_t count = group->server_count;
	struct pool *pool = mem_zalloc(sizeof(*pool) + count * sizeof(struct server *));

	if (pool == NULL)
		return NULL;
	pool->holders = 1;
	pool->timeout_ms = group->timeout_ms;
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
	mem_free(pool->name);
	mem_free(pool);
}

const char *pool_name(const struct pool *pool)
{
	return pool->name;
}

uint32_t pool_timeout_ms(const struct pool *pool)
{
	return pool->timeout_ms;
}

size_t pool_size(const struct pool *pool)
{
	return pool->count;
}

struct server *pool_pick(struct pool *pool, unsigned turn)
{
	return pool->count == 0 ? NULL : pool->servers[turn % pool->count];
}
