#include "query/commons.h"

#include "base/mem.h"
#include "query/family_post.h"

struct commons *commons_new(struct worker *first, uint32_t workers)
{
	struct commons *commons = mem_zalloc(sizeof(*commons));

	if (commons == NULL)
		return NULL;
	*commons = (struct commons){ .holders = 1, .workers = workers, .first = first };
	lock_init(&commons->lock, workers > 1);
	lock_init(&commons->limit_lines.lock, workers > 1);
	commons->repairs = repair_tally_table_new(workers > 1);
	if (workers > 1)
		commons->post = family_post_new();
	if (commons->repairs == NULL || (workers > 1 && commons->post == NULL)) {
		commons_unref(commons);
		return NULL;
	}
	return commons;
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
	family_post_free(commons->post);
	repair_tally_table_free(commons->repairs);
	lock_done(&commons->limit_lines.lock);
	lock_done(&commons->lock);
	mem_free(commons);
}

bool commons_may_tell(struct commons *commons, struct log_minute *minute, uint64_t now_us,
		      uint64_t *ret_held_back)
{
	lock_take(&commons->lock);
	const bool may = log_minute_allows(minute, now_us, ret_held_back);
	lock_give(&commons->lock);
	return may;
}
