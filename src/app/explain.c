#include "app/explain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/exit_code.h"
#include "conf/resolv_conf.h"
#include "query/plan.h"
#include "wire/cursor.h"

static const char *action_text(enum zone_action action)
{
	switch (action) {
	case ZONE_FORWARD:
		return "forward";
	case ZONE_ANSWER:
		return "answer: the rule's own records";
	case ZONE_NXDOMAIN:
		return "nxdomain: the name does not exist, with a local SOA";
	case ZONE_NODATA:
		return "nodata: no such type, with a local SOA";
	case ZONE_REFUSE:
		return "refuse: REFUSED";
	case ZONE_DROP:
		return "drop: silence over UDP, the connection closed over TCP";
	}
	UNREACHABLE();
}

/* A query as a client would send it: decisions are made of nothing else. */
static size_t write_query(uint8_t *out, size_t out_max, const uint8_t *name, size_t len,
			  uint16_t type)
{
	static const uint8_t header[MESSAGE_HEADER_LEN] = { 0, 0, 1, 0, 0, 1 };
	struct cursor_out query = cursor_into(out, out_max);

	cursor_put(&query, header, sizeof(header));
	cursor_put(&query, name, len);
	cursor_put_u16(&query, type);
	cursor_put_u16(&query, CLASS_IN);
	return query.failed ? 0 : cursor_written(&query);
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

static void print_rule(const struct decision *decision)
{
	const struct conf_zone *zone = decision->zone;
	struct name_text text;

	switch (decision->source) {
	case DECISION_DEFAULT:
		printf("rule:       none matches; the default group is used\n");
		return;
	case DECISION_SPECIAL:
		printf("rule:       special name \"%s\" (%s)\n",
		       name_to_text(decision->apex, &text), decision->special_why);
		return;
	case DECISION_RULE:
		printf("rule:       %s:%d, the most specific that matches: \"%s\"%s%s%s\n",
		       zone->place.file, zone->place.line,
		       name_to_text(matched_name(decision)->wire, &text),
		       zone->is_exact ? ", exact" : "", zone->type_count > 0 ? ", by type" : "",
		       zone->client_count > 0 ? ", by client" : "");
		return;
	}
	UNREACHABLE();
}

static void print_group(const char *label, const struct conf_group *group, const char *origin)
{
	struct addr_text addr;

	printf("%-12s%s:", label, group->name);
	for (size_t i = 0; i < group->server_count; i++)
		printf(" %s", addr_to_text(&group->servers[i].addr, &addr));
	printf("%s, %.1f s for a question\n",
	       group->server_count == 0 ? " no server known" : origin,
	       (double)group->timeout_ms / 1000);
}

static void print_forward(const struct conf *conf, const struct decision *decision,
			  bool is_from_resolv_conf)
{
	print_group("upstream:", &conf->groups[decision->group],
		    decision->group == 0 && is_from_resolv_conf ? " (of " RESOLV_CONF_PATH ")"
								: "");
	if (decision->on_failure == CONF_GROUP_NONE)
		printf("on failure: SERVFAIL\n");
	else
		print_group("on failure:", &conf->groups[decision->on_failure], "");
	if (decision->no_cache || conf->cache_size == 0)
		printf("cache:      not kept\n");
	else
		printf("cache:      kept for %u to %u s%s, shown stale for %u s when upstream fails\n",
		       decision->ttl_min, decision->ttl_max,
		       decision->view != 0 ? " for clients of this view" : "", decision->stale_s);
}

static int print_decision(const struct plan *plan, const struct explain_question *question,
			  const char *file, bool is_from_resolv_conf)
{
	uint8_t name[NAME_MAX_LEN], query[NAME_MAX_LEN + 64];
	size_t name_bytes = 0;
	uint16_t type = TYPE_A;
	struct query_view view;
	struct decision decision;
	struct addr_text client;
	struct name_text name_text;
	struct type_text type_text;

	if (name_from_text(question->name, name, &name_bytes) != 0) {
		fprintf(stderr, "explain: \"%s\" is not a domain name\n", question->name);
		return EXIT_CODE_USAGE;
	}
	if (question->type != NULL && !type_from_text(question->type, &type)) {
		fprintf(stderr, "explain: \"%s\" is not a record type (A, HTTPS, TYPE65, ...)\n",
			question->type);
		return EXIT_CODE_USAGE;
	}
	size_t len = write_query(query, sizeof(query), name, name_bytes, type);
	if (query_view_parse(&view, query, len) != QUERY_OK) {
		fprintf(stderr, "explain: type %s cannot be asked for; clients get FORMERR\n",
			type_to_text(type, &type_text));
		return EXIT_CODE_USAGE;
	}
	policy_judge(plan->policy, &view, &question->client, &decision);
	printf("question:   %s %s from %s\n", name_to_text(name, &name_text),
	       type_to_text(type, &type_text), addr_to_text(&question->client, &client));
	printf("source:     %s; no running daemon was asked\n",
	       file == NULL ? "the built-in default" : file);
	print_rule(&decision);
	printf("action:     %s\n", action_text(decision.action));
	if (decision.action == ZONE_FORWARD)
		print_forward(plan->conf, &decision, is_from_resolv_conf);
	return EXIT_CODE_OK;
}

int explain_run(const struct settings *settings, const struct explain_question *question)
{
	struct complaints *complaints = complaint_new();
	struct hash_key key = { 0, 0 };
	struct conf *conf = NULL;
	struct plan *plan = NULL;
	size_t servers = 0;
	int code = EXIT_CODE_CONF;

	if (complaints == NULL || settings_load(settings, complaints, &conf) != 0)
		goto out;
	const bool is_from_resolv_conf = conf->groups[0].server_count == 0;
	if (settings_use_resolv_conf(conf, &servers) != 0)
		fprintf(stderr, "explain: %s cannot be read\n", RESOLV_CONF_PATH);
	if (plan_new(conf, &key, NULL, complaints, &plan) != 0)
		goto out;
	code = print_decision(plan, question, settings_file(settings), is_from_resolv_conf);
out:
	for (size_t i = 0; complaints != NULL && i < complaint_kept(complaints); i++)
		fprintf(stderr, "%s\n", complaint_text(complaints, i));
	plan_unref(plan);
	complaint_free(complaints);
	return code;
}
