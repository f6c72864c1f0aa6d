/* app/commands_devices.h: the devices that were seen, as a table and one by one with what they
 * asked and were told; contrib/devices.schema.json says how it looks for programs. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "devices/timeline.h"

/* Which of them, and how. */
struct commands_devices {
	const struct timeline *timeline;
	const struct clock *clock;
	const char *called; /* an address or a hardware address; NULL: all */
	struct json *json;  /* where to, for programs; NULL: for people */
};

/** False, and nothing printed, where none is called so. */
bool commands_devices_print(const struct commands_devices *devices, FILE *out);
/** A line: "4 known: 1 ready, 1 progressing, ..." */
void commands_devices_print_known(const struct timeline_report *report, FILE *out);
/** The same, of the object that is open. */
void commands_devices_put_known(const struct timeline_report *report, struct json *json);
