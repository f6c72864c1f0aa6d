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
#define SLOTS_MIN 32u
#define DEEP_BITS 2u /* of a filter, for each slot */

/* A name with one value that was added under it. */
struct node {
	uint32_t name_at; /* in tree->bytes */
	uint32_t hash;
	uint32_t value;
	uint32_t next; /* of the same name, as they were added; behind the last comes the first */
	uint8_t len;
	uint8_t fixed_len; /* of what an asked name ends with too, whatever {n} is */
	bool is_template;
};

/* Where templates in use have their number. An asked label is tried only at the digits that stand
 * as far from its ends as in some template, so that labels made of digits cost next to nothing. */
struct shape {
	struct shape *next; /* of fewer labels, or nearer to the root */
	uint8_t labels;	    /* of the template */
	uint8_t from_root;  /* which of them holds {n}; 1 is the top-level domain */
	uint32_t before[2]; /* bit b: a template has b bytes before {n} in its label */
	uint32_t after[2];  /* the same for the bytes behind */
};

/* Open addressing: a slot is 0 or 1 + the index of a name's last node; at most half of them are
 * taken.
 *
 * A name is hashed label by label from the root on, so that one pass has the hashes of all its
 * suffixes, and ends where no name of the tree goes on. Two filters, which may say yes to what is
 * not there, but never no to what is, spare most names most of it:
 *   tails  the names' last bytes
 *   deep   the suffixes that some name has a further label before */
struct zone_tree {
	struct hash_key key;
	uint32_t *slots;
	uint32_t slot_count; /* a power of two; of nodes there is room for half as many */
	uint32_t node_count;
	struct node *nodes;
	uint8_t *bytes;
	size_t bytes_len, bytes_max;
	struct shape *shapes;
	uint32_t plain[4];     /* bit l: a plain name has l labels */
	struct zone_deep deep; /* in the same block as the slots */
	struct zone_tails tails;
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
	for (struct shape *shape = tree->shapes, *next; shape != NULL; shape = next) {
		next = shape->next;
		mem_free(shape);
	}
	mem_free(tree->slots);
	mem_free(tree->nodes);
	mem_free(tree->bytes);
	mem_free(tree);
}

/* --- the table ----------------------------------------------------------------------------- */

