#include "policy/policy.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "policy/prefix_table.h"
#include "policy/special.h"
#include "policy/zone_tree.h"
#include "rr/synth.h"
#include "wire/name.h"
#include "wire/type.h"

/* What is decided where a zone of the conf speaks, or nothing does. */
struct rule {
	struct decision decision; /* but for apex and n; the view counts where rules for the name
				   * look at clients */
	struct synth_records *records; /* of an answer, else NULL */
	struct zone_tree *except;      /* NULL: nothing is excepted */
	struct prefix_table *clients;  /* NULL: all */
};

struct policy {
	const struct conf *conf;
	struct rule *rules; /* one per zone, at its index */
	struct zone_tree *tree;
	struct special *special; /* NULL: off */
	struct rule otherwise;
};

void policy_free(struct policy *policy)
{
	if (policy == NULL)
		return;
	for (size_t i = 0; policy->rules != NULL && i < policy->conf->zone_count; i++) {
		synth_records_free(policy->rules[i].records);
		zone_tree_free(policy->rules[i].except);
		prefix_table_free(policy->rules[i].clients);
	}
	mem_free(policy->rules);
	zone_tree_free(policy->tree);
	special_free(policy->special);
	mem_free(policy);
}

/* --- routes and views ---------------------------------------------------------------------- */

/* Words, so that no padding gets into a hash. */
static uint64_t digest_of(const struct hash_key *key, const uint64_t *words, size_t count)
{
	return hash_bytes(key, words, count * sizeof(*words));
}

static uint64_t digest_addr(const struct hash_key *key, uint64_t before, const struct addr *addr,
			    unsigned bits)
{
	uint64_t words[5] = { before, addr->scope,
			      (uint64_t)addr->port << 32 | (uint64_t)addr->family << 16 | bits };

	memcpy(&words[3], addr->bytes, sizeof(addr->bytes));
	return digest_of(key, words, 5);
}

static uint64_t digest_text(const struct hash_key *key, uint64_t before, const char *text)
{
	const uint64_t words[2] = { before, hash_bytes(key, text, strlen(text)) };

	return digest_of(key, words, 2);
}

/* Of a file that names the servers its path alone: a WAN that comes up with other servers leads to
 * the same Internet, and what was learned by the old ones is wanted most when that happens. */
static uint64_t digest_group(const struct hash_key *key, const struct conf_group *group)
{
	uint64_t digest = (uint64_t)group->order;

	if (group->resolv_conf != NULL)
		return digest_text(key, digest, group->resolv_conf);
	for (size_t i = 0; i < group->server_count; i++) {
		const struct conf_server *server = &group->servers[i];

		digest = digest_addr(key, digest, &server->addr, 0);
		if (server->source.family != ADDR_NONE)
			digest = digest_addr(key, digest, &server->source, 1);
		if (server->interface[0] != '\0')
			digest = digest_text(key, digest, server->interface);
	}
	return digest;
}

/* Whatever could make a forwarded answer another one, or show it with other TTLs. */
static uint64_t route_of(const struct conf *conf, const struct hash_key *key,
			 const struct decision *decision)
{
	const bool fails_over = decision->on_failure != CONF_GROUP_NONE;
	const uint64_t words[] = {
		digest_group(key, &conf->groups[decision->group]),
		fails_over ? digest_group(key, &conf->groups[decision->on_failure]) : 0,
		(unsigned)fails_over | (unsigned)decision->no_cache << 1 |
			(unsigned)conf->strip_ecs << 2,
		(uint64_t)decision->ttl_min << 32 | decision->ttl_max,
	};

	return digest_of(key, words, sizeof(words) / sizeof(words[0]));
}

/* Of two rules that could speak for one name and look at the client, or of one and of none that
 * does, no two have the same view, or else they say the same to the same clients. */
static uint64_t view_of(const struct hash_key *key, const struct decision *decision)
{
	const struct conf_zone *zone = decision->zone;
	uint64_t view = decision->route;

	for (size_t i = 0; zone != NULL && i < zone->client_count; i++)
		view = digest_addr(key, view, &zone->clients[i].net, zone->clients[i].bits);
	view = digest_of(key, &view, 1);
	return view != 0 ? view : 1;
}

/* What the zone says of forwarding and keeping; of what it does not, the rest stays. */
static void apply_zone(const struct conf_zone *zone, struct decision *decision)
{
	decision->action = zone->action;
	decision->source = DECISION_RULE;
	decision->zone = zone;
	decision->group = zone->group;
	decision->on_failure = zone->on_failure;
	decision->no_cache = zone->no_cache;
	if (zone->ttl_min >= 0)
		decision->ttl_min = (uint32_t)zone->ttl_min;
	if (zone->ttl_max >= 0)
		decision->ttl_max = (uint32_t)zone->ttl_max;
	if (zone->stale_s >= 0)
		decision->stale_s = (uint32_t)zone->stale_s;
}

/* --- compiling ----------------------------------------------------------------------------- */

