#include "query/warmth.h"

#include <assert.h>
#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

/* Times are counted in ticks of 100 ms from the start, and compared by their difference, so that it
 * does no harm when they wrap after 13 years. */
#define TICK_US (100u * USEC_PER_MSEC)
#define TICKS_PER_S 10u

#define LEAD_LEAST (2 * TICKS_PER_S)
#define WAIT_LEAST 5u
#define LIFE_MOST_S (7u * 86400u)
/* The time until an answer is due has so many parts: it is due in one of the last where there was
 * one before, else in almost any. */
#define PARTS 64u
#define LAST_PARTS 60u
#define ANY_PARTS 8u
/* A new answer that lives for less than this beyond the old one is the old one. */
#define GAIN_LEAST 15u
/* Whole seconds are told: what a server counts down is over up to one later. */
#define ROUNDING TICKS_PER_S
/* Of so many times, a server that counts down is asked ahead of time once. */
#define EARLY_ONE_IN 8u
/* A client's question counts for so many rounds. */
#define WANTED_ROUNDS 3u
#define DELAY_DOUBLINGS 6u
#define DELAY_OF_MISS TICKS_PER_S
#define DELAY_OF_FAILURE (5 * TICKS_PER_S)
#define LATE 2u /* not before what is kept of a failure is over */

enum {
	WANTED = 3,  /* rounds left */
	SKIPPED = 4, /* nobody's turn until the rules are others */
	UNASKED = 8, /* nobody's turn until a client asks for it */
	ASKING = 16,
	REVIEWED = 32, /* due, whatever `due` says */
	COUNTED = 64,  /* the server counts down */
	KEPT = 128,    /* there has been an answer */
};

struct item {
	uint32_t due;	/* tick */
	int16_t kept_s; /* from then on the answer is kept; less than 0 where it ended before */
	uint8_t tries;	/* in vain, in a row */
	uint8_t flags;
};

/* Items in this order: the count; the alias, then the target, by type; then by N, variant, type. */
struct warmth {
	struct warmth_kinds kinds;
	uint64_t start_us;
	uint32_t fixed; /* before the variants */
	uint32_t item_count;
	struct item *items;
};

/* --- which question ------------------------------------------------------------------------ */

static uint32_t items_for(const struct warmth *warmth, uint32_t count)
{
	const uint32_t per_n = warmth->kinds.variants * warmth->kinds.types;
	const uint32_t most = (WARMTH_ITEMS_MAX - warmth->fixed) / per_n;

	return warmth->fixed + per_n * (count < most ? count + 1 : most);
}

void warmth_question_of(const struct warmth *warmth, uint32_t item,
			struct warmth_question *ret_question)
{
	const struct warmth_kinds *kinds = &warmth->kinds;

	*ret_question = (struct warmth_question){ .role = COURIER_COUNT_TXT };
	if (item < kinds->has_count_txt)
		return;
	if (item >= warmth->fixed) {
		item -= warmth->fixed;
		ret_question->role = COURIER_VARIANT;
		ret_question->variant = item / kinds->types % kinds->variants;
		ret_question->n = item / kinds->types / kinds->variants;
	} else {
		item -= kinds->has_count_txt;
		ret_question->role = item < kinds->types ? COURIER_ALIAS : COURIER_TARGET;
	}
	ret_question->type = item % kinds->types;
}

bool warmth_has(const struct warmth *warmth, uint32_t item)
{
	return item < warmth->item_count;
}

bool warmth_item_of(const struct warmth *warmth, const struct warmth_question *question,
		    uint32_t *ret_item)
{
	const struct warmth_kinds *kinds = &warmth->kinds;
	uint32_t item = 0;

	switch (question->role) {
	case COURIER_NONE:
		return false;
	case COURIER_COUNT_TXT:
		*ret_item = 0;
		return kinds->has_count_txt;
	case COURIER_ALIAS:
		item = kinds->has_count_txt;
		break;
	case COURIER_TARGET:
		item = kinds->has_count_txt + kinds->types;
		break;
	case COURIER_VARIANT:
		item = warmth->fixed +
		       (question->n * kinds->variants + question->variant) * kinds->types;
		break;
	}
	item += question->type;
	if (!warmth_has(warmth, item))
		return false;
	*ret_item = item;
	return true;
}

