#include "app/commands_sums.h"

uint64_t commands_sums_count(const struct crew *crew, enum stat stat)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < crew_size(crew); i++)
		sum += worker_stats(crew_mate(crew, i)->worker)->count[stat];
	return sum;
}

void commands_sums_traffic(const struct crew *crew, struct traffic *ret_traffic)
{
	*ret_traffic = *worker_traffic(crew_mate(crew, 0)->worker);
	for (size_t i = 1; i < crew_size(crew); i++)
		traffic_merge(ret_traffic, worker_traffic(crew_mate(crew, i)->worker));
}

uint32_t commands_sums_ago_s(const struct crew *crew, uint64_t since_us)
{
	const uint64_t now_us = loop_clock(crew_mate(crew, 0)->loop)->now_us;

	return now_us > since_us ? (uint32_t)((now_us - since_us) / USEC_PER_SEC) : 0;
}

/* The plans of all are of one configuration, so their pools have the same servers. */
void commands_sums_server(const struct crew *crew, size_t group, size_t at,
			  struct server_sums *ret_sums)
{
	const struct server *servers[CONF_WORKERS_MAX];
	const struct crew_mate *first = crew_mate(crew, 0);

	for (size_t i = 0; i < crew_size(crew); i++) {
		const struct plan *plan = worker_plan(crew_mate(crew, i)->worker);

		servers[i] = pool_server(plan->pools[group], at);
	}
	server_sum(servers, crew_size(crew), loop_clock(first->loop)->now_us, ret_sums);
}

void commands_sums_servers(const struct crew *crew, server_line_fn line, void *ctx)
{
	const struct server_table *tables[CONF_WORKERS_MAX];

	for (size_t i = 0; i < crew_size(crew); i++)
		tables[i] = crew_mate(crew, i)->servers;
	server_table_report(tables, crew_size(crew), line, ctx);
}
