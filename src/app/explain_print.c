#include "app/explain_print.h"

#include <inttypes.h>
#include <string.h>

#include "app/commands_families.h"
#include "policy/classify.h"
#include "upstream/exchange.h"
#include "wire/type.h"

/* Of actions. */
static const char *const meanings[] = {
	[ZONE_FORWARD] = "",
	[ZONE_ANSWER] = ": the rule's own records",
	[ZONE_NXDOMAIN] = ": the name does not exist, with a local SOA",
	[ZONE_NODATA] = ": no such type, with a local SOA",
	[ZONE_REFUSE] = ": REFUSED",
	[ZONE_DROP] = ": silence over UDP, the connection closed over TCP",
};
_Static_assert(sizeof(meanings) / sizeof(meanings[0]) == ZONE_DROP + 1, "a text for each");

static void print_access(const struct explain *explain)
{
	const struct conf_access *access = explain_view_access(explain);
	const enum access_action action = access == NULL ? ACCESS_REFUSE : access->action;
	struct addr_text net;

	fprintf(explain->out, "access:     %s%s: ", conf_listen_actions[action],
		action == ACCESS_ALLOW ? "" : ", whatever follows here");
	if (access == NULL)
		fprintf(explain->out, "no net of access has this address\n");
	else if (access->place.file == NULL)
		fprintf(explain->out, "%s, by default\n", addr_prefix_to_text(&access->net, &net));
	else
		fprintf(explain->out, "%s:%d, %s\n", access->place.file, access->place.line,
			addr_prefix_to_text(&access->net, &net));
}

static void print_rule(const struct explain *explain)
{
	const struct decision *decision = &explain->look.decision;
	const struct conf_zone *zone = decision->zone;
	struct name_text text;

	switch (decision->source) {
	case DECISION_DEFAULT:
		fprintf(explain->out, "rule:       none matches; the default group is used\n");
		return;
	case DECISION_SPECIAL:
		fprintf(explain->out, "rule:       special name \"%s\" (%s)\n",
			name_to_text(decision->apex, &text), decision->special_why);
		return;
	case DECISION_RULE:
		fprintf(explain->out,
			"rule:       %s:%d, the most specific that matches: \"%s\"%s%s%s\n",
			zone->place.file, zone->place.line,
			name_to_text(explain_view_rule_name(decision)->wire, &text),
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
	const unsigned tenths = (group->timeout_ms + 50) / 100;

	fprintf(out, "%-12s%s:", label, group->name);
	for (size_t i = 0; i < group->server_count; i++)
		print_server(&group->servers[i], out);
	if (group->server_count == 0)
		fprintf(out, " no server known");
	if (group->resolv_conf != NULL)
		fprintf(out, " (of %s)", group->resolv_conf);
	fprintf(out, ", %u.%u s for a question\n", tenths / 10, tenths % 10);
}

static void print_forward(const struct explain *explain)
{
	const struct decision *decision = &explain->look.decision;

	print_group("upstream:", explain_view_group(explain, decision->group), explain->out);
	if (decision->on_failure == CONF_GROUP_NONE)
		fprintf(explain->out, "on failure: SERVFAIL\n");
	else
		print_group("on failure:", explain_view_group(explain, decision->on_failure),
			    explain->out);
	if (!explain_view_is_kept(explain))
		fprintf(explain->out, "cache:      not kept\n");
	else
		fprintf(explain->out,
			"cache:      kept for %u to %u s%s, shown stale for %u s when upstream "
			"fails\n",
			decision->ttl_min, decision->ttl_max,
			decision->view != 0 ? " for clients of this view" : "", decision->stale_s);
	for (size_t i = 0; decision->zone != NULL && i < decision->zone->nftset_count; i++)
		fprintf(explain->out, "%-12s%s\n", i == 0 ? "nft sets:" : "",
			decision->zone->nftsets[i].text);
	if (explain->look.is_guarded)
		fprintf(explain->out, "            private addresses in the answer are held back "
				      "(rebinding.protect)\n");
}

static void print_family(const struct explain *explain)
{
	const struct conf_courier *family = explain_view_family(explain);
	const struct courier_match *match = &explain->look.courier;

	if (family == NULL)
		return;
	fprintf(explain->out, "family:     %s: %s", family->name, courier_role_text(match->role));
	if (match->role == COURIER_VARIANT)
		fprintf(explain->out, " %" PRIu32, match->n);
	if (match->role == COURIER_ALIAS || match->role == COURIER_TARGET)
		fprintf(explain->out, ", which has no address: that is right so");
	fprintf(explain->out, "\n");
	if (match->role == COURIER_ALIAS && explain->worker != NULL)
		commands_families_squashers_text(explain->worker, family->name, "            ",
						 explain->out);
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

	fprintf(out, "known:      %s%s, %s, ", hit->note.kind == CACHE_SQUASH ? "squashed: " : "",
		classify_text((enum verdict)hit->note.verdict),
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

static void print_exchange(const struct explain *explain)
{
	const struct recall_entry *exchange = &explain->look.exchange;
	const unsigned took_tenths = (exchange->took_us + 50) / 100;
	struct addr_text server;
	struct type_text rcode;

	if (!explain->look.has_exchange) {
		fprintf(explain->out, "last asked: not that it were remembered\n");
		return;
	}
	const unsigned ago_tenths = (unsigned)((explain_view_ago_us(explain) + 50000) / 100000);
	fprintf(explain->out, "last asked: %u.%u s ago%s, ", ago_tenths / 10, ago_tenths % 10,
		exchange->is_on_failure ? ", of the on_failure group" : "");
	if (exchange->outcome == EXCHANGE_REPLIED)
		fprintf(explain->out, "%s said %s, which is %s,",
			addr_to_text(&exchange->server, &server),
			type_rcode_to_text(exchange->rcode, &rcode),
			classify_text((enum verdict)exchange->verdict));
	else if (exchange->outcome == EXCHANGE_TIMED_OUT)
		fprintf(explain->out, "nobody answered");
	else
		fprintf(explain->out, "no server could be reached");
	fprintf(explain->out, " after %u.%u ms\n", took_tenths / 10, took_tenths % 10);
}

static void print_known(const struct explain *explain)
{
	const struct look *look = &explain->look;

	for (size_t i = 0; i < look->entry_count; i++)
		print_entry(&look->entries[i], &look->decision, explain->out);
	if (look->entry_count == 0)
		fprintf(explain->out, "known:      nothing\n");
	print_exchange(explain);
}

void explain_print(const struct explain *explain)
{
	const struct decision *decision = &explain->look.decision;
	struct addr_text client;
	struct name_text name;
	struct type_text type;

	fprintf(explain->out, "question:   %s %s from %s\n", name_to_text(explain->name, &name),
		type_to_text(explain->type, &type), addr_to_text(&explain->client, &client));
	fprintf(explain->out, "source:     %s; %s\n",
		explain->file == NULL ? "the built-in default" : explain->file,
		explain->why_offline == NULL ? "the running daemon was asked"
					     : explain->why_offline);
	if (explain->other_file != NULL)
		fprintf(explain->out,
			"            which does not read %s; --offline explains that\n",
			explain->other_file);
	print_access(explain);
	print_rule(explain);
	fprintf(explain->out, "action:     %s%s\n", conf_zone_actions[decision->action],
		meanings[decision->action]);
	print_family(explain);
	if (decision->action != ZONE_FORWARD)
		return;
	print_forward(explain);
	if (explain->why_offline == NULL)
		print_known(explain);
}
