/* devices/timeline.h: what devices have asked on their way to being enrolled, and were told.
 *
 * A device is an address, or the hardware address that a trusted forwarder gave for it. At most
 * `limit` of them are remembered, 984 bytes each, in memory that is touched only as they come; the
 * one that has been idle longest is forgotten for a new one (STAT_LIMIT_DEVICES). Nothing is
 * allocated by timeline_note(). Silent.
 *
 * Workers share one timeline: each has a handle of its own, and a lock of a part of the devices is
 * held while a question is noted, or all of them during a walk or report. Who is forgotten is then
 * the idlest of the part that the new one is of. Where there is one worker, there is no lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/stats.h"
#include "devices/diagnosis.h"
#include "devices/stage.h"
#include "wire/name.h"
#include "wire/option.h"

struct timeline;

/** For so many workers (1 or more); the handle is for the first. Clock and stats are borrowed. With
 * `limit` 0 it remembers nobody and takes no memory to speak of. NULL when memory is short. */
RARELY struct timeline *timeline_new(uint32_t limit, unsigned workers, const struct clock *clock,
				     struct stats *stats);
/** A handle to the same timeline for another worker, who has a clock and stats of his own; clocks
 * may differ by a moment. NULL when memory is short. */
struct timeline *timeline_share(struct timeline *timeline, const struct clock *clock,
				struct stats *stats);
/** Gives one handle back; with the last of them all is forgotten. NULL is fine. */
void timeline_free(struct timeline *timeline);
/** Keeps those who asked last, as many as the new limit lets; once for all handles. No other worker
 * may be running meanwhile. The same limit as before makes the parts that several workers want,
 * where it was made for one. -ENOMEM: all is as it was. */
MUST_CHECK RARELY int timeline_set_limit(struct timeline *timeline, uint32_t limit);
uint32_t timeline_limit(const struct timeline *timeline);

/* The first seven are the verdicts of policy/classify.h, in their order. */
enum told {
	TOLD_ANSWERED,
	TOLD_NODATA,
	TOLD_NXDOMAIN,
	TOLD_DANGLING,
	TOLD_DANGLING_NXDOMAIN,
	TOLD_BARE,
	TOLD_FAILED,
	TOLD_SINKHOLE, /* answered, with 0.0.0.0, :: or a loopback address */
	TOLD_SILENCE,
};
enum told_by { TOLD_BY_UPSTREAM, TOLD_BY_CACHE, TOLD_BY_STALE, TOLD_BY_RULE, TOLD_BY_US };
const char *timeline_told_text(enum told told);	    /* "dangling-nxdomain", "sinkhole" */
const char *timeline_told_by_text(enum told_by by); /* "upstream", "cache", "stale", "rule", "us" */

/* A question of a stage, and its reply. */
struct timeline_event {
	const struct addr *client;
	const uint8_t *hardware; /* OPTION_HARDWARE_LEN bytes, believed; or NULL */
	struct stage_match match;
	const uint8_t *name; /* lower case */
	size_t name_len;
	uint16_t type;
	uint16_t rcode; /* with its upper bits */
	enum told told; /* but TOLD_SINKHOLE, which is seen here */
	enum told_by by;
	const uint8_t *wire; /* the reply; NULL where there is none to take an address from */
	size_t wire_len;
};
/** Silence has no rcode. */
void timeline_note(struct timeline *timeline, const struct timeline_event *event);

/* One stage of one device. Times are those of the clock that the timeline was made with, exact to a
 * tenth of a second. */
struct device_stage {
	bool is_reached; /* else nothing below has a meaning */
	uint64_t first_us, last_us;
	uint32_t asked; /* questions */
	uint32_t good;	/* of them told what is right, or at least nothing wrong */
	/* What it was told last; of HTTPS and AAAA, which often have no data, only where that is
	 * all it was told. */
	uint16_t type;
	uint16_t rcode;
	enum told told;
	enum told_by by;
	struct addr address;   /* the first of the reply; ADDR_NONE */
	struct name_text name; /* ends in "..." where it is too long to be kept */
};

struct device_report {
	struct addr address; /* port 0; of the forwarder where there is a hardware address */
	bool has_hardware;
	uint8_t hardware[OPTION_HARDWARE_LEN];
	uint64_t first_us, last_us; /* of all its stages */
	uint32_t variants;	    /* numbers it asked for; those 256 apart count as one */
	uint32_t variants_answered; /* with an address, now or earlier */
	struct diagnosis diagnosis;
	struct device_stage stages[STAGE_KINDS];
};
typedef void (*timeline_report_fn)(void *ctx, const struct device_report *report);
/** Reports each device, who asked last first, to a tenth of a second. The report is good during the
 * call alone, from which nothing here but timeline_walk_is_called() and the texts may be called. */
void timeline_walk(const struct timeline *timeline, timeline_report_fn fn, void *ctx);
/** The same, of the first `max` alone. */
void timeline_walk_some(const struct timeline *timeline, uint32_t max, timeline_report_fn fn,
			void *ctx);

/** The same, of the first `max` who are called so (timeline_walk_is_called()). */
void timeline_walk_called(const struct timeline *timeline, const char *text, uint32_t max,
			  timeline_report_fn fn, void *ctx);

/** "02:00:5e:10:00:01". Returns `into`. */
struct hardware_text {
	char text[3 * OPTION_HARDWARE_LEN];
};
const char *timeline_hardware_to_text(const uint8_t hardware[OPTION_HARDWARE_LEN],
				      struct hardware_text *into);
/** `text` is this device's address (or that of the forwarder it came by) or hardware address. */
bool timeline_walk_is_called(const struct device_report *report, const char *text);

struct timeline_report {
	uint32_t limit, known;
	uint32_t by_verdict[DEVICE_VERDICTS];
};
void timeline_report(const struct timeline *timeline, struct timeline_report *ret_report);
