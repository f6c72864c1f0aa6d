#include "policy/prefix_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct row {
	struct addr_prefix prefix;
	const struct row *around; /* the longest of those that it lies in, or NULL */
	size_t index;
};

struct prefix_table {
	size_t count;
	struct row rows[]; /* in ascending order */
};

/* As it begins, so that of two of which one lies in the other this comes later, and of equal ones
 * the first. */
static int compare_rows(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	int order = a->prefix.net.family - b->prefix.net.family;

	if (order == 0)
		order = memcmp(a->prefix.net.bytes, b->prefix.net.bytes,
			       sizeof(a->prefix.net.bytes));
	if (order == 0)
		order = a->prefix.bits - b->prefix.bits;
	if (order == 0)
		order = a->index > b->index ? -1 : 1;
	return order;
}

/* The first to cover the address, of this row and those around it. */
static const struct row *find_around(const struct row *row, const struct addr *addr)
{
	while (row != NULL && !addr_prefix_covers(&row->prefix, addr))
		row = row->around;
	return row;
}

struct prefix_table *prefix_table_new(const struct addr_prefix *prefixes, size_t count)
{
	struct prefix_table *table = mem_zalloc(sizeof(*table) + count * sizeof(table->rows[0]));

	if (table == NULL)
		return NULL;
	table->count = count;
	for (size_t i = 0; i < count; i++) {
		table->rows[i].prefix = prefixes[i];
		table->rows[i].index = i;
	}
	qsort(table->rows, count, sizeof(table->rows[0]), compare_rows);
	for (size_t i = 1; i < count; i++) {
		const struct row *around =
			find_around(&table->rows[i - 1], &table->rows[i].prefix.net);

		/* what is as long is the same: who is not in the one is in none of them */
		while (around != NULL && around->prefix.bits == table->rows[i].prefix.bits)
			around = around->around;
		table->rows[i].around = around;
	}
	return table;
}

void prefix_table_free(struct prefix_table *table)
{
	mem_free(table);
}

bool prefix_table_find(const struct prefix_table *table, const struct addr *addr, size_t *ret_index)
{
	/* behind all that begin there */
	const struct row wanted = { .prefix = { .net = *addr, .bits = UINT8_MAX } };
	const struct row *row = NULL;
	size_t low = 0, high = table->count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (compare_rows(&table->rows[middle], &wanted) > 0) {
			high = middle;
		} else {
			row = &table->rows[middle];
			low = middle + 1;
		}
	}
	row = addr->family == ADDR_NONE ? NULL : find_around(row, addr);
	if (row == NULL)
		return false;
	*ret_index = row->index;
	return true;
}
