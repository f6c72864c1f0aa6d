/* fixture.h: policies from the text of a configuration, and what they decide. */
#pragma once

#include <stdio.h>

#include "conf/conf_load.h"
#include "made_query.h"
#include "policy/policy.h"
#include "unit.h"

static const struct hash_key route_key = { 1, 2 };
static struct made_query query;
static struct decision decision;

static inline struct complaints *complaints_new(void)
{
	struct complaints *complaints = unit_own(complaint_new(), complaint_free);
	assert_non_null(complaints);
	return complaints;
}

static inline const struct conf *conf_of(const char *text)
{
	struct complaints *complaints = complaints_new();
	struct conf *conf = NULL;
	const int err = conf_load_text(text, "test.conf", complaints, &conf);

	if (complaint_kept(complaints) > 0)
		fail_msg("%s", complaint_text(complaints, 0));
	assert_int_equal(err, 0);
	return unit_own(conf, conf_free);
}

static inline const struct policy *policy_of_conf(const struct conf *conf)
{
	struct complaints *complaints = complaints_new();
	struct policy *policy = NULL;
	const int err = policy_compile(conf, &route_key, complaints, &policy);

	if (complaint_kept(complaints) > 0)
		fail_msg("%s", complaint_text(complaints, 0));
	assert_int_equal(err, 0);
	return unit_own(policy, policy_free);
}

static const char *const groups = "upstreams = { default = { servers = [ \"192.0.2.1\" ]; };"
				  " corp = { servers = [ \"192.0.2.2\" ]; };"
				  " isp = { servers = [ \"192.0.2.3\" ]; }; };";

static const char *const unrelated = "{ name = \"unrelated.example\"; }";

/* `zones` is the inside of the list; the groups are default, corp and isp. */
static inline const struct policy *policy_of(const char *zones)
{
	char text[4096];
	snprintf(text, sizeof(text), "%s special_names = false; zones = ( %s%s );", groups, zones,
		 *zones == '\0' ? unrelated : "");
	return policy_of_conf(conf_of(text));
}

static inline const struct policy *policy_with_special(const char *zones)
{
	char text[4096];
	snprintf(text, sizeof(text), "%s zones = ( %s%s );", groups, zones,
		 *zones == '\0' ? unrelated : "");
	return policy_of_conf(conf_of(text));
}

static inline const struct decision *judge_as(const struct policy *policy, const char *name,
					      uint16_t type, const char *client)
{
	struct addr addr;
	assert_int_equal(addr_parse(client, 5353, &addr), 0);
	policy_judge(policy, made_query_of(&query, name, type, CLASS_IN), query.lowered, &addr,
		     &decision);
	return &decision;
}

static inline const struct decision *judge(const struct policy *policy, const char *name)
{
	return judge_as(policy, name, TYPE_A, "10.0.0.1");
}

/* The line of the rule that decides; 0 for none. */
static inline int line_of(const struct decision *decided)
{
	return decided->zone == NULL ? 0 : decided->zone->place.line;
}

static inline int line(const struct policy *policy, const char *name)
{
	return line_of(judge(policy, name));
}
