#include "app/explain_print.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "policy/classify.h"
#include "upstream/exchange.h"
#include "wire/type.h"

static const char *action_name(enum zone_action action)
{
	switch (action) {
	case ZONE_FORWARD:
		return "forward";
	case ZONE_ANSWER:
		return "answer";
	case ZONE_NXDOMAIN:
		return "nxdomain";
	case ZONE_NODATA:
		return "nodata";
	case ZONE_REFUSE:
		return "refuse";
	case ZONE_DROP:
		return "drop";
	}
	UNREACHABLE();
}

static const char *action_means(enum zone_action action)
{
	switch (action) {
	case ZONE_FORWARD:
		return "";
	case ZONE_ANSWER:
		return ": the rule's own records";
	case ZONE_NXDOMAIN:
		return ": the name does not exist, with a local SOA";
	case ZONE_NODATA:
		return ": no such type, with a local SOA";
	case ZONE_REFUSE:
		return ": REFUSED";
	case ZONE_DROP:
		return ": silence over UDP, the connection closed over TCP";
	}
	UNREACHABLE();
}

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

/* The name as the rule writes it. A template has as many labels as what it matched. */
static const struct conf_name *matched_name(const struct decision *decision)
{
	const struct conf_zone *zone = decision->zone;

	for (size_t i = 0; i < zone->name_count; i++) {
		if (name_equal(zone->names[i].wire, decision->apex))
			return &zone->names[i];
	}
	for (size_t i = 0; i < zone->name_count; i++) {
		if (zone->names[i].is_template &&
		    name_labels(zone->names[i].wire) == name_labels(decision->apex))
			return &zone->names[i];
	}
	return &zone->names[0];
}

static const struct conf_group *group_at(const struct explain *explain, int group)
{
	return group == CONF_GROUP_NONE ? NULL : &explain->plan->conf->groups[group];
}

static const struct conf_courier *family_of(const struct explain *explain)
{
	const struct courier_match *match = &explain->look.courier;

	return match->role == COURIER_NONE ? NULL : &explain->plan->conf->couriers[match->family];
}

static bool is_kept(const struct explain *explain)
{
	return !explain->look.decision.no_cache && explain->plan->conf->cache_size > 0;
}

static uint64_t exchanged_ago_us(const struct explain *explain)
{
	return explain->clock->now_us - explain->look.exchange.at_us;
}

/* --- for people ---------------------------------------------------------------------------- */

static void print_rule(const struct decision *decision, FILE *out)
{
	const struct conf_zone *zone = decision->zone;
	struct name_text text;

	switch (decision->source) {
	case DECISION_DEFAULT:
		fprintf(out, "rule:       none matches; the default group is used\n");
		return;
	case DECISION_SPECIAL:
		fprintf(out, "rule:       special name \"%s\" (%s)\n",
			name_to_text(decision->apex, &text), decision->special_why);
		return;
	case DECISION_RULE:
		fprintf(out, "rule:       %s:%d, the most specific that matches: \"%s\"%s%s%s\n",
			zone->place.file, zone->place.line,
			name_to_text(matched_name(decision)->wire, &text),
			zone->is_exact ? ", exact" : "", zone->type_count > 0 ? ", by type" : "",
			zone->client_count > 0 ? ", by client" : "");
		return;
	}
	UNREACHABLE();
}

/* "192.0.2.1@53 (from 10.0.0.5, by wan)" */
static void print_server(const struct conf_server *server, FILE *out)
{
	const bool has_source = server->source.family != ADDR_NONE;
	const bool has_interface = server->interface[0] != '\0';
	struct addr_text addr;

	fprintf(out, " %s", addr_to_text(&server->addr, &addr));
	if (has_source)
		fprintf(out, " (from %s%s", addr_to_text(&server->source, &addr),
			has_interface ? ", " : ")");
	if (has_interface)
		fprintf(out, "%sby %s)", has_source ? "" : " (", server->interface);
}

