/* base/clock.h: the time, read once per turn of the loop and handed down.
 *
 * Monotonic (CLOCK_MONOTONIC), so nothing here moves when somebody sets the wall clock. Only
 * the loop calls clock_tick(); a test sets now_us itself. */
#pragma once

#include <assert.h>
#include <stdint.h>

#define USEC_PER_SEC 1000000u
#define USEC_PER_MSEC 1000u

struct clock {
	uint64_t now_us;
};

void clock_tick(struct clock *clock);

/** Whole seconds since `since_us`, which must not lie in the future. */
static inline uint32_t clock_age_s(const struct clock *clock, uint64_t since_us)
{
	assert(since_us <= clock->now_us);
	return (uint32_t)((clock->now_us - since_us) / USEC_PER_SEC);
}
