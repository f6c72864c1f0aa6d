#include "app/explain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/exit_code.h"
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

/* "192.0.2.1@53 (from 10.0.0.5, by wan)" */
static void print_server(const struct conf_server *server)
{
	const bool has_source = server->source.family != ADDR_NONE;
	const bool has_interface = server->interface[0] != '\0';
	struct addr_text addr;

	printf(" %s", addr_to_text(&server->addr, &addr));
	if (has_source)
		printf(" (from %s%s", addr_to_text(&server->source, &addr),
		       has_interface ? ", " : ")");
	if (has_interface)
		printf("%sby %s)", has_source ? "" : " (", server->interface);
}

static void print_group(const char *label, const struct conf_group *group)
{

	printf("%-12s%s:", label, group->name);
	for (size_t i = 0; i < group->server_count; i++)
		print_server(&group->servers[i]);
	if (group->server_count == 0)
		printf(" no server known");
	if (group->resolv_conf != NULL)
		printf(" (of %s)", group->resolv_conf);
	printf(", %.1f s for a question\n", (double)group->timeout_ms / 1000);
}

static void print_forward(const struct conf *conf, const struct decision *decision)
{
	print_group("upstream:", &conf->groups[decision->group]);
	if (decision->on_failure == CONF_GROUP_NONE)
		printf("on failure: SERVFAIL\n");
	else
		print_group("on failure:", &conf->groups[decision->on_failure]);
	if (decision->no_cache || conf->cache_size == 0)
		printf("cache:      not kept\n");
	else
		printf("cache:      kept for %u to %u s%s, shown stale for %u s when upstream fails\n",
		       decision->ttl_min, decision->ttl_max,
		       decision->view != 0 ? " for clients of this view" : "", decision->stale_s);
}

static int print_decision(const struct plan *plan, const struct explain_question *question,
			  const char *file)
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
		print_forward(plan->conf, &decision);
	return EXIT_CODE_OK;
}

/* As the daemon would, were it started now. */
static int fill_groups(struct conf *conf)
{
	for (size_t i = 0; i < conf->group_count; i++) {
		struct conf_group *group = &conf->groups[i];
		struct addr servers[RESOLV_CONF_MAX];
		size_t count = 0;

		if (group->resolv_conf == NULL)
			continue;
		int err = settings_read_servers(conf, group->resolv_conf, servers, &count);
		if (err != 0)
			fprintf(stderr, "explain: %s: %s\n", group->resolv_conf, err_text(err));
		if (settings_set_servers(group, servers, err == 0 ? count : 0) != 0)
			return -ENOMEM;
	}
	return 0;
}

int explain_run(const struct settings *settings, const struct explain_question *question)
{
	struct complaints *complaints = complaint_new();
	struct hash_key key = { 0, 0 };
	struct conf *conf = NULL;
	struct plan *plan = NULL;
	int code = EXIT_CODE_CONF;

	if (complaints == NULL || settings_load(settings, complaints, &conf) != 0)
		goto out;
	if (fill_groups(conf) != 0) {
		conf_free(conf);
		goto out;
	}
	if (plan_new(conf, &key, NULL, complaints, &plan) != 0)
		goto out;
	code = print_decision(plan, question, settings_file(settings));
out:
	for (size_t i = 0; complaints != NULL && i < complaint_kept(complaints); i++)
		fprintf(stderr, "%s\n", complaint_text(complaints, i));
	plan_unref(plan);
	complaint_free(complaints);
	return code;
}
