#include "message_internal.h"

#include <string.h>

#include "base/hash.h"
#include "wire/name.h"
#include "wire/rdata.h"

/* The bytes [from, to) are about to go; what stands behind them moves down. */
struct cut {
	uint8_t *wire;
	size_t wire_len, from, to;
	struct hash_key key;
	uint64_t names_hash; /* of every name seen, as it reads when pointers are followed */
};

static void cut_hash_name(void *ctx, size_t name_at)
{
	struct cut *cut = ctx;
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0, next;

	if (name_read(cut->wire, cut->wire_len, name_at, name, &len, &next) != 0)
		len = 0;
	cut->key.k0 = cut->names_hash;
	cut->names_hash = hash_bytes(&cut->key, name, len);
}

static void cut_fix_pointer(void *ctx, size_t name_at)
{
	struct cut *cut = ctx;
	const size_t end = message_name_end(cut->wire, cut->wire_len, name_at);

	if (end == 0 || cut->wire[end] == 0)
		return;
	const size_t target = message_get_u16(cut->wire + end) & 0x3fffu;
	if (target >= cut->to)
		message_set_u16(cut->wire + end,
				(uint16_t)(0xc000u | (target - (cut->to - cut->from))));
}

/* Calls `fn` for each name that may be compressed in the records from the walk's place on. */
static void cut_each_name(struct cut *cut, struct message_walk walk, rdata_name_fn fn)
{
	struct message_record record;

	while (message_walk_next(&walk, &record)) {
		const struct rdata rdata = message_record_rdata(walk.wire, walk.wire_len, &record);
		fn(cut, record.at);
		rdata_each_name(&rdata, fn, cut);
	}
}

/* Moves what follows OPT over it. False where a name behind OPT would read otherwise then: it
 * points into OPT, or through bytes that are no name (which we must not change). */
static bool close_gap(struct cut *cut, struct message_walk behind)
{
	cut->names_hash = 0;
	cut_each_name(cut, behind, cut_hash_name);
	const uint64_t hash_before = cut->names_hash;

	cut_each_name(cut, behind, cut_fix_pointer);
	memmove(cut->wire + cut->from, cut->wire + cut->to, cut->wire_len - cut->to);
	cut->wire_len -= cut->to - cut->from;
	behind.at = cut->from;
	behind.wire_len = cut->wire_len;
	cut->names_hash = 0;
	cut_each_name(cut, behind, cut_hash_name);
	return cut->names_hash == hash_before;
}

/* Where other records stand behind it. */
static void cut_out_of_others(struct cut *cut, struct message_facts *facts)
{
	struct message_walk walk = message_walk_from(cut->wire, facts->wire_len);
	struct message_record record;

	while (walk.at < cut->to && message_walk_next(&walk, &record))
		;
	const uint16_t behind = walk.left[SECTION_ADDITIONAL];
	if (!close_gap(cut, walk)) {
		cut->wire_len = cut->from;
		facts->records[SECTION_ADDITIONAL] =
			(uint16_t)(facts->records[SECTION_ADDITIONAL] - behind);
	}
}

size_t message_cut_opt(uint8_t *wire, struct message_facts *facts)
{
	struct cut cut = { .wire = wire,
			   .wire_len = facts->wire_len,
			   .from = facts->opt_at,
			   .to = facts->opt_at + facts->opt_len };

	if (!facts->has_opt)
		return facts->wire_len;
	if (cut.to == facts->wire_len)
		cut.wire_len = cut.from;
	else
		cut_out_of_others(&cut, facts);
	facts->records[SECTION_ADDITIONAL]--;
	message_set_u16(wire + 10, facts->records[SECTION_ADDITIONAL]);
	facts->has_opt = false;
	facts->options_len = 0;
	facts->trailing = 0;
	facts->wire_len = cut.wire_len;
	return cut.wire_len;
}
