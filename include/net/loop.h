/* net/loop.h: owns the event base, the clock, the timers and the signals. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "net/timer.h"

struct loop;

MUST_CHECK int loop_new(struct loop **ret_loop);
/** Everything that was registered must have been freed before. NULL is fine. */
void loop_free(struct loop *loop);

/** Brought up to date once per turn. */
const struct clock *loop_clock(const struct loop *loop);
struct timers *loop_timers(struct loop *loop);

/** Runs until loop_stop(). */
MUST_CHECK int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

typedef void (*loop_signal_fn)(void *ctx, int signal_number);
MUST_CHECK int loop_on_signal(struct loop *loop, int signal_number, loop_signal_fn fn, void *ctx);
