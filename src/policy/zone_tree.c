#include "policy/zone_tree.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "wire/name.h"
#include "zone_filter_internal.h"
#include "zone_labels_internal.h"

#define MARKER "{n}"
#define MARKER_LEN 3u
#define SLOTS_MIN 16u
#define WORD_BITS 64u
#define DEEP_BITS 2u /* of a filter, for each slot */

/* One name with the values that were added under it. */
struct node {
	uint32_t name_at; /* in tree->bytes */
	uint32_t hash;
	uint32_t count;
	uint8_t len;
	bool is_template;
	union {
		uint32_t one;	/* count == 1 */
		uint32_t *many; /* room for the next power of two */
	} values;
};

/* Where templates in use have their number. An asked label is tried only at the digits that stand
 * as far from its ends as in some template, so that labels made of digits cost next to nothing. */
struct shape {
	uint8_t labels;	   /* of the template */
	uint8_t from_root; /* which of them holds {n}; 1 is the top-level domain */
	uint64_t before;   /* bit b: a template has b bytes before {n} in its label */
	uint64_t after;	   /* the same for the bytes behind */
};

/* Open addressing: a slot is 0 or 1 + the index of a node; at most half of them are taken.
 *
 * A name is hashed label by label from the root on, so that one pass has the hashes of all its
 * suffixes, and ends where no name of the tree goes on. Two filters, which may say yes to what is
 * not there, but never no to what is, spare most names most of it:
 *   tails  the names' last bytes
 *   deep   the suffixes that some name has a further label before */
struct zone_tree {
	struct hash_key key;
	uint32_t *slots;
	uint32_t slot_count; /* a power of two */
	struct zone_deep deep;
	struct zone_tails tails;
	struct node *nodes;
	uint32_t node_count, node_max;
	uint8_t *bytes;
	size_t bytes_len, bytes_max;
	uint64_t plain[2];    /* bit l: a plain name has l labels */
	struct shape *shapes; /* more labels first, then further from the root first */
	size_t shape_count, shape_max;
};

struct zone_tree *zone_tree_new(void)
{
	struct zone_tree *tree = mem_zalloc(sizeof(*tree));
	if (tree != NULL)
		hash_key_draw(&tree->key);
	return tree;
}

void zone_tree_free(struct zone_tree *tree)
{
	if (tree == NULL)
		return;
	for (uint32_t i = 0; i < tree->node_count; i++) {
		if (tree->nodes[i].count > 1)
			mem_free(tree->nodes[i].values.many);
	}
	mem_free(tree->slots);
	mem_free(tree->deep.bits);
	mem_free(tree->nodes);
	mem_free(tree->bytes);
	mem_free(tree->shapes);
	mem_free(tree);
}

/* --- the table ----------------------------------------------------------------------------- */

static uint32_t *find_slot(const struct zone_tree *tree, uint32_t hash, const uint8_t *name,
			   size_t len, bool is_template, size_t *cost)
{
	uint32_t at = hash & (tree->slot_count - 1);

	for (;; at = (at + 1) & (tree->slot_count - 1)) {
		++*cost;
		if (tree->slots[at] == 0)
			return &tree->slots[at];
		const struct node *node = &tree->nodes[tree->slots[at] - 1];
		if (node->hash == hash && node->len == len && node->is_template == is_template &&
		    memcmp(tree->bytes + node->name_at, name, len) == 0)
			return &tree->slots[at];
	}
}

static const uint8_t *find_marker(const uint8_t *label)
{
	for (unsigned at = 1; at + MARKER_LEN <= label[0] + 1u; at++) {
		if (memcmp(label + at, MARKER, MARKER_LEN) == 0)
			return label + at;
	}
	return NULL;
}

/* How many labels of it, from the root on, an asked name has too, whatever {n} is. */
static unsigned fixed_labels(const uint8_t *name, const struct zone_labels *labels,
			     bool is_template)
{
	unsigned fixed = 0;

	if (!is_template)
		return labels->count;
	while (find_marker(zone_labels_at(name, labels, fixed + 1)) == NULL) {
		fixed++;
		assert(fixed < labels->count);
	}
	return fixed;
}

/* Puts into the filter what lies above the name. Returns the name's hash. */
static uint32_t hash_name(struct zone_tree *tree, const uint8_t *name, bool is_template)
{
	struct zone_labels labels;
	struct sip sip = sip_begin(tree->key.k0, tree->key.k1);

	zone_labels_find(name, &labels);
	const unsigned fixed = fixed_labels(name, &labels, is_template);
	for (unsigned at = 1; at <= labels.count; at++) {
		if (at <= fixed + 1)
			zone_deep_note(&tree->deep, &sip);
		zone_labels_hash(&sip, zone_labels_at(name, &labels, at));
	}
	return zone_labels_value(&sip);
}

