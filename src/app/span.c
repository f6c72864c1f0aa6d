#include "app/span.h"

#include <inttypes.h>
#include <stdio.h>

const char *span_to_text(uint32_t s, struct span_text *into)
{
	static const struct {
		uint32_t s;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" }, { 1, "" } };
	unsigned at = 0;

	while (at < 3 && s < units[at].s)
		at++;
	const uint32_t second = s % units[at].s / units[at + 1].s; /* of seconds nothing is left */

	snprintf(into->text, sizeof(into->text),
		 second == 0 ? "%" PRIu32 " %s" : "%" PRIu32 " %s %" PRIu32 " %s", s / units[at].s,
		 units[at].name, second, units[at + 1].name);
	return into->text;
}
