/* upstream/pool.h: a group of servers and the order in which they are asked. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "upstream/server.h"

struct pool;

/** Copies the name and the addresses, of which there may be none. NULL when memory is short. */
struct pool *pool_new(const char *name, const struct addr *servers, size_t count,
		      uint32_t timeout_ms);
/** Counted: an exchange keeps the pool it asks. */
struct pool *pool_ref(struct pool *pool);
void pool_unref(struct pool *pool); /* NULL is fine */

const char *pool_name(const struct pool *pool);
uint32_t pool_timeout_ms(const struct pool *pool);
size_t pool_size(const struct pool *pool);
/** The server to ask at the `turn`-th turn (0, 1, ...), in listed order and round again. Health and
 * latency will choose here. NULL for an empty pool. */
struct server *pool_pick(struct pool *pool, unsigned turn);
