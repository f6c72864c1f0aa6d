#include "timeline_internal.h"

#include <string.h>
#include <strings.h>

void timeline_walk_begin(struct walk *walk, const struct shared *shared)
{
	walk->shared = shared;
	walk->count = shared->count;
	for (uint32_t i = 0; i < shared->count; i++)
		walk->at[i] = shared->shards[i].devices.prev;
}

const struct device *timeline_walk_next(struct walk *walk)
{
	const struct device *next = NULL;
	uint32_t from = 0;

	for (uint32_t i = 0; i < walk->count; i++) {
		const struct list *at = walk->at[i];

		if (at == &walk->shared->shards[i].devices)
			continue;
		const struct device *device = LIST_ITEM(at, struct device, link);
		if (next == NULL || device->last > next->last) {
			next = device;
			from = i;
		}
	}
	if (next != NULL)
		walk->at[from] = next->link.prev;
	return next;
}

static uint64_t time_of(const struct timeline *timeline, uint32_t at)
{
	return timeline->shared->start_us + (uint64_t)(at - 1) * TENTH_US;
}

static void report_stage(const struct timeline *timeline, const struct slot *slot,
			 struct device_stage *ret_stage)
{
	*ret_stage = (struct device_stage){
		.is_reached = slot->asked > 0,
		.asked = slot->asked,
		.good = slot->good,
		.type = slot->saying.type,
		.rcode = slot->saying.rcode,
		.told = slot->saying.told,
		.by = slot->saying.by,
		.address = { .family = slot->saying.family },
	};
	if (!ret_stage->is_reached)
		return;
	ret_stage->first_us = time_of(timeline, slot->first);
	ret_stage->last_us = time_of(timeline, slot->last);
	memcpy(ret_stage->address.bytes, slot->saying.address, sizeof(slot->saying.address));
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
			  uint32_t now, struct device_report *ret_report)
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
		struct device_stage *stage = report->stages + i;

		report_stage(timeline, &device->slots[i], stage);
		if (stage->is_reached && stage->first_us < report->first_us)
			report->first_us = stage->first_us;
		if (stage->is_reached && stage->last_us > report->last_us)
			report->last_us = stage->last_us;
	}
	diagnosis_make(device, now, &report->diagnosis);
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

/* The first `max` who are called so; NULL: all. */
static void walk_who(const struct timeline *timeline, const struct name *name, uint32_t max,
		     timeline_report_fn fn, void *ctx)
{
	struct device_report report;
	const struct device *device;
	struct walk walk;

	timeline_take_all(timeline);
	const uint32_t now = timeline_tenths_of_all(timeline);
	timeline_walk_begin(&walk, timeline->shared);
	while (max > 0 && (device = timeline_walk_next(&walk)) != NULL) {
		if (name != NULL && !is_called(name, &device->address,
					       device->has_hardware ? device->hardware : NULL))
			continue;
		max--;
		report_device(timeline, device, now, &report);
		fn(ctx, &report);
	}
	timeline_give_all(timeline);
}

void timeline_walk(const struct timeline *timeline, timeline_report_fn fn, void *ctx)
{
	walk_who(timeline, NULL, UINT32_MAX, fn, ctx);
}

void timeline_walk_some(const struct timeline *timeline, uint32_t max, timeline_report_fn fn,
			void *ctx)
{
	walk_who(timeline, NULL, max, fn, ctx);
}

void timeline_walk_called(const struct timeline *timeline, const char *text, uint32_t max,
			  timeline_report_fn fn, void *ctx)
{
	const struct name name = name_of(text);

	walk_who(timeline, &name, max, fn, ctx);
}

bool timeline_walk_is_called(const struct device_report *report, const char *text)
{
	const struct name name = name_of(text);

	return is_called(&name, &report->address, report->has_hardware ? report->hardware : NULL);
}
