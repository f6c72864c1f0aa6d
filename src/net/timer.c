#include "net/timer.h"

#include <strings.h>

#include "base/mem.h"

/* Time is cut into ticks of 1 ms. What is due soon sits in the near wheel, one slot a tick; the
 * rest in three far wheels whose slots are 512 ms, 33 s and 35 min wide. Each time half of the near
 * wheel has passed it is refilled from the first far wheel, which is refilled from the next.
 *
 * Always true:
 *   tick < near_end - SPAN <= tick + SPAN, and near_end is a multiple of SPAN
 *   a timer due before near_end is in the near wheel, at its own tick or, if that is past, at
 * `tick` all others are due later than these, and in a far slot that starts at or before their tick
 *   a bit of `used` is set if and only if its slot holds a timer
 *
 * A slot is a list, newest first, known to its timers only by the pointer that points to them, so
 * that the same unlinking serves slots and the list of the expired. */
#define NEAR_SLOTS 1024u
#define SPAN (NEAR_SLOTS / 2)
#define FAR_WHEELS 3u
#define FAR_SLOTS 64u
#define SLOTS (NEAR_SLOTS + FAR_WHEELS * FAR_SLOTS)
#define BITS 64u /* of a word of `used`; a far wheel is one word */

struct timers {
	const struct clock *clock;
	uint64_t tick;	   /* what was due in earlier ticks has been taken out */
	uint64_t near_end; /* a tick */
	size_t count;	   /* of timers set, expired ones too */
	struct timer *expired, **expired_end;
	uint64_t used[SLOTS / BITS];
	struct timer *slots[SLOTS];
};

static uint64_t tick_of(uint64_t time_us)
{
	return time_us / USEC_PER_MSEC;
}

static bool slot_of_link(const struct timers *timers, struct timer **link, size_t *ret_slot)
{
	/* wraps around for what lies before the array */
	const uintptr_t offset = (uintptr_t)link - (uintptr_t)timers->slots;

	*ret_slot = offset / sizeof(timers->slots[0]);
	return offset < sizeof(timers->slots);
}

static void link_timer(struct timer *timer, struct timer **link)
{
	timer->next = *link;
	timer->link = link;
	if (timer->next != NULL)
		timer->next->link = &timer->next;
	*link = timer;
}

static void unlink_timer(struct timers *timers, struct timer *timer)
{
	size_t slot;

	*timer->link = timer->next;
	if (timer->next != NULL)
		timer->next->link = timer->link;
	else if (timers->expired_end == &timer->next)
		timers->expired_end = timer->link;
	else if (slot_of_link(timers, timer->link, &slot))
		timers->used[slot / BITS] &= ~(UINT64_C(1) << slot % BITS);
	timer->next = NULL;
	timer->link = NULL;
}

static size_t choose_slot(const struct timers *timers, uint64_t tick)
{
	size_t wheel = 0;

	if (tick < timers->near_end)
		return tick % NEAR_SLOTS;
	uint64_t at = tick / SPAN, end = timers->near_end / SPAN;
	while (at - end >= FAR_SLOTS && wheel < FAR_WHEELS - 1) {
		at /= FAR_SLOTS;
		end /= FAR_SLOTS;
		wheel++;
	}
	if (at - end >=
	    FAR_SLOTS) /* beyond all wheels: it will be placed again from the last slot */
		at = end + FAR_SLOTS - 1;
	return NEAR_SLOTS + wheel * FAR_SLOTS + at % FAR_SLOTS;
}

static void place(struct timers *timers, struct timer *timer)
{
	const uint64_t due = tick_of(timer->due_us);
	const size_t slot = choose_slot(timers, due > timers->tick ? due : timers->tick);

	link_timer(timer, &timers->slots[slot]);
	timers->used[slot / BITS] |= UINT64_C(1) << slot % BITS;
}

/* Empties a slot; the list returned is oldest first and its links mean nothing. */
static struct timer *take_slot(struct timers *timers, size_t slot)
{
	struct timer *list = NULL, *next;

	for (struct timer *timer = timers->slots[slot]; timer != NULL; timer = next) {
		next = timer->next;
		timer->next = list;
		list = timer;
	}
	timers->slots[slot] = NULL;
	timers->used[slot / BITS] &= ~(UINT64_C(1) << slot % BITS);
	return list;
}

static void place_again(struct timers *timers, size_t slot)
{
	struct timer *next;

	for (struct timer *timer = take_slot(timers, slot); timer != NULL; timer = next) {
		next = timer->next;
		place(timers, timer);
	}
}

/* Moves near_end on by half a wheel. Where that enters a slot of a farther wheel, that one is
 * emptied into the nearer ones first. */
static void refill(struct timers *timers)
{
	uint64_t at[FAR_WHEELS] = { timers->near_end / SPAN };
	size_t wheel = 0;

	timers->near_end += SPAN;
	while (wheel < FAR_WHEELS - 1 && at[wheel] % FAR_SLOTS == 0) {
		at[wheel + 1] = at[wheel] / FAR_SLOTS;
		wheel++;
	}
	for (wheel++; wheel > 0; wheel--)
		place_again(timers,
			    NEAR_SLOTS + (wheel - 1) * FAR_SLOTS + at[wheel - 1] % FAR_SLOTS);
}

