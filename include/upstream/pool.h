/* upstream/pool.h: a group of servers, and which of them is asked next.
 *
 * Servers that are well come before suspected ones. Among equals the group's order decides: as they
 * are listed, or the one that has been answering soonest. One that is down is left out while
 * another one is not: there is nothing to be had from it but a wait. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "upstream/server_table.h"

/* Servers of one group; a mask of them fits into 64 bits. */
#define POOL_SERVERS_MAX 64u

struct pool;

/** Copies what it needs of the group, which may be without servers and of which those beyond
 * POOL_SERVERS_MAX are left out. Takes the servers out of the table; without one they are its own.
 * NULL when memory is short. */
struct pool *pool_new(struct server_table *table, const struct conf_group *group);
/** Counted: an exchange keeps the pool it asks. */
struct pool *pool_ref(struct pool *pool);
void pool_unref(struct pool *pool); /* NULL is fine */
/** The group has other servers from here on, those of `successor`, of which it takes a reference:
 * who asks here goes on there when the network has changed. Once for a pool. */
void pool_set_successor(struct pool *pool, struct pool *successor);
/** The pool that has the group's servers by now: itself, or the last of its successors. */
struct pool *pool_latest(struct pool *pool);

const char *pool_name(const struct pool *pool);
uint32_t pool_timeout_ms(const struct pool *pool);
bool pool_randomizes_case(const struct pool *pool);
size_t pool_size(const struct pool *pool);
struct server *pool_server(const struct pool *pool, size_t at); /* as listed, from 0 */
/** The best of those that are not in the mask, into which it is put; NULL when there is none.
 * `down_too`: where it must be, one that is down while others are not. */
struct server *pool_next(const struct pool *pool, uint64_t now_us, bool down_too, uint64_t *asked);
/** One to ask together with the first: the second in a race; and in a group that asks the fastest
 * now and then another one, to learn whether it has become that. To be called once for each
 * question, after the first. NULL for none. */
struct server *pool_beside(struct pool *pool, uint64_t *asked);
