#include "policy/prefix_table.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* An address or network as two numbers in its own order, which are compared faster than bytes. */
struct net {
	uint64_t high, low;
};

struct row {
	uint8_t family, bits; /* of the prefix; the row order begins with these */
	struct net net;
	size_t index;
};

/* The rows of one family and length. */
struct span {
	uint8_t family, bits;
	size_t first, end;
};

struct prefix_table {
	struct span *spans; /* longer prefixes first within a family */
	size_t span_count, row_count;
	struct row rows[];
};

static struct net net_of(const uint8_t address[16])
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	return (struct net){ be64toh(words[0]), be64toh(words[1]) };
}

/* The first so many bits. */
static struct net mask(struct net net, unsigned bits)
{
	if (bits <= 64) {
		net.low = 0;
		net.high = bits == 0 ? 0 : net.high & UINT64_MAX << (64 - bits);
	} else {
		net.low &= UINT64_MAX << (128 - bits);
	}
	return net;
}

static int compare_nets(const struct net *a, const struct net *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return 0;
}

static int compare_rows(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->bits != b->bits)
		return a->bits > b->bits ? -1 : 1;
	const int order = compare_nets(&a->net, &b->net);
	if (order != 0)
		return order;
	return a->index < b->index ? -1 : 1;
}

/* With spans NULL only counts them. */
static size_t make_spans(const struct prefix_table *table, struct span *spans)
{
	size_t count = 0;

	for (size_t i = 0; i < table->row_count; i++) {
		const struct row *row = &table->rows[i];
		if (i == 0 || row->family != row[-1].family || row->bits != row[-1].bits) {
			if (spans != NULL)
				spans[count] = (struct span){ row->family, row->bits, i, i };
			count++;
		}
		if (spans != NULL)
			spans[count - 1].end = i + 1;
	}
	return count;
}

struct prefix_table *prefix_table_new(const struct addr_prefix *prefixes, size_t count)
{
	struct prefix_table *table = mem_zalloc(sizeof(*table) + count * sizeof(table->rows[0]));
	if (table == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct row *row = &table->rows[i];
		row->family = prefixes[i].net.family;
		row->bits = prefixes[i].bits;
		row->net = net_of(prefixes[i].net.bytes);
		row->index = i;
	}
	table->row_count = count;
	if (count > 0)
		qsort(table->rows, count, sizeof(table->rows[0]), compare_rows);
	table->span_count = make_spans(table, NULL);
	table->spans = mem_alloc(table->span_count * sizeof(*table->spans) + 1);
	if (table->spans == NULL) {
		mem_free(table);
		return NULL;
	}
	make_spans(table, table->spans);
	return table;
}

void prefix_table_free(struct prefix_table *table)
{
	if (table == NULL)
		return;
	mem_free(table->spans);
	mem_free(table);
}

/* The first row of the span with this net, or NULL. */
static const struct row *find_net(const struct prefix_table *table, const struct span *span,
				  const struct net *net)
{
	size_t low = span->first, high = span->end;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (compare_nets(&table->rows[middle].net, net) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == span->end || compare_nets(&table->rows[low].net, net) != 0)
		return NULL;
	return &table->rows[low];
}

bool prefix_table_find(const struct prefix_table *table, const struct addr *addr, size_t *ret_index)
{
	const struct net net = net_of(addr->bytes);

	for (size_t i = 0; i < table->span_count; i++) {
		const struct span *span = &table->spans[i];
		if (span->family != addr->family)
			continue;
		const struct net masked = mask(net, span->bits);
		const struct row *row = find_net(table, span, &masked);
		if (row != NULL) {
			*ret_index = row->index;
			return true;
		}
	}
	return false;
}
