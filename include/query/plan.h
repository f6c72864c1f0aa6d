/* query/plan.h: one configuration, compiled: what a request decides by from its start to its end.
 *
 * Immutable and counted. A reload makes a new plan and the worker swaps one pointer; requests under
 * way finish under the plan they began with. Of the conf, the servers of groups with a resolv_conf
 * are the daemon's to change: the pools have copied them.
 *
 * Each worker has a plan of its own, whose holders and pools are that worker's alone; the rules,
 * which is all the rest, are shared by all of these. */
#pragma once

#include <stdint.h>

#include "conf/complaint.h"
#include "conf/conf.h"
#include "policy/access.h"
#include "policy/courier.h"
#include "policy/policy.h"
#include "policy/rebinding.h"
#include "upstream/pool.h"

struct plan_rules; /* all but the pools, owned by every plan that was made with them; counted so
		    * that any thread may let go */

struct plan {
	unsigned holders;
	uint32_t id; /* of no other rules or servers in this process: that of all workers' */
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
MUST_CHECK RARELY int plan_new(struct conf *conf, const struct hash_key *route_key,
			       struct server_table *servers, struct complaints *complaints,
			       struct plan **ret_plan);
/** The same configuration, whose groups have other servers now: only the pools are new, so that
 * this costs little however many zones there are. -ENOMEM. */
MUST_CHECK int plan_renew(const struct plan *plan, struct server_table *servers,
			  struct plan **ret_plan);
/** The same plan for another worker, with pools of the servers in that one's table. -ENOMEM. */
MUST_CHECK int plan_share(const struct plan *plan, struct server_table *servers,
			  struct plan **ret_plan);
/** Its pools are the successors of those of the worker's plan before, which it was renewed from:
 * once for each of these. */
void plan_succeed(const struct plan *plan, const struct plan *before);
struct plan *plan_ref(struct plan *plan);
void plan_unref(struct plan *plan); /* NULL is fine */

/** A client subnet of the question goes no further: by the settings, or because a trusted forwarder
 * tells by it who asks. */
bool plan_strips_subnet(const struct plan *plan, const struct query_view *view,
			const struct addr *from);
