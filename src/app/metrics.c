#include "app/metrics.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "app/commands_reload.h"
#include "app/commands_sums.h"
#include "base/mem.h"
#include "devices/timeline.h"
#include "policy/classify.h"
#include "query/family.h"
#include "query/fill.h"
#include "query/repair.h"
#include "query/traffic.h"

/* What is as it is when it is asked for. */
enum now {
	NOW_UPTIME,
	NOW_RELOAD_IS_GOOD,
	NOW_CONFIGURATION_AGE,
	NOW_ENTRIES,
	NOW_BYTES,
	NOW_MAX_BYTES,
	NOW_WAITING,
	NOW_CONNECTIONS,
};

/* What is being written, and what it is taken from. */
struct scrape {
	const struct commands *commands;
	FILE *out;
	const char *reports; /* the lines of all modules that write their own */
	struct cache_report cache;
	struct reload_report reloads;
	struct traffic traffic;
};

struct metric {
	const char *name; /* without "courierdns_" */
	const char *help;
	void (*put)(const struct scrape *scrape, const struct metric *metric);
	const char *label; /* that tells its numbers apart, where it has several */
	uint8_t stat;	   /* put_stat, put_kind: enum stat */
	uint8_t now;	   /* put_now: enum now */
};

/* Its name says what it is. */
static const char *type_of(const struct metric *metric)
{
	if (strstr(metric->name, "_duration_") != NULL)
		return "histogram";
	return strstr(metric->name, "_total") != NULL ? "counter" : "gauge";
}

static uint64_t count_of(const struct scrape *scrape, enum stat stat)
{
	return commands_sums_count(scrape->commands->crew, stat);
}

static void put(const struct scrape *scrape, const struct metric *metric, uint64_t number)
{
	fprintf(scrape->out, "courierdns_%s %" PRIu64 "\n", metric->name, number);
}

static void put_labelled(const struct scrape *scrape, const struct metric *metric,
			 const char *value, uint64_t number)
{
	fprintf(scrape->out, "courierdns_%s{%s=\"%s\"} %" PRIu64 "\n", metric->name, metric->label,
		value, number);
}

/* --- counters that workers have ------------------------------------------------------------ */

static void put_stat(const struct scrape *scrape, const struct metric *metric)
{
	put(scrape, metric, count_of(scrape, metric->stat));
}

/* All counters whose names begin as the first one's does, up to its first "_", which are of one
 * kind: limit_memory, limit_control. What comes then is the label's value. */
static void put_kind(const struct scrape *scrape, const struct metric *metric)
{
	const char *first = stats_name(metric->stat);
	const size_t len = strcspn(first, "_") + 1;

	for (enum stat stat = metric->stat; stat < STAT_COUNT; stat++) {
		const char *name = stats_name(stat);

		if (strncmp(name, first, len) == 0)
			put_labelled(scrape, metric, name + len, count_of(scrape, stat));
	}
}

static void put_verdicts(const struct scrape *scrape, const struct metric *metric)
{
	for (enum verdict verdict = VERDICT_ANSWERED; verdict <= VERDICT_FAILED; verdict++)
		put_labelled(scrape, metric, classify_text(verdict),
			     count_of(scrape, STAT_VERDICT_ANSWERED + verdict));
}

static void put_hits(const struct scrape *scrape, const struct metric *metric)
{
	put_labelled(scrape, metric, "fresh", count_of(scrape, STAT_CACHE_HITS));
	put_labelled(scrape, metric, "stale", count_of(scrape, STAT_CACHE_STALE));
}

/* --- what is asked and answered ------------------------------------------------------------- */

/* Those that came alone, or every type would have a line for each way of asking. */
static void put_queries(const struct scrape *scrape, const struct metric *metric)
{
	static const char *const protos[] = { "udp", "tcp" }, *const families[] = { "ipv4",
										    "ipv6" };
	struct type_text type;

	for (unsigned at = 0; at < TRAFFIC_TYPES * 4; at++) {
		const unsigned slot = at / 4, proto = at / 2 % 2, family = at % 2;
		const uint64_t count = scrape->traffic.queries[slot][proto][ADDR_IPV4 + family];

		if (count > 0)
			fprintf(scrape->out,
				"courierdns_%s{proto=\"%s\",family=\"%s\",type=\"%s\"} %" PRIu64
				"\n",
				metric->name, protos[proto], families[family],
				traffic_type_to_text(slot, &type), count);
	}
}

static void put_replies(const struct scrape *scrape, const struct metric *metric)
{
	struct type_text rcode;

	for (unsigned i = 0; i < TRAFFIC_RCODES; i++) {
		if (i <= RCODE_REFUSED || scrape->traffic.replies[i] > 0)
			put_labelled(scrape, metric, traffic_rcode_to_text(i, &rcode),
				     scrape->traffic.replies[i]);
	}
}

static void take_line(void *ctx, const char *text)
{
	fputs(text, ctx);
	fputc('\n', ctx);
}

/* There is but one. */
static void put_durations(const struct scrape *scrape, const struct metric *metric)
{
	struct histogram durations;

	(void)metric;
	traffic_durations(&scrape->traffic, &durations);
	histogram_report(&durations, "courierdns_request_duration_seconds", "", take_line,
			 scrape->out);
}

