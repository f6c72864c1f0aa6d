#include "app/commands_status.h"

#include <inttypes.h>
#include <unistd.h>

#include "app/commands_devices.h"
#include "app/commands_families.h"
#include "app/commands_reload.h"
#include "app/commands_sums.h"
#include "app/commands_upstreams.h"
#include "app/span.h"
#include "base/json.h"
#include "devices/timeline.h"

static const char *file_of(const struct commands *commands)
{
	return settings_file(commands->settings);
}

static uint32_t tcp_clients(const struct commands *commands)
{
	return crew_connections(commands->crew);
}

static uint64_t count_of(const struct commands *commands, enum stat stat)
{
	return commands_sums_count(commands->crew, stat);
}

/* --- for people ---------------------------------------------------------------------------- */

static void print_devices(const struct commands *commands, FILE *out)
{
	struct timeline_report report;

	timeline_report(worker_timeline(commands->worker), &report);
	if (report.limit == 0)
		return;
	fprintf(out, "devices        ");
	commands_devices_print_known(&report, out);
}

static void print_traffic(const struct commands *commands, FILE *out)
{
	const struct conf *conf = worker_plan(commands->worker)->conf;
	struct cache_report cache;
	uint32_t max_waiting;
	const uint32_t waiting = crew_waiting(commands->crew, &max_waiting);

	worker_cache_report(commands->worker, &cache);
	fprintf(out,
		"questions      %" PRIu64 " over UDP, %" PRIu64 " over TCP; %" PRIu32 " of %" PRIu32
		" waiting, %" PRIu32 " of %" PRIu32 " TCP clients\n",
		count_of(commands, STAT_QUERIES_UDP), count_of(commands, STAT_QUERIES_TCP), waiting,
		max_waiting, tcp_clients(commands), conf->tcp_clients);
	fprintf(out,
		"answers        %" PRIu64 " from the cache, %" PRIu64 " of them stale; %" PRIu64
		" local, %" PRIu64 " SERVFAIL, %" PRIu64 " refused\n",
		count_of(commands, STAT_CACHE_HITS) + count_of(commands, STAT_CACHE_STALE),
		count_of(commands, STAT_CACHE_STALE), count_of(commands, STAT_LOCAL_ANSWERS),
		count_of(commands, STAT_SERVFAILS), count_of(commands, STAT_REFUSED));
	fprintf(out, "cache          %" PRIu64 " entries, %.1f of %.1f MB\n", cache.entries,
		(double)cache.bytes / (1 << 20), (double)cache.max_bytes / (1 << 20));
}

static void print_listening(const struct listeners *listeners, FILE *out)
{
	const char *comma = "";
	struct conf_listen listen;
	struct addr_text addr;

	fprintf(out, "listening      ");
	for (size_t i = 0; i < listeners_count(listeners); i++) {
		if (!listeners_get(listeners, i, &listen))
			continue;
		fprintf(out, "%s%s%s", comma, addr_to_text(&listen.addr, &addr),
			!listen.tcp   ? " udp"
			: !listen.udp ? " tcp"
				      : "");
		comma = ", ";
	}
	fprintf(out, "\n");
}

void commands_status_text(const struct commands *commands, FILE *out)
{
	const char *file = file_of(commands);
	struct span_text span;

	fprintf(out, "courierdns %s, running for %s, pid %d", COURIERDNS_VERSION,
		span_to_text(commands_sums_ago_s(commands->crew, commands->started_us), &span),
		(int)getpid());
	if (crew_active(commands->crew) > 1)
		fprintf(out, ", %zu workers", crew_active(commands->crew));
	fputc('\n', out);
	fprintf(out, "configuration  %s, in use for %s\n",
		file == NULL ? "the built-in default" : file,
		span_to_text(
			commands_sums_ago_s(commands->crew, commands_reload_in_use_us(commands)),
			&span));
	commands_reload_text(commands, out);
	print_listening(crew_mate(commands->crew, 0)->listeners, out);
	print_traffic(commands, out);
	print_devices(commands, out);
	commands_families_text(commands, out);
	commands_upstreams_groups_text(commands, false, out);
}

