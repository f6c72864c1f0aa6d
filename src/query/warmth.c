#include "query/warmth.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"
#include "base/random.h"

#define TICKS_PER_S WARMTH_TICKS_PER_S

#define LEAD_LEAST (2 * TICKS_PER_S)
#define WAIT_LEAST (TICKS_PER_S / 2)
#define LIFE_MOST_S (7u * 86400u)
/* The time until an answer is due has so many parts: it is due in one of the last where there was
 * one before, else in almost any. */
#define PARTS 64u
#define LAST_PARTS 60u
#define ANY_PARTS 8u
/* A new answer that lives for less than this beyond the old one is the old one. */
#define GAIN_LEAST (3 * TICKS_PER_S / 2)
/* Whole seconds are told: what a server counts down is over up to one later. */
#define ROUNDING TICKS_PER_S
/* Of so many times, a server that counts down is asked ahead of time once. */
#define EARLY_ONE_IN 8u
/* A client's question counts for so many rounds. */
#define WANTED_ROUNDS 3u
#define DELAY_DOUBLINGS 6u
#define DELAY_OF_MISS TICKS_PER_S
#define DELAY_OF_FAILURE (5 * TICKS_PER_S)
#define LATE (TICKS_PER_S / 5) /* not before what is kept of a failure is over */

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

struct warmth *warmth_new(const struct warmth_kinds *kinds, uint32_t count, uint32_t now)
{
	struct warmth *warmth = mem_zalloc(sizeof(*warmth));