static void print_group(const char *label, const struct conf_group *group, FILE *out)
{
	fprintf(out, "%-12s%s:", label, group->name);
	for (size_t i = 0; i < group->server_count; i++)
		print_server(&group->servers[i], out);
	if (group->server_count == 0)
		fprintf(out, " no server known");
	if (group->resolv_conf != NULL)
		fprintf(out, " (of %s)", group->resolv_conf);
	fprintf(out, ", %.1f s for a question\n", (double)group->timeout_ms / 1000);
}

static void print_forward(const struct explain *explain, FILE *out)
{
	const struct decision *decision = &explain->look.decision;

	print_group("upstream:", group_at(explain, decision->group), out);
	if (decision->on_failure == CONF_GROUP_NONE)
		fprintf(out, "on failure: SERVFAIL\n");
	else
		print_group("on failure:", group_at(explain, decision->on_failure), out);
	if (!is_kept(explain))
		fprintf(out, "cache:      not kept\n");
	else
		fprintf(out,
			"cache:      kept for %u to %u s%s, shown stale for %u s when upstream "
			"fails\n",
			decision->ttl_min, decision->ttl_max,
			decision->view != 0 ? " for clients of this view" : "", decision->stale_s);
	if (explain->look.is_guarded)
		fprintf(out, "            private addresses in the answer are held back "
			     "(rebinding.protect)\n");
}

static void print_family(const struct explain *explain, FILE *out)
{
	const struct conf_courier *family = family_of(explain);
	const struct courier_match *match = &explain->look.courier;

	if (family == NULL)
		return;
	fprintf(out, "family:     %s: %s", family->name, courier_role_text(match->role));
	if (match->role == COURIER_VARIANT)
		fprintf(out, " %" PRIu32, match->n);
	if (match->role == COURIER_ALIAS || match->role == COURIER_TARGET)
		fprintf(out, ", which has no address: that is right so");
	fprintf(out, "\n");
}

/* "DO, CD" */
static void print_flags(uint8_t flags, FILE *out)
{
	fprintf(out, "%s%s%s", (flags & CACHE_KEY_DO) != 0 ? ", asked with DO" : "",
		(flags & CACHE_KEY_CD) != 0 ? ", asked with CD" : "",
		(flags & CACHE_KEY_RD) == 0 ? ", asked without RD" : "");
}

/* For so long, past its time, it may be shown whatever fails; what is kept longer is only shown in
 * place of what a server has squashed. */
static uint32_t stale_left_s(const struct cache_hit *hit, const struct decision *decision)
{
	const uint32_t left_s =
		decision->stale_s > hit->past_s ? decision->stale_s - hit->past_s : 0;

	return left_s < hit->stale_left_s ? left_s : hit->stale_left_s;
}

static void print_stale(const struct cache_hit *hit, const struct decision *decision, FILE *out)
{
	const uint32_t left_s = stale_left_s(hit, decision);

	if (left_s > 0)
		fprintf(out, "%sstale for %" PRIu32 " s", hit->is_stale ? "" : ", then ", left_s);
	if (hit->stale_left_s > left_s)
		fprintf(out, "%s\n            in place of a squashed answer for %" PRIu32 " s",
			left_s > 0 || !hit->is_stale ? "," : "", hit->stale_left_s);
}

static void print_entry(const struct look_entry *entry, const struct decision *decision, FILE *out)
{
	const struct cache_hit *hit = &entry->hit;
	struct type_text rcode;

	fprintf(out, "known:      %s, %s, ", classify_text((enum verdict)hit->note.verdict),
		type_rcode_to_text(entry->rcode, &rcode));
	if (hit->is_stale)
		fprintf(out, "past its time since %" PRIu32 " s, shown ", hit->past_s);
	else
		fprintf(out, "%" PRIu32 " s old, good for %" PRIu32 " s more", hit->age_s,
			hit->remaining_s);
	print_stale(hit, decision, out);
	print_flags(entry->flags, out);
	fprintf(out, "%s\n",
		entry->is_used ? "" : "; not used: another rule or other servers were asked");
}

