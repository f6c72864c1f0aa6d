#include "devices/timeline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/random.h"
#include "device_internal.h"
#include "wire/type.h"

#define NOBODY UINT32_MAX
#define KEYS 6u
#define TENTH_US (USEC_PER_SEC / TENTHS_PER_SEC)

/* Devices stand in an array, in the order of their coming; in chains, by hash; and in a list, by
 * when they asked last. */
struct table {
	uint32_t limit, used, bucket_mask;
	uint32_t newest, oldest;
	uint32_t *buckets;
	struct device *devices;
};

struct timeline {
	const struct clock *clock;
	struct stats *stats;
	uint64_t start_us;
	uint64_t keys[KEYS];
	struct table table;
};

/* --- the table -------------------------------------------------------------------------------- */

static int table_init(struct table *table, uint32_t limit)
{
	uint32_t buckets = 1;

	*table = (struct table){ .limit = limit, .newest = NOBODY, .oldest = NOBODY };
	if (limit == 0)
		return 0;
	while (buckets < limit && buckets < 1u << 30)
		buckets *= 2;
	table->bucket_mask = buckets - 1;
	table->buckets = mem_alloc(buckets * sizeof(uint32_t));
	/* Not touched, and so not taken from the system, before it is used. */
	table->devices = mem_zalloc((size_t)limit * sizeof(struct device));
	if (table->buckets == NULL || table->devices == NULL) {
		mem_free(table->buckets);
		mem_free(table->devices);
		return -ENOMEM;
	}
	memset(table->buckets, 0xff, buckets * sizeof(uint32_t));
	return 0;
}

static void table_free(struct table *table)
{
	mem_free(table->buckets);
	mem_free(table->devices);
}

static void unlink_device(struct table *table, const struct device *device)
{
	if (device->newer != NOBODY)
		table->devices[device->newer].older = device->older;
	else
		table->newest = device->older;
	if (device->older != NOBODY)
		table->devices[device->older].newer = device->newer;
	else
		table->oldest = device->newer;
}

static void link_newest(struct table *table, struct device *device)
{
	const uint32_t at = (uint32_t)(device - table->devices);

	device->newer = NOBODY;
	device->older = table->newest;
	if (table->newest != NOBODY)
		table->devices[table->newest].newer = at;
	else
		table->oldest = at;
	table->newest = at;
}

static uint32_t word_at(const uint8_t *bytes, size_t i)
{
	uint32_t word;

	memcpy(&word, bytes + i * sizeof(word), sizeof(word));
	return word;
}

/* Strongly universal, so that nobody can choose addresses that meet in one bucket: products of
 * pairs of words, each with a secret number added (Thorup, "High speed hashing for integers and
 * strings", section 3.5). A fifth of what SipHash costs, which is felt on each hit. */
static uint32_t hash_of(const uint64_t keys[KEYS], const uint8_t bytes[16], uint32_t more,
			uint32_t sort)
{
	uint64_t sum = (keys[0] + word_at(bytes, 1)) * (keys[1] + word_at(bytes, 0));

	sum += (keys[2] + word_at(bytes, 3)) * (keys[3] + word_at(bytes, 2));
	sum += (keys[4] + more) * (keys[5] + sort);
	return (uint32_t)(sum >> 32);
}

static uint32_t *bucket_of(const struct timeline *timeline, const struct table *table,
			   const struct addr *address, const uint8_t *hardware)
{
	uint8_t bytes[16] = { 0 };
	uint32_t hash;

	if (hardware != NULL) {
		memcpy(bytes, hardware, OPTION_HARDWARE_LEN);
		hash = hash_of(timeline->keys, bytes, 0, UINT32_MAX);
	} else {
		hash = hash_of(timeline->keys, address->bytes, address->scope, address->family);
	}
	return &table->buckets[hash & table->bucket_mask];
}

static uint32_t *bucket_of_device(const struct timeline *timeline, const struct table *table,
				  const struct device *device)
{
	return bucket_of(timeline, table, &device->address,
			 device->has_hardware ? device->hardware : NULL);
}

static bool is_device(const struct device *device, const struct timeline_event *event)
{
	if (event->hardware != NULL)
		return device->has_hardware &&
		       memcmp(device->hardware, event->hardware, OPTION_HARDWARE_LEN) == 0;
	return !device->has_hardware && addr_same_host(&device->address, event->client);
}

static struct device *find(const struct timeline *timeline, const struct timeline_event *event)
{
	const struct table *table = &timeline->table;

	for (uint32_t at = *bucket_of(timeline, table, event->client, event->hardware);
	     at != NOBODY; at = table->devices[at].chain) {
		if (is_device(&table->devices[at], event))
			return &table->devices[at];
	}
	return NULL;
}

