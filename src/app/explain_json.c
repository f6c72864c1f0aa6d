#include "app/explain_json.h"

#include "app/commands_families.h"
#include "base/json.h"
#include "policy/classify.h"
#include "upstream/exchange.h"
#include "wire/type.h"

static const char *source_name(enum decision_source source)
{
	switch (source) {
	case DECISION_DEFAULT:
		return "default";
	case DECISION_RULE:
		return "rule";
	case DECISION_SPECIAL:
		return "special";
	}
	UNREACHABLE();
}

static const char *kind_name(uint8_t kind)
{
	switch ((enum cache_kind)kind) {
	case CACHE_POSITIVE:
		return "positive";
	case CACHE_NEGATIVE:
		return "negative";
	case CACHE_FAILURE:
		return "failure";
	case CACHE_SQUASH:
		return "squash";
	}
	UNREACHABLE();
}

static const char *outcome_name(uint8_t outcome)
{
	switch ((enum exchange_outcome)outcome) {
	case EXCHANGE_REPLIED:
		return "replied";
	case EXCHANGE_TIMED_OUT:
		return "timed out";
	case EXCHANGE_UNREACHABLE:
		return "unreachable";
	}
	UNREACHABLE();
}

static void put_place(const struct conf_place *place, struct json *json)
{
	const bool is_anywhere = place != NULL && place->file != NULL;

	json_text(json, "file", is_anywhere ? place->file : NULL);
	if (is_anywhere)
		json_number(json, "line", place->line);
	else
		json_text(json, "line", NULL);
}

static void put_access(const struct explain *explain, struct json *json)
{
	const struct conf_access *access = explain_view_access(explain);
	struct addr_text net;

	json_open_object(json, "access");
	json_text(json, "action",
		  explain_view_access_action(access == NULL ? ACCESS_REFUSE : access->action));
	json_text(json, "net", access == NULL ? NULL : addr_prefix_to_text(&access->net, &net));
	put_place(access == NULL ? NULL : &access->place, json);
	json_close_object(json);
}

static void put_rule(const struct decision *decision, struct json *json)
{
	const struct conf_zone *zone = decision->zone;
	struct name_text text;

	json_open_object(json, "rule");
	json_text(json, "kind", source_name(decision->source));
	json_text(json, "name",
		  decision->source == DECISION_DEFAULT ? NULL
		  : zone == NULL		       ? name_to_text(decision->apex, &text)
				 : name_to_text(explain_view_rule_name(decision)->wire, &text));
	json_text(json, "why", decision->special_why);
	put_place(zone == NULL ? NULL : &zone->place, json);
	json_bool(json, "is_exact", zone != NULL && zone->is_exact);
	json_bool(json, "by_type", zone != NULL && zone->type_count > 0);
	json_bool(json, "by_client", zone != NULL && zone->client_count > 0);
	json_close_object(json);
}

static void put_group(const char *key, const struct conf_group *group, struct json *json)
{
	struct addr_text addr;

	if (group == NULL) {
		json_text(json, key, NULL);
		return;
	}
	json_open_object(json, key);
	json_text(json, "name", group->name);
	json_number(json, "timeout_ms", group->timeout_ms);
	json_text(json, "resolv_conf", group->resolv_conf);
	json_open_list(json, "servers");
	for (size_t i = 0; i < group->server_count; i++)
		json_text(json, NULL, addr_to_text(&group->servers[i].addr, &addr));
	json_close_list(json);
	json_close_object(json);
}

static void put_forward(const struct explain *explain, struct json *json)
{
	const struct decision *decision = &explain->look.decision;

	if (decision->action != ZONE_FORWARD) {
		json_text(json, "forward", NULL);
		return;
	}
	json_open_object(json, "forward");
	put_group("group", explain_view_group(explain, decision->group), json);
	put_group("on_failure", explain_view_group(explain, decision->on_failure), json);
	json_bool(json, "is_kept", explain_view_is_kept(explain));
	json_number(json, "ttl_min_s", decision->ttl_min);
	json_number(json, "ttl_max_s", decision->ttl_max);
	json_number(json, "stale_s", decision->stale_s);
	json_bool(json, "by_view", decision->view != 0);
	json_bool(json, "is_guarded", explain->look.is_guarded);
	json_open_list(json, "nftset");
	for (size_t i = 0; decision->zone != NULL && i < decision->zone->nftset_count; i++)
		json_text(json, NULL, decision->zone->nftsets[i].text);
	json_close_list(json);
	json_close_object(json);
}