/* That of `wanted`, whose name is this, or the one where it goes. */
static uint32_t *find_slot(const struct zone_tree *tree, const struct node *wanted,
			   const uint8_t *name, size_t *cost)
{
	for (uint32_t at = wanted->hash;; at++) {
		uint32_t *slot = &tree->slots[at & (tree->slot_count - 1)];

		++*cost;
		if (*slot == 0)
			return slot;
		const struct node *node = &tree->nodes[*slot - 1];
		if (node->hash == wanted->hash && node->len == wanted->len &&
		    node->is_template == wanted->is_template &&
		    memcmp(tree->bytes + node->name_at, name, wanted->len) == 0)
			return slot;
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

/* Reads the node's name, and puts into the filter what lies above it. */
static void read_name(struct zone_tree *tree, struct node *node)
{
	const uint8_t *name = tree->bytes + node->name_at;
	struct zone_labels labels;
	struct sip sip = sip_begin(tree->key.k0, tree->key.k1);

	zone_labels_find(name, &labels);
	const unsigned fixed = fixed_labels(name, &labels, node->is_template);
	node->fixed_len = (uint8_t)(labels.len - labels.at[labels.count - fixed]);
	for (unsigned at = 1; at <= labels.count; at++) {
		if (at <= fixed + 1)
			zone_deep_note(&tree->deep, &sip);
		zone_labels_hash(&sip, zone_labels_at(name, &labels, at));
	}
	node->hash = zone_labels_value(&sip);
}

/* Where the last one added has fewer bytes that are always the same than those before it, less is
 * looked at from now on. */
static void note_last_tail(struct zone_tree *tree)
{
	uint32_t at = tree->node_count - 1;
	const uint8_t len = tree->nodes[at].fixed_len;

	if (tree->tails.len == 0 || len < tree->tails.len) {
		tree->tails =
			(struct zone_tails){ .len = len < ZONE_TAILS_MAX_LEN ? len
									     : ZONE_TAILS_MAX_LEN };
		at = 0;
	}
	for (; at < tree->node_count; at++)
		zone_tails_note(&tree->tails, tree->bytes + tree->nodes[at].name_at,
				tree->nodes[at].len);
}

/* Twice as many slots and nodes. */
static int grow(struct zone_tree *tree)
{
	const uint32_t before = tree->slot_count, count = before == 0 ? SLOTS_MIN : before * 2;
	const size_t words = count / 32 * DEEP_BITS;

	if (before > UINT32_MAX / 4)
		return -ENOMEM;
	struct node *nodes = mem_realloc(tree->nodes, count / 2 * sizeof(*nodes));
	if (nodes == NULL)
		return -ENOMEM;
	tree->nodes = nodes;
	uint32_t *slots = mem_zalloc((count + words) * sizeof(*slots)), *old = tree->slots;
	if (slots == NULL)
		return -ENOMEM;
	tree->slots = slots;
	tree->slot_count = count;
	tree->deep = (struct zone_deep){ slots + count, count * DEEP_BITS - 1 };
	for (uint32_t i = 0; i < before; i++) {
		if (old[i] == 0)
			continue;
		struct node *node = &nodes[old[i] - 1];
		size_t cost = 0;
		read_name(tree, node);
		*find_slot(tree, node, tree->bytes + node->name_at, &cost) = old[i];
	}
	mem_free(old);
	return 0;
}

/* Room for one node and its name. */
static int reserve(struct zone_tree *tree, size_t name_len)
{
	if (tree->node_count * 2 >= tree->slot_count && grow(tree) != 0)
		return -ENOMEM;
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

/* That of templates so long with their number there; NULL when memory is short. */
static struct shape *find_shape(struct zone_tree *tree, uint8_t labels, uint8_t from_root)
{
	struct shape **at = &tree->shapes, *shape;

	for (; (shape = *at) != NULL; at = &shape->next) {
		if (shape->labels == labels && shape->from_root == from_root)
			return shape;
		if (shape->labels < labels ||
		    (shape->labels == labels && shape->from_root < from_root))
			break;
	}
	struct shape *added = mem_zalloc(sizeof(*added));
	if (added == NULL)
		return NULL;
	added->next = shape;
	added->labels = labels;
	added->from_root = from_root;
	*at = added;
	return added;
}

static int note_shape(struct zone_tree *tree, const uint8_t *name)
{
	const uint8_t labels = (uint8_t)name_labels(name);
	uint8_t from_root = labels;
	const uint8_t *marker;

	while ((marker = find_marker(name)) == NULL) {
		name = name_parent(name);
		from_root--;
		assert(from_root > 0);
	}
	struct shape *shape = find_shape(tree, labels, from_root);
	if (shape == NULL)
		return -ENOMEM;
	const unsigned before = (unsigned)(marker - name) - 1;
	bits_add(shape->before, before);
	bits_add(shape->after, name[0] - before - MARKER_LEN);
	return 0;
}

int zone_tree_add(struct zone_tree *tree, const uint8_t *name, bool is_template, uint32_t value)
{
	const size_t len = name_len(name);
	size_t cost = 0;

	if (reserve(tree, len) != 0 || (is_template && note_shape(tree, name) != 0))
		return -ENOMEM;
	const uint32_t at = tree->node_count++;
	struct node *node = &tree->nodes[at];
	*node = (struct node){ .name_at = (uint32_t)tree->bytes_len,
			       .value = value,
			       .next = at,
			       .len = (uint8_t)len,
			       .is_template = is_template };
	memcpy(tree->bytes + tree->bytes_len, name, len);
	read_name(tree, node);
	uint32_t *slot = find_slot(tree, node, name, &cost);
	if (*slot != 0) {
		struct node *last = &tree->nodes[*slot - 1];

		node->name_at = last->name_at;
		node->next = last->next;
		last->next = at;
	} else {
		tree->bytes_len += len;
		note_last_tail(tree);
	}
	*slot = at + 1;
	if (!is_template)
		bits_add(tree->plain, name_labels(name));
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
	const struct shape *shape; /* the longest that has not been tried */
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
static bool try_key(struct walk *walk, const struct node *wanted, const uint8_t *key,
		    struct zone_match *match)
{
	const struct zone_tree *tree = walk->tree;
	const uint32_t last = *find_slot(tree, wanted, key, &walk->cost);

	if (last == 0)
		return false;
	const struct node *node = &tree->nodes[last - 1];
	do {
		node = &tree->nodes[node->next];
		match->value = node->value;
		if (walk->fn(walk->ctx, match))
			return true;
	} while (node != &tree->nodes[last - 1]);
	return false;
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
	const uint8_t *label;
	const uint8_t *at, *end;
};

/* The asked suffix as a template would be written whose {n} stands for these digits. */
static bool try_digits(struct walk *walk, const struct digits *digits, struct zone_match *match)
{
	uint8_t key[NAME_MAX_LEN + MARKER_LEN];
	const size_t head_len = (size_t)(digits->at - match->suffix);
	const size_t tail_len = walk->labels.len - (size_t)(digits->end - walk->name);
	unsigned labels = walk->shape->from_root;
	struct sip sip = walk->hashed[labels - 1];

	memcpy(key, match->suffix, head_len);
	memcpy(key + head_len, MARKER, MARKER_LEN);
	memcpy(key + head_len + MARKER_LEN, digits->end, tail_len);
	key[digits->label - match->suffix] +=
		(uint8_t)(MARKER_LEN - (size_t)(digits->end - digits->at));
	for (; labels <= walk->shape->labels; labels++)
		zone_labels_hash(&sip, key + (zone_labels_at(walk->name, &walk->labels, labels) -
					      match->suffix));
	const struct node wanted = { .hash = zone_labels_value(&sip),
				     .len = (uint8_t)(head_len + MARKER_LEN + tail_len),
				     .is_template = true };
	return try_key(walk, &wanted, key, match);
}

static bool try_shape(struct walk *walk, struct zone_match *match)
{
	const struct shape *shape = walk->shape;
	const uint8_t *label = zone_labels_at(walk->name, &walk->labels, shape->from_root);
	const uint8_t *const end = label + 1 + label[0];

	for (const uint8_t *at = label + 1; at < end; at++) {
		struct digits digits = { .label = label, .at = at };
		while (at < end && is_digit(*at))
			at++;
		digits.end = at;
		if (at > digits.at && bits_have(shape->before, (unsigned)(digits.at - label) - 1) &&
		    bits_have(shape->after, (unsigned)(end - at)) &&
		    read_number(digits.at, (size_t)(at - digits.at), &match->n) &&
		    try_digits(walk, &digits, match))
			return true;
	}
	return false;
}

static bool try_length(struct walk *walk, unsigned labels)
{
	const uint8_t suffix_at = walk->labels.at[walk->labels.count - labels];
	struct zone_match match = { .suffix = walk->name + suffix_at,
				    .is_whole = labels == walk->labels.count };

	if (labels <= walk->depth && bits_have(walk->tree->plain, labels)) {
		const struct node wanted = { .hash = zone_labels_value(&walk->hashed[labels]),
					     .len = (uint8_t)(walk->labels.len - suffix_at) };

		if (try_key(walk, &wanted, match.suffix, &match))
			return true;
	}
	match.is_template = true;
	for (; walk->shape != NULL && walk->shape->labels >= labels;
	     walk->shape = walk->shape->next) {
		if (walk->shape->labels == labels && walk->shape->from_root <= walk->depth &&
		    try_shape(walk, &match))
			return true;
	}
	return false;
}

/* Suffixes of as many labels as this are the longest that can be found. */
static unsigned most_labels(const struct walk *walk)
{
	unsigned labels = walk->depth;

	if (walk->shape != NULL && walk->shape->labels > labels)
		labels = walk->shape->labels;
	return labels < walk->labels.count ? labels : walk->labels.count;
}

/* Of a name that ends like one of the tree's. */
static size_t search(const struct zone_tree *tree, const uint8_t *name, zone_tree_fn fn, void *ctx)
{
	struct walk walk;

	walk.tree = tree;
	walk.name = name;
	walk.fn = fn;
	walk.ctx = ctx;
	walk.cost = 0;
	walk.shape = tree->shapes;
	begin(&walk);
	for (unsigned labels = most_labels(&walk) + 1; labels-- > 0;) {
		if ((tree->shapes != NULL || bits_have(tree->plain, labels)) &&
		    try_length(&walk, labels))
			break;
	}
	return walk.cost;
}

size_t zone_tree_walk(const struct zone_tree *tree, const uint8_t *name, size_t len,
		      zone_tree_fn fn, void *ctx)
{
	return zone_tails_may_have(&tree->tails, name, len) ? search(tree, name, fn, ctx) : 0;
}

static bool stop_at_first(void *ctx, const struct zone_match *match)
{
	(void)match;
	*(bool *)ctx = true;
	return true;
}

bool zone_tree_covers(const struct zone_tree *tree, const uint8_t *name, size_t len)
{
	bool found = false;

	if (zone_tails_may_have(&tree->tails, name, len))
		search(tree, name, stop_at_first, &found);
	return found;
}
