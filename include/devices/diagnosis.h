/* devices/diagnosis.h: how far a device has come, and what to look at if it comes no further.
 *
 * An attempt begins with the first question for albert.apple.com, or of bag, count, courier or
 * variant, after none or after five minutes without one; only who has made one can be stalled, or
 * every laptop that asks for the time, or for an update at gs.apple.com, would be. The exception is
 * a device for which DNS itself fails at captive, time or activation: told nothing useful three
 * times running, over 30 s.
 *
 *   ready        a numbered courier was answered with an address, and since then the device has
 *                asked for a later stage, or for 10 s for none of those. It stays so, whatever
 *                it looks at again within the 75 minutes for which Apple's resolver may keep that
 *                answer, unless it is told nothing useful; but not if it is activated from the
 *                start, beginning with captive: then it has been erased
 *   not DNS      three numbers of one pool or more within five minutes, all answered well: names
 *                resolve, connections fail. Until it goes on to enrolment, 15 minutes at most
 *   stalled      no later stage for 30 s since it reached its furthest one, asking or not
 *   progressing  an attempt is under way
 *   seen         there was none */
#pragma once

#include <stdint.h>

#include "devices/stage.h"

enum device_verdict {
	DEVICE_READY,
	DEVICE_PROGRESSING,
	DEVICE_STALLED,
	DEVICE_NOT_DNS,
	DEVICE_SEEN,
};
#define DEVICE_VERDICTS (DEVICE_SEEN + 1)

struct diagnosis {
	enum device_verdict verdict;
	enum stage
		stage; /* the furthest of the attempt; where it is stalled; STAGE_NONE for none */
	uint32_t seconds; /* since that stage was reached, or DNS began to fail there */
	char advice[200]; /* one line: what that means and what to look at */
};

const char *diagnosis_text(enum device_verdict verdict); /* "ready", "not DNS", "stalled" */
const char *diagnosis_key(enum device_verdict verdict);	 /* for machines: "not_dns" */

struct diagnosis_line {
	char text[64];
};
/** "stalled at bag for 42 s"; "ready". Returns into->text. */
const char *diagnosis_to_line(const struct diagnosis *diagnosis, struct diagnosis_line *into);

struct device;
/** `now` is in the timeline's own tenths of a second (src/devices/device_internal.h). */
void diagnosis_make(const struct device *device, uint32_t now, struct diagnosis *ret_diagnosis);