	if (warmth == NULL)
		return NULL;
	warmth->kinds = *kinds;
	warmth->fixed = kinds->has_count_txt + 2 * kinds->types;
	if (warmth_set_count(warmth, count, now) != 0) {
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

int warmth_set_count(struct warmth *warmth, uint32_t count, uint32_t now)
{
	const uint32_t item_count = items_for(warmth, count);

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

bool warmth_next(const struct warmth *warmth, uint32_t now, struct warmth_turn *turn)
{
	bool is_one = false;

	for (uint32_t i = 0; i < warmth->item_count; i++) {
		const struct item *item = &warmth->items[i];
		int32_t left = (int32_t)(item->due - now);

		if ((item->flags & (SKIPPED | UNASKED | ASKING)) != 0)
			continue;
		if ((item->flags & REVIEWED) != 0 && left > 0)
			left = 0;
		const bool is_wanted =
			left <= 0 && (i < warmth->fixed || (item->flags & WANTED) != 0);
		if (is_wanted == turn->is_wanted ? left >= turn->left : turn->is_wanted)
			continue;
		*turn = (struct warmth_turn){ .item = i, .left = left, .is_wanted = is_wanted };
		is_one = true;
	}
	return is_one;
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

bool warmth_is_due(const struct warmth *warmth, uint32_t at, uint32_t remaining_s, uint32_t now)
{
	const struct item *item = &warmth->items[at];

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
	uint16_t load[PARTS] = { 0 };
	uint32_t least = PARTS - 1;

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

/* How long to wait with what lives for so long from now; `first_part` where there is a choice. */
static uint32_t wait_for(const struct warmth *warmth, uint32_t now, uint32_t life,
			 uint32_t first_part)
{
	uint32_t lead = life / 10 > LEAD_LEAST ? life / 10 : LEAD_LEAST;

	if (lead > life / 2)
		lead = life / 2;
	if (life - lead <= WAIT_LEAST)
		return WAIT_LEAST;
	const uint32_t wait = choose_wait(warmth, now, life - lead, first_part);
	return wait < WAIT_LEAST ? WAIT_LEAST : wait;
}

/* The new answer lives no longer than the old one would have. */
static bool is_no_gain(uint32_t life, int32_t gain)
{
	return gain < (int32_t)(life / 4 < GAIN_LEAST ? life / 4 : GAIN_LEAST);
}

/* What has been looked at is what is known, and is kept. */
static bool is_as_before(const struct item *item, uint32_t now, int32_t gain)
{
	return (int32_t)(item->due - now) > 0 && gain <= (int32_t)GAIN_LEAST &&
	       gain >= -(int32_t)GAIN_LEAST;
}

void warmth_keep(struct warmth *warmth, uint32_t item, uint32_t remaining_s, bool is_new,
		 uint32_t now)
{
	struct item *kept = &warmth->items[item];
	const uint32_t life = ticks_of(remaining_s);
	const int32_t gain = (int32_t)life - kept_until(kept, now);
	const bool was_kept = is_kept(kept, now);

	kept->tries = 0;
	if (!is_new && was_kept && is_as_before(kept, now, gain)) {
		kept->flags &= (uint8_t) ~(ASKING | REVIEWED);
		return;
	}
	if (is_new && (kept->flags & WANTED) != 0)
		kept->flags--;
	if (is_new && was_kept) {
		kept->flags &= (uint8_t)~COUNTED;
		kept->flags |= is_no_gain(life, gain) ? COUNTED : 0;
	}
	const bool is_counted = (kept->flags & COUNTED) != 0;
	const uint32_t wait = is_counted && random_below(EARLY_ONE_IN) > 0
				      ? life + ROUNDING
				      : wait_for(warmth, now, life,
						 was_kept || is_counted ? LAST_PARTS : ANY_PARTS);
	set_due(kept, now, wait, (int32_t)life);
	kept->flags |= KEPT;
}

static void put_off(struct warmth *warmth, uint32_t at, uint32_t wait, uint32_t now)
{
	struct item *item = &warmth->items[at];

	set_due(item, now, wait, kept_until(item, now));
}

static void put_off_longer(struct warmth *warmth, uint32_t at, uint32_t first, uint32_t now)
{
	struct item *item = &warmth->items[at];

	put_off(warmth, at, (first << item->tries) + LATE, now);
	if (item->tries < DELAY_DOUBLINGS)
		item->tries++;
}

void warmth_miss(struct warmth *warmth, uint32_t item, uint32_t now)
{
	warmth->items[item].flags &= (uint8_t)~KEPT; /* what was known has given way to it */
	put_off_longer(warmth, item, DELAY_OF_MISS, now);
}

bool warmth_fail(struct warmth *warmth, uint32_t item, uint32_t now)
{
	const bool is_news = warmth->items[item].tries == 0;

	put_off_longer(warmth, item, DELAY_OF_FAILURE, now);
	return is_news;
}

void warmth_delay(struct warmth *warmth, uint32_t item, uint32_t now)
{
	put_off(warmth, item, TICKS_PER_S, now);
}

void warmth_skip(struct warmth *warmth, uint32_t item)
{
	warmth->items[item].flags &= (uint8_t) ~(ASKING | REVIEWED | KEPT);
	warmth->items[item].flags |= SKIPPED;
}

void warmth_want(struct warmth *warmth, uint32_t item, uint32_t now)
{
	struct item *kept = &warmth->items[item];

	if ((kept->flags & UNASKED) != 0)
		kept->due = now;
	kept->flags &= (uint8_t)~UNASKED;
	kept->flags &= (uint8_t)~WANTED;
	kept->flags |= WANTED_ROUNDS;
}

void warmth_hurry(struct warmth *warmth, uint32_t now)
{
	for (uint32_t i = 0; i < warmth->item_count; i++) {
		struct item *item = &warmth->items[i];

		if (item->tries == 0)
			continue;
		item->tries = 0;
		if ((item->flags & ASKING) == 0)
			put_off(warmth, i, 0, now);
	}
}

void warmth_review(struct warmth *warmth)
{
	for (uint32_t i = 0; i < warmth->item_count; i++) {
		warmth->items[i].flags &= (uint8_t)~SKIPPED;
		warmth->items[i].flags |= REVIEWED;
	}
}

void warmth_report(const struct warmth *warmth, uint32_t now, uint32_t *ret_warm,
		   uint32_t *ret_total)
{
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
