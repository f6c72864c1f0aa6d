#include "device_internal.h"

#include <string.h>

#include "wire/cursor.h"
#include "wire/type.h"

/* --- what was told ---------------------------------------------------------------------------- */

static void skip_name(struct cursor *cursor)
{
	for (uint8_t len; (len = cursor_u8(cursor)) != 0;) {
		if (len >= 0xc0) {
			cursor_u8(cursor);
			return;
		}
		cursor_bytes(cursor, len);
	}
}

/* The first A or AAAA record of the answer. Where there is a question, it is that of the event. */
static void read_address(const struct timeline_event *event, struct addr *ret_address)
{
	struct cursor cursor = cursor_over(event->wire, event->wire_len);

	cursor_bytes(&cursor, 4);
	const uint16_t questions = cursor_u16(&cursor);
	const uint16_t answers = cursor_u16(&cursor);
	cursor_bytes(&cursor, 4);
	if (questions > 0)
		cursor_bytes(&cursor, event->name_len + 4);
	for (uint16_t i = 0; i < answers && !cursor.failed; i++) {
		skip_name(&cursor);
		const uint16_t type = cursor_u16(&cursor);
		cursor_bytes(&cursor, 6);
		const uint16_t len = cursor_u16(&cursor);
		const uint8_t *rdata = cursor_bytes(&cursor, len);
		const bool is_ipv4 = type == TYPE_A && len == 4;

		if (rdata == NULL || (!is_ipv4 && (type != TYPE_AAAA || len != 16)))
			continue;
		memcpy(ret_address->bytes, rdata, len);
		ret_address->family = is_ipv4 ? ADDR_IPV4 : ADDR_IPV6;
		return;
	}
}

/* Nothing that a device could connect to: what blocklists answer. */
static bool leads_nowhere(const struct addr *address)
{
	static const uint8_t any[16], loopback[16] = { [15] = 1 };
	const uint8_t *bytes = address->bytes;

	if (address->family == ADDR_IPV4)
		return bytes[0] == 127 || memcmp(bytes, any, 4) == 0;
	return address->family == ADDR_IPV6 &&
	       (memcmp(bytes, any, 16) == 0 || memcmp(bytes, loopback, 16) == 0);
}

static enum worth worth_of_no_data(const struct timeline_event *event, enum told told)
{
	switch (event->match.expects) {
	case STAGE_EXPECTS_ADDRESS:
	case STAGE_EXPECTS_TEXT:
		return WORTH_BAD;
	case STAGE_EXPECTS_DANGLING:
		return told == TOLD_DANGLING ? WORTH_GOOD : WORTH_BAD;
	case STAGE_EXPECTS_NOTHING:
		return WORTH_GOOD;
	}
	UNREACHABLE();
}

/* Of a host only its addresses count, and no harm is done if one family has none. */
static bool is_beside_the_point(const struct timeline_event *event, enum told told)
{
	if (event->match.expects != STAGE_EXPECTS_ADDRESS || event->type == TYPE_A)
		return false;
	return event->type != TYPE_AAAA || told != TOLD_ANSWERED;
}

static enum worth worth_of(const struct timeline_event *event, enum told told)
{
	if (is_beside_the_point(event, told))
		return WORTH_NOTHING;
	switch (told) {
	case TOLD_ANSWERED:
		return WORTH_GOOD;
	case TOLD_NODATA:
	case TOLD_DANGLING:
	case TOLD_BARE:
		return worth_of_no_data(event, told);
	case TOLD_NXDOMAIN:
	case TOLD_DANGLING_NXDOMAIN:
	case TOLD_FAILED:
	case TOLD_SINKHOLE:
	case TOLD_SILENCE:
		return WORTH_BAD;
	}
	UNREACHABLE();
}

/* --- in --------------------------------------------------------------------------------------- */

/* What a device is told after the reply of an event, as it is put down. */
struct saying {
	uint32_t now;
	enum told told;
	enum worth worth;
	bool is_same_name; /* as the stage's slot holds */
	bool is_about_it;  /* the same; or both numbered couriers, of which one will do */
	struct addr address;
};

static size_t kept_len(const struct timeline_event *event)
{
	return event->name_len < DEVICE_NAME_MAX ? event->name_len : DEVICE_NAME_MAX;
}

static bool is_same_name(const struct slot *slot, const struct timeline_event *event)
{
	return slot->name_len == (uint8_t)event->name_len &&
	       memcmp(slot->name, event->name, kept_len(event)) == 0;
}

static void put_name(struct slot *slot, const struct timeline_event *event)
{
	slot->name_len = (uint8_t)event->name_len;
	memcpy(slot->name, event->name, kept_len(event));
}

/* What is bad stays until that same name is well, or the next attempt; what is of no worth is
 * better than nothing. */
static bool is_telling(const struct slot *slot, const struct timeline_event *event,
		       const struct saying *saying)
{
	if (slot->asked == 0 || slot->worth == WORTH_NOTHING || saying->worth == WORTH_BAD)
		return true;
	if (saying->worth == WORTH_NOTHING)
		return slot->type == event->type && slot->worth == WORTH_GOOD &&
		       saying->is_about_it;
	return slot->worth == WORTH_GOOD || saying->is_about_it;
}

static void put_down(struct slot *slot, const struct timeline_event *event,
		     const struct saying *saying)
{
	slot->type = event->type;
	slot->rcode = event->rcode;
	slot->told = (uint8_t)saying->told;
	slot->told_by = (uint8_t)event->by;
	slot->worth = (uint8_t)saying->worth;
	slot->family = saying->address.family;
	memcpy(slot->address, saying->address.bytes, sizeof(slot->address));
	if (!saying->is_same_name)
		put_name(slot, event);
}

