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

/* The first A or AAAA record of the answer, which may be any bytes: not all replies that are passed
 * on are ones that we can read. Where there is a question, it is that of the event. */
static void read_address(const struct timeline_event *event, struct saying *saying)
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
		memcpy(saying->address, rdata, len);
		saying->family = is_ipv4 ? ADDR_IPV4 : ADDR_IPV6;
		return;
	}
}

/* Nothing that a device could connect to: what blocklists answer. */
static bool leads_nowhere(const struct saying *saying)
{
	static const uint8_t any[16], loopback[16] = { [15] = 1 };
	const uint8_t *address = saying->address;

	if (saying->family == ADDR_NONE)
		return false;
	/* of IPv4 the rest is zero */
	return memcmp(address, any, 16) == 0 ||
	       (saying->family == ADDR_IPV4 ? address[0] == 127
					    : memcmp(address, loopback, 16) == 0);
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
	if (told == TOLD_ANSWERED)
		return WORTH_GOOD;
	return device_is_failure(told) ? WORTH_BAD : worth_of_no_data(event, told);
}

/* --- in --------------------------------------------------------------------------------------- */

/* What is new of a stage. */
struct news {
	struct saying saying;
	uint32_t now;
	bool is_same_name; /* as the stage's slot holds */
	bool is_about_it;  /* the same; or both numbered couriers, of which one will do */
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
static bool is_telling(const struct slot *slot, const struct news *news)
{
	const uint8_t before = slot->saying.worth;

	if (slot->asked == 0 || before == WORTH_NOTHING || news->saying.worth == WORTH_BAD)
		return true;
	if (news->saying.worth == WORTH_NOTHING)
		return slot->saying.type == news->saying.type && before == WORTH_GOOD &&
		       news->is_about_it;
	return before == WORTH_GOOD || news->is_about_it;
}

static void count_bad(struct slot *slot, uint32_t now)
{
	if (slot->bad_run == 0)
		slot->bad_since = now;
	if (slot->bad_run < UINT16_MAX)
		slot->bad_run++;
}

static void note_stage(struct slot *slot, const struct timeline_event *event,
		       const struct news *news)
{
	const uint8_t worth = news->saying.worth;

	if (is_telling(slot, news)) {
		slot->saying = news->saying;
		if (!news->is_same_name)
			put_name(slot, event);
	}
	if (slot->asked == 0)
		slot->first = news->now;
	slot->last = news->now;
	slot->asked += slot->asked < UINT32_MAX;
	slot->good += worth != WORTH_BAD && !device_is_failure(news->saying.told) &&
		      slot->good < UINT32_MAX;
	if (worth == WORTH_BAD)
		count_bad(slot, news->now);
	else if (worth == WORTH_GOOD && news->is_about_it)
		slot->bad_run = 0;
}

static void begin_attempt(struct device *device, enum stage stage, uint32_t now)
{
	device->has_attempt = true;
	device->furthest = (uint8_t)stage;
	device->since = now;
	for (unsigned i = STAGE_ACTIVATION; i < STAGE_KINDS; i++) {
		device->slots[i].bad_run = 0;
		device->slots[i].saying.worth = WORTH_NOTHING;
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
	struct try *oldest = device->tries;

	for (unsigned i = 0; i < DEVICE_TRIES; i++) {
		struct try *try = device->tries + i;

		if (try->last > 0 && try->n == match->n && try->pool == match->pool)
			return try;
		if (try->last < oldest->last)
			oldest = try;
	}
	*oldest = (struct try){ .n = match->n, .pool = match->pool };
	return oldest;
}

static void note_variant(struct device *device, const struct stage_match *match,
			 const struct news *news)
{
	const uint64_t bit = UINT64_C(1) << match->n % 64;
	const size_t word = match->n % DEVICE_NUMBERS / 64;
	struct try *try = try_for(device, match);

	try->last = news->now;
	device->numbers[word] |= bit;
	if (news->saying.worth == WORTH_BAD)
		try->is_answered = false;
	if (news->saying.worth != WORTH_GOOD)
		return;
	try->is_answered = true;
	device->numbers_good[word] |= bit;
	device->has_courier = true;
	device->courier_at = news->now;
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
	struct slot *slot = device->slots + stage;
	struct news news = { .now = now };
	struct saying *saying = &news.saying;

	*saying = (struct saying){
		.type = event->type,
		.rcode = event->rcode,
		.told = (uint8_t)event->told,
		.by = (uint8_t)event->by,
	};
	if (event->wire != NULL)
		read_address(event, saying);
	if (event->told == TOLD_ANSWERED && leads_nowhere(saying))
		saying->told = TOLD_SINKHOLE;
	saying->worth = (uint8_t)worth_of(event, saying->told);
	news.is_same_name = is_same_name(slot, event);
	news.is_about_it = news.is_same_name || stage == STAGE_VARIANT;
	note_attempt(device, &event->match, now);
	note_stage(slot, event, &news);
	if (stage == STAGE_VARIANT)
		note_variant(device, &event->match, &news);
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