/* --- from start to end --------------------------------------------------------------------- */

static uint32_t tick_at(const struct warmth *warmth, uint64_t now_us)
{
	return (uint32_t)((now_us - warmth->start_us) / TICK_US);
}

struct warmth *warmth_new(const struct warmth_kinds *kinds, uint32_t count, uint64_t now_us)
{
	struct warmth *warmth = mem_zalloc(sizeof(*warmth));

	if (warmth == NULL)
		return NULL;
	warmth->kinds = *kinds;
	warmth->start_us = now_us;
	warmth->fixed = kinds->has_count_txt + 2 * kinds->types;
	warmth->item_count = items_for(warmth, count);
	warmth->items = mem_zalloc(warmth->item_count * sizeof(struct item));
	if (warmth->items == NULL) {
		mem_free(warmth);
		return NULL;
	}
	for (unsigned i = 0; i < kinds->types && !kinds->wants_target; i++)
		warmth->items[kinds->has_count_txt + kinds->types + i].flags = UNASKED;
	return warmth;
}

void warmth_free(struct warmth *warmth)
{
	if (warmth == NULL)
		return;
	mem_free(warmth->items);
	mem_free(warmth);
}

int warmth_set_count(struct warmth *warmth, uint32_t count, uint64_t now_us)
{
	const uint32_t item_count = items_for(warmth, count), now = tick_at(warmth, now_us);

	if (item_count == warmth->item_count)
		return 0;
	struct item *items = mem_realloc(warmth->items, item_count * sizeof(struct item));
	if (items == NULL)
		return -ENOMEM;
	for (uint32_t i = warmth->item_count; i < item_count; i++)
		items[i] = (struct item){ .due = now };
	warmth->items = items;
	warmth->item_count = item_count;
	return 0;
}

/* --- whose turn ---------------------------------------------------------------------------- */

static int32_t ticks_until_due(const struct item *item, uint32_t now)
{
	const int32_t left = (int32_t)(item->due - now);

	return (item->flags & REVIEWED) != 0 && left > 0 ? 0 : left;
}

bool warmth_is_before(const struct warmth_turn *a, const struct warmth_turn *b)
{
	if (a->is_due != b->is_due)
		return a->is_due;
	if (a->is_due && a->is_wanted != b->is_wanted)
		return a->is_wanted;
	return a->due_us < b->due_us;
}

bool warmth_next(const struct warmth *warmth, uint64_t now_us, struct warmth_turn *ret_turn)
{
	const uint32_t now = tick_at(warmth, now_us);
	const struct item *first = NULL;
	int32_t first_left = INT32_MAX;
	bool is_first_wanted = false;

	for (uint32_t i = 0; i < warmth->item_count; i++) {
		const struct item *item = &warmth->items[i];

		if ((item->flags & (SKIPPED | UNASKED | ASKING)) != 0)
			continue;
		const int32_t left = ticks_until_due(item, now);
		const bool is_wanted =
			left <= 0 && (i < warmth->fixed || (item->flags & WANTED) != 0);
		if (is_first_wanted && !is_wanted)
			continue;
		if (left < first_left || (is_wanted && !is_first_wanted)) {
			first = item;
			first_left = left;
			is_first_wanted = is_wanted;
		}
	}
	if (first == NULL)
		return false;
	/* back from ticks: of the present one no earlier than its start */
	const uint64_t tick_us = now_us - (now_us - warmth->start_us) % TICK_US;
	*ret_turn = (struct warmth_turn){
		.item = (uint32_t)(first - warmth->items),
		.is_due = first_left <= 0,
		.is_wanted = is_first_wanted,
		.due_us = tick_us + (uint64_t)((int64_t)first_left * (int64_t)TICK_US),
	};
	return true;
}