static void count_bad(struct slot *slot, const struct saying *saying)
{
	if (slot->bad_run == 0)
		slot->bad_since = saying->now;
	if (slot->bad_run < UINT16_MAX)
		slot->bad_run++;
}

static void note_stage(struct slot *slot, const struct timeline_event *event,
		       const struct saying *saying)
{
	if (is_telling(slot, event, saying))
		put_down(slot, event, saying);
	if (slot->asked == 0)
		slot->first = saying->now;
	slot->last = saying->now;
	slot->asked += slot->asked < UINT32_MAX;
	slot->good += saying->worth != WORTH_BAD && !device_is_failure(saying->told) &&
		      slot->good < UINT32_MAX;
	if (saying->worth == WORTH_BAD)
		count_bad(slot, saying);
	else if (saying->worth == WORTH_GOOD && saying->is_about_it)
		slot->bad_run = 0;
}

static void begin_attempt(struct device *device, enum stage stage, uint32_t now)
{
	device->has_attempt = true;
	device->furthest = (uint8_t)stage;
	device->since = now;
	for (unsigned i = STAGE_ACTIVATION; i < STAGE_KINDS; i++) {
		device->slots[i].bad_run = 0;
		device->slots[i].worth = WORTH_NOTHING;
	}
}

/* It knows a courier, has looked for a captive portal since, and is activated now: it has been
 * erased, and knows nothing any more. */
static bool has_begun_anew(const struct device *device, const struct stage_match *match,
			   uint32_t now)
{
	const struct slot *captive = &device->slots[STAGE_CAPTIVE];

	return match->stage == STAGE_ACTIVATION && !match->is_everyday && device->has_courier &&
	       captive->last > device->courier_at && now - captive->last < DEVICE_FRESH;
}

/* Before the stage itself is noted. */
static void note_attempt(struct device *device, const struct stage_match *match, uint32_t now)
{
	const bool is_under_way = device->has_attempt && now - device->asked < DEVICE_ATTEMPT_GAP;
	const enum stage stage = match->stage;
	const bool is_by_the_way = stage == STAGE_ENROLMENT || match->is_everyday;

	if (stage < STAGE_ACTIVATION || stage > STAGE_ENROLMENT)
		return;
	if (has_begun_anew(device, match, now)) {
		device->has_courier = false;
		begin_attempt(device, stage, now);
	} else if (!is_under_way) {
		if (is_by_the_way)
			return;
		begin_attempt(device, stage, now);
	} else if (stage > device->furthest) {
		device->furthest = (uint8_t)stage;
		device->since = now;
	}
	if (!is_by_the_way)
		device->asked = now;
}

static struct try *try_for(struct device *device, const struct stage_match *match)
{
	struct try *oldest = &device->tries[0];

	for (unsigned i = 0; i < DEVICE_TRIES; i++) {
		struct try *try = &device->tries[i];

		if (try->last > 0 && try->n == match->n && try->pool == match->pool)
			return try;
		if (try->last < oldest->last)
			oldest = try;
	}
	*oldest = (struct try){ .n = match->n, .pool = match->pool };
	return oldest;
}

static void note_variant(struct device *device, const struct stage_match *match,
			 const struct saying *saying)
{
	const uint64_t bit = UINT64_C(1) << match->n % 64;
	const size_t word = match->n % DEVICE_NUMBERS / 64;
	struct try *try = try_for(device, match);

	try->last = saying->now;
	device->numbers[word] |= bit;
	if (saying->worth == WORTH_BAD)
		try->is_answered = false;
	if (saying->worth != WORTH_GOOD)
		return;
	try->is_answered = true;
	device->numbers_good[word] |= bit;
	device->has_courier = true;
	device->courier_at = saying->now;
}

bool device_is_failure(enum told told)
{
	switch (told) {
	case TOLD_ANSWERED:
	case TOLD_NODATA:
	case TOLD_DANGLING:
	case TOLD_BARE:
		return false;
	case TOLD_NXDOMAIN:
	case TOLD_DANGLING_NXDOMAIN:
	case TOLD_FAILED:
	case TOLD_SINKHOLE:
	case TOLD_SILENCE:
		return true;
	}
	UNREACHABLE();
}

void device_note(struct device *device, const struct timeline_event *event, uint32_t now)
{
	const enum stage stage = event->match.stage;
	struct slot *slot = &device->slots[stage];
	struct saying saying = { .now = now, .told = event->told };

	if (event->wire != NULL)
		read_address(event, &saying.address);
	if (saying.told == TOLD_ANSWERED && leads_nowhere(&saying.address))
		saying.told = TOLD_SINKHOLE;
	saying.worth = worth_of(event, saying.told);
	saying.is_same_name = is_same_name(slot, event);
	saying.is_about_it = saying.is_same_name || stage == STAGE_VARIANT;
	note_attempt(device, &event->match, now);
	note_stage(slot, event, &saying);
	if (stage == STAGE_VARIANT)
		note_variant(device, &event->match, &saying);
}

void device_name(const struct slot *slot, struct name_text *ret_name)
{
	uint8_t name[DEVICE_NAME_MAX + 1];
	size_t end = 0;

	memcpy(name, slot->name, DEVICE_NAME_MAX);
	if (slot->name_len > DEVICE_NAME_MAX) {
		while (end + 1 + name[end] < DEVICE_NAME_MAX)
			end += 1u + name[end];
		name[end] = 0;
	}
	name_to_text(name, ret_name);
	if (slot->name_len > DEVICE_NAME_MAX)
		strncat(ret_name->text, "...", sizeof(ret_name->text) - strlen(ret_name->text) - 1);
}