/* --- what there is now --------------------------------------------------------------------- */

static void put_build(const struct scrape *scrape, const struct metric *metric)
{
	put_labelled(scrape, metric, COURIERDNS_VERSION, 1);
}

static void put_reloads(const struct scrape *scrape, const struct metric *metric)
{
	put_labelled(scrape, metric, "ok", scrape->reloads.done);
	put_labelled(scrape, metric, "error", scrape->reloads.failed);
}

static uint64_t see_now(const struct scrape *scrape, enum now now)
{
	const struct commands *commands = scrape->commands;
	uint32_t max;

	switch (now) {
	case NOW_UPTIME:
		return commands_sums_ago_s(commands->crew, commands->started_us);
	case NOW_RELOAD_IS_GOOD:
		return !scrape->reloads.has_failed;
	case NOW_CONFIGURATION_AGE:
		return commands_sums_ago_s(commands->crew, commands_reload_in_use_us(commands));
	case NOW_ENTRIES:
		return scrape->cache.entries;
	case NOW_BYTES:
		return scrape->cache.bytes;
	case NOW_MAX_BYTES:
		return scrape->cache.max_bytes;
	case NOW_WAITING:
		return crew_waiting(commands->crew, &max);
	case NOW_CONNECTIONS:
		return crew_connections(commands->crew);
	}
	UNREACHABLE();
}

static void put_now(const struct scrape *scrape, const struct metric *metric)
{
	put(scrape, metric, see_now(scrape, metric->now));
}

static void put_devices(const struct scrape *scrape, const struct metric *metric)
{
	struct timeline_report report;

	timeline_report(worker_timeline(scrape->commands->worker), &report);
	for (enum device_verdict i = 0; i < DEVICE_VERDICTS; i++)
		put_labelled(scrape, metric, diagnosis_key(i), report.by_verdict[i]);
}

/* --- lines of others ----------------------------------------------------------------------- */

/* Behind the name come its labels; of a histogram, what of it is counted. */
static bool is_of(const struct metric *metric, const char *line)
{
	static const char prefix[] = "courierdns_";
	const size_t len = strlen(metric->name);

	if (strncmp(line, prefix, sizeof(prefix) - 1) != 0)
		return false;
	line += sizeof(prefix) - 1;
	return strncmp(line, metric->name, len) == 0 &&
	       (line[len] == '{' || (line[len] == '_' && type_of(metric)[0] == 'h'));
}

static void put_report(const struct scrape *scrape, const struct metric *metric)
{
	for (const char *line = scrape->reports; *line != '\0';) {
		const size_t len = strcspn(line, "\n") + 1;

		if (is_of(metric, line))
			fwrite(line, 1, len, scrape->out);
		line += len;
	}
}

/* --- the table ----------------------------------------------------------------------------- */