void warmth_start(struct warmth *warmth, uint32_t item)
{
	warmth->items[item].flags |= ASKING;
}

/* --- what became of it --------------------------------------------------------------------- */

static uint32_t ticks_of(uint32_t lifetime_s)
{
	return TICKS_PER_S * (lifetime_s < LIFE_MOST_S ? lifetime_s : LIFE_MOST_S);
}

/* Ticks from now. */
static int32_t kept_until(const struct item *item, uint32_t now)
{
	return (int32_t)(item->due - now) + item->kept_s * (int32_t)TICKS_PER_S;
}

static bool is_kept(const struct item *item, uint32_t now)
{
	return (item->flags & KEPT) != 0 && kept_until(item, now) > 0;
}

bool warmth_is_due(const struct warmth *warmth, uint32_t at, uint32_t remaining_s, uint64_t now_us)
{
	const struct item *item = &warmth->items[at];
	const uint32_t now = tick_at(warmth, now_us);

	return is_kept(item, now) && (int32_t)(item->due - now) <= 0 &&
	       (int32_t)ticks_of(remaining_s) - kept_until(item, now) <= (int32_t)GAIN_LEAST;
}

/* Due then; what is kept of it ends in `kept` ticks from now, as before. */
static void set_due(struct item *item, uint32_t now, uint32_t wait, int32_t kept)
{
	const int32_t kept_s = (kept - (int32_t)wait) / (int32_t)TICKS_PER_S;

	item->due = now + wait;
	item->kept_s = (int16_t)(kept_s > INT16_MAX   ? INT16_MAX
				 : kept_s < INT16_MIN ? INT16_MIN
						      : kept_s);
	item->flags &= (uint8_t) ~(ASKING | REVIEWED);
}

/* A wait of at most `period`, and no less than that share of it, at whose end the fewest are due:
 * now, or at that time of any later round, if all had this one's period. */
static uint32_t choose_wait(const struct warmth *warmth, uint32_t now, uint32_t period,
			    uint32_t first_part)
{
	uint32_t load[PARTS] = { 0 }, least = PARTS - 1;

	for (uint32_t i = 0; i < warmth->item_count; i++) {
		const struct item *item = &warmth->items[i];
		const int32_t left = (int32_t)(item->due - now);

		if ((item->flags & (SKIPPED | UNASKED)) == 0)
			load[(left > 0 ? (uint32_t)left % period : 0) * PARTS / period]++;
	}
	for (uint32_t part = PARTS; part-- > first_part;)
		if (load[part] < load[least])
			least = part;
	return ((least + 1) * period - random_below(period)) / PARTS;
}

/* How long to wait with what lives for so long from now. */
static uint32_t wait_for(const struct warmth *warmth, const struct item *item, uint32_t now,
			 uint32_t life)
{
	const bool is_counted = (item->flags & COUNTED) != 0;
	uint32_t lead = life / 10 > LEAD_LEAST ? life / 10 : LEAD_LEAST;

	if (is_counted && random_below(EARLY_ONE_IN) > 0)
		return life + ROUNDING;
	if (lead > life / 2)
		lead = life / 2;
	if (life - lead <= WAIT_LEAST)
		return WAIT_LEAST;
	const uint32_t wait =
		choose_wait(warmth, now, life - lead,
			    is_kept(item, now) || is_counted ? LAST_PARTS : ANY_PARTS);
	return wait < WAIT_LEAST ? WAIT_LEAST : wait;
}

/* The new answer lives no longer than the old one would have. */
static bool is_no_gain(uint32_t life, int32_t gain)
{
	return gain < (int32_t)(life / 4 < GAIN_LEAST ? life / 4 : GAIN_LEAST);
}

/* What has been looked at is what is known. */
static bool is_as_before(const struct item *item, uint32_t now, int32_t gain)
{
	return is_kept(item, now) && (int32_t)(item->due - now) > 0 &&
	       gain <= (int32_t)GAIN_LEAST && gain >= -(int32_t)GAIN_LEAST;
}

