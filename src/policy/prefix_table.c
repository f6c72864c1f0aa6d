#include "policy/prefix_table.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* An address as two numbers in its own order, which are compared faster than bytes. */
struct net {
	uint64_t high, low;
};

/* From this address on, up to where the next one begins, the same prefix is the longest. */
struct stretch {
	struct net from;
	uint32_t index; /* NO_PREFIX for none */
};
#define NO_PREFIX UINT32_MAX

/* Each family's stretches in ascending order. */
struct prefix_table {
	size_t count_v4, count_v6;
	struct stretch stretches[]; /* of IPv4 before those of IPv6 */
};

static struct net net_of(const uint8_t address[16])
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	return (struct net){ be64toh(words[0]), be64toh(words[1]) };
}

static bool is_less(struct net a, struct net b)
{
	return a.high < b.high || (a.high == b.high && a.low < b.low);
}

static bool is_equal(struct net a, struct net b)
{
	return a.high == b.high && a.low == b.low;
}

/* --- making it ----------------------------------------------------------------------------- */

struct row {
	uint8_t family, bits;
	struct net from, last; /* of IPv4 with ones behind its 32 bits */
	uint32_t index;
};

/* As it begins, so that of two of which one lies in the other this comes later. */
static int compare_rows(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (!is_equal(a->from, b->from))
		return is_less(a->from, b->from) ? -1 : 1;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return a->index < b->index ? -1 : 1;
}

/* The last address that begins with so many bits of `from`. */
static struct net last_of(struct net from, unsigned bits)
{
	const uint64_t high = bits >= 64 ? 0 : UINT64_MAX >> bits;
	const uint64_t low = bits <= 64 ? UINT64_MAX : bits == 128 ? 0 : UINT64_MAX >> (bits - 64);

	return (struct net){ from.high | high, from.low | low };
}

/* What is being gone through: a row after the other, and around it those it lies in. */
struct sweep {
	struct stretch *stretches;
	size_t count;
	const struct row *around[130]; /* each prefix length once, and nothing */
	size_t depth;
};

/* Nothing of the stretch before is left where this one begins at the same place. */
static void add_stretch(struct sweep *sweep, struct net from, const struct row *row)
{
	if (sweep->count > 0 && is_equal(sweep->stretches[sweep->count - 1].from, from))
		sweep->count--;
	sweep->stretches[sweep->count++] =
		(struct stretch){ from, row == NULL ? NO_PREFIX : row->index };
}

/* Those that end before `next`; all where it is NULL. */
static void leave_rows(struct sweep *sweep, const struct row *next)
{
	while (sweep->depth > 0) {
		const struct row *row = sweep->around[sweep->depth - 1];
		struct net behind = { row->last.high, row->last.low + 1 };

		if (next != NULL && !is_less(row->last, next->from))
			return;
		sweep->depth--;
		behind.high += behind.low == 0;
		if (behind.high == 0 && behind.low == 0) /* there is nothing behind */
			continue;
		add_stretch(sweep, behind,
			    sweep->depth > 0 ? sweep->around[sweep->depth - 1] : NULL);
	}
}

/* Of `count` rows of one family. Returns how many stretches they make: two for each at most. */
static size_t make_stretches(const struct row *rows, size_t count, struct stretch *stretches)
{
	struct sweep sweep = { .stretches = stretches };

	for (size_t i = 0; i < count; i++) {
		if (i > 0 && rows[i].bits == rows[i - 1].bits &&
		    is_equal(rows[i].from, rows[i - 1].from))
			continue; /* the first of equal ones counts */
		leave_rows(&sweep, &rows[i]);
		add_stretch(&sweep, rows[i].from, &rows[i]);
		sweep.around[sweep.depth++] = &rows[i];
	}
	leave_rows(&sweep, NULL);
	return sweep.count;
}

static void fill(struct prefix_table *table, struct row *rows, size_t count)
{
	size_t of_v4 = 0, skipped = 0;

	if (count > 0)
		qsort(rows, count, sizeof(*rows), compare_rows);
	while (skipped < count && rows[skipped].family == ADDR_NONE)
		skipped++;
	while (skipped + of_v4 < count && rows[skipped + of_v4].family == ADDR_IPV4)
		of_v4++;
	table->count_v4 = make_stretches(rows + skipped, of_v4, table->stretches);
	table->count_v6 = make_stretches(rows + skipped + of_v4, count - skipped - of_v4,
					 table->stretches + table->count_v4);
}

struct prefix_table *prefix_table_new(const struct addr_prefix *prefixes, size_t count)
{
	struct prefix_table *table =
		mem_zalloc(sizeof(*table) + 2 * count * sizeof(table->stretches[0]));
	struct row *rows = mem_alloc(count * sizeof(*rows) + 1);

	if (table == NULL || rows == NULL) {
		mem_free(table);
		mem_free(rows);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		const struct net from = net_of(prefixes[i].net.bytes);

		rows[i] = (struct row){ .family = prefixes[i].net.family,
					.bits = prefixes[i].bits,
					.from = from,
					.last = last_of(from, prefixes[i].bits),
					.index = (uint32_t)i };
	}
	fill(table, rows, count);
	mem_free(rows);
	return table;
}

void prefix_table_free(struct prefix_table *table)
{
	mem_free(table);
}

/* --- looking up ---------------------------------------------------------------------------- */

bool prefix_table_find(const struct prefix_table *table, const struct addr *addr, size_t *ret_index)
{
	const bool is_v4 = addr->family == ADDR_IPV4;
	const struct stretch *at = table->stretches + (is_v4 ? 0 : table->count_v4);
	size_t left = is_v4 ? table->count_v4 : table->count_v6;
	const struct net net = net_of(addr->bytes);

	if (left == 0 || is_less(net, at->from) || addr->family == ADDR_NONE)
		return false;
	while (left > 1) { /* it is at `at` or behind */
		const size_t half = left / 2;

		if (!is_less(net, at[half].from))
			at += half;
		left -= half;
	}
	if (at->index == NO_PREFIX)
		return false;
	*ret_index = at->index;
	return true;
}
