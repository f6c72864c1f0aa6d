/* Devices in any order, at any time, told anything: what is said of them afterwards makes sense,
 * and replies of any bytes are looked at within their end.
 *
 * An event is: how much time passes, who asks, what for, by which type, what was told and by whom,
 * and a reply of so many bytes. */
#include <string.h>

#include "devices/timeline.h"
#include "fuzz.h"
#include "wire/cursor.h"
#include "wire/type.h"

#define LIMIT 6u

static const char *const names[] = {
	"captive.apple.com",
	"time.apple.com",
	"albert.apple.com",
	"gs.apple.com",
	"init.push.apple.com",
	"push.apple.com",
	"courier.push.apple.com",
	"courier-push-apple.com.akadns.net",
	"0-courier.push.apple.com",
	"17-courier.push.apple.com",
	"273-courier.push.apple.com",
	"9999.courier2-sandbox-push-apple.com.akadns.net",
	"17.courier-push-apple.com.akadns.net",
	"3-courier2.push.apple.com",
	"iprofiles.apple.com",
	"x.appattest.apple.com",
	"ocsp.apple.com",
	"ocsp.digicert.com",
};
static const uint16_t types[] = { TYPE_A, TYPE_AAAA, TYPE_HTTPS, TYPE_TXT };
static const uint32_t pauses_ms[] = { 0, 1, 100, 1000, 9000, 31000, 299000, 301000, 7200000 };
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct fuzz {
	struct clock clock;
	struct stats stats;
	struct timeline *timeline;
	unsigned seen;
};

static void check_stage(const struct fuzz *fuzz, const struct device_stage *stage)
{
	if (!stage->is_reached)
		return;
	CHECK(stage->first_us <= stage->last_us && stage->last_us <= fuzz->clock.now_us);
	CHECK(stage->asked > 0 && stage->good <= stage->asked);
	CHECK(strlen(stage->name.text) > 0);
	CHECK(strlen(timeline_told_text(stage->told)) > 0);
	CHECK(strlen(timeline_told_by_text(stage->by)) > 0);
	CHECK(stage->told != TOLD_SINKHOLE || stage->address.family != ADDR_NONE);
}

static void check_device(void *ctx, const struct device_report *report)
{
	struct fuzz *fuzz = ctx;
	const struct diagnosis *diagnosis = &report->diagnosis;
	unsigned reached = 0;
	struct diagnosis_line line;

	fuzz->seen++;
	for (enum stage stage = 0; stage < STAGE_KINDS; stage++) {
		check_stage(fuzz, &report->stages[stage]);
		reached += report->stages[stage].is_reached;
	}
	CHECK(reached > 0 && report->first_us <= report->last_us);
	CHECK(report->variants_answered <= report->variants);
	CHECK((report->variants > 0) == report->stages[STAGE_VARIANT].is_reached);
	CHECK((diagnosis->stage == STAGE_NONE) == (diagnosis->verdict == DEVICE_SEEN));
	CHECK(diagnosis->stage == STAGE_NONE || report->stages[diagnosis->stage].is_reached);
	CHECK(diagnosis->verdict != DEVICE_STALLED || diagnosis->seconds >= 30);
	CHECK(diagnosis->verdict != DEVICE_NOT_DNS || report->variants_answered > 0);
	CHECK(diagnosis->verdict != DEVICE_READY || report->variants_answered > 0);
	CHECK(strlen(diagnosis->advice) > 0 && strchr(diagnosis->advice, '\n') == NULL);
	CHECK(strlen(diagnosis_to_line(diagnosis, &line)) > 0);
}

static void check_all(struct fuzz *fuzz)
{
	struct timeline_report report;
	uint32_t sum = 0;

	fuzz->seen = 0;
	timeline_walk(fuzz->timeline, check_device, fuzz);
	timeline_report(fuzz->timeline, &report);
	for (unsigned i = 0; i < DEVICE_VERDICTS; i++)
		sum += report.by_verdict[i];
	CHECK(report.known == fuzz->seen && report.known <= report.limit && sum == report.known);
}

static void ask(struct fuzz *fuzz, uint8_t who, const uint8_t head[4], const uint8_t *wire,
		size_t wire_len)
{
	const uint8_t hardware[OPTION_HARDWARE_LEN] = { 2, 0, 0, 0, 0, who };
	const struct addr client = { .bytes = { 10, 0, 0, who & 15 }, .family = ADDR_IPV4 };
	uint8_t name[NAME_MAX_LEN];
	struct timeline_event event = {
		.client = &client,
		.hardware = (who & 16) != 0 ? hardware : NULL,
		.name = name,
		.type = types[head[1] % COUNT(types)],
		.told = (enum told)(head[2] % (TOLD_SILENCE + 1)),
		.by = (enum told_by)(head[3] % (TOLD_BY_US + 1)),
	};

	if (event.told == TOLD_SINKHOLE) /* which is for the timeline to see */
		event.told = TOLD_ANSWERED;
	CHECK(name_from_text(names[head[0] % COUNT(names)], name, &event.name_len) == 0);
	CHECK(stage_find(name, event.name_len, &event.match));
	uint8_t *copy = fuzz_alloc(wire_len);
	if (wire_len > 0) {
		memcpy(copy, wire, wire_len);
		event.wire = copy;
		event.wire_len = wire_len;
	}
	timeline_note(fuzz->timeline, &event);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz fuzz = { .clock = { .now_us = 1 } };
	struct cursor cursor = cursor_over(data, size);

	fuzz.timeline = timeline_new(LIMIT, 1, &fuzz.clock, &fuzz.stats);
	CHECK(fuzz.timeline != NULL);
	while (cursor_left(&cursor) > 0 && !cursor.failed) {
		const uint8_t pause = cursor_u8(&cursor), who = cursor_u8(&cursor);
		const uint8_t *head = cursor_bytes(&cursor, 4);
		const uint8_t wire_len = cursor_u8(&cursor);
		const uint8_t *wire = cursor_bytes(&cursor, wire_len);

		if (cursor.failed)
			break;
		fuzz.clock.now_us += (uint64_t)pauses_ms[pause % COUNT(pauses_ms)] * USEC_PER_MSEC;
		ask(&fuzz, who, head, wire, wire_len);
		if (who >= 0xf0)
			CHECK(timeline_set_limit(fuzz.timeline, who & 7) == 0);
		check_all(&fuzz);
	}
	timeline_free(fuzz.timeline);
	return 0;
}
