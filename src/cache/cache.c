#include "cache/cache.h"

#include <errno.h>

#include "base/hash.h"
#include "base/mem.h"
#include "cache_internal.h"

/* RFC 9520 section 3.2: a resolution failure is not remembered for longer than five minutes. The
 * minute lets the longest of them, which live as long, still count for the next. */
#define FAILURES_COUNT_S 300u
#define FAILURES_GRACE_S 60u

/* --- its life --------------------------------------------------------------------------------- */

static struct cache *handle_new(struct shared *shared, const struct clock *clock,
				struct stats *stats)
{
	struct cache *cache = mem_alloc(sizeof(*cache));

	if (cache == NULL)
		return NULL;
	*cache = (struct cache){ .shared = shared, .clock = clock, .stats = stats };
	list_add(&shared->handles, &cache->link);
	return cache;
}

struct cache *cache_new(uint64_t max_bytes, unsigned workers, const struct clock *clock,
			struct stats *stats)
{
	struct shared *shared = cache_shared_new(max_bytes, workers);

	if (shared == NULL)
		return NULL;
	hash_draw_secret(); /* here there is one thread */
	struct cache *cache = handle_new(shared, clock, stats);
	if (cache == NULL)
		cache_shared_free(shared);
	return cache;
}

struct cache *cache_share(struct cache *cache, const struct clock *clock, struct stats *stats)
{
	struct shared *shared = cache->shared;

	do {
		for (uint32_t i = 0; i < shared->count; i++)
			lock_share(&shared->shards[i].lock);
	} while ((shared = shared->before) != NULL); /* and what is being moved from */
	return handle_new(cache->shared, clock, stats);
}

void cache_free(struct cache *cache)
{
	if (cache == NULL)
		return;
	list_remove(&cache->link);
	if (list_is_empty(&cache->shared->handles))
		cache_shared_free(cache->shared);
	mem_free(cache);
}

static bool keeps_nothing(const struct cache *cache)
{
	return cache->shared->shards[0].store.map == NULL;
}

/* The shard of this key, locked: nobody else is in it until give_shard(). NULL where nothing is
 * kept. */
static struct shard *take_shard(const struct cache *cache, const struct cache_key *key)
{
	struct shard *shard = cache_shard_of(cache, key->hash);

	if (keeps_nothing(cache))
		return NULL;
	if (cache->shared->before != NULL)
		cache_move_fetch(cache, key);
	lock_take(&shard->lock);
	return shard;
}

static void give_shard(struct shard *shard)
{
	lock_give(&shard->lock);
}

/* --- looking up ------------------------------------------------------------------------------- */

static void drop_sort(struct shard *shard, const struct cache_key *key, enum sort sort)
{
	uint32_t *slot = store_find(&shard->store, key, sort);

	if (slot != NULL)
		store_drop(&shard->store, slot);
}

/* Found, but as if it were not there. */
static bool is_forgotten(const struct shard *shard, const struct entry *failure)
{
	return failure->stored_us <= shard->failures_from_us && shard->failures_from_us > 0;
}

static bool is_fresh_failure(const struct shard *shard, const uint32_t *slot, uint64_t now_us)
{
	if (slot == NULL)
		return false;
	const struct entry *failure = store_entry(&shard->store, slot);
	return entry_is_fresh(failure, now_us) && !is_forgotten(shard, failure);
}

/* Of an answer, that there is a failure beside it, and of what kind. */
static void note_failure(const struct shard *shard, const struct cache_key *key, uint64_t now_us,
			 struct cache_hit *hit)
{
	const uint32_t *slot = store_find(&shard->store, key, SORT_FAILURE);

	hit->is_failing = is_fresh_failure(shard, slot, now_us);
	hit->is_squashed =
		hit->is_failing && entry_kind(store_entry(&shard->store, slot)) == CACHE_SQUASH;
}

static bool read_slot(struct shard *shard, uint32_t *slot, uint64_t now_us,
		      const struct entry_into *into)
{
	struct entry *entry = store_entry(&shard->store, slot);

	entry_count_hit(entry);
	if (!entry_read(entry, into, now_us))
		return false;
	index_mark(slot);
	return true;
}