static void forget(struct timeline *timeline, const struct device *device)
{
	struct table *table = &timeline->table;
	uint32_t *link = bucket_of_device(timeline, table, device);

	while (*link != (uint32_t)(device - table->devices))
		link = &table->devices[*link].chain;
	*link = device->chain;
	unlink_device(table, device);
	stats_add(timeline->stats, STAT_LIMIT_DEVICES, 1);
}

/* Puts it where it is found. */
static void enter(const struct timeline *timeline, struct table *table, struct device *device)
{
	uint32_t *bucket = bucket_of_device(timeline, table, device);

	device->chain = *bucket;
	*bucket = (uint32_t)(device - table->devices);
	link_newest(table, device);
}

static struct device *add(struct timeline *timeline, const struct timeline_event *event)
{
	struct table *table = &timeline->table;
	struct device *device;

	if (table->used < table->limit) {
		device = &table->devices[table->used++];
	} else {
		device = &table->devices[table->oldest];
		forget(timeline, device);
	}
	*device = (struct device){ .address = *event->client };
	device->address.port = 0;
	if (event->hardware != NULL) {
		device->has_hardware = true;
		memcpy(device->hardware, event->hardware, OPTION_HARDWARE_LEN);
	}
	enter(timeline, table, device);
	return device;
}

/* --- its life --------------------------------------------------------------------------------- */

struct timeline *timeline_new(uint32_t limit, const struct clock *clock, struct stats *stats)
{
	struct timeline *timeline = mem_zalloc(sizeof(*timeline));

	if (timeline == NULL)
		return NULL;
	*timeline = (struct timeline){ .clock = clock, .stats = stats, .start_us = clock->now_us };
	random_bytes(timeline->keys, sizeof(timeline->keys));
	if (table_init(&timeline->table, limit) != 0) {
		mem_free(timeline);
		return NULL;
	}
	return timeline;
}

void timeline_free(struct timeline *timeline)
{
	if (timeline == NULL)
		return;
	table_free(&timeline->table);
	mem_free(timeline);
}

/* The oldest first, so that each is the newest when it comes. */
static void move_devices(const struct timeline *timeline, struct table *to)
{
	const struct table *from = &timeline->table;
	uint32_t at = from->oldest;

	for (uint32_t left = from->used; left > to->limit; left--)
		at = from->devices[at].newer;
	for (; at != NOBODY && to->limit > 0; at = from->devices[at].newer) {
		struct device *device = &to->devices[to->used++];

		*device = from->devices[at];
		enter(timeline, to, device);
	}
}

int timeline_set_limit(struct timeline *timeline, uint32_t limit)
{
	struct table table;

	if (limit == timeline->table.limit)
		return 0;
	if (table_init(&table, limit) != 0)
		return -ENOMEM;
	move_devices(timeline, &table);
	stats_add(timeline->stats, STAT_LIMIT_DEVICES, timeline->table.used - table.used);
	table_free(&timeline->table);
	timeline->table = table;
	return 0;
}

uint32_t timeline_limit(const struct timeline *timeline)
{
	return timeline->table.limit;
}

/* From 1 on: 0 is "never". */
static uint32_t tenths(const struct timeline *timeline)
{
	return 1 + (uint32_t)((timeline->clock->now_us - timeline->start_us) / TENTH_US);
}

void timeline_note(struct timeline *timeline, const struct timeline_event *event)
{
	struct table *table = &timeline->table;

	if (table->limit == 0)
		return;
	if (event->match.expects == STAGE_EXPECTS_TEXT && event->type != TYPE_TXT)
		return;
	struct device *device = find(timeline, event);
	if (device == NULL && event->match.is_shared)
		return;
	if (device == NULL)
		device = add(timeline, event);
	const uint32_t now = tenths(timeline);
	if (device->last != now) { /* else its place is good enough, which spares three others */
		unlink_device(table, device);
		link_newest(table, device);
		device->last = now;
	}
	if (event->hardware != NULL) { /* it may come by another forwarder now */
		device->address = *event->client;
		device->address.port = 0;
	}
	device_note(device, event, now);
}

/* --- out -------------------------------------------------------------------------------------- */

const char *timeline_told_text(enum told told)
{
	static const char *const texts[] = {
		"answered", "nodata", "nxdomain", "dangling", "dangling-nxdomain",
		"bare",	    "failed", "sinkhole", "silence"
	};

	return texts[told];
}

const char *timeline_told_by_text(enum told_by by)
{
	static const char *const texts[] = { "upstream", "cache", "stale", "rule", "us" };

	return texts[by];
}

static uint64_t time_of(const struct timeline *timeline, uint32_t at)
{
	return timeline->start_us + (uint64_t)(at - 1) * TENTH_US;
}

