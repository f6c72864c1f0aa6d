#include "app/commands_devices.h"

#include <inttypes.h>
#include <string.h>

#include "app/span.h"
#include "wire/type.h"

/* Of so many, who asked last, all is told at once: more would keep questions waiting. Behind one
 * forwarder there may be more too. */
#define SHOWN_MAX 1024u

/* What is found on a walk, or printed on it. */
struct walk {
	const struct commands_devices *devices;
	FILE *out;
	struct json *json;
	unsigned count;
	int address_width;
	bool has_hardware;
	enum device_verdict wanted; /* by this pass */
};

static void walk_all(struct walk *walk, timeline_report_fn fn)
{
	const struct commands_devices *devices = walk->devices;

	if (devices->called != NULL)
		timeline_walk_called(devices->timeline, devices->called, SHOWN_MAX, fn, walk);
	else
		timeline_walk_some(devices->timeline, SHOWN_MAX, fn, walk);
}

static uint64_t ago_ms(const struct walk *walk, uint64_t since_us)
{
	const uint64_t now_us = walk->devices->clock->now_us;

	return since_us < now_us ? (now_us - since_us) / USEC_PER_MSEC : 0;
}

static const char *ago_text(const struct walk *walk, uint64_t since_us, struct span_text *into)
{
	return span_to_text((uint32_t)(ago_ms(walk, since_us) / 1000), into);
}

static void measure(void *ctx, const struct device_report *report)
{
	struct walk *walk = ctx;
	struct addr_text addr;

	const int width = (int)strlen(addr_to_text(&report->address, &addr));
	if (width > walk->address_width)
		walk->address_width = width;
	walk->has_hardware = walk->has_hardware || report->has_hardware;
	walk->count++;
}

/* --- the table ----------------------------------------------------------------------------- */

void commands_devices_print_known(const struct timeline_report *report, FILE *out)
{
	fprintf(out, "%" PRIu32 " known", report->known);
	for (enum device_verdict i = 0; i < DEVICE_VERDICTS; i++)
		fprintf(out, "%s %" PRIu32 " %s", i == 0 ? ":" : ",", report->by_verdict[i],
			diagnosis_text(i));
	fprintf(out, "\n");
}

static void print_summary(const struct walk *walk, FILE *out)
{
	struct timeline_report report;

	timeline_report(walk->devices->timeline, &report);
	if (report.limit == 0) {
		fprintf(out, "no device is remembered: limits.devices is 0\n");
		return;
	}
	commands_devices_print_known(&report, out);
}

static void print_row(void *ctx, const struct device_report *report)
{
	struct walk *walk = ctx;
	struct addr_text addr;
	struct hardware_text hardware;
	struct diagnosis_line line;
	struct span_text last;

	if (report->diagnosis.verdict != walk->wanted)
		return;
	fprintf(walk->out, "%-*s  ", walk->address_width, addr_to_text(&report->address, &addr));
	if (walk->has_hardware)
		fprintf(walk->out, "%-17s  ",
			report->has_hardware
				? timeline_hardware_to_text(report->hardware, &hardware)
				: "-");
	fprintf(walk->out, "%-32s  %-12s  %s ago\n", diagnosis_to_line(&report->diagnosis, &line),
		report->diagnosis.stage == STAGE_NONE ? "-" : stage_text(report->diagnosis.stage),
		ago_text(walk, report->last_us, &last));
	if (walk->wanted != DEVICE_SEEN && report->diagnosis.advice[0] != '\0')
		fprintf(walk->out, "  %s\n", report->diagnosis.advice);
}

static void print_untold(const struct walk *walk)
{
	struct timeline_report report;

	timeline_report(walk->devices->timeline, &report);
	if (report.known > walk->count)
		fprintf(walk->out, "and %" PRIu32 " more, who asked before these\n",
			report.known - walk->count);
}

/* Whoever needs help comes first. */
static void print_table(struct walk *walk)
{
	static const enum device_verdict order[] = { DEVICE_STALLED, DEVICE_NOT_DNS,
						     DEVICE_PROGRESSING, DEVICE_READY,
						     DEVICE_SEEN };
	const int least = (int)sizeof("ADDRESS") - 1;

	if (walk->address_width < least)
		walk->address_width = least;
	print_summary(walk, walk->out);
	if (walk->count == 0)
		return;
	fprintf(walk->out, "\n%-*s  ", walk->address_width, "ADDRESS");
	if (walk->has_hardware)
		fprintf(walk->out, "%-17s  ", "HARDWARE");
	fprintf(walk->out, "%-32s  %-12s  %s\n", "VERDICT", "STAGE", "LAST ASKED");
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		walk->wanted = order[i];
		walk_all(walk, print_row);
	}
	print_untold(walk);
}

/* --- one of them --------------------------------------------------------------------------- */

/* "dangling (NOERROR) by upstream"; with the address where there is one. */
static void print_told(const struct device_stage *stage, FILE *out)
{
	struct addr_text addr;
	struct type_text rcode;

	fprintf(out, "%s", timeline_told_text(stage->told));
	if (stage->told != TOLD_SILENCE)
		fprintf(out, ", %s", type_rcode_to_text(stage->rcode, &rcode));
	if (stage->address.family != ADDR_NONE)
		fprintf(out, ", %s", addr_to_text(&stage->address, &addr));
	fprintf(out, " (%s)\n", timeline_told_by_text(stage->by));
}

static void print_stage(const struct walk *walk, enum stage at, const struct device_stage *stage)
{
	struct span_text first, last;
	struct type_text type;

	fprintf(walk->out, "%-12s  %11s  %11s  %5" PRIu32 "  %4" PRIu32 "  %s %s\n", stage_text(at),
		ago_text(walk, stage->first_us, &first), ago_text(walk, stage->last_us, &last),
		stage->asked, stage->good, stage->name.text, type_to_text(stage->type, &type));
	fprintf(walk->out, "%-12s  %11s  %11s  %5s  %4s    ", "", "", "", "", "");
	print_told(stage, walk->out);
}

