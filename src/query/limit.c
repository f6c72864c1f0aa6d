#include "query/limit.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
	enum stat stat;
	const char *name, *what;
} rows[LIMIT_COUNT] = {
	[LIMIT_INFLIGHT] = { STAT_LIMIT_INFLIGHT, "limits.inflight",
			     "too many questions wait for upstream, so one of its own is told so" },
	[LIMIT_INFLIGHT_PER_CLIENT] = { STAT_LIMIT_INFLIGHT_PER_CLIENT,
					"limits.inflight_per_client",
					"too many of its questions wait for upstream, so further "
					"ones are told so" },
	[LIMIT_RATE_PER_CLIENT] = { STAT_LIMIT_RATE_PER_CLIENT, "limits.rate_per_client",
				    "it asks too fast, so some questions are dropped, told to come "
				    "over TCP, or refused there" },
	[LIMIT_TCP_CLIENTS] = { STAT_LIMIT_TCP_CLIENTS, "limits.tcp_clients",
				"a connection of its own is closed to have room for others" },
	[LIMIT_TCP_CLIENTS_PER_ADDRESS] = { STAT_LIMIT_TCP_PER_ADDRESS,
					    "limits.tcp_clients_per_address",
					    "it has too many connections, so new ones are closed" },
	[LIMIT_TCP_IDLE] = { STAT_LIMIT_TCP_IDLE, "limits.tcp_idle",
			     "its connection was too slow for the room that is left, and is "
			     "closed" },
	[LIMIT_DESCRIPTORS] = { STAT_LIMIT_DESCRIPTORS, "open files (ulimit -n)",
				"there are too few for another socket, so an idle TCP "
				"client is closed, or a question waits for one" },
	[LIMIT_MEMORY] = { STAT_LIMIT_MEMORY, "memory",
			   "the system has none for a question, which is told so" },
};

struct more_text {
	char text[64];
};

static const char *more_to_text(uint64_t more, struct more_text *into)
{
	into->text[0] = '\0';
	if (more > 0)
		snprintf(into->text, sizeof(into->text),
			 " (%" PRIu64 " times more since this was told last)", more);
	return into->text;
}

static bool may_tell(const struct limits *limits, enum limit limit, uint64_t *ret_more)
{
	struct limit_lines *lines = limits->lines;

	lock_take(&lines->lock);
	const bool may = log_minute_allows(&lines->told[limit], limits->clock->now_us, ret_more);
	lock_give(&lines->lock);
	return may;
}

void limit_hit(struct limits *limits, enum limit limit, const struct addr *client)
{
	struct addr_text text;
	struct more_text how_often;
	uint64_t more;

	stats_count(limits->stats, rows[limit].stat);
	if (!log_is_on(LEVEL_WARNING) || !may_tell(limits, limit, &more))
		return;
	log_write(LEVEL_WARNING, "%s: %s%s%s%s", rows[limit].name,
		  client == NULL ? "" : addr_client_to_text(client, &text),
		  client == NULL ? "" : ": ", rows[limit].what, more_to_text(more, &how_often));
}
