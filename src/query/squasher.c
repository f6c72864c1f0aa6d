#include "query/squasher.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "squasher_internal.h"
#include "upstream/exchange.h"
#include "wire/type.h"

/* A type that was squashed is not asked for again for ever: after so long any true answer says that
 * it is over. */
#define OVER_AFTER_US (3600ull * USEC_PER_SEC)

static struct squashers *new_view(struct table *table, const struct clock *clock,
				  struct stats *stats)
{
	struct squashers *squashers = mem_alloc(sizeof(*squashers));

	if (squashers == NULL)
		return NULL;
	*squashers = (struct squashers){ .clock = clock, .stats = stats, .table = table };
	list_init(&squashers->mutes);
	list_add(&table->workers, &squashers->link);
	return squashers;
}

struct squashers *squasher_table_new(const struct clock *clock, struct stats *stats)
{
	struct table *table = mem_zalloc(sizeof(*table));

	if (table == NULL)
		return NULL;
	list_init(&table->all);
	list_init(&table->workers);
	struct squashers *squashers = new_view(table, clock, stats);
	if (squashers == NULL)
		mem_free(table);
	return squashers;
}

struct squashers *squasher_table_share(struct squashers *first, const struct clock *clock,
				       struct stats *stats)
{
	struct table *table = first->table;

	lock_share(&table->lock);
	return new_view(table, clock, stats);
}

static struct mute *mute_of(struct list *link)
{
	return LIST_ITEM(link, struct mute, link);
}

/* This worker's; NULL for none. */
static struct mute *find_mute(const struct squashers *squashers, const struct squasher *squasher)
{
	for (struct list *link = list_first(&squashers->mutes); link != NULL;
	     link = list_next(&squashers->mutes, link)) {
		if (mute_of(link)->squasher == squasher)
			return mute_of(link);
	}
	return NULL;
}

/* NULL is fine. A server is its worker's, so nobody else lets go of it. */
static void forget_mute(struct mute *mute)
{
	if (mute == NULL)
		return;
	list_remove(&mute->link);
	server_unref(mute->server);
	mem_free(mute);
}

static void forget(struct table *table, struct squasher *squasher)
{
	for (struct list *link = list_first(&table->workers); link != NULL;
	     link = list_next(&table->workers, link)) {
		struct mute *mute = find_mute(LIST_ITEM(link, struct squashers, link), squasher);

		if (mute != NULL)
			mute->squasher = NULL;
	}
	list_remove(&squasher->link);
	table->count--;
	mem_free(squasher->family);
	mem_free(squasher->group);
	mem_free(squasher);
}

static void free_table(struct table *table)
{
	for (struct list *link; (link = list_first(&table->all)) != NULL;)
		forget(table, squasher_of(link));
	lock_done(&table->lock);
	mem_free(table);
}

void squasher_table_free(struct squashers *squashers)
{
	if (squashers == NULL)
		return;
	for (struct list *link; (link = list_first(&squashers->mutes)) != NULL;)
		forget_mute(mute_of(link));
	list_remove(&squashers->link);
	if (list_is_empty(&squashers->table->workers))
		free_table(squashers->table);
	mem_free(squashers);
}

/* --- who it is ----------------------------------------------------------------------------- */

static struct squasher *find(struct table *table, const struct squasher_sight *sight)
{
	struct list *link;

	for (link = list_first(&table->all); link != NULL; link = list_next(&table->all, link)) {
		struct squasher *squasher = squasher_of(link);

		if (addr_equal(&squasher->addr, server_addr(sight->server)) &&
		    strcmp(squasher->family, sight->family) == 0)
			return squasher;
	}
	return NULL;
}

/* NULL when memory is short. */
static struct squasher *add(struct squashers *squashers, const struct squasher_sight *sight)
{
	struct table *table = squashers->table;
	struct squasher *squasher = mem_zalloc(sizeof(*squasher));