static void print_exchange(const struct explain *explain, FILE *out)
{
	const struct recall_entry *exchange = &explain->look.exchange;
	struct addr_text server;
	struct type_text rcode;

	if (!explain->look.has_exchange) {
		fprintf(out, "last asked: not that it were remembered\n");
		return;
	}
	fprintf(out, "last asked: %.1f s ago%s, ", (double)exchanged_ago_us(explain) / USEC_PER_SEC,
		exchange->is_on_failure ? ", of the on_failure group" : "");
	if (exchange->outcome == EXCHANGE_REPLIED)
		fprintf(out, "%s said %s, which is %s,", addr_to_text(&exchange->server, &server),
			type_rcode_to_text(exchange->rcode, &rcode),
			classify_text((enum verdict)exchange->verdict));
	else if (exchange->outcome == EXCHANGE_TIMED_OUT)
		fprintf(out, "nobody answered");
	else
		fprintf(out, "no server could be reached");
	fprintf(out, " after %.1f ms\n", (double)exchange->took_us / USEC_PER_MSEC);
}

static void print_known(const struct explain *explain, FILE *out)
{
	const struct look *look = &explain->look;

	for (size_t i = 0; i < look->entry_count; i++)
		print_entry(&look->entries[i], &look->decision, out);
	if (look->entry_count == 0)
		fprintf(out, "known:      nothing\n");
	print_exchange(explain, out);
}

void explain_print_text(const struct explain *explain, FILE *out)
{
	const struct decision *decision = &explain->look.decision;
	struct addr_text client;
	struct name_text name;
	struct type_text type;

	fprintf(out, "question:   %s %s from %s\n", name_to_text(explain->name, &name),
		type_to_text(explain->type, &type), addr_to_text(&explain->client, &client));
	fprintf(out, "source:     %s; %s\n",
		explain->file == NULL ? "the built-in default" : explain->file,
		explain->why_offline == NULL ? "the running daemon was asked"
					     : explain->why_offline);
	if (explain->other_file != NULL)
		fprintf(out, "            which does not read %s; --offline explains that\n",
			explain->other_file);
	print_rule(decision, out);
	fprintf(out, "action:     %s%s\n", action_name(decision->action),
		action_means(decision->action));
	print_family(explain, out);
	if (decision->action != ZONE_FORWARD)
		return;
	print_forward(explain, out);
	if (explain->why_offline == NULL)
		print_known(explain, out);
}

/* --- for programs -------------------------------------------------------------------------- */

static void put_rule(const struct decision *decision, struct json *json)
{
	const struct conf_zone *zone = decision->zone;
	struct name_text text;

	json_open_object(json, "rule");
	json_text(json, "kind", source_name(decision->source));
	json_text(json, "name",
		  decision->source == DECISION_DEFAULT ? NULL
		  : zone == NULL		       ? name_to_text(decision->apex, &text)
				 : name_to_text(matched_name(decision)->wire, &text));
	json_text(json, "why", decision->special_why);
	json_text(json, "file", zone == NULL ? NULL : zone->place.file);
	if (zone == NULL)
		json_text(json, "line", NULL);
	else
		json_number(json, "line", zone->place.line);
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
	put_group("group", group_at(explain, decision->group), json);
	put_group("on_failure", group_at(explain, decision->on_failure), json);
	json_bool(json, "is_kept", is_kept(explain));
	json_number(json, "ttl_min_s", decision->ttl_min);
	json_number(json, "ttl_max_s", decision->ttl_max);
	json_number(json, "stale_s", decision->stale_s);
	json_bool(json, "by_view", decision->view != 0);
	json_bool(json, "is_guarded", explain->look.is_guarded);
	json_close_object(json);
}

static void put_family(const struct explain *explain, struct json *json)
{
	const struct conf_courier *family = family_of(explain);
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
	json_number(json, "ago_ms", (int64_t)(exchanged_ago_us(explain) / USEC_PER_MSEC));
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

void explain_print_json(const struct explain *explain, FILE *out)
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
	put_rule(&explain->look.decision, &json);
	json_text(&json, "action", action_name(explain->look.decision.action));
	put_family(explain, &json);
	put_forward(explain, &json);
	put_known(explain, &json);
	json_close_object(&json);
}
