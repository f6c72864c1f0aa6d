#include "app/commands_upstreams.h"

#include <inttypes.h>
#include <string.h>

#include "app/commands_sums.h"
#include "app/span.h"

static const char *const states[] = {
	[SERVER_UP] = "up",
	[SERVER_SUSPECTED] = "suspected",
	[SERVER_DOWN] = "down",
};
_Static_assert(sizeof(states) / sizeof(states[0]) == SERVER_DOWN + 1, "a text for each");

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
	const unsigned latency_tenths = ((unsigned)sums->latency_us + 50) / 100; /* of a ms */
	struct addr_text addr;
	struct span_text heard;

	fprintf(out, "  %-*s  %-9s  ", width, addr_to_text(server_addr(server), &addr),
		states[sums->state]);
	if (sums->latency_us > 0)
		fprintf(out, "%4u.%u ms  ", latency_tenths / 10, latency_tenths % 10);
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

	fprintf(out, "group %s: %s%s%s%s\n", group->name, conf_group_orders[group->order],
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

	json_print(json, "asked_tcp %" PRIu64 " failures {", sums->sent_tcp);
	for (enum server_failure i = 0; i < SERVER_FAILURE_COUNT; i++) {
		json_key(json, server_failure_name(i));
		json_print(json, "%" PRIu64, sums->failures[i]);
	}
	json_print(json, "} times_down %u lacks_edns %d is_lossy %d source %p interface %p",
		   sums->times_down, sums->lacks_edns, sums->is_lossy,
		   how->source.family != ADDR_NONE ? addr_to_text(&how->source, &addr) : NULL,
		   how->interface[0] != '\0' ? how->interface : NULL);
}

static void put_server(const struct commands *commands, const struct server *server,
		       const struct server_sums *sums, struct json *json)
{
	struct addr_text addr;

	json_print(json,
		   "{address %s state %s latency_us %" PRId64 " asked %" PRIu64 " answered %" PRIu64
		   " failed %" PRIu64 " heard_s_ago %" PRId64,
		   addr_to_text(server_addr(server), &addr), states[sums->state],
		   sums->latency_us > 0 ? (int64_t)sums->latency_us : -1, sums->sent,
		   sums->answered, sums->failed,
		   sums->heard_us > 0 ? (int64_t)commands_sums_ago_s(commands->crew, sums->heard_us)
				      : -1);
}

void commands_upstreams_groups_json(const struct commands *commands, bool is_whole,
				    struct json *json)
{
	const struct plan *plan = worker_plan(commands->worker);

	json_print(json, "groups [");
	for (size_t i = 0; i < plan->conf->group_count; i++) {
		const struct conf_group *group = &plan->conf->groups[i];

		json_print(json, "{name %s order %s timeout_ms %u resolv_conf %p servers [",
			   group->name, conf_group_orders[group->order], group->timeout_ms,
			   group->resolv_conf);
		for (size_t j = 0; j < pool_size(plan->pools[i]); j++) {
			struct server_sums sums;

			commands_sums_server(commands->crew, i, j, &sums);
			const struct server *server = pool_server(plan->pools[i], j);
			put_server(commands, server, &sums, json);
			if (is_whole)
				put_rest(server, &sums, json);
			json_print(json, "}");
		}
		json_print(json, "]}");
	}
	json_print(json, "]");
}

void commands_upstreams_json(const struct commands *commands, struct json *json)
{
	json_print(json, "{");
	commands_upstreams_groups_json(commands, true, json);
	json_print(json, "}");
}
