#include "query/plan.h"

#include "conf/conf_load.h"
#include "unit.h"

static const struct hash_key key = { 1, 2 };

/* Two workers' servers, and plans of the first. */
struct rig {
	struct server_table *servers[2];
	struct plan *plans[4];
};

static void rig_free(struct rig *rig)
{
	for (size_t i = 0; i < 4; i++)
		plan_unref(rig->plans[i]);
	server_table_free(rig->servers[0]);
	server_table_free(rig->servers[1]);
}

static struct rig *new_rig(void)
{
	static const char text[] = "upstreams = { default = { servers = [ \"192.0.2.1\" ]; }; };";
	struct complaints *complaints = unit_own(complaint_new(), complaint_free);
	struct rig *rig = unit_own(unit_zalloc(sizeof(*rig)), rig_free);
	struct conf *conf = NULL;

	rig->servers[0] = server_table_new();
	rig->servers[1] = server_table_new();
	assert_non_null(complaints);
	assert_non_null(rig->servers[0]);
	assert_non_null(rig->servers[1]);
	assert_int_equal(conf_load_text(text, "conf", complaints, &conf), 0);
	assert_int_equal(plan_new(conf, &key, rig->servers[0], complaints, &rig->plans[0]), 0);
	assert_int_equal(plan_share(rig->plans[0], rig->servers[1], &rig->plans[1]), 0);
	return rig;
}

static void another_workers_plan_has_the_same_rules_and_servers_of_its_own(void **state)
{
	struct rig *rig = new_rig();
	const struct plan *one = rig->plans[0], *other = rig->plans[1];
	(void)state;

	assert_int_equal(one->id, other->id);
	assert_ptr_equal(one->conf, other->conf);
	assert_ptr_equal(one->policy, other->policy);
	assert_ptr_not_equal(one->pools[0], other->pools[0]);
	const struct server *server = pool_server(other->pools[0], 0);
	assert_ptr_not_equal(pool_server(one->pools[0], 0), server);
	assert_true(addr_equal(server_addr(pool_server(one->pools[0], 0)), server_addr(server)));
}

static void the_rules_stay_until_the_last_plan_goes(void **state)
{
	struct rig *rig = new_rig();
	(void)state;

	plan_unref(rig->plans[0]);
	rig->plans[0] = NULL;
	assert_int_equal(rig->plans[1]->conf->group_count, 1);
	assert_string_equal(rig->plans[1]->conf->groups[0].name, "default");
}

static void each_worker_goes_on_with_its_own_pools(void **state)
{
	struct rig *rig = new_rig();
	(void)state;

	assert_int_equal(plan_renew(rig->plans[0], rig->servers[0], &rig->plans[2]), 0);
	assert_int_equal(plan_share(rig->plans[2], rig->servers[1], &rig->plans[3]), 0);
	assert_int_not_equal(rig->plans[2]->id, rig->plans[0]->id);
	assert_int_equal(rig->plans[2]->id, rig->plans[3]->id);
	assert_ptr_equal(rig->plans[3]->conf, rig->plans[0]->conf);
	plan_succeed(rig->plans[2], rig->plans[0]);
	plan_succeed(rig->plans[3], rig->plans[1]);
	for (size_t i = 0; i < 2; i++)
		assert_ptr_equal(pool_latest(rig->plans[i]->pools[0]), rig->plans[i + 2]->pools[0]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(another_workers_plan_has_the_same_rules_and_servers_of_its_own),
	cmocka_unit_test(the_rules_stay_until_the_last_plan_goes),
	cmocka_unit_test(each_worker_goes_on_with_its_own_pools),
};
UNIT_MAIN_MEM(tests)
