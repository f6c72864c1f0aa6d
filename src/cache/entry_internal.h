/* cache/entry_internal.h: one kept reply as it lies in a ring.
 *
 *   0        8       16      20     24       28      32    34     36      37      38
 *   +--------+-------+-------+------+--------+-------+-----+------+-------+-------+---------
 *   | stored | route | plan  | hash | life-  | stale | size| wire | flags | ver-  | message
 *   | at, us |       | id    |      | time s | s     | /8  | len  |       | dict* |
 *   +--------+-------+-------+------+--------+-------+-----+------+-------+-------+---------
 *
 *   | message: header, question in lower case, records | extras, where flagged | slack to 8 |
 *   38                                                 + wire len
 *
 * * and, above its four bits, how often it was found (two), and whether its name is watched.
 *
 * A key needs no bytes of its own where the message has that very question, which all but messages
 * of our own making do. What few entries have is in the extras: view (8), upper rcode bits (1),
 * length of the options (1), length of the key (2), the options, the key (name, type, class). Where
 * the TTLs stand is not kept: a walk over a good message is as short as a list of offsets is.
 *
 * Always true of an entry in use (entry_verify() checks it):
 *   the parts fit into its size
 *   without extras the message has one question, and its bytes are the key's
 */
#pragma once

#include "cache/cache.h"

#define ENTRY_UNIT 8u /* bytes; entries begin and end at a multiple */
#define ENTRY_MAX_UNITS 65535u

struct entry {
	uint64_t stored_us;
	uint64_t route;
	uint32_t plan_id;
	uint32_t hash;
	uint32_t lifetime_s;
	uint32_t stale_s; /* of a failure, which is never shown stale: how many in a row */
	uint16_t units;
	uint16_t wire_len;
	uint8_t flags;
	uint8_t verdict_hits;
	uint8_t wire[];
};
#define ENTRY_HEAD offsetof(struct entry, wire)
_Static_assert(ENTRY_HEAD == 38, "every byte here is paid for each name kept");

/* An item made ready for keeping. */
struct entry_draft {
	const struct cache_key *key;
	const struct cache_item *item;
	bool has_extras, has_own_key;
	uint32_t stale_s; /* the item's; of a failure, for who keeps it to say: as in an entry */
	uint32_t units;
};
/** False where the item is too long to be an entry at all. Borrows both. */
bool entry_draft(struct entry_draft *ret_draft, const struct cache_key *key,
		 const struct cache_item *item);
/** Writes all of the entry but its size, which must be no less than the draft's. */
void entry_write(struct entry *entry, const struct entry_draft *draft, uint32_t hash,
		 uint64_t now_us);

enum cache_kind entry_kind(const struct entry *entry);
bool entry_is_failure(const struct entry *entry); /* CACHE_SQUASH too */
/** Of an answer: a failure was kept beside it (and may be gone again). Most have none, and need not
 * look for it. */
bool entry_has_failure(const struct entry *entry);
void entry_set_has_failure(struct entry *entry);
/** It was kept under this key; the hashes are the same already. */
bool entry_matches(const struct entry *entry, const struct cache_key *key);
/** It was kept under this name, lower case and of that length, or where `below` is set under one
 * below it; whatever the type, the flags and the view. */
bool entry_is_named(const struct entry *entry, const uint8_t *name, size_t len, bool below);
/** The key it is kept under, with its hashes. */
RARELY void entry_key(const struct entry *entry, struct cache_key *ret_key);
void entry_confirm(struct entry *entry, const struct cache_note *note);
/** It is of use once more; counts to three. */
void entry_count_hit(struct entry *entry);
/* Where what is found goes. */
struct entry_into {
	uint8_t *buf;
	size_t buf_max;
	struct cache_hit *hit;
};
/** Fills all of the hit but is_failing and is_squashed, and copies message and options. False where
 * they do not fit. */
bool entry_read(const struct entry *entry, const struct entry_into *into, uint64_t now_us);

/** 0 where the clock is behind: another's may be ahead of ours by a moment. */
uint64_t entry_age_us(const struct entry *entry, uint64_t now_us);
bool entry_is_fresh(const struct entry *entry, uint64_t now_us);
/** Fresh or within its stale window. */
bool entry_is_showable(const struct entry *entry, uint64_t now_us);

/** Of an answer of that age: it may be repeated, as cache_repeat() has it. */
bool entry_may_repeat(const struct entry *entry, uint32_t plan_id, bool wants_ad, uint64_t age_us);
/** Copies message and options, the TTLs less that age. False where they do not fit. */
bool entry_copy(const struct entry *entry, uint64_t age_us, uint8_t *buf, size_t buf_max,
		struct cache_copy *ret_copy);

/** Tests only: aborts unless the entry is one. */
void entry_verify(const struct entry *entry);
/** Tests only: both are of one key and one sort, so one of them is too many. */
bool entry_is_rival(const struct entry *a, const struct entry *b);
