#include "query/plan.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/mem.h"

/* Let go of by whichever worker's plan goes last. */
struct plan_rules {
	atomic_uint holders;
	struct conf *conf;
	struct access *access;
	struct policy *policy;
	struct rebinding *rebinding;
	struct courier *courier;
};

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

static void rules_unref(struct plan_rules *rules)
{
	if (rules == NULL || atomic_fetch_sub(&rules->holders, 1) > 1)
		return;
	courier_free(rules->courier);
	rebinding_free(rules->rebinding);
	policy_free(rules->policy);
	access_free(rules->access);
	conf_free(rules->conf);
	mem_free(rules);
}

/* Takes over `conf`, also on failure. */
static int rules_new(struct conf *conf, const struct hash_key *route_key,
		     struct complaints *complaints, struct plan_rules **ret_rules)
{
	int err = -ENOMEM;
	struct plan_rules *rules = mem_zalloc(sizeof(*rules));

	if (rules == NULL) {
		conf_free(conf);
		return -ENOMEM;
	}
	atomic_init(&rules->holders, 1);
	rules->conf = conf;
	rules->access = access_new(conf);
	rules->rebinding = rebinding_new(conf);
	rules->courier = courier_new(conf);
	if (rules->access != NULL && rules->rebinding != NULL && rules->courier != NULL)
		err = policy_compile(conf, route_key, complaints, &rules->policy);
	if (err != 0) {
		rules_unref(rules);
		return err;
	}
	*ret_rules = rules;
	return 0;
}

/* Takes over the reference of `rules`, also on failure. */
static int plan_of(struct plan_rules *rules, uint32_t id, struct server_table *servers,
		   struct plan **ret_plan)
{
	struct plan *plan = mem_zalloc(sizeof(*plan));

	if (plan == NULL) {
		rules_unref(rules);
		return -ENOMEM;
	}
	*plan = (struct plan){ .holders = 1,
			       .id = id,
			       .rules = rules,
			       .conf = rules->conf,
			       .access = rules->access,
			       .policy = rules->policy,
			       .rebinding = rules->rebinding,
			       .courier = rules->courier };
	int err = make_pools(plan, servers);
	if (err != 0) {
		plan_unref(plan);
		return err;
	}
	*ret_plan = plan;
	return 0;
}

static uint32_t new_id(void)
{
	static uint32_t last_id;

	return ++last_id;
}

int plan_new(struct conf *conf, const struct hash_key *route_key, struct server_table *servers,
	     struct complaints *complaints, struct plan **ret_plan)
{
	struct plan_rules *rules = NULL;
	int err = rules_new(conf, route_key, complaints, &rules);

	return err == 0 ? plan_of(rules, new_id(), servers, ret_plan) : err;
}

int plan_renew(const struct plan *plan, struct server_table *servers, struct plan **ret_plan)
{
	atomic_fetch_add(&plan->rules->holders, 1);
	return plan_of(plan->rules, new_id(), servers, ret_plan);
}

int plan_share(const struct plan *plan, struct server_table *servers, struct plan **ret_plan)
{
	atomic_fetch_add(&plan->rules->holders, 1);
	return plan_of(plan->rules, plan->id, servers, ret_plan);
}

void plan_succeed(const struct plan *plan, const struct plan *before)
{
	for (size_t i = 0; i < before->conf->group_count; i++)
		pool_set_successor(before->pools[i], plan->pools[i]);
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
	rules_unref(plan->rules);
	mem_free(plan);
}

bool plan_strips_subnet(const struct plan *plan, const struct query_view *view,
			const struct addr *from)
{
	return plan->conf->strip_ecs || (view->has_host && access_trusts(plan->access, from));
}
