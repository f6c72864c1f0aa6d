/* devices/table_internal.h: some of the devices in an array, which tables may share: in chains, by
 * hash, and in a list, by when they asked last. */
#pragma once

#include "device_internal.h"

#define TABLE_NOBODY UINT32_MAX

struct table {
	uint32_t used; /* devices in it */
	uint32_t bucket_mask;
	uint32_t newest, oldest; /* TABLE_NOBODY in an empty one */
	uint32_t *buckets;
	struct device *devices; /* borrowed */
};

/** Of devices in that array; buckets for as many as are `expected`. -ENOMEM. */
MUST_CHECK int table_init(struct table *table, struct device *devices, uint32_t expected);
void table_done(struct table *table); /* a zeroed one is fine */

/** By this hash: the first of its chain, and each `chain` of it; TABLE_NOBODY ends it. */
uint32_t table_first(const struct table *table, uint32_t hash);
/** Puts it where it is found, as the one who asked last. */
void table_enter(struct table *table, struct device *device, uint32_t hash);
/** Takes it out of its chain and of the list. */
void table_leave(struct table *table, const struct device *device, uint32_t hash);
/** It has asked. */
void table_renew(struct table *table, struct device *device);
