#include "entry_internal.h"

#include <assert.h>
#include <string.h>

#include "wire/cursor.h"
#include "wire/message.h"

enum {
	ENTRY_KEY_FLAGS = CACHE_KEY_RD | CACHE_KEY_CD | CACHE_KEY_DO,
	ENTRY_KIND_SHIFT = 3, /* two bits of enum cache_kind */
	ENTRY_KNOWS_AD = 0x20,
	ENTRY_HAS_EXTRAS = 0x40,
	ENTRY_HAS_FAILURE = 0x80,
};
enum { ENTRY_VERDICT = 0x0f, ENTRY_HIT = 0x10, ENTRY_HITS = 0x30, ENTRY_WATCHED = 0x40 };
/* An answer is asked for ahead of time from this many hits on, if it lives for so long: the tenth
 * of a life that is shorter than this is over before a new answer is there. */
#define DUE_HITS 2u
#define DUE_LIFETIME_S 10u

#define EXTRAS_LEN (8u + 1 + 1 + 2)
struct extras {
	uint64_t view;
	uint8_t opt_rcode, options_len;
	uint16_t key_len;
	const uint8_t *options, *key;
};

static struct extras extras_of(const struct entry *entry)
{
	struct extras extras = { 0 };

	if ((entry->flags & ENTRY_HAS_EXTRAS) == 0)
		return extras;
	const uint8_t *at = entry->wire + entry->wire_len;
	memcpy(&extras.view, at, 8);
	extras.opt_rcode = at[8];
	extras.options_len = at[9];
	memcpy(&extras.key_len, at + 10, 2);
	extras.options = at + EXTRAS_LEN;
	extras.key = extras.options + extras.options_len;
	return extras;
}

/* --- keys ------------------------------------------------------------------------------------- */

static size_t question_len(const struct cache_key *key)
{
	return key->name_len + 4u;
}

/* Name, type and class as they stand in a message. Equal bytes of that length are an equal
 * question, as a name ends itself. */
static inline bool is_name(const uint8_t *at, const struct cache_key *key)
{
	return memcmp(at, key->name, key->name_len) == 0;
}

static inline bool is_type(const uint8_t *at, const struct cache_key *key)
{
	const uint8_t *type = at + key->name_len;

	return (type[0] << 8 | type[1]) == key->type && (type[2] << 8 | type[3]) == key->class;
}

static bool is_question(const uint8_t *at, const struct cache_key *key)
{
	return is_name(at, key) && is_type(at, key);
}

static void put_question(uint8_t *at, const struct cache_key *key)
{
	struct cursor_out out = cursor_into(at, question_len(key));

	cursor_put(&out, key->name, key->name_len);
	cursor_put_u16(&out, key->type);
	cursor_put_u16(&out, key->class);
}

/* The message has this one question; the letters of its name may be in any case. */
static bool asks(const uint8_t *wire, size_t wire_len, const struct cache_key *key)
{
	const uint8_t *question = wire + MESSAGE_HEADER_LEN;

	return wire_len >= MESSAGE_HEADER_LEN + question_len(key) && wire[4] == 0 && wire[5] == 1 &&
	       is_type(question, key) &&
	       (is_name(question, key) || name_equal(question, key->name));
}

bool entry_matches(const struct entry *entry, const struct cache_key *key)
{
	if ((entry->flags & ENTRY_KEY_FLAGS) != (key->flags & ENTRY_KEY_FLAGS))
		return false;
	if (entry->flags & ENTRY_HAS_EXTRAS) {
		const struct extras extras = extras_of(entry);

		if (extras.view != key->view)
			return false;
		if (extras.key_len > 0)
			return extras.key_len == question_len(key) && is_question(extras.key, key);
	} else if (key->view != 0) {
		return false;
	}
	return entry->wire_len >= MESSAGE_HEADER_LEN + question_len(key) &&
	       is_question(entry->wire + MESSAGE_HEADER_LEN, key);
}

/* Where the bytes of its key lie, name, type and class. */
static const uint8_t *question_of(const struct entry *entry)
{
	const struct extras extras = extras_of(entry);
	return extras.key_len > 0 ? extras.key : entry->wire + MESSAGE_HEADER_LEN;
}

bool entry_is_named(const struct entry *entry, const uint8_t *wanted, size_t len, bool below)
{
	const uint8_t *own = question_of(entry);

	if (below)
		return name_is_under(own, wanted);
	return name_len(own) == len && memcmp(own, wanted, len) == 0;
}

void entry_key(const struct entry *entry, struct cache_key *ret_key)
{
	const uint8_t *at = question_of(entry);
	const size_t len = name_len(at);

	memcpy(ret_key->name, at, len);
	ret_key->name_len = (uint8_t)len;
	ret_key->type = (uint16_t)(at[len] << 8 | at[len + 1]);
	ret_key->class = (uint16_t)(at[len + 2] << 8 | at[len + 3]);
	ret_key->flags = entry->flags & ENTRY_KEY_FLAGS;
	ret_key->view = extras_of(entry).view;
	cache_key_rehash(ret_key);
}

