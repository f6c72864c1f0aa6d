/* policy/policy.h: compiled zone rules; one question to one decision (PRODUCT 5.1). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/complaint.h"
#include "conf/conf.h"
#include "wire/query_view.h"

struct policy; /* compiled, immutable */
struct synth_records;

/** Borrows `conf`, which must outlive it. Record texts are read here: ERR_CONF where complaints
 * were added; -ENOMEM. `route_key` seeds the hashes of routes and views: the same key gives the
 * same ones after a reload, wherever in the file a rule stands. */
MUST_CHECK RARELY int policy_compile(const struct conf *conf, const struct hash_key *route_key,
				     struct complaints *complaints, struct policy **ret_policy);
void policy_free(struct policy *policy); /* NULL is fine */

enum decision_source { DECISION_DEFAULT, DECISION_RULE, DECISION_SPECIAL };
struct decision {
	enum zone_action action;
	enum decision_source source;
	const struct conf_zone *zone; /* the rule; NULL for the default and for special names */
	const char *special_why;      /* "RFC 6761" and such, for special names, else NULL */
	const struct synth_records *records; /* of an answer */
	const uint8_t *apex;   /* matched suffix of the asked name: owner of a local SOA; the
				* root for the default */
	uint32_t n;	       /* of a template */
	int group, on_failure; /* of a forward */
	bool no_cache;
	uint32_t ttl_min, ttl_max; /* what applies, cache section or rule */
	uint32_t stale_s;
	uint64_t route; /* all that could make the answer another one (rule, its group and
			 * servers) */
	uint64_t view;	/* cache partition; 0 where no rule for this name looks at the client */
};

/** Decides for one question from `client`. `name` is view->name in lower case; `ret_decision->apex`
 * points into view->name.
 *
 * The rule with the longest matching name speaks; among those with match = "exact" or {n} go before
 * others of the same length, then more conditions (types, clients), the longer client prefix, and
 * the file's order. Rules are for every class, special names for class IN. */
void policy_judge(const struct policy *policy, const struct query_view *view, const uint8_t *name,
		  const struct addr *client, struct decision *ret_decision);

/** Writes the local answer for a decision whose action is answer, nxdomain or nodata. */
MUST_CHECK int policy_answer(const struct decision *decision, const struct query_view *view,
			     uint8_t *out, size_t out_max, size_t *ret_len);
