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

/* --- a report ------------------------------------------------------------------------------ */

/* Of each worker, by each way that there is to it. */
#define LIKES_MAX ((size_t)4 * CONF_WORKERS_MAX)

static bool is_called_alike(const struct server *a, const struct server *b)
{
	return addr_equal(&a->how.addr, &b->how.addr) && strcmp(a->group, b->group) == 0;
}

static const struct server *server_of(const struct list *link)
{
	return LIST_ITEM(link, const struct server, link);
}

static size_t find_likes(const struct server_table *const *tables, size_t count,
			 const struct server *server, const struct server *ret_likes[LIKES_MAX])
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		const struct list *all = &tables[i]->servers, *link = list_first(all);

		for (; link != NULL && found < LIKES_MAX; link = list_next(all, link)) {
			if (is_called_alike(server_of(link), server))
				ret_likes[found++] = server_of(link);
		}
	}
	return found;
}

void server_table_report(const struct server_table *const *tables, size_t count,
			 server_line_fn line, void *ctx)
{
	const struct list *all = &tables[0]->servers, *link = list_first(all);
	const struct server *likes[LIKES_MAX];

	assert(count <= CONF_WORKERS_MAX);
	for (; link != NULL; link = list_next(all, link)) {
		const size_t found = find_likes(tables, count, server_of(link), likes);

		if (found > 0 && likes[0] == server_of(link)) /* else it has been told of */
			server_report(likes, found, line, ctx);
	}
}