static int compile_except(const struct conf_zone *zone, struct rule *rule)
{
	if (zone->except_count == 0)
		return 0;
	rule->except = zone_tree_new();
	if (rule->except == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < zone->except_count; i++) {
		const struct conf_name *name = &zone->except[i];
		if (zone_tree_add(rule->except, name->wire, name->is_template, 0) != 0)
			return -ENOMEM;
	}
	return 0;
}

static bool is_all_templates(const struct conf_zone *zone)
{
	for (size_t i = 0; i < zone->name_count; i++) {
		if (!zone->names[i].is_template)
			return false;
	}
	return true;
}

static void complain(struct complaints *complaints, const struct conf_record *record,
		     const struct synth_fault *fault)
{
	struct complaint_quote quote;
	const char *text = complaint_quote(record->text, strlen(record->text), &quote);

	if (fault->has_n)
		complaint_add(complaints, &record->place,
			      "record %s with {n} = %u: %s; expected something like \"%s\"", text,
			      fault->n, fault->record.why, fault->record.example);
	else
		complaint_add(complaints, &record->place,
			      "record %s: %s; expected something like \"%s\"", text,
			      fault->record.why, fault->record.example);
}

static int compile_records(const struct conf_zone *zone, struct complaints *complaints,
			   struct rule *rule)
{
	const struct synth_range range = { zone->n_low, zone->n_high };
	const bool has_n = zone->has_range && is_all_templates(zone);

	if (zone->action != ZONE_ANSWER)
		return 0;
	rule->records = synth_records_new();
	if (rule->records == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < zone->record_count; i++) {
		struct synth_fault fault;
		const int err = synth_records_add(rule->records, zone->records[i].text,
						  has_n ? &range : NULL, &fault);
		if (err == ERR_MALFORMED)
			complain(complaints, &zone->records[i], &fault);
		else if (err != 0)
			return err;
	}
	return 0;
}

/* What the cache section says, where no zone (NULL) says otherwise. */
static void decide_ahead(const struct policy *policy, const struct hash_key *key,
			 const struct conf_zone *zone, struct decision *ret_decision)
{
	const struct conf *conf = policy->conf;

	*ret_decision = (struct decision){
		.action = ZONE_FORWARD,
		.source = DECISION_DEFAULT,
		.on_failure = CONF_GROUP_NONE,
		.ttl_min = conf->ttl_min,
		.ttl_max = conf->ttl_max,
		.stale_s = conf->stale_s,
	};
	if (zone != NULL)
		apply_zone(zone, ret_decision);
	ret_decision->route = route_of(conf, key, ret_decision);
	ret_decision->view = view_of(key, ret_decision);
}

static int compile_rule(struct policy *policy, const struct hash_key *key,
			struct complaints *complaints, size_t index)
{
	const struct conf_zone *zone = &policy->conf->zones[index];
	struct rule *rule = &policy->rules[index];
	int err;

	decide_ahead(policy, key, zone, &rule->decision);
	for (size_t i = 0; i < zone->name_count; i++) {
		const struct conf_name *name = &zone->names[i];
		err = zone_tree_add(policy->tree, name->wire, name->is_template, (uint32_t)index);
		if (err != 0)
			return err;
	}
	if (zone->client_count > 0) {
		rule->clients = prefix_table_new(zone->clients, zone->client_count);
		if (rule->clients == NULL)
			return -ENOMEM;
	}
	if ((err = compile_except(zone, rule)) != 0)
		return err;
	err = compile_records(zone, complaints, rule);
	rule->decision.records = rule->records;
	return err;
}

static int compile_all(struct policy *policy, const struct hash_key *key,
		       struct complaints *complaints)
{
	const struct conf *conf = policy->conf;
	const size_t complaints_before = complaint_count(complaints);
	int err;

	decide_ahead(policy, key, NULL, &policy->otherwise.decision);
	if (conf->special_names && (policy->special = special_new()) == NULL)
		return -ENOMEM;
	policy->tree = zone_tree_new();
	policy->rules = mem_zalloc(conf->zone_count * sizeof(*policy->rules) + 1);
	if (policy->tree == NULL || policy->rules == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < conf->zone_count; i++) {
		if ((err = compile_rule(policy, key, complaints, i)) != 0)
			return err;
	}
	return complaint_count(complaints) > complaints_before ? ERR_CONF : 0;
}

int policy_compile(const struct conf *conf, const struct hash_key *route_key,
		   struct complaints *complaints, struct policy **ret_policy)
{
	struct policy *policy = mem_zalloc(sizeof(*policy));
	if (policy == NULL)
		return -ENOMEM;
	policy->conf = conf;
	const int err = compile_all(policy, route_key, complaints);
	if (err != 0) {
		policy_free(policy);
		return err;
	}
	*ret_policy = policy;
	return 0;
}

/* --- judging ------------------------------------------------------------------------------- */

struct judging {
	const struct policy *policy;
	const struct query_view *view;
	const struct addr *client;
	const uint8_t *name; /* asked, in lower case */
	const struct rule *best;
	unsigned best_rank;
	const uint8_t *best_suffix; /* the root where there is none */
	uint32_t best_n;
	bool looks_at_clients; /* a rule that could have spoken does */
};