static bool find_in(struct shard *shard, const struct cache_key *key, bool stale_ok,
		    uint64_t now_us, const struct entry_into *into)
{
	if (!store_may_have(&shard->store, store_hash(key)))
		return false;
	uint32_t *slot = store_find(&shard->store, key, SORT_ANSWER);
	if (slot != NULL) {
		const struct entry *answer = store_entry(&shard->store, slot);

		if (stale_ok ? entry_is_showable(answer, now_us) : entry_is_fresh(answer, now_us)) {
			if (!read_slot(shard, slot, now_us, into))
				return false;
			if (entry_has_failure(answer))
				note_failure(shard, key, now_us, into->hit);
			return true;
		}
	}
	slot = store_find(&shard->store, key, SORT_FAILURE);
	return is_fresh_failure(shard, slot, now_us) && read_slot(shard, slot, now_us, into);
}

bool cache_find(struct cache *cache, const struct cache_key *key, bool stale_ok, uint8_t *buf,
		size_t buf_max, struct cache_hit *ret_hit)
{
	const struct entry_into into = { buf, buf_max, ret_hit };
	struct shard *shard = take_shard(cache, key);

	if (shard == NULL)
		return false;
	const bool is_found = find_in(shard, key, stale_ok, cache->clock->now_us, &into);
	give_shard(shard);
	return is_found;
}

bool cache_repeat(struct cache *cache, const struct cache_key *key, uint32_t plan_id, bool wants_ad,
		  uint8_t *buf, size_t buf_max, struct cache_copy *ret_copy)
{
	ret_copy->is_new = true;
	if (keeps_nothing(cache))
		return false;
	if (cache->shared->before != NULL) { /* cache_find() sees to that */
		ret_copy->is_new = false;
		return false;
	}
	struct shard *shard = cache_shard_of(cache, key->hash);
	lock_take(&shard->lock);
	uint32_t *slot = store_find(&shard->store, key, SORT_ANSWER);
	bool is_found = false;
	if (slot != NULL) {
		struct entry *entry = store_entry(&shard->store, slot);
		const uint64_t age_us = entry_age_us(entry, cache->clock->now_us);

		is_found = entry_may_repeat(entry, plan_id, wants_ad, age_us) &&
			   entry_copy(entry, age_us, buf, buf_max, ret_copy);
		if (is_found) {
			entry_count_hit(entry);
			index_mark(slot);
		}
	}
	ret_copy->is_new = slot == NULL && !store_may_have(&shard->store, store_hash(key));
	give_shard(shard);
	return is_found;
}

static bool look_in(const struct shard *shard, const struct cache_key *key, bool failure,
		    uint64_t now_us, const struct entry_into *into)
{
	const uint32_t *slot = store_find(&shard->store, key, failure ? SORT_FAILURE : SORT_ANSWER);
	struct cache_hit *hit = into->hit;

	if (slot == NULL || (failure && !is_fresh_failure(shard, slot, now_us)))
		return false;
	const struct entry *entry = store_entry(&shard->store, slot);
	if (!entry_is_showable(entry, now_us) || !entry_read(entry, into, now_us))
		return false;
	const uint32_t shown_s = entry->lifetime_s + (failure ? 0 : entry->stale_s);
	hit->stale_left_s = shown_s - hit->age_s - hit->remaining_s;
	if (!failure)
		note_failure(shard, key, now_us, hit);
	return true;
}

bool cache_look(const struct cache *cache, const struct cache_key *key, bool failure, uint8_t *buf,
		size_t buf_max, struct cache_hit *ret_hit)
{
	const struct entry_into into = { buf, buf_max, ret_hit };
	struct shard *shard = take_shard(cache, key);

	if (shard == NULL)
		return false;
	const bool is_found = look_in(shard, key, failure, cache->clock->now_us, &into);
	give_shard(shard);
	return is_found;
}