/* Where the last one added has fewer bytes that are always the same than those before it, less is
 * looked at from now on. */
static void note_last_tail(struct zone_tree *tree)
{
	const struct node *last = &tree->nodes[tree->node_count - 1];
	const uint8_t *name = tree->bytes + last->name_at;
	struct zone_labels labels;

	zone_labels_find(name, &labels);
	const unsigned fixed = fixed_labels(name, &labels, last->is_template);
	const size_t len = labels.len - labels.at[labels.count - fixed];
	if (tree->tails.len != 0 && len >= tree->tails.len) {
		zone_tails_note(&tree->tails, name, last->len);
		return;
	}
	tree->tails = (struct zone_tails){
		.len = (uint8_t)(len < ZONE_TAILS_MAX_LEN ? len : ZONE_TAILS_MAX_LEN)
	};
	for (uint32_t i = 0; i < tree->node_count; i++)
		zone_tails_note(&tree->tails, tree->bytes + tree->nodes[i].name_at,
				tree->nodes[i].len);
}

static int grow_slots(struct zone_tree *tree)
{
	const uint32_t count = tree->slot_count == 0 ? SLOTS_MIN : tree->slot_count * 2;
	if (tree->slot_count > UINT32_MAX / 4)
		return -ENOMEM;
	uint32_t *slots = mem_zalloc(count * sizeof(*slots));
	const size_t words = (count * (size_t)DEEP_BITS + WORD_BITS - 1) / WORD_BITS;
	uint64_t *deep = mem_zalloc(words * sizeof(*deep));
	if (slots == NULL || deep == NULL) {
		mem_free(slots);
		mem_free(deep);
		return -ENOMEM;
	}
	mem_free(tree->slots);
	mem_free(tree->deep.bits);
	tree->slots = slots;
	tree->deep = (struct zone_deep){ deep, count * (size_t)DEEP_BITS - 1 };
	tree->slot_count = count;
	for (uint32_t i = 0; i < tree->node_count; i++) {
		const struct node *node = &tree->nodes[i];
		uint32_t at = node->hash & (count - 1);
		while (slots[at] != 0)
			at = (at + 1) & (count - 1);
		slots[at] = i + 1;
		(void)hash_name(tree, tree->bytes + node->name_at, node->is_template);
	}
	return 0;
}

/* Room for one node and its name. */
static int reserve(struct zone_tree *tree, size_t name_len)
{
	if (tree->node_count * 2 >= tree->slot_count && grow_slots(tree) != 0)
		return -ENOMEM;
	if (tree->node_count == tree->node_max) {
		const uint32_t max = tree->node_max == 0 ? SLOTS_MIN / 2 : tree->node_max * 2;
		struct node *nodes = mem_realloc(tree->nodes, max * sizeof(*nodes));
		if (nodes == NULL)
			return -ENOMEM;
		tree->nodes = nodes;
		tree->node_max = max;
	}
	if (tree->bytes_max - tree->bytes_len < name_len) {
		const size_t max = tree->bytes_max * 2 + NAME_MAX_LEN;
		uint8_t *bytes = max > UINT32_MAX ? NULL : mem_realloc(tree->bytes, max);
		if (bytes == NULL)
			return -ENOMEM;
		tree->bytes = bytes;
		tree->bytes_max = max;
	}
	return 0;
}

static int add_value(struct node *node, uint32_t value)
{
	if ((node->count & (node->count - 1)) == 0) {
		uint32_t *many = mem_realloc(node->count > 1 ? node->values.many : NULL,
					     node->count * 2 * sizeof(*many));
		if (many == NULL)
			return -ENOMEM;
		if (node->count == 1)
			many[0] = node->values.one;
		node->values.many = many;
	}
	node->values.many[node->count++] = value;
	return 0;
}

/* --- shapes -------------------------------------------------------------------------------- */

static int insert_shape(struct zone_tree *tree, size_t at)
{
	if (tree->shape_count == tree->shape_max) {
		const size_t max = tree->shape_max * 2 + 4;
		struct shape *shapes = mem_realloc(tree->shapes, max * sizeof(*shapes));
		if (shapes == NULL)
			return -ENOMEM;
		tree->shapes = shapes;
		tree->shape_max = max;
	}
	memmove(&tree->shapes[at + 1], &tree->shapes[at],
		(tree->shape_count - at) * sizeof(*tree->shapes));
	tree->shape_count++;
	return 0;
}

