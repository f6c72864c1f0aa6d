#include "base/stats.h"

#include <assert.h>

/* Apart, so that a program that never says what they are for does not carry it. */
static const char *const names[STAT_COUNT] = {
#define STATS_NAME(id, name, help) [STAT_##id] = (name),
	STATS(STATS_NAME)
#undef STATS_NAME
};
static const char *const helps[STAT_COUNT] = {
#define STATS_HELP(id, name, help) [STAT_##id] = (help),
	STATS(STATS_HELP)
#undef STATS_HELP
};

const char *stats_name(enum stat stat)
{
	assert(stat < STAT_COUNT);
	return names[stat];
}

const char *stats_help(enum stat stat)
{
	assert(stat < STAT_COUNT);
	return helps[stat];
}
