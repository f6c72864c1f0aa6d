#include "base/stats.h"

#include <assert.h>

static const struct {
	const char *name, *help;
} rows[STAT_COUNT] = {
#define STATS_ROW(id, name, help) [STAT_##id] = { name, help },
	STATS(STATS_ROW)
#undef STATS_ROW
};

const char *stats_name(enum stat stat)
{
	assert(stat < STAT_COUNT);
	return rows[stat].name;
}

const char *stats_help(enum stat stat)
{
	assert(stat < STAT_COUNT);
	return rows[stat].help;
}