/* --- for programs -------------------------------------------------------------------------- */

static void put_listen(const struct listeners *listeners, struct json *json)
{
	struct conf_listen listen;
	struct addr_text addr;

	json_open_list(json, "listen");
	for (size_t i = 0; i < listeners_count(listeners); i++) {
		if (!listeners_get(listeners, i, &listen))
			continue;
		json_open_object(json, NULL);
		json_text(json, "address", addr_to_text(&listen.addr, &addr));
		json_bool(json, "udp", listen.udp);
		json_bool(json, "tcp", listen.tcp);
		json_close_object(json);
	}
	json_close_list(json);
}

static void put_cache(const struct commands *commands, struct json *json)
{
	struct cache_report cache;

	worker_cache_report(commands->worker, &cache);
	json_open_object(json, "cache");
	json_number(json, "entries", (int64_t)cache.entries);
	json_number(json, "bytes", (int64_t)cache.bytes);
	json_number(json, "max_bytes", (int64_t)cache.max_bytes);
	json_number(json, "hits", (int64_t)count_of(commands, STAT_CACHE_HITS));
	json_number(json, "stale", (int64_t)count_of(commands, STAT_CACHE_STALE));
	json_number(json, "misses", (int64_t)count_of(commands, STAT_CACHE_MISSES));
	json_close_object(json);
}

static void put_devices(const struct commands *commands, struct json *json)
{
	struct timeline_report report;

	timeline_report(worker_timeline(commands->worker), &report);
	json_open_object(json, "devices");
	json_number(json, "limit", report.limit);
	json_number(json, "known", report.known);
	json_open_object(json, "by_verdict");
	for (enum device_verdict i = 0; i < DEVICE_VERDICTS; i++)
		json_number(json, diagnosis_key(i), report.by_verdict[i]);
	json_close_object(json);
	json_close_object(json);
}

static void put_counters(const struct commands *commands, struct json *json)
{
	json_open_object(json, "counters");
	for (enum stat stat = 0; stat < STAT_COUNT; stat++)
		json_number(json, stats_name(stat), (int64_t)count_of(commands, stat));
	json_close_object(json);
}

void commands_status_json(const struct commands *commands, FILE *out)
{
	const struct conf *conf = worker_plan(commands->worker)->conf;
	struct json json;
	uint32_t max_waiting;

	json_init(&json, out);
	json_open_object(&json, NULL);
	json_text(&json, "version", COURIERDNS_VERSION);
	json_number(&json, "pid", getpid());
	json_number(&json, "workers", (int64_t)crew_active(commands->crew));
	json_number(&json, "uptime_s",
		    (int64_t)commands_sums_ago_s(commands->crew, commands->started_us));
	json_open_object(&json, "configuration");
	json_text(&json, "file", file_of(commands));
	json_number(
		&json, "loaded_s_ago",
		(int64_t)commands_sums_ago_s(commands->crew, commands_reload_in_use_us(commands)));
	json_number(&json, "plan", worker_plan(commands->worker)->id);
	json_close_object(&json);
	commands_reload_json(commands, &json);
	put_listen(crew_mate(commands->crew, 0)->listeners, &json);
	json_open_object(&json, "questions");
	const uint32_t waiting = crew_waiting(commands->crew, &max_waiting);
	json_number(&json, "waiting", waiting);
	json_number(&json, "max_waiting", max_waiting);
	json_number(&json, "tcp_clients", tcp_clients(commands));
	json_number(&json, "max_tcp_clients", conf->tcp_clients);
	json_close_object(&json);
	put_cache(commands, &json);
	commands_upstreams_groups_json(commands, false, &json);
	commands_families_json(commands, &json);
	put_devices(commands, &json);
	put_counters(commands, &json);
	json_close_object(&json);
}
