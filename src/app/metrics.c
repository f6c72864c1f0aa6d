#include "app/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "app/commands_sums.h"
#include "base/mem.h"
#include "devices/timeline.h"
#include "policy/classify.h"
#include "query/family.h"
#include "query/repair.h"
#include "query/traffic.h"

/* What is being written, and what it is taken from. */
struct scrape {
	const struct commands *commands;
	FILE *out;
	struct traffic traffic;
	const char *reports; /* the lines of all modules that write their own */
};

struct metric {
	const char *name; /* without "courierdns_" */
	const char *type, *help;
	void (*put)(const struct scrape *scrape, const struct metric *metric);
	const char *label; /* that tells its numbers apart, where it has several */
	enum stat stat;	   /* put_stat, put_kind */
};

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
		const uint64_t count = scrape->traffic.queries[slot][proto][family];

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

static void put_durations(const struct scrape *scrape, const struct metric *metric)
{
	struct histogram durations;
	char name[64];

	traffic_durations(&scrape->traffic, &durations);
	(void)snprintf(name, sizeof(name), "courierdns_%s", metric->name);
	histogram_report(&durations, name, "", take_line, scrape->out);
}

/* --- what there is now --------------------------------------------------------------------- */

static void put_build(const struct scrape *scrape, const struct metric *metric)
{
	put_labelled(scrape, metric, COURIERDNS_VERSION, 1);
}

static void put_entries(const struct scrape *scrape, const struct metric *metric)
{
	struct cache_report cache;

	worker_cache_report(scrape->commands->worker, &cache);
	put(scrape, metric, cache.entries);
}

static void put_bytes(const struct scrape *scrape, const struct metric *metric)
{
	struct cache_report cache;

	worker_cache_report(scrape->commands->worker, &cache);
	put(scrape, metric, cache.bytes);
}

static void put_inflight(const struct scrape *scrape, const struct metric *metric)
{
	uint32_t max;

	put(scrape, metric, crew_waiting(scrape->commands->crew, &max));
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
	       (line[len] == '{' || (line[len] == '_' && metric->type[0] == 'h'));
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
	{ "build_info", "gauge", "which courierdns this is; always 1",
	  .put = put_build, .label = "version" },
	{ "queries_total", "counter", "questions of clients who may ask", .put = put_queries },
	{ "responses_total", "counter", "replies to clients", .put = put_replies, .label = "rcode" },
	{ "request_duration_seconds", "histogram",
	  "from a question to its reply; what is answered at once took no time",
	  .put = put_durations },
	{ "refused_total", "counter", "questions refused or dropped",
	  .put = put_kind, .label = "reason", .stat = STAT_REFUSED_ACCESS },
	{ "cache_hits_total", "counter", "questions answered from the cache",
	  .put = put_hits, .label = "kind" },
	{ "cache_misses_total", "counter", "questions that the cache could not answer",
	  .put = put_stat, .stat = STAT_CACHE_MISSES },
	{ "cache_entries", "gauge", "answers and failures that are kept", .put = put_entries },
	{ "cache_bytes", "gauge", "memory that they take", .put = put_bytes },
	{ "cache_evictions_total", "counter", "entries put out to make room",
	  .put = put_stat, .stat = STAT_CACHE_EVICTIONS },
	{ "upstream_queries_total", "counter", "questions sent to servers", .put = put_report },
	{ "upstream_failures_total", "counter", "questions at which servers failed",
	  .put = put_report },
	{ "upstream_duration_seconds", "histogram", "how long servers took to answer",
	  .put = put_report },
	{ "upstream_up", "gauge", "0: found to be down, others are asked first",
	  .put = put_report },
	{ "inflight", "gauge", "questions that wait for a server", .put = put_inflight },
	{ "coalesced_total", "counter", "questions that joined the same question in flight",
	  .put = put_stat, .stat = STAT_COALESCED },
	{ "verdicts_total", "counter", "what the replies of servers were",
	  .put = put_verdicts, .label = "verdict" },
	{ "squashes_total", "counter", "replies that squash the alias of a family",
	  .put = put_report },
	{ "repairs_total", "counter", "what was done about these", .put = put_report },
	{ "preresolve_questions_total", "counter", "questions asked to keep a family warm",
	  .put = put_report },
	{ "limit_hits_total", "counter", "how often a limit was reached",
	  .put = put_kind, .label = "limit", .stat = STAT_LIMIT_INFLIGHT },
	{ "devices", "gauge", "devices that are remembered, by how far they are",
	  .put = put_devices, .label = "verdict" },
};
/* clang-format on */

static void put_all(const struct scrape *scrape)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct metric *metric = &table[i];

		fprintf(scrape->out, "# HELP courierdns_%s %s\n# TYPE courierdns_%s %s\n",
			metric->name, metric->help, metric->name, metric->type);
		metric->put(scrape, metric);
	}
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
	if (into != NULL) {
		commands_sums_servers(commands->crew, take_line, into);
		repair_report(commands->worker, take_line, into);
		family_report(commands->worker, take_line, into);
		if (fclose(into) == 0 && reports != NULL)
			scrape.reports = reports;
	}
	put_all(&scrape);
	crew_release(commands->crew);
	mem_free(reports);
}
