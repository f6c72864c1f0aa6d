/* policy/prefix_table.h: which of many address prefixes is the longest that covers an address.
 *
 * Built once, then read-only. A lookup costs one binary search, and a step for each of the prefixes
 * around the one found that do not cover the address. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

struct prefix_table;

/** Keeps nothing of `prefixes`. NULL when memory is short. */
struct prefix_table *prefix_table_new(const struct addr_prefix *prefixes, size_t count);
void prefix_table_free(struct prefix_table *table); /* NULL is fine */

/** `ret_index` is the longest prefix's place among those given; of equal ones, the first one's. */
bool prefix_table_find(const struct prefix_table *table, const struct addr *addr,
		       size_t *ret_index);
