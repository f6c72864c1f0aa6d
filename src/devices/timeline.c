#include "devices/timeline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "timeline_internal.h"
#include "wire/type.h"

/* With several workers, as many shards as leave each devices enough that none is empty when all of
 * them are full. */
#define SHARD_DEVICES 64u

/* --- the shards ------------------------------------------------------------------------------- */

/* Strongly universal, so that nobody can choose addresses that meet in one bucket: products of
 * pairs of words, each with a secret number added (Thorup, "High speed hashing for integers and
 * strings", section 3.5). A fifth of what SipHash costs, which is felt on each hit. */
static uint32_t hash_of(const struct shared *shared, const struct addr *address,
			const uint8_t *hardware)
{
	uint32_t words[KEYS] = { 0 };
	uint64_t sum = 0;

	if (hardware != NULL) {
		memcpy(words, hardware, OPTION_HARDWARE_LEN);
		words[5] = UINT32_MAX;
	} else {
		memcpy(words, address->bytes, sizeof(address->bytes));
		words[4] = address->scope;
		words[5] = address->family;
	}
	for (unsigned i = 0; i < KEYS; i += 2)
		sum += (shared->keys[i] + words[i]) * (shared->keys[i + 1] + words[i + 1]);
	return (uint32_t)(sum >> 32);
}

static uint32_t hash_device(const struct shared *shared, const struct device *device)
{
	return hash_of(shared, &device->address, device->has_hardware ? device->hardware : NULL);
}

static struct device **bucket_of(const struct shared *shared, uint32_t hash)
{
	return &shared->buckets[hash & shared->bucket_mask];
}

static struct shard *shard_of(struct shared *shared, uint32_t hash)
{
	return &shared->shards[hash & (shared->count - 1)];
}

static bool is_device(const struct device *device, const struct timeline_event *event)
{
	if (event->hardware != NULL)
		return device->has_hardware &&
		       memcmp(device->hardware, event->hardware, OPTION_HARDWARE_LEN) == 0;
	return !device->has_hardware && addr_same_host(&device->address, event->client);
}

static struct device *find(const struct shared *shared, const struct timeline_event *event,
			   uint32_t hash)
{
	struct device *device = *bucket_of(shared, hash);

	while (device != NULL && !is_device(device, event))
		device = device->chain;
	return device;
}

static void put_in_chain(struct shared *shared, struct device *device, uint32_t hash)
{
	struct device **bucket = bucket_of(shared, hash);

	device->chain = *bucket;
	*bucket = device;
}

static void forget(struct shared *shared, struct device *device)
{
	struct device **at = bucket_of(shared, hash_device(shared, device));

	while (*at != device)
		at = &(*at)->chain;
	*at = device->chain;
	list_remove(&device->link);
}

/* A place for one more, or that of the device that has been idle longest; NULL where there is
 * neither, all that are known being of other shards. */
static struct device *find_place(struct timeline *timeline, struct shard *shard)
{
	struct shared *shared = timeline->shared;
	const uint32_t at = atomic_fetch_add(&shared->known, 1);

	if (at < shared->limit)
		return &shared->devices[at];
	atomic_fetch_sub(&shared->known, 1);
	stats_count(timeline->stats, STAT_LIMIT_DEVICES);
	struct list *idlest = list_first(&shard->devices);
	if (idlest == NULL)
		return NULL;
	struct device *device = LIST_ITEM(idlest, struct device, link);
	forget(shared, device);
	return device;
}

static struct device *add(struct timeline *timeline, struct shard *shard,
			  const struct timeline_event *event, uint32_t hash)
{
	struct device *device = find_place(timeline, shard);

	if (device == NULL)
		return NULL;
	*device = (struct device){ .address = *event->client };
	device->address.port = 0;
	if (event->hardware != NULL) {
		device->has_hardware = true;
		memcpy(device->hardware, event->hardware, OPTION_HARDWARE_LEN);
	}
	put_in_chain(timeline->shared, device, hash);
	return device;
}

