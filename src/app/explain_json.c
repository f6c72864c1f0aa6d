#include "app/explain_json.h"

#include <inttypes.h>

#include "app/commands_families.h"
#include "policy/classify.h"
#include "upstream/exchange.h"
#include "wire/type.h"

static const char *const sources[] = {
	[DECISION_DEFAULT] = "default",
	[DECISION_RULE] = "rule",
	[DECISION_SPECIAL] = "special",
};
static const char *const kinds[] = {
	[CACHE_POSITIVE] = "positive",
	[CACHE_NEGATIVE] = "negative",
	[CACHE_FAILURE] = "failure",
	[CACHE_SQUASH] = "squash",
};
static const char *const outcomes[] = {
	[EXCHANGE_REPLIED] = "replied",
	[EXCHANGE_TIMED_OUT] = "timed out",
	[EXCHANGE_UNREACHABLE] = "unreachable",
};

_Static_assert(sizeof(sources) / sizeof(sources[0]) == DECISION_SPECIAL + 1, "a text for each");
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == CACHE_SQUASH + 1, "a text for each");
_Static_assert(sizeof(outcomes) / sizeof(outcomes[0]) == EXCHANGE_UNREACHABLE + 1,
	       "a text for each");

static void put_place(const struct conf_place *place, struct json *json)
{
	if (place == NULL || place->file == NULL)
		json_print(json, "file null line null");
	else
		json_print(json, "file %s line %u", place->file, (unsigned)place->line);
}

static void put_access(const struct explain *explain)
{
	const struct conf_access *access = explain_view_access(explain);
	struct addr_text net;

	json_print(explain->json, "access {action %s net %p",
		   conf_listen_actions[access == NULL ? ACCESS_REFUSE : access->action],
		   access == NULL ? NULL : addr_prefix_to_text(&access->net, &net));
	put_place(access == NULL ? NULL : &access->place, explain->json);
	json_print(explain->json, "}");
}

static void put_rule(const struct explain *explain)
{
	const struct decision *decision = &explain->look.decision;
	const struct conf_zone *zone = decision->zone;
	struct name_text text;

	json_print(explain->json, "rule {kind %s name %p why %p", sources[decision->source],
		   decision->source == DECISION_DEFAULT ? NULL
		   : zone == NULL			? name_to_text(decision->apex, &text)
				  : name_to_text(explain_view_rule_name(decision)->wire, &text),
		   decision->special_why);
	put_place(zone == NULL ? NULL : &zone->place, explain->json);
	json_print(explain->json, "is_exact %d by_type %d by_client %d}",
		   zone != NULL && zone->is_exact, zone != NULL && zone->type_count > 0,
		   zone != NULL && zone->client_count > 0);
}

static void put_group(const struct conf_group *group, struct json *json)
{
	struct addr_text addr;

	if (group == NULL) {
		json_print(json, "null");
		return;
	}
	json_print(json, "{name %s timeout_ms %u resolv_conf %p servers [", group->name,
		   group->timeout_ms, group->resolv_conf);
	for (size_t i = 0; i < group->server_count; i++)
		json_print(json, "%s", addr_to_text(&group->servers[i].addr, &addr));
	json_print(json, "]}");
}

static void put_forward(const struct explain *explain)
{
	const struct decision *decision = &explain->look.decision;

	if (decision->action != ZONE_FORWARD) {
		json_print(explain->json, "forward null");
		return;
	}
	json_print(explain->json, "forward {group");
	put_group(explain_view_group(explain, decision->group), explain->json);
	json_print(explain->json, "on_failure");
	put_group(explain_view_group(explain, decision->on_failure), explain->json);
	json_print(explain->json,
		   "is_kept %d ttl_min_s %u ttl_max_s %u stale_s %u by_view %d is_guarded %d "
		   "nftset [",
		   explain_view_is_kept(explain), decision->ttl_min, decision->ttl_max,
		   decision->stale_s, decision->view != 0, explain->look.is_guarded);
	for (size_t i = 0; decision->zone != NULL && i < decision->zone->nftset_count; i++)
		json_print(explain->json, "%s", decision->zone->nftsets[i].text);
	json_print(explain->json, "]}");
}

