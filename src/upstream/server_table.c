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

struct server *server_table_take(struct server_table *table, const char *group,
				 const struct conf_server *how)
{
	for (struct list *link = list_first(&table->servers); link != NULL;
	     link = list_next(&table->servers, link)) {
		struct server *server = LIST_ITEM(link, struct server, link);

		if (is_the_same(server, group, how))
			return server_ref(server);
	}
	struct server *server = server_new(group, how);
	if (server != NULL)
		list_add(&table->servers, &server->link);
	return server;
}

void server_table_report(const struct server_table *table, server_line_fn line, void *ctx)
{
	for (const struct list *link = list_first(&table->servers); link != NULL;
	     link = list_next(&table->servers, link))
		server_report(LIST_ITEM(link, struct server, link), line, ctx);
}
