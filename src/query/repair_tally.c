#include "query/repair_tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/mem.h"

/* Families of which anything is known: more than a configuration has, but reloads bring others. */
#define FAMILIES_MAX 64u

struct tally {
	struct list link;
	char *family;
	uint64_t counts[REPAIR_HOW_COUNT];
	uint64_t due_us;
};

struct repair_tallies {
	struct lock lock;
	struct list all;
	unsigned count;
};

const char *repair_tally_phrase(enum repair_how how)
{
	static const char *const phrases[] = {
#define PHRASE(id, name, phrase) phrase,
		REPAIR_HOWS(PHRASE)
#undef PHRASE
	};

	return phrases[how];
}

struct repair_tallies *repair_tally_table_new(void)
{
	struct repair_tallies *table = mem_zalloc(sizeof(*table));

	if (table == NULL)
		return NULL;
	list_init(&table->all);
	return table;
}

void repair_tally_table_share(struct repair_tallies *table)
{
	lock_share(&table->lock);
}

static struct tally *tally_of(struct list *link)
{
	return LIST_ITEM(link, struct tally, link);
}

void repair_tally_table_free(struct repair_tallies *table)
{
	if (table == NULL)
		return;
	for (struct list *link; (link = list_first(&table->all)) != NULL;) {
		struct tally *tally = tally_of(link);

		list_remove(link);
		mem_free(tally->family);
		mem_free(tally);
	}
	lock_done(&table->lock);
	mem_free(table);
}

static struct tally *find(struct repair_tallies *table, const char *family)
{
	struct list *link = list_first(&table->all);

	while (link != NULL && strcmp(tally_of(link)->family, family) != 0)
		link = list_next(&table->all, link);
	if (link != NULL)
		return tally_of(link);
	struct tally *tally = table->count < FAMILIES_MAX ? mem_zalloc(sizeof(*tally)) : NULL;
	if (tally == NULL)
		return NULL;
	tally->family = mem_strdup(family);
	if (tally->family == NULL) {
		mem_free(tally);
		return NULL;
	}
	list_add(&table->all, &tally->link);
	table->count++;
	return tally;
}

void repair_tally_count(struct repair_tallies *table, const char *family, enum repair_how how)
{
	lock_take(&table->lock);
	struct tally *tally = find(table, family);
	if (tally != NULL)
		tally->counts[how]++;
	lock_give(&table->lock);
}

bool repair_tally_is_due(struct repair_tallies *table, const char *family, uint64_t now_us,
			 uint64_t every_us)
{
	lock_take(&table->lock);
	struct tally *tally = find(table, family);
	const bool is_due = tally != NULL && now_us >= tally->due_us;
	if (is_due)
		tally->due_us = now_us + every_us;
	lock_give(&table->lock);
	return is_due;
}

void repair_tally_report(const struct repair_tallies *table, server_line_fn line, void *ctx)
{
	static const char *const names[] = {
#define NAME(id, name, phrase) name,
		REPAIR_HOWS(NAME)
#undef NAME
	};
	struct list *link;
	char text[256];

	for (link = list_first(&table->all); link != NULL; link = list_next(&table->all, link)) {
		const struct tally *tally = tally_of(link);

		for (unsigned how = 0; how < REPAIR_HOW_COUNT; how++) {
			if (tally->counts[how] == 0)
				continue;
			(void)snprintf(
				text, sizeof(text),
				"courierdns_repairs_total{family=\"%s\",how=\"%s\"} %" PRIu64,
				tally->family, names[how], tally->counts[how]);
			line(ctx, text);
		}
	}
}