	if (squasher == NULL)
		return NULL;
	struct list *oldest = list_first(&table->all);
	if (table->count >= SQUASHERS_MAX && oldest != NULL) {
		forget(table, squasher_of(oldest));
		stats_count(squashers->stats, STAT_LIMIT_SQUASHERS);
	}
	list_add(&table->all, &squasher->link);
	table->count++;
	squasher->addr = *server_addr(sight->server);
	name_lower(squasher->alias, sight->alias, name_len(sight->alias));
	squasher->family = mem_strdup(sight->family);
	squasher->group = mem_strdup(server_group(sight->server));
	if (squasher->family == NULL || squasher->group == NULL) {
		forget(table, squasher);
		return NULL;
	}
	return squasher;
}

static void note_group(struct squasher *squasher, const char *group)
{
	if (strcmp(squasher->group, group) == 0)
		return;
	char *copy = mem_strdup(group);
	if (copy == NULL)
		return;
	mem_free(squasher->group);
	squasher->group = copy;
}

/* --- what it says -------------------------------------------------------------------------- */

static uint8_t bit_of(uint16_t type)
{
	switch (type) {
	case TYPE_A:
		return 1;
	case TYPE_AAAA:
		return 2;
	case TYPE_HTTPS:
		return 4;
	default:
		return 8;
	}
}

static void count(struct squasher *squasher, uint16_t type, enum squash shape, unsigned times,
		  uint64_t now_us)
{
	if (squasher->types == 0) {
		squasher->since_us = now_us;
		squasher->times = 0;
		squasher->untold++;
	}
	/* a packet may be lost of one that squashes in another way */
	if (shape != SQUASH_SILENT || squasher->types == 0 || squasher->silences >= SILENCES_TOLD) {
		squasher->type = type;
		squasher->shape = shape;
	}
	squasher->types |= bit_of(type);
	squasher->last_us = now_us;
	squasher->counts[shape] += times;
	squasher->times += times;
}

static void end(struct squasher *squasher, uint16_t type, uint64_t now_us)
{
	squasher->truth_us = now_us;
	squasher->silences = 0;
	if (squasher->types == 0)
		return;
	squasher->types &= (uint8_t)~bit_of(type);
	if (squasher_between_us(squasher->last_us, now_us) > OVER_AFTER_US)
		squasher->types = 0;
	squasher->untold += squasher->types == 0;
}

/* Whether a silent server has meanwhile been heard, or found to be down, or has told others the
 * truth. */
static void settle(struct mute *mute, uint64_t now_us)
{
	struct squasher *squasher = mute->squasher;

	if (squasher == NULL || server_times_down(mute->server) != mute->times_down ||
	    squasher->truth_us > mute->since_us) {
		forget_mute(mute);
	} else if (server_heard_us(mute->server) >= mute->since_us ||
		   squasher->heard_us > mute->since_us) {
		squasher->silences += mute->count;
		count(squasher, squasher->type, SQUASH_SILENT, mute->count, now_us);
		forget_mute(mute);
	}
}

/* A worker's, of this squasher (NULL: any), and of what has been forgotten. */
static void settle_mutes(struct list *mutes, const struct squasher *squasher, uint64_t now_us)
{
	for (struct list *link = list_first(mutes), *next; link != NULL; link = next) {
		struct mute *mute = mute_of(link);

		next = list_next(mutes, link);
		if (squasher == NULL || mute->squasher == NULL || mute->squasher == squasher)
			settle(mute, now_us);
	}
}

static bool is_heard_otherwise(const struct squasher *squasher, const struct server *server,
			       uint64_t now_us)
{
	const uint64_t by_us = server_heard_us(server), by_any_us = squasher->heard_us;
	const uint64_t heard_us = by_us > by_any_us ? by_us : by_any_us;

	return heard_us != 0 && squasher_between_us(heard_us, now_us) < EXCHANGE_PATIENCE_US;
}

/* Not a word, of a server that may be dead. Where memory is short it counts as nothing. */
static void note_mute(struct squashers *squashers, struct squasher *squasher,
		      const struct squasher_sight *sight)
{
	struct mute *mute = find_mute(squashers, squasher);

	squasher->type = sight->type;
	if (mute == NULL && (mute = mem_zalloc(sizeof(*mute))) != NULL) {
		*mute = (struct mute){
			.squasher = squasher,
			.server = server_ref((struct server *)(uintptr_t)sight->server),
			.times_down = server_times_down(sight->server),
			.since_us = squashers->clock->now_us,
		};
		list_add(&squashers->mutes, &mute->link);
	}
	if (mute != NULL)
		mute->count++;
}

