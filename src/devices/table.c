#include "table_internal.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

int table_init(struct table *table, struct device *devices, uint32_t expected)
{
	uint32_t buckets = 1;

	*table = (struct table){ .devices = devices,
				 .newest = TABLE_NOBODY,
				 .oldest = TABLE_NOBODY };
	while (buckets < expected && buckets < 1u << 30)
		buckets *= 2;
	table->bucket_mask = buckets - 1;
	table->buckets = mem_alloc(buckets * sizeof(uint32_t));
	if (table->buckets == NULL)
		return -ENOMEM;
	memset(table->buckets, 0xff, buckets * sizeof(uint32_t));
	return 0;
}

void table_done(struct table *table)
{
	mem_free(table->buckets);
}

static void unlink_device(struct table *table, const struct device *device)
{
	if (device->newer != TABLE_NOBODY)
		table->devices[device->newer].older = device->older;
	else
		table->newest = device->older;
	if (device->older != TABLE_NOBODY)
		table->devices[device->older].newer = device->newer;
	else
		table->oldest = device->newer;
}

static void link_newest(struct table *table, struct device *device)
{
	const uint32_t at = (uint32_t)(device - table->devices);

	device->newer = TABLE_NOBODY;
	device->older = table->newest;
	if (table->newest != TABLE_NOBODY)
		table->devices[table->newest].newer = at;
	else
		table->oldest = at;
	table->newest = at;
}

uint32_t table_first(const struct table *table, uint32_t hash)
{
	return table->buckets[hash & table->bucket_mask];
}

void table_enter(struct table *table, struct device *device, uint32_t hash)
{
	uint32_t *bucket = &table->buckets[hash & table->bucket_mask];

	device->chain = *bucket;
	*bucket = (uint32_t)(device - table->devices);
	link_newest(table, device);
	table->used++;
}

void table_leave(struct table *table, const struct device *device, uint32_t hash)
{
	uint32_t *link = &table->buckets[hash & table->bucket_mask];

	while (*link != (uint32_t)(device - table->devices))
		link = &table->devices[*link].chain;
	*link = device->chain;
	unlink_device(table, device);
	table->used--;
}

void table_renew(struct table *table, struct device *device)
{
	unlink_device(table, device);
	link_newest(table, device);
}