/* --- in --------------------------------------------------------------------------------------- */

bool entry_draft(struct entry_draft *ret_draft, const struct cache_key *key,
		 const struct cache_item *item)
{
	if (item->wire_len > MESSAGE_MAX_LEN || item->options_len > UINT8_MAX)
		return false;
	const bool has_own_key = !asks(item->wire, item->wire_len, key);
	const bool has_extras =
		has_own_key || key->view != 0 || item->options_len > 0 || item->note.opt_rcode != 0;
	size_t len = ENTRY_HEAD + item->wire_len;

	if (has_extras)
		len += EXTRAS_LEN + item->options_len;
	if (has_own_key)
		len += question_len(key);
	*ret_draft = (struct entry_draft){
		.key = key,
		.item = item,
		.has_extras = has_extras,
		.has_own_key = has_own_key,
		.stale_s = item->stale_s,
		.units = (uint32_t)((len + ENTRY_UNIT - 1) / ENTRY_UNIT),
	};
	return true;
}

static void put_extras(uint8_t *at, const struct entry_draft *draft)
{
	const struct cache_item *item = draft->item;
	const uint16_t key_len = draft->has_own_key ? (uint16_t)question_len(draft->key) : 0;

	memcpy(at, &draft->key->view, 8);
	at[8] = item->note.opt_rcode;
	at[9] = (uint8_t)item->options_len;
	memcpy(at + 10, &key_len, 2);
	at += EXTRAS_LEN;
	if (item->options_len > 0)
		memcpy(at, item->options, item->options_len);
	if (key_len > 0)
		put_question(at + item->options_len, draft->key);
}

void entry_write(struct entry *entry, const struct entry_draft *draft, uint32_t hash,
		 uint64_t now_us)
{
	const struct cache_item *item = draft->item;
	const struct cache_key *key = draft->key;

	assert(entry->units >= draft->units);
	entry->stored_us = now_us;
	entry->route = item->note.route;
	entry->plan_id = item->note.plan_id;
	entry->hash = hash;
	entry->lifetime_s = item->lifetime_s;
	entry->stale_s = draft->stale_s;
	entry->wire_len = (uint16_t)item->wire_len;
	entry->flags =
		(uint8_t)((key->flags & ENTRY_KEY_FLAGS) | item->note.kind << ENTRY_KIND_SHIFT |
			  (item->note.knows_ad ? ENTRY_KNOWS_AD : 0) |
			  (draft->has_extras ? ENTRY_HAS_EXTRAS : 0));
	entry->verdict_hits = (uint8_t)((item->note.verdict & ENTRY_VERDICT) |
					(item->note.is_watched ? ENTRY_WATCHED : 0));
	if (item->wire_len > 0)
		memcpy(entry->wire, item->wire, item->wire_len);
	if (!draft->has_own_key) /* so that looking up compares bytes */
		memcpy(entry->wire + MESSAGE_HEADER_LEN, key->name, key->name_len);
	if (draft->has_extras)
		put_extras(entry->wire + item->wire_len, draft);
}

/* --- out -------------------------------------------------------------------------------------- */

enum cache_kind entry_kind(const struct entry *entry)
{
	return (enum cache_kind)((entry->flags >> ENTRY_KIND_SHIFT) & 3);
}

bool entry_is_failure(const struct entry *entry)
{
	return entry_kind(entry) >= CACHE_FAILURE;
}

bool entry_has_failure(const struct entry *entry)
{
	return (entry->flags & ENTRY_HAS_FAILURE) != 0;
}

void entry_set_has_failure(struct entry *entry)
{
	entry->flags |= ENTRY_HAS_FAILURE;
}

uint64_t entry_age_us(const struct entry *entry, uint64_t now_us)
{
	return now_us > entry->stored_us ? now_us - entry->stored_us : 0;
}

static uint64_t lifetime_us(const struct entry *entry)
{
	return (uint64_t)entry->lifetime_s * USEC_PER_SEC;
}

bool entry_is_fresh(const struct entry *entry, uint64_t now_us)
{
	return entry_age_us(entry, now_us) < lifetime_us(entry);
}

bool entry_is_showable(const struct entry *entry, uint64_t now_us)
{
	const uint64_t stale_s = entry_is_failure(entry) ? 0 : entry->stale_s;
	return entry_age_us(entry, now_us) < (entry->lifetime_s + stale_s) * USEC_PER_SEC;
}

void entry_confirm(struct entry *entry, const struct cache_note *note)
{
	entry->plan_id = note->plan_id;
	entry->verdict_hits &= (uint8_t)~ENTRY_WATCHED;
	if (note->is_watched)
		entry->verdict_hits |= ENTRY_WATCHED;
}

