#include "cache/cache.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store_internal.h"

/* RFC 9520 section 3.2: a resolution failure is not remembered for longer than five minutes. The
 * minute lets the longest of them, which live as long, still count for the next. */
#define FAILURES_COUNT_S 300u
#define FAILURES_GRACE_S 60u

struct cache {
	struct store store;
	struct hash_key hash_key;
	uint64_t failures_from_us; /* those up to then are forgotten; 0 for none */
	const struct clock *clock;
	struct stats *stats;
};

void cache_key_init(struct cache_key *ret_key, const struct query_view *view, uint64_t partition)
{
	name_lower(ret_key->name, view->name, view->name_len);
	ret_key->name_len = (uint8_t)view->name_len;
	ret_key->type = view->type;
	ret_key->class = view->class;
	ret_key->flags = (uint8_t)((view->flags & FLAG_RD ? CACHE_KEY_RD : 0) |
				   (view->flags & FLAG_CD ? CACHE_KEY_CD : 0) |
				   (view->wants_dnssec ? CACHE_KEY_DO : 0));
	ret_key->view = partition;
}

struct cache *cache_new(uint64_t max_bytes, const struct clock *clock, struct stats *stats)
{
	struct cache *cache = mem_zalloc(sizeof(*cache));

	if (cache == NULL)
		return NULL;
	if (!store_open(&cache->store, max_bytes)) {
		mem_free(cache);
		return NULL;
	}
	hash_key_draw(&cache->hash_key);
	cache->clock = clock;
	cache->stats = stats;
	return cache;
}

void cache_free(struct cache *cache)
{
	if (cache == NULL)
		return;
	store_close(&cache->store);
	mem_free(cache);
}

static bool keeps_nothing(const struct cache *cache)
{
	return cache->store.map == NULL;
}

/* A key may have two entries: the last answer, and beside it a failure that came after. */
enum sort { SORT_ANSWER, SORT_FAILURE };

static struct store_place find_sort(const struct cache *cache, const struct probe *probe,
				    enum sort sort)
{
	return store_find(&cache->store, probe, sort == SORT_FAILURE);
}

static void drop_sort(struct cache *cache, const struct probe *probe, enum sort sort)
{
	const struct store_place place = find_sort(cache, probe, sort);

	if (place.bucket != NULL)
		store_drop(&cache->store, place);
}

/* Found, but as if it were not there. */
static bool is_forgotten(const struct cache *cache, const struct entry *failure)
{
	return failure->stored_us <= cache->failures_from_us && cache->failures_from_us > 0;
}

static bool is_fresh_failure(const struct cache *cache, struct store_place place)
{
	if (place.bucket == NULL)
		return false;
	const struct entry *failure = store_entry(&cache->store, place);
	return entry_is_fresh(failure, cache->clock->now_us) && !is_forgotten(cache, failure);
}

/* Of an answer, that there is a failure beside it, and of what kind. */
static void note_failure(const struct cache *cache, const struct probe *probe,
			 struct cache_hit *hit)
{
	const struct store_place place = find_sort(cache, probe, SORT_FAILURE);

	hit->is_failing = is_fresh_failure(cache, place);
	hit->is_squashed =
		hit->is_failing && entry_kind(store_entry(&cache->store, place)) == CACHE_SQUASH;
}

static bool read_place(struct cache *cache, struct store_place place, uint8_t *buf, size_t buf_max,
		       struct cache_hit *ret_hit)
{
	struct entry *entry = store_entry(&cache->store, place);

	entry_count_hit(entry);
	if (!entry_read(entry, cache->clock->now_us, buf, buf_max, ret_hit))
		return false;
	store_mark(place);
	return true;
}