static bool has_type(const struct conf_zone *zone, uint16_t type)
{
	for (size_t i = 0; i < zone->type_count; i++) {
		if (zone->types[i] == type)
			return true;
	}
	return zone->type_count == 0;
}

/* All its conditions hold but that on clients. */
static bool may_speak(const struct judging *judging, const struct rule *rule,
		      const struct zone_match *match)
{
	const struct conf_zone *zone = rule->decision.zone;

	if (zone->is_exact && !match->is_whole)
		return false;
	if (match->is_template && (match->n < zone->n_low || match->n > zone->n_high))
		return false;
	return has_type(zone, judging->view->type) &&
	       (rule->except == NULL ||
		!zone_tree_covers(rule->except, judging->name, judging->view->name_len));
}

/* Of rules whose names are equally long, more goes first: what is exact or a template, then more
 * conditions, then the longer client prefix, which is 0 where all clients are meant, else 1 more
 * than its bits. */
static unsigned rank_of(const struct conf_zone *zone, bool is_template, unsigned client_prefix)
{
	const unsigned conditions = (zone->type_count > 0) + (unsigned)(zone->client_count > 0);

	return (unsigned)(zone->is_exact || is_template) << 16 | conditions << 8 | client_prefix;
}

static void consider(struct judging *judging, const struct rule *rule,
		     const struct zone_match *match)
{
	const struct conf_zone *zone = rule->decision.zone;
	unsigned client_prefix = 0;
	size_t index = 0;

	if (!may_speak(judging, rule, match))
		return;
	if (rule->clients != NULL) {
		judging->looks_at_clients = true;
		if (!prefix_table_find(rule->clients, judging->client, &index))
			return;
		client_prefix = zone->clients[index].bits + 1u;
	}
	const unsigned rank = rank_of(zone, match->is_template, client_prefix);
	if (judging->best != NULL &&
	    (rank < judging->best_rank || (rank == judging->best_rank && rule >= judging->best)))
		return; /* of equals the first in the file */
	judging->best = rule;
	judging->best_rank = rank;
	judging->best_suffix = match->suffix;
	judging->best_n = match->n;
}

/* Longer names come first, so that the first that has a rule to speak ends the search. */
static bool on_match(void *ctx, const struct zone_match *match)
{
	struct judging *judging = ctx;

	if (judging->best != NULL && match->suffix != judging->best_suffix)
		return true;
	consider(judging, &judging->policy->rules[match->value], match);
	return false;
}

/* True where a special name answers: no zone but "." has anything to say. */
static bool judge_special(const struct judging *judging, struct decision *decision)
{
	struct special_match match;

	if (special_is_private(judging->view, judging->name)) {
		decision->action = ZONE_REFUSE;
		decision->special_why = "RFC 4892";
		decision->apex = judging->view->name;
	} else if (*judging->best_suffix == 0 && judging->policy->special != NULL &&
		   special_find(judging->policy->special, judging->view, judging->name, &match)) {
		decision->action = match.action;
		decision->special_why = match.why;
		decision->records = match.records;
		decision->apex = judging->view->name + (match.apex - judging->name);
	} else {
		return false;
	}
	decision->source = DECISION_SPECIAL;
	decision->route = decision->view = 0;
	return true;
}

void policy_judge(const struct policy *policy, const struct query_view *view, const uint8_t *name,
		  const struct addr *client, struct decision *ret_decision)
{
	struct judging judging = {
		.policy = policy,
		.view = view,
		.client = client,
		.name = name,
		.best_suffix = name + view->name_len - 1,
	};

	zone_tree_walk(policy->tree, name, view->name_len, on_match, &judging);
	*ret_decision = policy->otherwise.decision;
	if (judge_special(&judging, ret_decision))
		return;
	if (judging.best != NULL)
		*ret_decision = judging.best->decision;
	ret_decision->apex = view->name + (judging.best_suffix - name);
	ret_decision->n = judging.best_n;
	if (!judging.looks_at_clients)
		ret_decision->view = 0;
}

int policy_answer(const struct decision *decision, const struct query_view *view, uint8_t *out,
		  size_t out_max, size_t *ret_len)
{
	const uint32_t ttl = decision->source == DECISION_SPECIAL ? SPECIAL_TTL : SYNTH_SOA_TTL;
	unsigned rcode = RCODE_NXDOMAIN;

	switch (decision->action) {
	case ZONE_ANSWER:
		return synth_answer(view, decision->records, decision->n, decision->apex, out,
				    out_max, ret_len);
	case ZONE_NODATA:
		rcode = RCODE_NOERROR;
		break;
	case ZONE_NXDOMAIN:
		break;
	case ZONE_FORWARD:
	case ZONE_REFUSE:
	case ZONE_DROP:
		UNREACHABLE(); /* these have no local answer */
	}
	return synth_negative(view, rcode, decision->apex, ttl, out, out_max, ret_len);
}