void warmth_keep(struct warmth *warmth, uint32_t item, uint32_t remaining_s, bool is_new,
		 uint64_t now_us)
{
	struct item *kept = &warmth->items[item];
	const uint32_t now = tick_at(warmth, now_us), life = ticks_of(remaining_s);
	const int32_t gain = (int32_t)life - kept_until(kept, now);

	kept->tries = 0;
	if (!is_new && is_as_before(kept, now, gain)) {
		kept->flags &= (uint8_t) ~(ASKING | REVIEWED);
		return;
	}
	if (is_new && (kept->flags & WANTED) != 0)
		kept->flags--;
	if (is_new && is_kept(kept, now)) {
		kept->flags &= (uint8_t)~COUNTED;
		kept->flags |= is_no_gain(life, gain) ? COUNTED : 0;
	}
	set_due(kept, now, wait_for(warmth, kept, now, life), (int32_t)life);
	kept->flags |= KEPT;
}

static void put_off(struct warmth *warmth, uint32_t at, uint32_t wait, uint64_t now_us)
{
	struct item *item = &warmth->items[at];
	const uint32_t now = tick_at(warmth, now_us);

	set_due(item, now, wait, kept_until(item, now));
}

static void put_off_longer(struct warmth *warmth, uint32_t at, uint32_t first, uint64_t now_us)
{
	struct item *item = &warmth->items[at];

	put_off(warmth, at, (first << item->tries) + LATE, now_us);
	if (item->tries < DELAY_DOUBLINGS)
		item->tries++;
}

void warmth_miss(struct warmth *warmth, uint32_t item, uint64_t now_us)
{
	warmth->items[item].flags &= (uint8_t)~KEPT; /* what was known has given way to it */
	put_off_longer(warmth, item, DELAY_OF_MISS, now_us);
}

bool warmth_fail(struct warmth *warmth, uint32_t item, uint64_t now_us)
{
	const bool is_news = warmth->items[item].tries == 0;

	put_off_longer(warmth, item, DELAY_OF_FAILURE, now_us);
	return is_news;
}

void warmth_delay(struct warmth *warmth, uint32_t item, uint64_t now_us)
{
	put_off(warmth, item, TICKS_PER_S, now_us);
}

void warmth_skip(struct warmth *warmth, uint32_t item)
{
	warmth->items[item].flags &= (uint8_t) ~(ASKING | REVIEWED | KEPT);
	warmth->items[item].flags |= SKIPPED;
}

void warmth_want(struct warmth *warmth, uint32_t item, uint64_t now_us)
{
	struct item *kept = &warmth->items[item];

	if ((kept->flags & UNASKED) != 0)
		kept->due = tick_at(warmth, now_us);
	kept->flags &= (uint8_t)~UNASKED;
	kept->flags &= (uint8_t)~WANTED;
	kept->flags |= WANTED_ROUNDS;
}

void warmth_hurry(struct warmth *warmth, uint64_t now_us)
{
	for (uint32_t i = 0; i < warmth->item_count; i++) {
		struct item *item = &warmth->items[i];

		if (item->tries == 0)
			continue;
		item->tries = 0;
		if ((item->flags & ASKING) == 0)
			put_off(warmth, i, 0, now_us);
	}
}

void warmth_review(struct warmth *warmth)
{
	for (uint32_t i = 0; i < warmth->item_count; i++) {
		warmth->items[i].flags &= (uint8_t)~SKIPPED;
		warmth->items[i].flags |= REVIEWED;
	}
}

void warmth_report(const struct warmth *warmth, uint64_t now_us, uint32_t *ret_warm,
		   uint32_t *ret_total)
{
	const uint32_t now = tick_at(warmth, now_us);
	uint32_t warm = 0, total = 0;

	for (uint32_t i = 0; i < warmth->item_count; i++) {
		const struct item *item = &warmth->items[i];

		if ((item->flags & (SKIPPED | UNASKED)) != 0)
			continue;
		total++;
		warm += is_kept(item, now);
	}
	*ret_warm = warm;
	*ret_total = total;
}