void entry_count_hit(struct entry *entry)
{
	if ((entry->verdict_hits & ENTRY_HITS) != ENTRY_HITS)
		entry->verdict_hits += ENTRY_HIT;
}

static bool is_near_its_end(const struct entry *entry, uint64_t age_us)
{
	const uint64_t tenth_us = entry->lifetime_s * (uint64_t)(USEC_PER_SEC / 10);

	return entry->lifetime_s >= DUE_LIFETIME_S && age_us >= 9 * tenth_us;
}

/* One that is fresh. */
static bool is_due(const struct entry *entry, uint64_t age_us)
{
	return (entry->verdict_hits & ENTRY_HITS) / ENTRY_HIT >= DUE_HITS &&
	       !entry_is_failure(entry) && is_near_its_end(entry, age_us);
}

bool entry_may_repeat(const struct entry *entry, uint32_t plan_id, bool wants_ad, uint64_t age_us)
{
	return entry->plan_id == plan_id && (!wants_ad || (entry->flags & ENTRY_KNOWS_AD) != 0) &&
	       age_us < lifetime_us(entry) && !is_near_its_end(entry, age_us);
}

bool entry_copy(const struct entry *entry, uint64_t age_us, uint8_t *buf, size_t buf_max,
		struct cache_copy *ret_copy)
{
	if (entry->wire_len > buf_max)
		return false;
	*ret_copy = (struct cache_copy){
		.wire_len = entry->wire_len,
		.verdict = entry->verdict_hits & ENTRY_VERDICT,
		.is_watched = (entry->verdict_hits & ENTRY_WATCHED) != 0,
	};
	if ((entry->flags & ENTRY_HAS_EXTRAS) != 0) {
		const struct extras extras = extras_of(entry);

		if ((size_t)entry->wire_len + extras.options_len > buf_max)
			return false;
		if (extras.options_len > 0)
			memcpy(buf + entry->wire_len, extras.options, extras.options_len);
		ret_copy->options_len = extras.options_len;
		ret_copy->opt_rcode = extras.opt_rcode;
	}
	memcpy(buf, entry->wire, entry->wire_len);
	if (age_us >= USEC_PER_SEC && entry->wire_len > MESSAGE_HEADER_LEN)
		message_age_ttls(buf, entry->wire_len, (uint32_t)(age_us / USEC_PER_SEC));
	return true;
}

bool entry_read(const struct entry *entry, const struct entry_into *into, uint64_t now_us)
{
	const uint64_t age_us = entry_age_us(entry, now_us);
	const uint32_t age_s = (uint32_t)(age_us / USEC_PER_SEC);
	const bool is_fresh = entry_is_fresh(entry, now_us);
	struct cache_hit *hit = into->hit;
	struct cache_copy copy;

	/* TTLs of what is stale stay as they were stored */
	if (!entry_copy(entry, is_fresh ? age_us : 0, into->buf, into->buf_max, &copy))
		return false;
	*hit = (struct cache_hit){ .wire_len = copy.wire_len, .options_len = copy.options_len };
	hit->age_s = age_s;
	if (is_fresh) {
		hit->remaining_s = entry->lifetime_s - age_s;
		hit->is_due = is_due(entry, age_us);
	} else {
		hit->past_s = age_s - entry->lifetime_s;
		hit->is_stale = true;
	}
	hit->note.kind = (uint8_t)entry_kind(entry);
	hit->note.verdict = copy.verdict;
	hit->note.knows_ad = (entry->flags & ENTRY_KNOWS_AD) != 0;
	hit->note.is_watched = copy.is_watched;
	hit->note.opt_rcode = copy.opt_rcode;
	hit->note.plan_id = entry->plan_id;
	hit->note.route = entry->route;
	return true;
}

/* --- checks ----------------------------------------------------------------------------------- */

static void must(bool holds)
{
	if (!holds)
		UNREACHABLE();
}

bool entry_is_rival(const struct entry *a, const struct entry *b)
{
	const uint8_t *question = question_of(a);

	return a->hash == b->hash && entry_is_failure(a) == entry_is_failure(b) &&
	       ((a->flags ^ b->flags) & ENTRY_KEY_FLAGS) == 0 &&
	       extras_of(a).view == extras_of(b).view &&
	       memcmp(question, question_of(b), name_len(question) + 4) == 0;
}

void entry_verify(const struct entry *entry)
{
	const size_t size = (size_t)entry->units * ENTRY_UNIT;
	const size_t len = ENTRY_HEAD + entry->wire_len;

	must(len <= size);
	if (entry->flags & ENTRY_HAS_EXTRAS) {
		must(len + EXTRAS_LEN <= size);
		const struct extras extras = extras_of(entry);
		must(len + EXTRAS_LEN + extras.options_len + extras.key_len <= size);
	} else {
		must(entry->wire_len > MESSAGE_HEADER_LEN && entry->wire[4] == 0 &&
		     entry->wire[5] == 1);
	}
}
