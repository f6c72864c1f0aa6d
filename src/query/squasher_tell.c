#include "squasher_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "wire/type.h"

#define LINE_COSTS_US (60ull * USEC_PER_SEC)
#define LINES_IN_A_ROW 4u
/* All of them together: who has been forgotten begins anew. */
#define ANY_LINE_COSTS_US (10ull * USEC_PER_SEC)
#define ANY_LINES_IN_A_ROW (2u * SQUASHERS_MAX)

static const char *meaning(enum squash shape)
{
	switch (shape) {
	case SQUASH_NONE:
		break;
	case SQUASH_NO_CNAME:
		return "it leaves out the alias";
	case SQUASH_SOA_LOST:
		return "it leaves out the SOA, without which nobody may keep the answer";
	case SQUASH_NXDOMAIN:
		return "it says that there is no such name";
	case SQUASH_SERVFAIL:
		return "it fails at an alias that leads to no address";
	case SQUASH_REFUSED:
		return "it refuses to answer";
	case SQUASH_SILENT:
		return "it answers other questions, this one not";
	case SQUASH_FLATTENED:
		return "it puts addresses in the place of the alias";
	case SQUASH_SINKHOLE:
		return "it gives an address that leads nowhere, as for a name on a blocklist";
	case SQUASH_REWRITTEN:
		return "it has the alias lead to another name";
	}
	UNREACHABLE();
}

static bool can_pay(uint64_t spent_until_us, uint64_t costs_us, unsigned in_a_row, uint64_t now_us)
{
	return spent_until_us <= now_us + (in_a_row - 1) * costs_us;
}

static void pay(uint64_t *spent_until_us, uint64_t costs_us, uint64_t now_us)
{
	if (*spent_until_us < now_us)
		*spent_until_us = now_us;
	*spent_until_us += costs_us;
}

static bool may_write(struct squashers *squashers, struct squasher *squasher)
{
	uint64_t *spent_by_all_us = &squashers->table->spent_until_us;
	const uint64_t now_us = squashers->clock->now_us;

	if (!can_pay(squasher->spent_until_us, LINE_COSTS_US, LINES_IN_A_ROW, now_us) ||
	    !can_pay(*spent_by_all_us, ANY_LINE_COSTS_US, ANY_LINES_IN_A_ROW, now_us))
		return false;
	pay(&squasher->spent_until_us, LINE_COSTS_US, now_us);
	pay(spent_by_all_us, ANY_LINE_COSTS_US, now_us);
	return true;
}

static void tell(struct squasher *squasher, const char *so)
{
	struct name_text alias;
	struct addr_text addr;
	struct type_text type;
	char untold[64] = "";

	if (squasher->untold > 1)
		(void)snprintf(untold, sizeof(untold), "; %u changes before that were not told",
			       squasher->untold - 1);
	name_to_text(squasher->alias, &alias);
	addr_to_text(&squasher->addr, &addr);
	type_to_text(squasher->type, &type);
	if (squasher->is_told)
		LOG(LEVEL_NOTICE,
		    "group %s: %s does not squash %s any more (%s, %" PRIu64 " times in %" PRIu64
		    " s)%s",
		    squasher->group, addr.text, alias.text, squash_text(squasher->shape),
		    squasher->times,
		    squasher_between_us(squasher->since_us, squasher->last_us) / USEC_PER_SEC,
		    untold);
	else
		LOG(LEVEL_WARNING, "group %s: %s squashes %s (%s): asked for %s, %s; %s%s",
		    squasher->group, addr.text, alias.text, squash_text(squasher->shape), type.text,
		    meaning(squasher->shape), so, untold);
	squasher->is_told = !squasher->is_told;
	squasher->untold = 0;
}

void squasher_tell(struct squashers *squashers, const char *family, const char *so)
{
	struct table *table = squashers->table;
	struct list *link;

	lock_take(&table->lock);
	for (link = list_first(&table->all); link != NULL; link = list_next(&table->all, link)) {
		struct squasher *squasher = squasher_of(link);

		if (squasher_is_squashing(squasher) != squasher->is_told &&
		    (so != NULL || squasher->is_told) && strcmp(squasher->family, family) == 0 &&
		    may_write(squashers, squasher))
			tell(squasher, so);
	}
	lock_give(&table->lock);
}
