#include "query/plan.h"

#include <errno.h>

#include "base/mem.h"

static int make_pools(struct plan *plan, struct server_table *servers)
{
	const struct conf *conf = plan->conf;

	plan->pools = mem_zalloc(conf->group_count * sizeof(struct pool *));
	if (plan->pools == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < conf->group_count; i++) {
		plan->pools[i] = pool_new(servers, &conf->groups[i]);
		if (plan->pools[i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int plan_new(struct conf *conf, const struct hash_key *route_key, struct server_table *servers,
	     struct complaints *complaints, struct plan **ret_plan)
{
	static uint32_t last_id;
	int err = -ENOMEM;
	struct plan *plan = mem_zalloc(sizeof(*plan));

	if (plan == NULL) {
		conf_free(conf);
		return -ENOMEM;
	}
	plan->holders = 1;
	plan->id = ++last_id;
	plan->conf = conf;
	plan->access = access_new(conf);
	if (plan->access == NULL)
		goto out;
	if ((err = policy_compile(conf, route_key, complaints, &plan->policy)) != 0)
		goto out;
	if ((err = make_pools(plan, servers)) != 0)
		goto out;
	*ret_plan = plan;
	plan = NULL;
out:
	plan_unref(plan);
	return err;
}

struct plan *plan_ref(struct plan *plan)
{
	plan->holders++;
	return plan;
}

void plan_unref(struct plan *plan)
{
	if (plan == NULL || --plan->holders > 0)
		return;
	if (plan->pools != NULL) {
		for (size_t i = 0; i < plan->conf->group_count; i++)
			pool_unref(plan->pools[i]);
	}
	mem_free(plan->pools);
	policy_free(plan->policy);
	access_free(plan->access);
	conf_free(plan->conf);
	mem_free(plan);
}
