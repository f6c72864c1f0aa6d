/* query/plan.h: one configuration, compiled: what a request decides by from its start to its end.
 *
 * Immutable and counted. A reload makes a new plan and the worker swaps one pointer; requests under
 * way finish under the plan they began with. Of the conf, the servers of groups with a resolv_conf
 * are the daemon's to change: the pools have copied them. */
#pragma once

#include <stdint.h>

#include "conf/complaint.h"
#include "conf/conf.h"
#include "policy/access.h"
#include "policy/courier.h"
#include "policy/policy.h"
#include "policy/rebinding.h"
#include "upstream/pool.h"

struct plan_rules; /* all but the pools, owned by every plan that was made with them */

struct plan {
	unsigned holders;
	uint32_t id; /* of no other plan in this process */
	struct plan_rules *rules;
	struct conf *conf;
	struct access *access;
	struct policy *policy;
	struct rebinding *rebinding;
	struct courier *courier; /* its families are those of conf->couriers */
	struct pool **pools;	 /* by index of conf->groups */
};

/** Takes over `conf`, also on failure. What was learned of servers that stand in the table is kept;
 * it must outlive the plan; NULL for a plan that nobody asks by. ERR_CONF where complaints were
 * added; -ENOMEM. */
MUST_CHECK int plan_new(struct conf *conf, const struct hash_key *route_key,
			struct server_table *servers, struct complaints *complaints,
			struct plan **ret_plan);
/** The same configuration, whose groups have other servers now: only the pools are new, so that
 * this costs little however many zones there are. They are the successors of those of `plan`, for
 * which this is done once. -ENOMEM. */
MUST_CHECK int plan_renew(const struct plan *plan, struct server_table *servers,
			  struct plan **ret_plan);
struct plan *plan_ref(struct plan *plan);
void plan_unref(struct plan *plan); /* NULL is fine */