static bool note(struct squashers *squashers, const struct squasher_sight *sight)
{
	const uint64_t now_us = squashers->clock->now_us;
	struct squasher *squasher = find(squashers->table, sight);

	if (squasher == NULL && sight->shape != SQUASH_NONE)
		squasher = add(squashers, sight);
	if (squasher == NULL)
		return sight->shape != SQUASH_NONE && sight->shape != SQUASH_SILENT;
	list_remove(&squasher->link);
	list_add(&squashers->table->all, &squasher->link);
	note_group(squasher, server_group(sight->server));
	settle_mutes(&squashers->mutes, squasher, now_us);
	if (sight->shape != SQUASH_SILENT)
		squasher->heard_us = now_us;
	if (sight->shape == SQUASH_NONE) {
		forget_mute(find_mute(squashers, squasher));
		end(squasher, sight->type, now_us);
		return false;
	}
	if (sight->shape == SQUASH_SILENT && !is_heard_otherwise(squasher, sight->server, now_us)) {
		note_mute(squashers, squasher, sight);
		return squasher->types != 0 && squasher->shape == SQUASH_SILENT;
	}
	squasher->silences = sight->shape == SQUASH_SILENT ? squasher->silences + 1 : 0;
	count(squasher, sight->type, sight->shape, 1, now_us);
	return true;
}

bool squasher_note(struct squashers *squashers, const struct squasher_sight *sight)
{
	lock_take(&squashers->table->lock);
	const bool is_squash = note(squashers, sight);
	lock_give(&squashers->table->lock);
	return is_squash;
}

/* --- what is told -------------------------------------------------------------------------- */

void squasher_each(struct squashers *squashers, squasher_fn fn, void *ctx)
{
	const uint64_t now_us = squashers->clock->now_us;
	struct list *all = &squashers->table->all, *workers = &squashers->table->workers, *link;

	/* everybody is held, so that servers of all may be looked at, and let go of */
	for (link = list_first(workers); link != NULL; link = list_next(workers, link))
		settle_mutes(&LIST_ITEM(link, struct squashers, link)->mutes, NULL, now_us);
	for (link = list_first(all); link != NULL; link = list_next(all, link)) {
		const struct squasher *squasher = squasher_of(link);

		if (squasher->last_us == 0) /* silent, perhaps */
			continue;
		const uint64_t from_us =
			squasher_is_squashing(squasher) ? squasher->since_us : squasher->last_us;
		const struct squasher_view view = {
			.family = squasher->family,
			.group = squasher->group,
			.addr = &squasher->addr,
			.counts = squasher->counts,
			.is_squashing = squasher_is_squashing(squasher),
			.shape = squasher->shape,
			.since_s = (uint32_t)(squasher_between_us(from_us, now_us) / USEC_PER_SEC),
		};
		fn(ctx, &view);
	}
}

struct report {
	server_line_fn line;
	void *ctx;
};

static void report_one(void *ctx, const struct squasher_view *view)
{
	const struct report *report = ctx;
	struct addr_text addr;
	char text[256];

	addr_to_text(view->addr, &addr);
	for (enum squash shape = 0; shape < SQUASH_COUNT; shape++) {
		if (view->counts[shape] == 0)
			continue;
		(void)snprintf(text, sizeof(text),
			       "courierdns_squashes_total{family=\"%s\",shape=\"%s\",server=\"%s\"}"
			       " %" PRIu64,
			       view->family, squash_text(shape), addr.text, view->counts[shape]);
		report->line(report->ctx, text);
	}
}

void squasher_report(struct squashers *squashers, server_line_fn line, void *ctx)
{
	struct report report = { .line = line, .ctx = ctx };

	squasher_each(squashers, report_one, &report);
}