bool cache_find(struct cache *cache, const struct cache_key *key, bool stale_ok, uint8_t *buf,
		size_t buf_max, struct cache_hit *ret_hit)
{
	const uint64_t now_us = cache->clock->now_us;
	struct probe probe;

	if (keeps_nothing(cache))
		return false;
	entry_probe(&probe, key, &cache->hash_key);
	struct store_place place = find_sort(cache, &probe, SORT_ANSWER);
	if (place.bucket != NULL) {
		const struct entry *answer = store_entry(&cache->store, place);

		if (stale_ok ? entry_is_showable(answer, now_us) : entry_is_fresh(answer, now_us)) {
			if (!read_place(cache, place, buf, buf_max, ret_hit))
				return false;
			if (entry_has_failure(answer))
				note_failure(cache, &probe, ret_hit);
			return true;
		}
	}
	place = find_sort(cache, &probe, SORT_FAILURE);
	return is_fresh_failure(cache, place) && read_place(cache, place, buf, buf_max, ret_hit);
}

bool cache_repeat(struct cache *cache, const struct cache_key *key, uint32_t plan_id, bool wants_ad,
		  uint8_t *buf, size_t buf_max, struct cache_hit *ret_hit)
{
	struct probe probe;

	if (keeps_nothing(cache))
		return false;
	entry_probe(&probe, key, &cache->hash_key);
	const struct store_place place = find_sort(cache, &probe, SORT_ANSWER);
	return place.bucket != NULL &&
	       entry_may_repeat(store_entry(&cache->store, place), plan_id, wants_ad,
				cache->clock->now_us) &&
	       read_place(cache, place, buf, buf_max, ret_hit);
}

bool cache_look(const struct cache *cache, const struct cache_key *key, bool failure, uint8_t *buf,
		size_t buf_max, struct cache_hit *ret_hit)
{
	const uint64_t now_us = cache->clock->now_us;
	struct probe probe;

	if (keeps_nothing(cache))
		return false;
	entry_probe(&probe, key, &cache->hash_key);
	const struct store_place place =
		find_sort(cache, &probe, failure ? SORT_FAILURE : SORT_ANSWER);
	if (place.bucket == NULL || (failure && !is_fresh_failure(cache, place)))
		return false;
	const struct entry *entry = store_entry(&cache->store, place);
	if (!entry_is_showable(entry, now_us) || !entry_read(entry, now_us, buf, buf_max, ret_hit))
		return false;
	const uint64_t shown_s = (uint64_t)entry->lifetime_s + (failure ? 0 : entry->stale_s);
	ret_hit->stale_left_s = (uint32_t)(shown_s - ret_hit->age_s - ret_hit->remaining_s);
	if (!failure)
		note_failure(cache, &probe, ret_hit);
	return true;
}

/* Into the room of the old entry of this sort where it fits without much waste, else to the
 * head. */
static void put_draft(struct cache *cache, const struct entry_draft *draft, enum sort sort,
		      uint32_t failures)
{
	const uint64_t now_us = cache->clock->now_us;
	const struct store_place old = find_sort(cache, draft->probe, sort);
	enum store_rank rank = sort == SORT_ANSWER && draft->item->note.kind == CACHE_POSITIVE
				       ? STORE_GOOD
				       : STORE_NEWCOMER;
	struct entry *entry = NULL;

	if (old.bucket != NULL) {
		rank = STORE_KNOWN;
		entry = store_entry(&cache->store, old);
		if (draft->units <= entry->units &&
		    entry->units - draft->units <= entry->units / 8) {
			store_mark(old); /* asked for again, or it would not have come */
		} else {
			store_drop(&cache->store, old);
			entry = NULL;
		}
	}
	if (entry == NULL)
		entry = store_put(&cache->store, draft->probe->hash, draft->units, rank, now_us,
				  &cache->stats->count[STAT_CACHE_EVICTIONS]);
	entry_write(entry, draft, now_us, failures);
}

