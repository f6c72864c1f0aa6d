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

static unsigned tenths_of_mb(uint64_t bytes)
{
	return ((unsigned)(bytes >> 10) * 10 + 512) >> 10;
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
	const unsigned tenths = tenths_of_mb(cache.bytes),
		       max_tenths = tenths_of_mb(cache.max_bytes);

	fprintf(out, "cache          %" PRIu64 " entries, %u.%u of %u.%u MB\n", cache.entries,
		tenths / 10, tenths % 10, max_tenths / 10, max_tenths % 10);
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
	struct span_text span;

	fprintf(out, "courierdns %s, running for %s, pid %d", COURIERDNS_VERSION,
		span_to_text(commands_sums_ago_s(commands->crew, commands->started_us), &span),
		(int)getpid());
	if (crew_active(commands->crew) > 1)
		fprintf(out, ", %zu workers", crew_active(commands->crew));
	fputc('\n', out);
	fprintf(out, "configuration  %s, in use for %s\n", settings_file_text(commands->settings),
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

	json_print(json, "listen [");
	for (size_t i = 0; i < listeners_count(listeners); i++) {
		if (listeners_get(listeners, i, &listen))
			json_print(json, "{address %s udp %d tcp %d}",
				   addr_to_text(&listen.addr, &addr), listen.udp, listen.tcp);
	}
	json_print(json, "]");
}

static void put_traffic(const struct commands *commands, struct json *json)
{
	const struct conf *conf = worker_plan(commands->worker)->conf;
	struct cache_report cache;
	uint32_t max_waiting;
	const uint32_t waiting = crew_waiting(commands->crew, &max_waiting);

	worker_cache_report(commands->worker, &cache);
	json_print(json,
		   "questions {waiting %u max_waiting %u tcp_clients %u max_tcp_clients %u} "
		   "cache {entries %" PRIu64 " bytes %" PRIu64 " max_bytes %" PRIu64
		   " hits %" PRIu64 " stale %" PRIu64 " misses %" PRIu64 "}",
		   waiting, max_waiting, tcp_clients(commands), conf->tcp_clients, cache.entries,
		   cache.bytes, cache.max_bytes, count_of(commands, STAT_CACHE_HITS),
		   count_of(commands, STAT_CACHE_STALE), count_of(commands, STAT_CACHE_MISSES));
}

static void put_counters(const struct commands *commands, struct json *json)
{
	json_print(json, "counters {");
	for (enum stat stat = 0; stat < STAT_COUNT; stat++) {
		json_key(json, stats_name(stat));
		json_print(json, "%" PRIu64, count_of(commands, stat));
	}
	json_print(json, "}");
}

void commands_status_json(const struct commands *commands, struct json *json)
{
	struct timeline_report devices;

	json_print(json,
		   "{version %s pid %u workers %u uptime_s %u configuration {file %p loaded_s_ago "
		   "%u plan %u}",
		   COURIERDNS_VERSION, (unsigned)getpid(), (unsigned)crew_active(commands->crew),
		   commands_sums_ago_s(commands->crew, commands->started_us),
		   settings_file(commands->settings),
		   commands_sums_ago_s(commands->crew, commands_reload_in_use_us(commands)),
		   worker_plan(commands->worker)->id);
	commands_reload_json(commands, json);
	put_listen(crew_mate(commands->crew, 0)->listeners, json);
	put_traffic(commands, json);
	commands_upstreams_groups_json(commands, false, json);
	commands_families_json(commands, json);
	timeline_report(worker_timeline(commands->worker), &devices);
	json_print(json, "devices {");
	commands_devices_put_known(&devices, json);
	json_print(json, "}");
	put_counters(commands, json);
	json_print(json, "}");
}