/* --- all shards ------------------------------------------------------------------------------- */

void timeline_take_all(const struct timeline *timeline)
{
	for (uint32_t i = 0; i < timeline->shared->count; i++)
		lock_take(&timeline->shared->shards[i].lock);
}

void timeline_give_all(const struct timeline *timeline)
{
	for (uint32_t i = 0; i < timeline->shared->count; i++)
		lock_give(&timeline->shared->shards[i].lock);
}

/* --- its life --------------------------------------------------------------------------------- */

static struct timeline *handle_new(struct shared *shared, const struct clock *clock,
				   struct stats *stats)
{
	struct timeline *timeline = mem_alloc(sizeof(*timeline));

	if (timeline == NULL)
		return NULL;
	*timeline = (struct timeline){ .shared = shared, .clock = clock, .stats = stats };
	atomic_fetch_add(&shared->handles, 1);
	return timeline;
}

static void shared_free(struct shared *shared)
{
	for (uint32_t i = 0; i < SHARDS_MAX; i++)
		lock_done(&shared->shards[i].lock);
	mem_free(shared->devices);
	mem_free(shared);
}

static uint32_t count_shards(uint32_t limit, bool has_workers)
{
	uint32_t count = 1;

	while (has_workers && count < SHARDS_MAX && limit / (2 * count) >= SHARD_DEVICES)
		count *= 2;
	return count;
}

/* With those who asked last, as many as the limit lets, to memory that is not touched before it is
 * used. -ENOMEM: all is as it was. */
static int move(struct shared *shared, uint32_t limit)
{
	const uint32_t known = shared->known, kept = known < limit ? known : limit;
	uint32_t buckets = 1;
	struct walk walk;

	while (buckets < limit && buckets < 1u << 30)
		buckets *= 2;
	struct device *devices = mem_zalloc((size_t)limit * sizeof(*devices) +
					    (size_t)buckets * sizeof(*shared->buckets));
	if (devices == NULL)
		return -ENOMEM;
	timeline_walk_begin(&walk, shared);
	for (uint32_t i = 0; i < SHARDS_MAX; i++)
		list_init(&shared->shards[i].devices);
	shared->limit = limit;
	shared->count = count_shards(limit, shared->has_workers);
	shared->bucket_mask = buckets - 1;
	shared->buckets = (struct device **)(devices + limit);
	for (struct device *device = devices; device < devices + kept; device++) {
		*device = *timeline_walk_next(&walk);
		const uint32_t hash = hash_device(shared, device);
		put_in_chain(shared, device, hash);
		/* before those who asked later */
		list_add(shard_of(shared, hash)->devices.next, &device->link);
	}
	shared->known = kept;
	mem_free(shared->devices);
	shared->devices = devices;
	return 0;
}

struct timeline *timeline_new(uint32_t limit, unsigned workers, const struct clock *clock,
			      struct stats *stats)
{
	struct shared *shared = mem_zalloc(sizeof(*shared));
	struct timeline *timeline = NULL;

	if (shared == NULL)
		return NULL;
	shared->start_us = clock->now_us;
	shared->has_workers = workers > 1;
	random_bytes(shared->keys, sizeof(shared->keys));
	for (uint32_t i = 0; i < SHARDS_MAX; i++)
		lock_init(&shared->shards[i].lock, workers > 1);
	if (move(shared, limit) == 0)
		timeline = handle_new(shared, clock, stats);
	if (timeline == NULL)
		shared_free(shared);
	return timeline;
}

struct timeline *timeline_share(struct timeline *timeline, const struct clock *clock,
				struct stats *stats)
{
	struct shared *shared = timeline->shared;

	shared->has_workers = true; /* more shards by timeline_set_limit() */
	for (uint32_t i = 0; i < SHARDS_MAX; i++)
		lock_share(&shared->shards[i].lock);
	return handle_new(shared, clock, stats);
}