/* The stages in the order in which this device came to them. */
static void print_stages(const struct walk *walk, const struct device_report *report)
{
	bool is_printed[STAGE_KINDS] = { false };

	fprintf(walk->out, "%-12s  %11s  %11s  %5s  %4s  %s\n", "STAGE", "FIRST, AGO", "LAST, AGO",
		"ASKED", "GOOD", "LAST TOLD");
	for (;;) {
		const struct device_stage *next = NULL;

		for (enum stage i = 0; i < STAGE_KINDS; i++) {
			const struct device_stage *stage = &report->stages[i];

			if (stage->is_reached && !is_printed[i] &&
			    (next == NULL || stage->first_us < next->first_us))
				next = stage;
		}
		if (next == NULL)
			return;
		const enum stage at = (enum stage)(next - report->stages);
		is_printed[at] = true;
		print_stage(walk, at, next);
	}
}

static void print_device(void *ctx, const struct device_report *report)
{
	struct walk *walk = ctx;
	struct addr_text addr;
	struct hardware_text hardware;
	struct diagnosis_line line;
	struct span_text first, last;

	if (walk->count++ > 0)
		fprintf(walk->out, "\n");
	fprintf(walk->out, "%s%s%s: %s\n", addr_to_text(&report->address, &addr),
		report->has_hardware ? ", " : "",
		report->has_hardware ? timeline_hardware_to_text(report->hardware, &hardware) : "",
		diagnosis_to_line(&report->diagnosis, &line));
	if (report->diagnosis.advice[0] != '\0')
		fprintf(walk->out, "  %s\n", report->diagnosis.advice);
	fprintf(walk->out, "first asked %s ago, last %s ago",
		ago_text(walk, report->first_us, &first), ago_text(walk, report->last_us, &last));
	if (report->variants > 0)
		fprintf(walk->out, "; %" PRIu32 " numbered courier%s, %" PRIu32 " answered",
			report->variants, report->variants == 1 ? "" : "s",
			report->variants_answered);
	fprintf(walk->out, "\n\n");
	print_stages(walk, report);
}

/* --- for programs -------------------------------------------------------------------------- */

static void put_stage(struct walk *walk, enum stage at, const struct device_stage *stage)
{
	const bool has_address = stage->address.family != ADDR_NONE;
	struct addr_text addr;
	struct type_text type, rcode;

	json_print(walk->json,
		   "{stage %s first_ms_ago %" PRIu64 " last_ms_ago %" PRIu64
		   " asked %u good %u name %s type %s told %s told_by %s rcode %p address %p}",
		   stage_text(at), ago_ms(walk, stage->first_us), ago_ms(walk, stage->last_us),
		   stage->asked, stage->good, stage->name.text, type_to_text(stage->type, &type),
		   timeline_told_text(stage->told), timeline_told_by_text(stage->by),
		   stage->told == TOLD_SILENCE ? NULL : type_rcode_to_text(stage->rcode, &rcode),
		   has_address ? addr_to_text(&stage->address, &addr) : NULL);
}

static void put_device(void *ctx, const struct device_report *report)
{
	struct walk *walk = ctx;
	const struct diagnosis *diagnosis = &report->diagnosis;
	struct addr_text addr;
	struct hardware_text hardware;

	json_print(walk->json,
		   "{address %s hardware %p verdict %s stage %p stage_s %u advice %s "
		   "first_ms_ago %" PRIu64 " last_ms_ago %" PRIu64
		   " variants %u variants_answered %u stages [",
		   addr_to_text(&report->address, &addr),
		   report->has_hardware ? timeline_hardware_to_text(report->hardware, &hardware)
					: NULL,
		   diagnosis_key(diagnosis->verdict),
		   diagnosis->stage == STAGE_NONE ? NULL : stage_text(diagnosis->stage),
		   diagnosis->seconds, diagnosis->advice, ago_ms(walk, report->first_us),
		   ago_ms(walk, report->last_us), report->variants, report->variants_answered);
	for (enum stage i = 0; i < STAGE_KINDS; i++) {
		if (report->stages[i].is_reached)
			put_stage(walk, i, &report->stages[i]);
	}
	json_print(walk->json, "]}");
}

void commands_devices_put_known(const struct timeline_report *report, struct json *json)
{
	json_print(json, "limit %u known %u by_verdict {", report->limit, report->known);
	for (enum device_verdict i = 0; i < DEVICE_VERDICTS; i++) {
		json_key(json, diagnosis_key(i));
		json_print(json, "%u", report->by_verdict[i]);
	}
	json_print(json, "}");
}

static void put_devices(struct walk *walk)
{
	struct timeline_report report;

	timeline_report(walk->devices->timeline, &report);
	walk->json->lines_to = 4; /* a stage is a line */
	json_print(walk->json, "{");
	commands_devices_put_known(&report, walk->json);
	json_print(walk->json, "devices [");
	walk_all(walk, put_device);
	json_print(walk->json, "]}");
}

bool commands_devices_print(const struct commands_devices *devices, FILE *out)
{
	struct walk walk = { .devices = devices, .out = out, .json = devices->json };

	walk_all(&walk, measure);
	if (devices->called != NULL && walk.count == 0)
		return false;
	if (devices->json != NULL) {
		put_devices(&walk);
	} else if (devices->called == NULL) {
		print_table(&walk);
	} else {
		walk.count = 0;
		walk_all(&walk, print_device);
	}
	return true;
}