static void put_family(const struct explain *explain, struct json *json)
{
	const struct conf_courier *family = explain_view_family(explain);
	const struct courier_match *match = &explain->look.courier;

	if (family == NULL) {
		json_text(json, "family", NULL);
		return;
	}
	json_open_object(json, "family");
	json_text(json, "name", family->name);
	json_text(json, "role", courier_role_text(match->role));
	if (match->role == COURIER_VARIANT)
		json_number(json, "n", match->n);
	else
		json_text(json, "n", NULL);
	if (match->role == COURIER_ALIAS && explain->worker != NULL) {
		commands_families_squashers_json(explain->worker, family->name, json);
	} else {
		json_open_list(json, "squashers");
		json_close_list(json);
	}
	json_close_object(json);
}

static void put_entry(const struct look_entry *entry, struct json *json)
{
	const struct cache_hit *hit = &entry->hit;
	struct type_text rcode;

	json_open_object(json, NULL);
	json_text(json, "kind", kind_name(hit->note.kind));
	json_text(json, "verdict", classify_text((enum verdict)hit->note.verdict));
	json_text(json, "rcode", type_rcode_to_text(entry->rcode, &rcode));
	json_bool(json, "rd", (entry->flags & CACHE_KEY_RD) != 0);
	json_bool(json, "cd", (entry->flags & CACHE_KEY_CD) != 0);
	json_bool(json, "do", (entry->flags & CACHE_KEY_DO) != 0);
	json_bool(json, "is_used", entry->is_used);
	json_bool(json, "is_stale", hit->is_stale);
	json_bool(json, "is_failing", hit->is_failing);
	json_number(json, "age_s", hit->age_s);
	json_number(json, "remaining_s", hit->remaining_s);
	json_number(json, "stale_left_s", hit->stale_left_s);
	json_number(json, "bytes", (int64_t)hit->wire_len);
	json_close_object(json);
}

static void put_exchange(const struct explain *explain, struct json *json)
{
	const struct recall_entry *exchange = &explain->look.exchange;
	const bool has_reply = exchange->outcome == EXCHANGE_REPLIED;
	struct addr_text server;
	struct type_text rcode;

	if (!explain->look.has_exchange) {
		json_text(json, "last_exchange", NULL);
		return;
	}
	json_open_object(json, "last_exchange");
	json_text(json, "outcome", outcome_name(exchange->outcome));
	json_text(json, "server", has_reply ? addr_to_text(&exchange->server, &server) : NULL);
	json_text(json, "rcode", has_reply ? type_rcode_to_text(exchange->rcode, &rcode) : NULL);
	json_text(json, "verdict",
		  has_reply ? classify_text((enum verdict)exchange->verdict) : NULL);
	json_bool(json, "is_on_failure", exchange->is_on_failure);
	json_number(json, "ago_ms", (int64_t)(explain_view_ago_us(explain) / USEC_PER_MSEC));
	json_number(json, "took_us", exchange->took_us);
	json_close_object(json);
}

static void put_known(const struct explain *explain, struct json *json)
{
	if (explain->why_offline != NULL || explain->look.decision.action != ZONE_FORWARD) {
		json_text(json, "cache", NULL);
		json_text(json, "last_exchange", NULL);
		return;
	}
	json_open_list(json, "cache");
	for (size_t i = 0; i < explain->look.entry_count; i++)
		put_entry(&explain->look.entries[i], json);
	json_close_list(json);
	put_exchange(explain, json);
}

void explain_json(const struct explain *explain, FILE *out)
{
	struct addr_text client;
	struct name_text name;
	struct type_text type;
	struct json json;

	json_init(&json, out);
	json_open_object(&json, NULL);
	json_open_object(&json, "question");
	json_text(&json, "name", name_to_text(explain->name, &name));
	json_text(&json, "type", type_to_text(explain->type, &type));
	json_text(&json, "client", addr_to_text(&explain->client, &client));
	json_close_object(&json);
	json_bool(&json, "is_online", explain->why_offline == NULL);
	json_text(&json, "file", explain->file);
	put_access(explain, &json);
	put_rule(&explain->look.decision, &json);
	json_text(&json, "action", explain_view_action(explain->look.decision.action));
	put_family(explain, &json);
	put_forward(explain, &json);
	put_known(explain, &json);
	json_close_object(&json);
}
