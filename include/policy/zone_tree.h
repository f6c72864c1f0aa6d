/* policy/zone_tree.h: from a name to the rules that may speak of it, most specific first.
 *
 * Built once, then read-only. A lookup costs one pass over the name's labels from the root on, as
 * far as rules go, however many there are; of a name that ends like none of them, a look at its
 * end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct zone_tree;

/** NULL when memory is short. */
struct zone_tree *zone_tree_new(void);
void zone_tree_free(struct zone_tree *tree); /* NULL is fine */
/** `name` is lower-case wire form; in a template one label holds "{n}" with no digit beside it.
 * `value` comes back from lookups. Several values may share a name; they come back in order of
 * adding. -ENOMEM. */
MUST_CHECK int zone_tree_add(struct zone_tree *tree, const uint8_t *name, bool is_template,
			     uint32_t value);

struct zone_match {
	uint32_t value;	       /* as added */
	const uint8_t *suffix; /* the part of the asked name that matched */
	bool is_whole;	       /* the asked name itself, nothing below */
	bool is_template;
	uint32_t n; /* of a template; the caller checks its range */
};
/** Called with each value of longer suffixes before those of shorter, at one length of plain before
 * those of template. True stops. */
typedef bool (*zone_tree_fn)(void *ctx, const struct zone_match *match);
/** `name` in lower case, `len` bytes with the root label. Returns how many slots of the table it
 * looked into, which is what the lookup cost. */
size_t zone_tree_walk(const struct zone_tree *tree, const uint8_t *name, size_t len,
		      zone_tree_fn fn, void *ctx);
/** Something was added under the name or one above it. */
bool zone_tree_covers(const struct zone_tree *tree, const uint8_t *name, size_t len);
