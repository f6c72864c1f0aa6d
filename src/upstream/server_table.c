#include "upstream/server_table.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "server_internal.h"

/* Some dozens at the most, looked through at a reload only. */
struct server_table {
	struct list servers;
};

struct server_table *server_table_new(void)
{
	struct server_table *table = mem_zalloc(sizeof(*table));

	if (table != NULL)
		list_init(&table->servers);
	return table;
}

void server_table_free(struct server_table *table)
{
	assert(table == NULL || list_first(&table->servers) == NULL);
	mem_free(table);
}

static bool is_the_same(const struct server *server, const char *group,
			const struct conf_server *how)
{
	return conf_server_equal(&server->how, how) && strcmp(server->group, group) == 0;
}

static struct server *find(const struct server_table *table, const char *group,
			   const struct conf_server *how)
{
	for (struct list *link = list_first(&table->servers); link != NULL;
	     link = list_next(&table->servers, link)) {
		struct server *server = LIST_ITEM(link, struct server, link);

		if (is_the_same(server, group, how))
			return server;
	}
	return NULL;
}

struct server *server_table_take(struct server_table *table, const char *group,
				 const struct conf_server *how)
{
	struct server *server = find(table, group, how);

	if (server != NULL)
		return server_ref(server);
	server = server_new(group, how);
	if (server != NULL)
		list_add(&table->servers, &server->link);
	return server;
}

void server_table_report(const struct server_table *const *tables, size_t count,
			 server_line_fn line, void *ctx)
{
	const struct list *all = &tables[0]->servers;

	assert(count <= CONF_WORKERS_MAX);
	for (const struct list *link = list_first(all); link != NULL; link = list_next(all, link)) {
		const struct server *first = LIST_ITEM(link, const struct server, link);
		const struct server *likes[CONF_WORKERS_MAX] = { first };
		size_t found = 1;

		for (size_t i = 1; i < count; i++) {
			likes[found] = find(tables[i], first->group, &first->how);
			found += likes[found] != NULL;
		}
		server_report(likes, found, line, ctx);
	}
}
