#include "base/clock.h"

#include <time.h>

void clock_tick(struct clock *clock)
{
	struct timespec now;

	/* Cannot fail: the clock exists on every Linux and the address is good. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	clock->now_us = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000u;
}
