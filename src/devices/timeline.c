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

static uint32_t hash_client(const struct shared *shared, const struct addr *address,
			    const uint8_t *hardware)
{
	uint8_t bytes[16] = { 0 };

	if (hardware == NULL)
		return hash_of(shared->keys, address->bytes, address->scope, address->family);
	memcpy(bytes, hardware, OPTION_HARDWARE_LEN);
	return hash_of(shared->keys, bytes, 0, UINT32_MAX);
}

static uint32_t hash_device(const struct shared *shared, const struct device *device)
{
	return hash_client(shared, &device->address,
			   device->has_hardware ? device->hardware : NULL);
}

/* By the upper bits; the lower ones choose the bucket. */
static uint32_t shard_of(uint32_t hash, uint32_t count)
{
	return hash >> 24 & (count - 1);
}

static bool is_device(const struct device *device, const struct timeline_event *event)
{
	if (event->hardware != NULL)
		return device->has_hardware &&
		       memcmp(device->hardware, event->hardware, OPTION_HARDWARE_LEN) == 0;
	return !device->has_hardware && addr_same_host(&device->address, event->client);
}

static struct device *find(const struct table *table, const struct timeline_event *event,
			   uint32_t hash)
{
	for (uint32_t at = table_first(table, hash); at != TABLE_NOBODY;
	     at = table->devices[at].chain) {
		if (is_device(&table->devices[at], event))
			return &table->devices[at];
	}
	return NULL;
}

/* A place for one more, or that of the device that has been idle longest; NULL where there is
 * neither, all that are known being of other shards. */
static struct device *find_place(struct timeline *timeline, struct table *table)
{
	struct shared *shared = timeline->shared;
	const uint32_t at = atomic_fetch_add(&shared->known, 1);

	if (at < shared->limit)
		return &shared->devices[at];
	atomic_fetch_sub(&shared->known, 1);
	stats_add(timeline->stats, STAT_LIMIT_DEVICES, 1);
	if (table->oldest == TABLE_NOBODY)
		return NULL;
	struct device *device = &table->devices[table->oldest];
	table_leave(table, device, hash_device(shared, device));
	return device;
}

static struct device *add(struct timeline *timeline, struct table *table,
			  const struct timeline_event *event, uint32_t hash)
{
	struct device *device = find_place(timeline, table);

	if (device == NULL)
		return NULL;
	*device = (struct device){ .address = *event->client };
	device->address.port = 0;
	if (event->hardware != NULL) {
		device->has_hardware = true;
		memcpy(device->hardware, event->hardware, OPTION_HARDWARE_LEN);
	}
	table_enter(table, device, hash);
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
	for (uint32_t i = 0; i < SHARDS_MAX; i++) {
		table_done(&shared->shards[i].table);
		lock_done(&shared->shards[i].lock);
	}
	mem_free(shared->devices);
	mem_free(shared);
}

/* What a limit asks for. */
struct room {
	uint32_t limit, count; /* of devices; of tables that are in use */
	struct device *devices;
	struct table tables[SHARDS_MAX];
};

static void room_done(struct room *room)
{
	for (uint32_t i = 0; i < SHARDS_MAX; i++)
		table_done(&room->tables[i]);
	mem_free(room->devices);
}

static uint32_t count_shards(uint32_t limit, bool has_workers)
{
	uint32_t count = 1;

	while (has_workers && count < SHARDS_MAX && limit / (2 * count) >= SHARD_DEVICES)
		count *= 2;
	return count;
}

/* In memory that is not touched before it is used. */
static int room_init(struct room *room, uint32_t limit, bool has_workers)
{
	int err = 0;

	*room = (struct room){ .limit = limit, .count = count_shards(limit, has_workers) };
	room->devices = mem_zalloc((size_t)limit * sizeof(struct device));
	if (room->devices == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < room->count && err == 0; i++)
		err = table_init(&room->tables[i], room->devices, limit / room->count);
	if (err != 0)
		room_done(room);
	return err;
}

/* In place of what there is, whose devices it has. */
static void put_room(struct shared *shared, const struct room *room)
{
	for (uint32_t i = 0; i < SHARDS_MAX; i++) {
		table_done(&shared->shards[i].table);
		shared->shards[i].table = room->tables[i];
	}
	mem_free(shared->devices);
	shared->devices = room->devices;
	shared->limit = room->limit;
	shared->count = room->count;
}

struct timeline *timeline_new(uint32_t limit, unsigned workers, const struct clock *clock,
			      struct stats *stats)
{
	struct shared *shared = mem_zalloc(sizeof(*shared));
	struct room room;

	if (shared == NULL)
		return NULL;
	shared->start_us = clock->now_us;
	shared->has_workers = workers > 1;
	random_bytes(shared->keys, sizeof(shared->keys));
	for (uint32_t i = 0; i < SHARDS_MAX; i++)
		lock_init(&shared->shards[i].lock, workers > 1);
	if (room_init(&room, limit, workers > 1) != 0) {
		shared_free(shared);
		return NULL;
	}
	put_room(shared, &room);
	struct timeline *timeline = handle_new(shared, clock, stats);
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

/* Those who asked last, as many as the limit lets; the oldest first, so that each is the newest
 * when it comes. Returns how many. */
static uint32_t copy_devices(struct shared *shared, struct room *room)
{
	const uint32_t known = shared->known, kept = known < room->limit ? known : room->limit;
	struct walk walk = timeline_walk_from(shared, false);

	for (uint32_t i = 0; i < known; i++) {
		const struct device *from = timeline_walk_next(&walk);

		if (i < known - kept)
			continue;
		const uint32_t hash = hash_device(shared, from);
		struct device *device = &room->devices[i - (known - kept)];
		*device = *from;
		table_enter(&room->tables[shard_of(hash, room->count)], device, hash);
	}
	return kept;
}

int timeline_set_limit(struct timeline *timeline, uint32_t limit)
{
	struct shared *shared = timeline->shared;
	struct room room;

	const bool is_same = limit == shared->limit;
	if (is_same && count_shards(limit, shared->has_workers) == shared->count)
		return 0;
	const int err = room_init(&room, limit, shared->has_workers);
	if (err != 0) /* with fewer shards workers wait for each other, no more than that */
		return is_same ? 0 : err;
	const uint32_t kept = copy_devices(shared, &room);
	stats_add(timeline->stats, STAT_LIMIT_DEVICES, shared->known - kept);
	shared->known = kept;
	put_room(shared, &room);
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
	struct table *table = &shard->table;
	struct device *device = find(table, event, hash);

	if (device == NULL && event->match.is_shared)
		return;
	if (device == NULL)
		device = add(timeline, table, event, hash);
	if (device == NULL)
		return;
	const uint32_t now = tenths_in(timeline, shard);
	if (device->last != now) { /* else its place is good enough, which spares three others */
		table_renew(table, device);
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
	const uint32_t hash = hash_client(shared, event->client, event->hardware);
	struct shard *shard = &shared->shards[shard_of(hash, shared->count)];
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
	for (uint32_t i = 0; i < shared->count; i++)
		report.known += shared->shards[i].table.used;
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