static uint32_t count_failures(const struct shard *shard, const struct cache_key *key,
			       uint64_t now_us)
{
	const uint32_t *slot = store_find(&shard->store, key, SORT_FAILURE);

	if (slot == NULL)
		return 0;
	const struct entry *last = store_entry(&shard->store, slot);
	if (is_forgotten(shard, last))
		return 0;
	const uint32_t past_lifetime_s = last->lifetime_s + FAILURES_GRACE_S;
	const uint64_t counts_s =
		past_lifetime_s > FAILURES_COUNT_S ? past_lifetime_s : FAILURES_COUNT_S;
	return entry_age_us(last, now_us) < counts_s * USEC_PER_SEC ? last->stale_s : 0;
}

uint32_t cache_failures(struct cache *cache, const struct cache_key *key)
{
	struct shard *shard = take_shard(cache, key);

	if (shard == NULL)
		return 0;
	const uint32_t failures = count_failures(shard, key, cache->clock->now_us);
	give_shard(shard);
	return failures;
}

void cache_prefetch(const struct cache *cache, uint64_t hash)
{
	if (!keeps_nothing(cache))
		store_prefetch(&cache_shard_of(cache, hash)->store, (uint32_t)(hash >> 32));
}

void cache_prefetch_entry(const struct cache *cache, uint64_t hash)
{
	struct shard *shard = cache_shard_of(cache, hash);

	if (keeps_nothing(cache))
		return;
	lock_take(&shard->lock);
	store_prefetch_entry(&shard->store, (uint32_t)(hash >> 32));
	lock_give(&shard->lock);
}

/* --- keeping ---------------------------------------------------------------------------------- */

/* Into the room of the old entry of this sort where it fits without much waste, else to the
 * head. may_have: it is not all new. */
static void put_draft(struct cache *cache, struct shard *shard, const struct entry_draft *draft,
		      bool may_have)
{
	const uint8_t kind = draft->item->note.kind;
	struct store_putting putting = {
		.store = &shard->store,
		.hash = store_hash(draft->key),
		.units = draft->units,
		.rank = kind == CACHE_POSITIVE ? STORE_GOOD : STORE_NEWCOMER,
		.now_us = cache->clock->now_us,
		.evictions = &cache->stats->count[STAT_CACHE_EVICTIONS],
	};
	uint32_t *old = NULL;
	struct entry *entry = NULL;

	if (may_have)
		old = store_find(&shard->store, draft->key,
				 kind >= CACHE_FAILURE ? SORT_FAILURE : SORT_ANSWER);
	if (old != NULL) {
		putting.rank = STORE_KNOWN;
		entry = store_entry(&shard->store, old);
		if (draft->units <= entry->units &&
		    entry->units - draft->units <= entry->units / 8) {
			index_mark(old); /* asked for again, or it would not have come */
		} else {
			store_drop(&shard->store, old);
			entry = NULL;
		}
	}
	if (may_have && entry == NULL &&
	    store_remembers(&shard->store, putting.hash)) /* left too early */
		putting.rank = STORE_KNOWN;
	if (entry == NULL)
		entry = store_put(&putting);
	entry_write(entry, draft, putting.hash, putting.now_us);
}

/* CA-20: a failure takes the place of an answer only where that is of no use any more: past its
 * stale window, or made by a route that is no longer taken. */
static void store_failure(struct cache *cache, struct shard *shard, struct entry_draft *draft,
			  bool may_have)
{
	const uint64_t now_us = cache->clock->now_us;
	uint32_t *slot = store_find(&shard->store, draft->key, SORT_ANSWER);

	if (slot != NULL) {
		struct entry *answer = store_entry(&shard->store, slot);

		if (answer->route != draft->item->note.route || !entry_is_showable(answer, now_us))
			store_drop(&shard->store, slot);
		else
			entry_set_has_failure(answer);
	}
	if (now_us > shard->newest_failure_us)
		shard->newest_failure_us = now_us;
	draft->stale_s = count_failures(shard, draft->key, now_us) + !draft->item->is_silence;
	put_draft(cache, shard, draft, may_have);
}

