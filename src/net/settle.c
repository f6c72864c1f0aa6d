#include "net/settle.h"

static void on_timer(void *ctx)
{
	struct settle *settle = ctx;

	settle->next_us = loop_clock(settle->loop)->now_us + SETTLE_SPACING_US;
	settle->fn(settle->ctx);
}

void settle_init(struct settle *settle, struct loop *loop, timer_fn fn, void *ctx)
{
	*settle = (struct settle){ .loop = loop, .fn = fn, .ctx = ctx };
	timer_init(&settle->timer, on_timer, settle);
}

void settle_done(struct settle *settle)
{
	timer_stop(loop_timers(settle->loop), &settle->timer);
}

void settle_hit(struct settle *settle)
{
	const uint64_t now_us = loop_clock(settle->loop)->now_us;
	uint64_t delay_us = SETTLE_QUIET_US;

	if (timer_is_set(&settle->timer))
		return;
	if (now_us + delay_us < settle->next_us)
		delay_us = settle->next_us - now_us;
	timer_start(loop_timers(settle->loop), &settle->timer, delay_us);
}
