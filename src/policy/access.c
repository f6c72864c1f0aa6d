#include "policy/access.h"

#include "base/mem.h"
#include "policy/prefix_table.h"

struct access {
	struct prefix_table *table, *trusted;
	enum access_action actions[]; /* by index in the table */
};

struct access *access_new(const struct conf *conf)
{
	const size_t count = conf->access_count;
	struct access *access = mem_zalloc(sizeof(*access) + count * sizeof(access->actions[0]));
	struct addr_prefix *prefixes = mem_alloc(count * sizeof(*prefixes) + 1);

	if (access != NULL && prefixes != NULL) {
		for (size_t i = 0; i < count; i++) {
			prefixes[i] = conf->access[i].net;
			access->actions[i] = conf->access[i].action;
		}
		access->table = prefix_table_new(prefixes, count);
		access->trusted = prefix_table_new(conf->trusted, conf->trusted_count);
	}
	mem_free(prefixes);
	if (access != NULL && (access->table == NULL || access->trusted == NULL)) {
		access_free(access);
		return NULL;
	}
	return access;
}

void access_free(struct access *access)
{
	if (access == NULL)
		return;
	prefix_table_free(access->trusted);
	prefix_table_free(access->table);
	mem_free(access);
}

enum access_action access_judge(const struct access *access, const struct addr *client)
{
	size_t index = 0;

	if (!prefix_table_find(access->table, client, &index))
		return ACCESS_REFUSE;
	return access->actions[index];
}

bool access_trusts(const struct access *access, const struct addr *client)
{
	size_t index;

	return prefix_table_find(access->trusted, client, &index);
}