void cache_store(struct cache *cache, const struct cache_key *key, const struct cache_item *item)
{
	const bool is_failure = item->note.kind >= CACHE_FAILURE;
	struct entry_draft draft;
	const bool is_draft = item->lifetime_s > 0 && entry_draft(&draft, key, item);
	struct shard *shard = take_shard(cache, key);

	if (shard == NULL)
		return;
	const bool can_keep = is_draft && draft.units <= shard->store.max_units;
	const bool may_have = store_may_have(&shard->store, store_hash(key));
	if (!is_failure && may_have)
		drop_sort(shard, key, SORT_FAILURE);
	if (can_keep && is_failure)
		store_failure(cache, shard, &draft, may_have);
	else if (can_keep)
		put_draft(cache, shard, &draft, may_have);
	else if (!is_failure)
		drop_sort(shard, key, SORT_ANSWER);
	give_shard(shard);
}

void cache_confirm(struct cache *cache, const struct cache_key *key, const struct cache_note *note)
{
	struct shard *shard = take_shard(cache, key);

	if (shard == NULL)
		return;
	for (enum sort sort = 0; sort < SORTS; sort++) {
		const uint32_t *slot = store_find(&shard->store, key, sort);

		if (slot == NULL)
			continue;
		struct entry *entry = store_entry(&shard->store, slot);
		if (entry->route == note->route)
			entry_confirm(entry, note);
	}
	give_shard(shard);
}

void cache_drop(struct cache *cache, const struct cache_key *key)
{
	struct shard *shard = take_shard(cache, key);

	if (shard == NULL)
		return;
	drop_sort(shard, key, SORT_ANSWER);
	drop_sort(shard, key, SORT_FAILURE);
	give_shard(shard);
}

void cache_forget_failures(struct cache *cache)
{
	for (struct shared *shared = cache->shared; shared != NULL; shared = shared->before) {
		for (uint32_t i = 0; i < shared->count; i++) {
			struct shard *shard = &shared->shards[i];

			lock_take(&shard->lock);
			shard->failures_from_us = cache->clock->now_us > shard->newest_failure_us
							  ? cache->clock->now_us
							  : shard->newest_failure_us;
			lock_give(&shard->lock);
		}
	}
}

/* --- another size ----------------------------------------------------------------------------- */

int cache_resize(struct cache *cache, uint64_t max_bytes, unsigned workers)
{
	struct shared *before = cache->shared;

	if (max_bytes == before->max_bytes &&
	    cache_shared_count(max_bytes, workers) <= before->count)
		return 0;
	struct shared *shared = cache_shared_new(max_bytes, workers);
	if (shared == NULL)
		return -ENOMEM;
	cache_shared_limit_before(before);
	cache_shared_take_failures(shared, before);
	for (uint32_t i = 0; i < shared->count && before->shards[0].lock.is_shared; i++)
		lock_share(&shared->shards[i].lock);
	for (struct list *link = list_first(&before->handles); link != NULL;
	     link = list_next(&before->handles, link))
		LIST_ITEM(link, struct cache, link)->shared = shared;
	list_move_all(&shared->handles, &before->handles);
	shared->before = before;
	return 0;
}

/* --- reports ---------------------------------------------------------------------------------- */

void cache_report(const struct cache *cache, struct cache_report *ret_report)
{
	*ret_report = (struct cache_report){ .max_bytes = cache->shared->max_bytes };
	for (struct shared *shared = cache->shared; shared != NULL; shared = shared->before) {
		for (uint32_t i = 0; i < shared->count; i++) {
			struct shard *shard = &shared->shards[i];

			lock_take(&shard->lock);
			if (!shard->is_left) {
				ret_report->entries += shard->store.entries;
				ret_report->bytes += store_bytes(&shard->store);
			}
			ret_report->passed += shard->store.passed;
			lock_give(&shard->lock);
		}
	}
}

void cache_verify(const struct cache *cache)
{
	for (uint32_t i = 0; i < cache->shared->count; i++) {
		struct shard *shard = &cache->shared->shards[i];

		lock_take(&shard->lock);
		store_check(&shard->store);
		lock_give(&shard->lock);
	}
}