static void report_stage(const struct timeline *timeline, const struct slot *slot,
			 struct device_stage *ret_stage)
{
	*ret_stage = (struct device_stage){
		.is_reached = slot->asked > 0,
		.asked = slot->asked,
		.good = slot->good,
		.type = slot->type,
		.rcode = slot->rcode,
		.told = slot->told,
		.by = slot->told_by,
		.address = { .family = slot->family },
	};
	if (!ret_stage->is_reached)
		return;
	ret_stage->first_us = time_of(timeline, slot->first);
	ret_stage->last_us = time_of(timeline, slot->last);
	memcpy(ret_stage->address.bytes, slot->address, sizeof(slot->address));
	device_name(slot, &ret_stage->name);
}

static uint32_t count_numbers(const uint64_t numbers[DEVICE_NUMBERS / 64])
{
	uint32_t count = 0;

	for (size_t i = 0; i < DEVICE_NUMBERS / 64; i++) {
		for (uint64_t left = numbers[i]; left != 0; left &= left - 1)
			count++;
	}
	return count;
}

static void report_device(const struct timeline *timeline, const struct device *device,
			  struct device_report *ret_report)
{
	struct device_report *report = ret_report;

	*report = (struct device_report){
		.address = device->address,
		.has_hardware = device->has_hardware,
		.first_us = UINT64_MAX,
		.variants = count_numbers(device->numbers),
		.variants_answered = count_numbers(device->numbers_good),
	};
	memcpy(report->hardware, device->hardware, OPTION_HARDWARE_LEN);
	for (size_t i = 0; i < STAGE_KINDS; i++) {
		struct device_stage *stage = &report->stages[i];

		report_stage(timeline, &device->slots[i], stage);
		if (stage->is_reached && stage->first_us < report->first_us)
			report->first_us = stage->first_us;
		if (stage->is_reached && stage->last_us > report->last_us)
			report->last_us = stage->last_us;
	}
	diagnosis_make(device, tenths(timeline), &report->diagnosis);
}

void timeline_walk(const struct timeline *timeline, timeline_report_fn fn, void *ctx)
{
	timeline_walk_some(timeline, UINT32_MAX, fn, ctx);
}

void timeline_walk_some(const struct timeline *timeline, uint32_t max, timeline_report_fn fn,
			void *ctx)
{
	const struct table *table = &timeline->table;
	struct device_report report;

	for (uint32_t at = table->newest; at != NOBODY && max > 0; at = table->devices[at].older) {
		max--;
		report_device(timeline, &table->devices[at], &report);
		fn(ctx, &report);
	}
}

/* Who is called so. */
struct name {
	const char *text;
	struct addr address; /* ADDR_NONE where it is none */
};

static bool is_called(const struct name *name, const struct addr *address, const uint8_t *hardware)
{
	struct hardware_text text;

	if (hardware != NULL &&
	    strcasecmp(timeline_hardware_to_text(hardware, &text), name->text) == 0)
		return true;
	return name->address.family != ADDR_NONE && addr_same_host(&name->address, address);
}

static struct name name_of(const char *text)
{
	struct name name = { .text = text };

	if (addr_parse(text, 0, &name.address) != 0)
		name.address = (struct addr){ .family = ADDR_NONE };
	return name;
}

void timeline_walk_called(const struct timeline *timeline, const char *text, uint32_t max,
			  timeline_report_fn fn, void *ctx)
{
	const struct table *table = &timeline->table;
	const struct name name = name_of(text);
	struct device_report report;

	for (uint32_t at = table->newest; at != NOBODY && max > 0; at = table->devices[at].older) {
		const struct device *device = &table->devices[at];

		if (!is_called(&name, &device->address,
			       device->has_hardware ? device->hardware : NULL))
			continue;
		max--;
		report_device(timeline, device, &report);
		fn(ctx, &report);
	}
}

void timeline_report(const struct timeline *timeline, struct timeline_report *ret_report)
{
	const struct table *table = &timeline->table;

	*ret_report = (struct timeline_report){ .limit = table->limit, .known = table->used };
	for (uint32_t i = 0; i < table->used; i++) {
		struct diagnosis diagnosis;

		diagnosis_make(&table->devices[i], tenths(timeline), &diagnosis);
		ret_report->by_verdict[diagnosis.verdict]++;
	}
}

const char *timeline_hardware_to_text(const uint8_t hardware[OPTION_HARDWARE_LEN],
				      struct hardware_text *into)
{
	snprintf(into->text, sizeof(into->text), "%02x:%02x:%02x:%02x:%02x:%02x", hardware[0],
		 hardware[1], hardware[2], hardware[3], hardware[4], hardware[5]);
	return into->text;
}

bool timeline_is_called(const struct device_report *report, const char *text)
{
	const struct name name = name_of(text);

	return is_called(&name, &report->address, report->has_hardware ? report->hardware : NULL);
}