static uint32_t count_failures(const struct cache *cache, const struct probe *probe)
{
	const struct store_place place = find_sort(cache, probe, SORT_FAILURE);

	if (place.bucket == NULL)
		return 0;
	const struct entry *last = store_entry(&cache->store, place);
	if (is_forgotten(cache, last))
		return 0;
	const uint64_t past_lifetime_s = (uint64_t)last->lifetime_s + FAILURES_GRACE_S;
	const uint64_t counts_s =
		past_lifetime_s > FAILURES_COUNT_S ? past_lifetime_s : FAILURES_COUNT_S;
	return entry_age_us(last, cache->clock->now_us) < counts_s * USEC_PER_SEC ? last->stale_s
										  : 0;
}

/* CA-20: a failure takes the place of an answer only where that is of no use any more: past its
 * stale window, or made by a route that is no longer taken. */
static void store_failure(struct cache *cache, const struct entry_draft *draft)
{
	const struct store_place place = find_sort(cache, draft->probe, SORT_ANSWER);

	if (place.bucket != NULL) {
		struct entry *answer = store_entry(&cache->store, place);

		if (answer->route != draft->item->note.route ||
		    !entry_is_showable(answer, cache->clock->now_us))
			store_drop(&cache->store, place);
		else
			entry_set_has_failure(answer);
	}
	put_draft(cache, draft, SORT_FAILURE,
		  count_failures(cache, draft->probe) + !draft->item->is_silence);
}

void cache_store(struct cache *cache, const struct cache_key *key, const struct cache_item *item)
{
	const bool is_failure = item->note.kind >= CACHE_FAILURE;
	struct probe probe;
	struct entry_draft draft;

	if (keeps_nothing(cache))
		return;
	entry_probe(&probe, key, &cache->hash_key);
	const bool can_keep = item->lifetime_s > 0 && entry_draft(&draft, &probe, item) &&
			      draft.units <= cache->store.max_units;
	if (is_failure) {
		if (can_keep)
			store_failure(cache, &draft);
		return;
	}
	drop_sort(cache, &probe, SORT_FAILURE);
	if (can_keep)
		put_draft(cache, &draft, SORT_ANSWER, 0);
	else
		drop_sort(cache, &probe, SORT_ANSWER);
}

void cache_confirm(struct cache *cache, const struct cache_key *key, const struct cache_note *note)
{
	static const enum sort sorts[] = { SORT_ANSWER, SORT_FAILURE };
	struct probe probe;

	if (keeps_nothing(cache))
		return;
	entry_probe(&probe, key, &cache->hash_key);
	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
		const struct store_place place = find_sort(cache, &probe, sorts[i]);

		if (place.bucket == NULL)
			continue;
		struct entry *entry = store_entry(&cache->store, place);
		if (entry->route == note->route)
			entry_confirm(entry, note);
	}
}

void cache_drop(struct cache *cache, const struct cache_key *key)
{
	struct probe probe;

	if (keeps_nothing(cache))
		return;
	entry_probe(&probe, key, &cache->hash_key);
	drop_sort(cache, &probe, SORT_ANSWER);
	drop_sort(cache, &probe, SORT_FAILURE);
}

uint32_t cache_failures(struct cache *cache, const struct cache_key *key)
{
	struct probe probe;

	if (keeps_nothing(cache))
		return 0;
	entry_probe(&probe, key, &cache->hash_key);
	return count_failures(cache, &probe);
}

void cache_forget_failures(struct cache *cache)
{
	cache->failures_from_us = cache->clock->now_us;
}

void cache_report(const struct cache *cache, struct cache_report *ret_report)
{
	const struct store *store = &cache->store;

	*ret_report = (struct cache_report){
		.entries = store->entries,
		.bytes = store_used(store) == 0
				 ? 0
				 : (uint64_t)store_used(store) * ENTRY_UNIT +
					   store->bucket_count * sizeof(struct store_bucket),
		.max_bytes = store->max_bytes,
	};
}

void cache_verify(const struct cache *cache)
{
	store_verify(&cache->store);
}
