#include "app/span.h"

#include <inttypes.h>
#include <stdio.h>

const char *span_to_text(uint64_t s, struct span_text *into)
{
	static const struct {
		unsigned s;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	unsigned at = 0;

	while (at < 3 && s < units[at].s)
		at++;
	const uint64_t first = s / units[at].s;
	const uint64_t second = at == 3 ? 0 : s % units[at].s / units[at + 1].s;
	if (second == 0)
		snprintf(into->text, sizeof(into->text), "%" PRIu64 " %s", first, units[at].name);
	else
		snprintf(into->text, sizeof(into->text), "%" PRIu64 " %s %" PRIu64 " %s", first,
			 units[at].name, second, units[at + 1].name);
	return into->text;
}
