#include "app/commands_upstreams.h"

#include <inttypes.h>
#include <string.h>

#include "app/commands_sums.h"
#include "app/span.h"

static const char *order_name(enum group_order order)
{
	switch (order) {
	case ORDER_FASTEST:
		return "fastest";
	case ORDER_LISTED:
		return "listed";
	case ORDER_RACE:
		return "race";
	}
	UNREACHABLE();
}

static const char *state_name(enum server_state state)
{
	switch (state) {
	case SERVER_UP:
		return "up";
	case SERVER_SUSPECTED:
		return "suspected";
	case SERVER_DOWN:
		return "down";
	}
	UNREACHABLE();
}

/* The longest address, so that columns stand in line. */
static int address_width(const struct plan *plan)
{
	struct addr_text addr;
	size_t width = 24;

	for (size_t i = 0; i < plan->conf->group_count; i++) {
		for (size_t j = 0; j < pool_size(plan->pools[i]); j++) {
			const struct server *server = pool_server(plan->pools[i], j);
			const size_t len = strlen(addr_to_text(server_addr(server), &addr));

			if (len > width)
				width = len;
		}
	}
	return (int)width;
}

/* Of what is not so with most of them. */
static void print_rest(const struct server *server, const struct server_sums *sums, FILE *out)
{
	const struct conf_server *how = server_how(server);
	struct addr_text addr;

	fprintf(out, "    %" PRIu64 " over TCP", sums->sent_tcp);
	for (enum server_failure i = 0; i < SERVER_FAILURE_COUNT; i++) {
		if (sums->failures[i] > 0)
			fprintf(out, ", %" PRIu64 " %s", sums->failures[i], server_failure_name(i));
	}
	if (sums->times_down > 0)
		fprintf(out, "; found down %u times", sums->times_down);
	if (sums->lacks_edns)
		fprintf(out, "; knows no EDNS");
	if (sums->is_lossy)
		fprintf(out, "; packets are lost");
	if (how->source.family != ADDR_NONE)
		fprintf(out, "; asked from %s", addr_to_text(&how->source, &addr));
	if (how->interface[0] != '\0')
		fprintf(out, "; by %s", how->interface);
	fputc('\n', out);
}

static void print_server(const struct commands *commands, const struct server *server,
			 const struct server_sums *sums, int width, FILE *out)
{
	struct addr_text addr;
	struct span_text heard;

	fprintf(out, "  %-*s  %-9s  ", width, addr_to_text(server_addr(server), &addr),
		state_name(sums->state));
	if (sums->latency_us > 0)
		fprintf(out, "%6.1f ms  ", (double)sums->latency_us / USEC_PER_MSEC);
	else
		fprintf(out, "        -  ");
	fprintf(out, "asked %" PRIu64 ", failed %" PRIu64, sums->sent, sums->failed);
	if (sums->heard_us == 0)
		fprintf(out, ", nothing heard yet\n");
	else
		fprintf(out, ", heard %s ago\n",
			span_to_text(commands_sums_ago_s(commands->crew, sums->heard_us), &heard));
}

/* What is said of each group. */
struct listing {
	FILE *out;
	int width; /* of addresses */
	bool is_whole;
};

static void print_group(const struct commands *commands, size_t at, const struct listing *listing)
{
	FILE *out = listing->out;
	const struct plan *plan = worker_plan(commands->worker);
	const struct conf_group *group = &plan->conf->groups[at];

	fprintf(out, "group %s: %s%s%s%s\n", group->name, order_name(group->order),
		group->order == ORDER_RACE ? "" : " first",
		group->resolv_conf != NULL ? ", of " : "",
		group->resolv_conf != NULL ? group->resolv_conf : "");
	for (size_t i = 0; i < pool_size(plan->pools[at]); i++) {
		struct server_sums sums;

		commands_sums_server(commands->crew, at, i, &sums);
		const struct server *server = pool_server(plan->pools[at], i);
		print_server(commands, server, &sums, listing->width, out);
		if (listing->is_whole)
			print_rest(server, &sums, out);
	}
	if (pool_size(plan->pools[at]) == 0)
		fprintf(out, "  no server known\n");
}

void commands_upstreams_groups_text(const struct commands *commands, bool is_whole, FILE *out)
{
	const struct plan *plan = worker_plan(commands->worker);
	const struct listing listing = { out, address_width(plan), is_whole };

	for (size_t i = 0; i < plan->conf->group_count; i++)
		print_group(commands, i, &listing);
}

void commands_upstreams_text(const struct commands *commands, FILE *out)
{
	commands_upstreams_groups_text(commands, true, out);
}

/* --- for programs -------------------------------------------------------------------------- */

static void put_rest(const struct server *server, const struct server_sums *sums, struct json *json)
{
	const struct conf_server *how = server_how(server);
	struct addr_text addr;

	json_number(json, "asked_tcp", (int64_t)sums->sent_tcp);
	json_open_object(json, "failures");
	for (enum server_failure i = 0; i < SERVER_FAILURE_COUNT; i++)
		json_number(json, server_failure_name(i), (int64_t)sums->failures[i]);
	json_close_object(json);
	json_number(json, "times_down", sums->times_down);
	json_bool(json, "lacks_edns", sums->lacks_edns);
	json_bool(json, "is_lossy", sums->is_lossy);
	json_text(json, "source",
		  how->source.family != ADDR_NONE ? addr_to_text(&how->source, &addr) : NULL);
	json_text(json, "interface", how->interface[0] != '\0' ? how->interface : NULL);
}

static void put_server(const struct commands *commands, const struct server *server,
		       const struct server_sums *sums, struct json *json)
{
	struct addr_text addr;

	json_text(json, "address", addr_to_text(server_addr(server), &addr));
	json_text(json, "state", state_name(sums->state));
	if (sums->latency_us > 0)
		json_number(json, "latency_us", (int64_t)sums->latency_us);
	else
		json_text(json, "latency_us", NULL);
	json_number(json, "asked", (int64_t)sums->sent);
	json_number(json, "answered", (int64_t)sums->answered);
	json_number(json, "failed", (int64_t)sums->failed);
	if (sums->heard_us > 0)
		json_number(json, "heard_s_ago",
			    (int64_t)commands_sums_ago_s(commands->crew, sums->heard_us));
	else
		json_text(json, "heard_s_ago", NULL);
}

void commands_upstreams_groups_json(const struct commands *commands, bool is_whole,
				    struct json *json)
{
	const struct plan *plan = worker_plan(commands->worker);

	json_open_list(json, "groups");
	for (size_t i = 0; i < plan->conf->group_count; i++) {
		const struct conf_group *group = &plan->conf->groups[i];

		json_open_object(json, NULL);
		json_text(json, "name", group->name);
		json_text(json, "order", order_name(group->order));
		json_number(json, "timeout_ms", group->timeout_ms);
		json_text(json, "resolv_conf", group->resolv_conf);
		json_open_list(json, "servers");
		for (size_t j = 0; j < pool_size(plan->pools[i]); j++) {
			struct server_sums sums;

			commands_sums_server(commands->crew, i, j, &sums);
			const struct server *server = pool_server(plan->pools[i], j);
			json_open_object(json, NULL);
			put_server(commands, server, &sums, json);
			if (is_whole)
				put_rest(server, &sums, json);
			json_close_object(json);
		}
		json_close_list(json);
		json_close_object(json);
	}
	json_close_list(json);
}

void commands_upstreams_json(const struct commands *commands, FILE *out)
{
	struct json json;

	json_init(&json, out);
	json_open_object(&json, NULL);
	commands_upstreams_groups_json(commands, true, &json);
	json_close_object(&json);
}
