/* query/plan.h: one configuration, compiled: what a request decides by from its start to its end.
 *
 * Immutable and counted. A reload makes a new plan and the worker swaps one pointer; requests under
 * way finish under the plan they began with. */
#pragma once

#include <stdint.h>

#include "conf/complaint.h"
#include "conf/conf.h"
#include "policy/access.h"
#include "policy/policy.h"
#include "upstream/pool.h"

struct plan {
	unsigned holders;
	uint32_t id; /* of no other plan in this process */
	struct conf *conf;
	struct access *access;
	struct policy *policy;
	struct pool **pools; /* by index of conf->groups */
};

/** Takes over `conf`, also on failure. What was learned of servers that stand in the table is kept;
 * it must outlive the plan; NULL for a plan that nobody asks by. ERR_CONF where complaints were
 * added; -ENOMEM. */
MUST_CHECK int plan_new(struct conf *conf, const struct hash_key *route_key,
			struct server_table *servers, struct complaints *complaints,
			struct plan **ret_plan);
struct plan *plan_ref(struct plan *plan);
void plan_unref(struct plan *plan); /* NULL is fine */
