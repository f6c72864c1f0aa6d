/* upstream/pool.h: a group of servers and the order in which they are asked. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "upstream/server_table.h"

struct pool;

/** Copies what it needs of the group, which may be without servers. Takes the servers out of the
 * table; without one they are its own. NULL when memory is short. */
struct pool *pool_new(struct server_table *table, const struct conf_group *group);
/** Counted: an exchange keeps the pool it asks. */
struct pool *pool_ref(struct pool *pool);
void pool_unref(struct pool *pool); /* NULL is fine */

const char *pool_name(const struct pool *pool);
uint32_t pool_timeout_ms(const struct pool *pool);
size_t pool_size(const struct pool *pool);
/** The server to ask at the `turn`-th turn (0, 1, ...), in listed order and round again. Health and
 * latency will choose here. NULL for an empty pool. */
struct server *pool_pick(struct pool *pool, unsigned turn);