static int note_shape(struct zone_tree *tree, const uint8_t *name)
{
	const uint8_t labels = (uint8_t)name_labels(name);
	uint8_t from_root = labels;
	const uint8_t *label = name;
	const uint8_t *marker;

	while ((marker = find_marker(label)) == NULL) {
		label = name_parent(label);
		from_root--;
		assert(from_root > 0);
	}
	const unsigned before = (unsigned)(marker - label) - 1;
	const unsigned after = label[0] - before - MARKER_LEN;

	size_t at = 0;
	while (at < tree->shape_count &&
	       (tree->shapes[at].labels > labels ||
		(tree->shapes[at].labels == labels && tree->shapes[at].from_root > from_root)))
		at++;
	if (at == tree->shape_count || tree->shapes[at].labels != labels ||
	    tree->shapes[at].from_root != from_root) {
		if (insert_shape(tree, at) != 0)
			return -ENOMEM;
		tree->shapes[at] = (struct shape){ .labels = labels, .from_root = from_root };
	}
	tree->shapes[at].before |= (uint64_t)1 << before;
	tree->shapes[at].after |= (uint64_t)1 << after;
	return 0;
}

int zone_tree_add(struct zone_tree *tree, const uint8_t *name, bool is_template, uint32_t value)
{
	const size_t len = name_len(name);
	size_t cost = 0;

	if (reserve(tree, len) != 0 || (is_template && note_shape(tree, name) != 0))
		return -ENOMEM;
	const uint32_t hash = hash_name(tree, name, is_template);
	uint32_t *slot = find_slot(tree, hash, name, len, is_template, &cost);
	if (*slot != 0)
		return add_value(&tree->nodes[*slot - 1], value);

	memcpy(tree->bytes + tree->bytes_len, name, len);
	tree->nodes[tree->node_count] = (struct node){ .name_at = (uint32_t)tree->bytes_len,
						       .hash = hash,
						       .count = 1,
						       .len = (uint8_t)len,
						       .is_template = is_template,
						       .values.one = value };
	tree->bytes_len += len;
	*slot = ++tree->node_count;
	note_last_tail(tree);
	if (!is_template) {
		const unsigned labels = name_labels(name);
		tree->plain[labels / WORD_BITS] |= (uint64_t)1 << labels % WORD_BITS;
	}
	return 0;
}

/* --- the walk ------------------------------------------------------------------------------ */

/* Always true: nothing in the tree is above or at a suffix of more than `depth` labels, but for
 * templates whose {n} is in one of the labels up to there. */
struct walk {
	const struct zone_tree *tree;
	const uint8_t *name;
	zone_tree_fn fn;
	void *ctx;
	size_t cost;
	size_t next_shape;
	struct zone_labels labels;
	unsigned depth;
	struct sip hashed[NAME_MAX_LABELS]; /* the suffixes of 0 to `depth` labels */
};

static void begin(struct walk *walk)
{
	const struct zone_tree *tree = walk->tree;
	unsigned depth = 0;

	zone_labels_find(walk->name, &walk->labels);
	walk->hashed[0] = sip_begin(tree->key.k0, tree->key.k1);
	while (depth < walk->labels.count &&
	       zone_deep_may_have(&tree->deep, &walk->hashed[depth])) {
		walk->hashed[depth + 1] = walk->hashed[depth];
		depth++;
		zone_labels_hash(&walk->hashed[depth],
				 zone_labels_at(walk->name, &walk->labels, depth));
	}
	walk->depth = depth;
}

/* Looks up `key`; `match` says where in the asked name it was taken from. */
static bool try_key(struct walk *walk, uint32_t hash, const uint8_t *key, size_t len,
		    struct zone_match *match)
{
	const struct zone_tree *tree = walk->tree;
	const uint32_t *slot = find_slot(tree, hash, key, len, match->is_template, &walk->cost);

