/* app/commands_sums.h: what is counted by each worker, of all together. All but the first are held
 * meanwhile. */
#pragma once

#include "app/crew.h"
#include "query/traffic.h"

/** By the first one's clock, behind which another's may be. */
uint32_t commands_sums_ago_s(const struct crew *crew, uint64_t since_us);
uint64_t commands_sums_count(const struct crew *crew, enum stat stat);
void commands_sums_traffic(const struct crew *crew, struct traffic *ret_traffic);
/** Of a server of the plan in use, by the indices of its group and of itself there. */
void commands_sums_server(const struct crew *crew, size_t group, size_t at,
			  struct server_sums *ret_sums);
/** server_table_report(). */
void commands_sums_servers(const struct crew *crew, server_line_fn line, void *ctx);