/* The first tick in from .. until - 1 whose near slot is in use, or `until`. */
static uint64_t next_used_tick(const struct timers *timers, uint64_t from, uint64_t until)
{
	while (from < until) {
		const uint64_t word = timers->used[from % NEAR_SLOTS / BITS] >> from % BITS;
		if (word != 0) {
			from += (uint64_t)ffsll((long long)word) - 1;
			return from < until ? from : until;
		}
		from += BITS - from % BITS;
	}
	return until;
}

/* Moves what is due by now from a near slot to the end of the expired. */
static void expire_slot(struct timers *timers, size_t slot)
{
	struct timer *next;

	for (struct timer *timer = take_slot(timers, slot); timer != NULL; timer = next) {
		next = timer->next;
		if (timer->due_us > timers->clock->now_us) {
			place(timers, timer);
			continue;
		}
		link_timer(timer, timers->expired_end);
		timers->expired_end = &timer->next;
	}
}

static void expire_due(struct timers *timers)
{
	const uint64_t now = tick_of(timers->clock->now_us);

	if (timers->count == 0 && now > timers->tick) {
		timers->tick = now;
		timers->near_end = (now / SPAN + 2) * SPAN;
	}
	while (timers->tick < now) {
		const uint64_t half = timers->near_end - SPAN;
		const uint64_t until = now < half ? now : half;
		uint64_t used;

		while ((used = next_used_tick(timers, timers->tick, until)) < until)
			expire_slot(timers, used % NEAR_SLOTS);
		timers->tick = until;
		if (until == half)
			refill(timers);
	}
	expire_slot(timers, timers->tick % NEAR_SLOTS);
}

/* --- the contract ------------------------------------------------------------------------- */

struct timers *timer_wheel_new(const struct clock *clock)
{
	struct timers *timers = mem_zalloc(sizeof(*timers));

	if (timers == NULL)
		return NULL;
	timers->clock = clock;
	timers->tick = tick_of(clock->now_us);
	timers->near_end = (timers->tick / SPAN + 2) * SPAN;
	timers->expired_end = &timers->expired;
	return timers;
}

void timer_wheel_free(struct timers *timers)
{
	mem_free(timers);
}

void timer_init(struct timer *timer, timer_fn fn, void *ctx)
{
	*timer = (struct timer){ .fn = fn, .ctx = ctx };
}

void timer_stop(struct timers *timers, struct timer *timer)
{
	if (!timer_is_set(timer))
		return;
	unlink_timer(timers, timer);
	timers->count--;
}

void timer_start_at(struct timers *timers, struct timer *timer, uint64_t due_us)
{
	timer_stop(timers, timer);
	timer->due_us = due_us;
	place(timers, timer);
	timers->count++;
}

void timer_start(struct timers *timers, struct timer *timer, uint64_t delay_us)
{
	const uint64_t due_us = timers->clock->now_us + delay_us;

	timer_start_at(timers, timer, due_us < delay_us ? UINT64_MAX - 1 : due_us);
}

void timer_run_due(struct timers *timers)
{
	/* All that is due is taken out before the first callback: what a callback starts, were it
	 * due at once, waits for the next run, so this one ends. */
	expire_due(timers);
	while (timers->expired != NULL) {
		struct timer *timer = timers->expired;
		timer_stop(timers, timer);
		timer->fn(timer->ctx);
	}
}

static uint64_t earliest_due(const struct timer *list)
{
	uint64_t due_us = UINT64_MAX;

	for (; list != NULL; list = list->next)
		due_us = list->due_us < due_us ? list->due_us : due_us;
	return due_us;
}

/* The earliest of a far wheel. Its slots are in order of time, but what lies beyond all wheels sits
 * in a slot before its time; so never later than the end of the slot. */
static uint64_t earliest_due_far(const struct timers *timers, size_t wheel)
{
	const uint64_t used = timers->used[NEAR_SLOTS / BITS + wheel];
	uint64_t width = SPAN;

	if (used == 0)
		return UINT64_MAX;
	for (size_t i = 0; i < wheel; i++)
		width *= FAR_SLOTS;
	uint64_t at = timers->near_end / width;
	while ((used >> at % FAR_SLOTS & 1) == 0)
		at++;
	const uint64_t end_us = (at + 1) * width * USEC_PER_MSEC;
	const uint64_t due_us =
		earliest_due(timers->slots[NEAR_SLOTS + wheel * FAR_SLOTS + at % FAR_SLOTS]);
	return due_us < end_us ? due_us : end_us;
}

uint64_t timer_next_due(const struct timers *timers)
{
	uint64_t due_us = UINT64_MAX;

	if (timers->expired != NULL)
		return earliest_due(timers->expired);
	const uint64_t tick = next_used_tick(timers, timers->tick, timers->near_end);
	if (tick < timers->near_end)
		return earliest_due(timers->slots[tick % NEAR_SLOTS]);
	for (size_t wheel = 0; wheel < FAR_WHEELS; wheel++) {
		const uint64_t far_us = earliest_due_far(timers, wheel);
		due_us = far_us < due_us ? far_us : due_us;
	}
	return due_us;
}