void timeline_free(struct timeline *timeline)
{
	if (timeline == NULL)
		return;
	if (atomic_fetch_sub(&timeline->shared->handles, 1) == 1)
		shared_free(timeline->shared);
	mem_free(timeline);
}

int timeline_set_limit(struct timeline *timeline, uint32_t limit)
{
	struct shared *shared = timeline->shared;
	const uint32_t known = shared->known;
	const bool is_same = limit == shared->limit;

	if (is_same && count_shards(limit, shared->has_workers) == shared->count)
		return 0;
	const int err = move(shared, limit);
	if (err != 0) /* with fewer shards workers wait for each other, no more than that */
		return is_same ? 0 : err;
	stats_add(timeline->stats, STAT_LIMIT_DEVICES, known - shared->known);
	return 0;
}

uint32_t timeline_limit(const struct timeline *timeline)
{
	return timeline->shared->limit;
}

/* From 1 on: 0 is "never". */
static uint32_t tenths(const struct timeline *timeline)
{
	const uint64_t start_us = timeline->shared->start_us, now_us = timeline->clock->now_us;

	return 1 + (now_us > start_us ? (uint32_t)((now_us - start_us) / TENTH_US) : 0);
}

/* In this shard: the clock of another worker may have been ahead of ours. */
static uint32_t tenths_in(const struct timeline *timeline, struct shard *shard)
{
	const uint32_t now = tenths(timeline);

	if (now > shard->latest)
		shard->latest = now;
	return shard->latest;
}

uint32_t timeline_tenths_of_all(const struct timeline *timeline)
{
	const struct shared *shared = timeline->shared;
	uint32_t now = tenths(timeline);

	for (uint32_t i = 0; i < SHARDS_MAX; i++)
		now = shared->shards[i].latest > now ? shared->shards[i].latest : now;
	return now;
}

static void note_in(struct timeline *timeline, struct shard *shard,
		    const struct timeline_event *event, uint32_t hash)
{
	struct device *device = find(timeline->shared, event, hash);

	if (device == NULL && !event->match.is_shared)
		device = add(timeline, shard, event, hash);
	if (device == NULL)
		return;
	const uint32_t now = tenths_in(timeline, shard);
	if (device->last != now) { /* else its place is good enough, which spares two others */
		list_remove(&device->link);
		list_add(&shard->devices, &device->link);
		device->last = now;
	}
	if (event->hardware != NULL) { /* it may come by another forwarder now */
		device->address = *event->client;
		device->address.port = 0;
	}
	device_note(device, event, now);
}

void timeline_note(struct timeline *timeline, const struct timeline_event *event)
{
	struct shared *shared = timeline->shared;

	if (shared->limit == 0)
		return;
	if (event->match.expects == STAGE_EXPECTS_TEXT && event->type != TYPE_TXT)
		return;
	const uint32_t hash = hash_of(shared, event->client, event->hardware);
	struct shard *shard = shard_of(shared, hash);
	lock_take(&shard->lock);
	note_in(timeline, shard, event, hash);
	lock_give(&shard->lock);
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

void timeline_report(const struct timeline *timeline, struct timeline_report *ret_report)
{
	const struct shared *shared = timeline->shared;
	struct timeline_report report = { .limit = shared->limit };

	timeline_take_all(timeline);
	const uint32_t now = timeline_tenths_of_all(timeline);
	report.known = shared->known;
	for (uint32_t at = 0; at < report.known; at++) {
		struct diagnosis diagnosis;

		diagnosis_make(&shared->devices[at], now, &diagnosis);
		report.by_verdict[diagnosis.verdict]++;
	}
	timeline_give_all(timeline);
	*ret_report = report;
}

const char *timeline_hardware_to_text(const uint8_t hardware[OPTION_HARDWARE_LEN],
				      struct hardware_text *into)
{
	snprintf(into->text, sizeof(into->text), "%02x:%02x:%02x:%02x:%02x:%02x", hardware[0],
		 hardware[1], hardware[2], hardware[3], hardware[4], hardware[5]);
	return into->text;
}