static void put_family(const struct explain *explain)
{
	const struct conf_courier *family = explain_view_family(explain);
	const struct courier_match *match = &explain->look.courier;

	if (family == NULL) {
		json_print(explain->json, "family null");
		return;
	}
	json_print(explain->json, "family {name %s role %s n %" PRId64, family->name,
		   courier_role_text(match->role),
		   match->role == COURIER_VARIANT ? (int64_t)match->n : -1);
	if (match->role == COURIER_ALIAS && explain->worker != NULL)
		commands_families_squashers_json(explain->worker, family->name, explain->json);
	else
		json_print(explain->json, "squashers []");
	json_print(explain->json, "}");
}

static void put_entry(const struct look_entry *entry, struct json *json)
{
	const struct cache_hit *hit = &entry->hit;
	struct type_text rcode;

	json_print(json,
		   "{kind %s verdict %s rcode %s rd %d cd %d do %d is_used %d is_stale %d "
		   "is_failing %d age_s %u remaining_s %u stale_left_s %u bytes %u}",
		   kinds[hit->note.kind], classify_text((enum verdict)hit->note.verdict),
		   type_rcode_to_text(entry->rcode, &rcode), entry->flags & CACHE_KEY_RD,
		   entry->flags & CACHE_KEY_CD, entry->flags & CACHE_KEY_DO, entry->is_used,
		   hit->is_stale, hit->is_failing, hit->age_s, hit->remaining_s, hit->stale_left_s,
		   (unsigned)hit->wire_len);
}

static void put_exchange(const struct explain *explain)
{
	const struct recall_entry *exchange = &explain->look.exchange;
	struct addr_text server;
	struct type_text rcode;

	if (!explain->look.has_exchange) {
		json_print(explain->json, "last_exchange null");
		return;
	}
	json_print(explain->json, "last_exchange {outcome %s", outcomes[exchange->outcome]);
	if (exchange->outcome == EXCHANGE_REPLIED)
		json_print(explain->json, "server %s rcode %s verdict %s",
			   addr_to_text(&exchange->server, &server),
			   type_rcode_to_text(exchange->rcode, &rcode),
			   classify_text((enum verdict)exchange->verdict));
	else
		json_print(explain->json, "server null rcode null verdict null");
	json_print(explain->json, "is_on_failure %d ago_ms %" PRIu64 " took_us %u}",
		   exchange->is_on_failure, explain_view_ago_us(explain) / USEC_PER_MSEC,
		   exchange->took_us);
}

static void put_known(const struct explain *explain)
{
	if (explain->why_offline != NULL || explain->look.decision.action != ZONE_FORWARD) {
		json_print(explain->json, "cache null last_exchange null");
		return;
	}
	json_print(explain->json, "cache [");
	for (size_t i = 0; i < explain->look.entry_count; i++)
		put_entry(&explain->look.entries[i], explain->json);
	json_print(explain->json, "]");
	put_exchange(explain);
}

void explain_json(const struct explain *explain)
{
	struct addr_text client;
	struct name_text name;
	struct type_text type;

	json_print(explain->json, "{question {name %s type %s client %s} is_online %d file %p",
		   name_to_text(explain->name, &name), type_to_text(explain->type, &type),
		   addr_to_text(&explain->client, &client), explain->why_offline == NULL,
		   explain->file);
	put_access(explain);
	put_rule(explain);
	json_print(explain->json, "action %s", conf_zone_actions[explain->look.decision.action]);
	put_family(explain);
	put_forward(explain);
	put_known(explain);
	json_print(explain->json, "}");
}
