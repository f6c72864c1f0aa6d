#include "query/commons.h"

#include <errno.h>

#include "base/mem.h"
#include "net/nftset.h"
#include "query/family_post.h"

struct commons *commons_new(struct worker *first)
{
	struct commons *commons = mem_zalloc(sizeof(*commons));

	if (commons == NULL)
		return NULL;
	*commons = (struct commons){ .holders = 1, .workers = 1, .first = first };
	commons->repairs = repair_tally_table_new();
	if (commons->repairs != NULL)
		return commons;
	commons_unref(commons);
	return NULL;
}

int commons_share(struct commons *commons)
{
	lock_share(&commons->lock);
	lock_share(&commons->limit_lines.lock);
	repair_tally_table_share(commons->repairs);
	if (commons->post == NULL)
		commons->post = family_post_new();
	return commons->post == NULL ? -ENOMEM : 0;
}

struct commons *commons_ref(struct commons *commons)
{
	commons->holders++;
	return commons;
}

void commons_unref(struct commons *commons)
{
	if (commons == NULL || --commons->holders > 0)
		return;
#if COURIERDNS_NFTSET
	nftset_free(commons->nftset);
#endif
	family_post_free(commons->post);
	repair_tally_table_free(commons->repairs);
	lock_done(&commons->limit_lines.lock);
	lock_done(&commons->lock);
	mem_free(commons);
}

bool commons_may_warn(struct commons *commons, struct log_minute *minute, const struct clock *clock,
		      uint64_t *ret_held_back)
{
	if (!log_is_on(LEVEL_WARNING))
		return false;
	lock_take(&commons->lock);
	const bool may = log_minute_allows(minute, clock->now_us, ret_held_back);
	lock_give(&commons->lock);
	return may;
}
