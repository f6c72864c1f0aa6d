/* net/timer.h: many timers for the price of one, in a wheel (Varghese and Lauck, 1987).
 *
 * A timer lives in the struct that it wakes; starting and stopping are O(1) and allocate nothing.
 * Callbacks run from timer_run_due() only, never from inside timer_start(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

typedef void (*timer_fn)(void *ctx);

struct timer {
	struct timer *next, **link; /* link is what points to it; NULL while it is not set */
	uint64_t due_us;	    /* by the clock */
	timer_fn fn;
	void *ctx;
};

struct timers; /* the wheel */
/** NULL when memory is short. The clock is borrowed. */
struct timers *timer_wheel_new(const struct clock *clock);
void timer_wheel_free(struct timers *timers); /* NULL is fine; timers still set are forgotten */

void timer_init(struct timer *timer, timer_fn fn, void *ctx);
/** Sets it to fire once, `delay_us` from the clock's now; sets it anew where it was set already. */
void timer_start(struct timers *timers, struct timer *timer, uint64_t delay_us);
/** The same, at that time; at once where it is past. */
void timer_start_at(struct timers *timers, struct timer *timer, uint64_t due_us);
void timer_stop(struct timers *timers, struct timer *timer); /* fine when it is not set */
static inline bool timer_is_set(const struct timer *timer)
{
	return timer->link != NULL;
}

/** Runs what is due. A callback may start and stop any timer, its own and those due with it too. */
void timer_run_due(struct timers *timers);
/** When the next one is due, never later than it is, at most 1 ms early; UINT64_MAX for none. */
uint64_t timer_next_due(const struct timers *timers);