/* clang-format off */
static const struct metric table[] = {
	{ "build_info", "which courierdns this is; always 1",
	  .put = put_build, .label = "version" },
	{ "uptime_seconds", "since the program was started",
	  .put = put_now, .now = NOW_UPTIME },
	{ "reloads_total", "how often the configuration was read again",
	  .put = put_reloads, .label = "result" },
	{ "config_last_reload_successful", "0: it had mistakes, and the one before is in use",
	  .put = put_now, .now = NOW_RELOAD_IS_GOOD },
	{ "config_age_seconds", "since the configuration in use was read",
	  .put = put_now, .now = NOW_CONFIGURATION_AGE },
	{ "queries_total", "questions of clients who may ask", .put = put_queries },
	{ "responses_total", "replies to clients", .put = put_replies, .label = "rcode" },
	{ "request_duration_seconds", "from a question to its reply; what is answered at once took no time",
	  .put = put_durations },
	{ "refused_total", "questions refused or dropped",
	  .put = put_kind, .label = "reason", .stat = STAT_REFUSED_ACCESS },
	{ "malformed_total", "packets answered FORMERR, NOTIMP or BADVERS",
	  .put = put_stat, .stat = STAT_MALFORMED },
	{ "ignored_total", "packets that are no questions, met with silence",
	  .put = put_stat, .stat = STAT_IGNORED },
	{ "local_answers_total", "questions answered by a rule or a special name",
	  .put = put_stat, .stat = STAT_LOCAL_ANSWERS },
	{ "servfails_total", "questions that ended in a SERVFAIL made here",
	  .put = put_stat, .stat = STAT_SERVFAILS },
	{ "rebinding_blocked_total", "answers held back: private addresses for names of others",
	  .put = put_stat, .stat = STAT_REBINDING_BLOCKED },
	{ "inflight", "questions that wait for a server",
	  .put = put_now, .now = NOW_WAITING },
	{ "tcp_clients", "connections of clients", .put = put_now, .now = NOW_CONNECTIONS },
	{ "limit_hits_total", "how often a limit was reached",
	  .put = put_kind, .label = "limit", .stat = STAT_LIMIT_INFLIGHT },
	{ "cache_hits_total", "questions answered from the cache",
	  .put = put_hits, .label = "kind" },
	{ "cache_misses_total", "questions that the cache could not answer",
	  .put = put_stat, .stat = STAT_CACHE_MISSES },
	{ "cache_entries", "answers and failures that are kept",
	  .put = put_now, .now = NOW_ENTRIES },
	{ "cache_bytes", "memory that they take", .put = put_now, .now = NOW_BYTES },
	{ "cache_max_bytes", "memory that they may take",
	  .put = put_now, .now = NOW_MAX_BYTES },
	{ "cache_evictions_total", "entries put out to make room",
	  .put = put_stat, .stat = STAT_CACHE_EVICTIONS },
	{ "prefetches_total", "questions asked again before their answer was too old",
	  .put = put_stat, .stat = STAT_PREFETCHES },
	{ "coalesced_total", "questions that joined the same question in flight",
	  .put = put_stat, .stat = STAT_COALESCED },
	{ "upstream_queries_total", "questions sent to servers", .put = put_report },
	{ "upstream_failures_total", "questions at which servers failed",
	  .put = put_report },
	{ "upstream_duration_seconds", "how long servers took to answer",
	  .put = put_report },
	{ "upstream_up", "0: found to be down, so that others are asked first",
	  .put = put_report },
	{ "upstream_probes_total", "probes sent to servers that seem dead",
	  .put = put_stat, .stat = STAT_UPSTREAM_PROBES },
	{ "verdicts_total", "what the replies of servers were",
	  .put = put_verdicts, .label = "verdict" },
	{ "squashes_total", "replies that squash the alias of a family",
	  .put = put_report },
	{ "repairs_total", "what was done about these", .put = put_report },
	{ "preresolve_questions_total", "questions asked to keep a family warm",
	  .put = put_report },
	{ "preresolve_warm", "questions of a family that the cache answers",
	  .put = put_report },
	{ "family_in_use", "1: clients use the family, so that it is kept warm",
	  .put = put_report },
	{ "nftset_additions_total", "addresses put into an nft set", .put = put_report },
	{ "nftset_failures_total", "addresses that could not be put there",
	  .put = put_report },
	{ "nftset_late_total", "answers that did not wait for it longer than 50 ms",
	  .put = put_stat, .stat = STAT_NFTSET_LATE },
	{ "devices", "devices that are remembered, by how far they are",
	  .put = put_devices, .label = "verdict" },
};
/* clang-format on */

static void put_all(const struct scrape *scrape)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct metric *metric = &table[i];

		fprintf(scrape->out, "# HELP courierdns_%s %s\n# TYPE courierdns_%s %s\n",
			metric->name, metric->help, metric->name, type_of(metric));
		metric->put(scrape, metric);
	}
}

/* By the names that every program has them. Of /proc/self/stat the 14th, 15th, 23rd and 24th number
 * (proc(5)); where there is none to read, nothing. */
static void put_process(FILE *out)
{
	FILE *stat = fopen("/proc/self/stat", "re");
	const unsigned long per_s = (unsigned long)sysconf(_SC_CLK_TCK);
	unsigned long ticks, system, size;
	long pages;

	if (stat == NULL)
		return;
	if (fscanf(stat,
		   "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d "
		   "%*d %*d %*u %lu %ld",
		   &ticks, &system, &size, &pages) == 4) {
		ticks += system;
		fprintf(out,
			"# HELP process_cpu_seconds_total processor time\n"
			"# TYPE process_cpu_seconds_total counter\n"
			"process_cpu_seconds_total %lu.%02lu\n"
			"# HELP process_resident_memory_bytes memory that is in use\n"
			"# TYPE process_resident_memory_bytes gauge\n"
			"process_resident_memory_bytes %ld\n"
			"# HELP process_virtual_memory_bytes memory that may be used\n"
			"# TYPE process_virtual_memory_bytes gauge\n"
			"process_virtual_memory_bytes %lu\n",
			ticks / per_s, ticks % per_s * 100 / per_s, pages * sysconf(_SC_PAGESIZE),
			size);
	}
	(void)fclose(stat);
}

/* What modules report stands server by server and family by family; here it is wanted metric by
 * metric. Where memory is short for it, that is missing. */
void metrics_write(const struct commands *commands, FILE *out)
{
	struct scrape scrape = { .commands = commands, .out = out, .reports = "" };
	char *reports = NULL;
	size_t len = 0;
	FILE *into = open_memstream(&reports, &len);

	crew_hold(commands->crew);
	commands_sums_traffic(commands->crew, &scrape.traffic);
	worker_cache_report(commands->worker, &scrape.cache);
	reload_report(commands->reload, &scrape.reloads);
	if (into != NULL) {
		commands_sums_servers(commands->crew, take_line, into);
		repair_report(commands->worker, take_line, into);
		family_report(commands->worker, take_line, into);
		fill_report(commands->worker, take_line, into);
		if (fclose(into) == 0 && reports != NULL)
			scrape.reports = reports;
	}
	put_all(&scrape);
	crew_release(commands->crew);
	put_process(out);
	mem_free(reports);
}
