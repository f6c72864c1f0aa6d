/* devices/table_internal.h: devices in an array, in the order of their coming; in chains, by hash;
 * and in a list, by when they asked last. */
#pragma once

#include "device_internal.h"

#define TABLE_NOBODY UINT32_MAX

struct table {
	uint32_t limit, used; /* of the array */
	uint32_t bucket_mask;
	uint32_t newest, oldest; /* TABLE_NOBODY in an empty one */
	uint32_t *buckets;
	struct device *devices;
};

/** Room for `limit` devices, in memory that is not touched before it is used; buckets for as many
 * as are `expected`. -ENOMEM. */
MUST_CHECK int table_init(struct table *table, uint32_t limit, uint32_t expected);
void table_done(struct table *table); /* a zeroed one is fine */

/** By this hash: the first of its chain, and each `chain` of it; TABLE_NOBODY ends it. */
uint32_t table_first(const struct table *table, uint32_t hash);
/** A place that is not in use; not at the limit. To be filled in and entered. */
struct device *table_take(struct table *table);
/** Puts it where it is found, as the one who asked last. */
void table_enter(struct table *table, struct device *device, uint32_t hash);
/** Takes it out of its chain and of the list; its place is the caller's to enter again. */
void table_leave(struct table *table, const struct device *device, uint32_t hash);
/** It has asked. */
void table_renew(struct table *table, struct device *device);