	if (*slot == 0)
		return false;
	const struct node *node = &tree->nodes[*slot - 1];
	match->values = node->count == 1 ? &node->values.one : node->values.many;
	match->value_count = node->count;
	return walk->fn(walk->ctx, match);
}

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* The decimal number of all `len` bytes; false for leading zeros and what 32 bits do not hold. */
static bool read_number(const uint8_t *digits, size_t len, uint32_t *ret_number)
{
	uint64_t number = 0;

	if (len > 10 || (len > 1 && digits[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++)
		number = number * 10 + (digits[i] - (unsigned)'0');
	if (number > UINT32_MAX)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

/* Digits of a label in which a template may have its number. */
struct digits {
	const uint8_t *at;
	size_t len;
};

/* The asked suffix as a template would be written whose {n} stands for these digits. */
static bool try_digits(struct walk *walk, const struct shape *shape, const struct digits *digits,
		       struct zone_match *match)
{
	uint8_t key[NAME_MAX_LEN + MARKER_LEN];
	const uint8_t *label = zone_labels_at(walk->name, &walk->labels, shape->from_root);
	const size_t suffix_len = walk->labels.len - (size_t)(match->suffix - walk->name);
	const size_t label_at = (size_t)(label - match->suffix);
	const size_t head_len = (size_t)(digits->at - match->suffix);
	const size_t tail_len = suffix_len - head_len - digits->len;
	struct sip sip = walk->hashed[shape->from_root - 1];

	memcpy(key, match->suffix, head_len);
	memcpy(key + head_len, MARKER, MARKER_LEN);
	memcpy(key + head_len + MARKER_LEN, digits->at + digits->len, tail_len);
	key[label_at] = (uint8_t)(label[0] - digits->len + MARKER_LEN);
	zone_labels_hash(&sip, key + label_at);
	for (unsigned i = shape->from_root + 1u; i <= shape->labels; i++)
		zone_labels_hash(&sip, zone_labels_at(walk->name, &walk->labels, i));
	return try_key(walk, zone_labels_value(&sip), key, suffix_len - digits->len + MARKER_LEN,
		       match);
}

static bool try_shape(struct walk *walk, const struct shape *shape, struct zone_match *match)
{
	const uint8_t *label = zone_labels_at(walk->name, &walk->labels, shape->from_root);
	const uint8_t *const end = label + 1 + label[0];
	const uint8_t *at = label + 1;

	while (at < end) {
		struct digits digits = { .at = at };
		while (at < end && is_digit(*at))
			at++;
		digits.len = (size_t)(at - digits.at);
		if (digits.len == 0) {
			at++;
			continue;
		}
		if ((shape->before >> (digits.at - label - 1) & 1) != 0 &&
		    (shape->after >> (end - at) & 1) != 0 &&
		    read_number(digits.at, digits.len, &match->n) &&
		    try_digits(walk, shape, &digits, match))
			return true;
	}
	return false;
}

/* Some plain name is that long. */
static bool has_plain(const struct zone_tree *tree, unsigned labels)
{
	return (tree->plain[labels / WORD_BITS] >> labels % WORD_BITS & 1) != 0;
}

static bool try_length(struct walk *walk, unsigned labels)
{
	const struct zone_tree *tree = walk->tree;
	const uint8_t suffix_at = walk->labels.at[walk->labels.count - labels];
	struct zone_match match = { .suffix = walk->name + suffix_at,
				    .is_whole = labels == walk->labels.count };

	if (labels <= walk->depth && has_plain(tree, labels) &&
	    try_key(walk, zone_labels_value(&walk->hashed[labels]), match.suffix,
		    walk->labels.len - suffix_at, &match))
		return true;
	match.is_template = true;
	for (; walk->next_shape < tree->shape_count; walk->next_shape++) {
		const struct shape *shape = &tree->shapes[walk->next_shape];
		if (shape->labels < labels)
			break;
		if (shape->labels == labels && shape->from_root <= walk->depth &&
		    try_shape(walk, shape, &match))
			return true;
	}
	return false;
}

/* Suffixes of as many labels as this are the longest that can be found. */
static unsigned most_labels(const struct walk *walk)
{
	unsigned labels = walk->depth;

	if (walk->tree->shape_count > 0 && walk->tree->shapes[0].labels > labels)
		labels = walk->tree->shapes[0].labels;
	return labels < walk->labels.count ? labels : walk->labels.count;
}

/* From the whole name to its suffixes, where these are wanted. */
static size_t search(const struct zone_tree *tree, const uint8_t *name, bool suffixes_too,
		     zone_tree_fn fn, void *ctx)
{
	struct walk walk;

	walk.tree = tree;
	walk.name = name;
	walk.fn = fn;
	walk.ctx = ctx;
	walk.cost = walk.next_shape = 0;
	begin(&walk);
	if (suffixes_too) {
		for (unsigned labels = most_labels(&walk) + 1; labels-- > 0;) {
			if ((tree->shape_count > 0 || has_plain(tree, labels)) &&
			    try_length(&walk, labels))
				break;
		}
	} else {
		try_length(&walk, walk.labels.count);
	}
	return walk.cost;
}

size_t zone_tree_find(const struct zone_tree *tree, const uint8_t *name, size_t len,
		      zone_tree_fn fn, void *ctx)
{
	return zone_tails_may_have(&tree->tails, name, len) ? search(tree, name, false, fn, ctx)
							    : 0;
}

size_t zone_tree_walk(const struct zone_tree *tree, const uint8_t *name, size_t len,
		      zone_tree_fn fn, void *ctx)
{
	return zone_tails_may_have(&tree->tails, name, len) ? search(tree, name, true, fn, ctx) : 0;
}
