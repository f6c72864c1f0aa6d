/* query/limit.h: what is done at a limit is counted, and told once a minute at most, with the
 * client that it was done to.
 *
 * One line a minute for each limit, however many clients run into it: it says how often it has been
 * reached since the last. */
#pragma once

#include "base/addr.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/stats.h"

enum limit {
	LIMIT_INFLIGHT,
	LIMIT_INFLIGHT_PER_CLIENT,
	LIMIT_RATE_PER_CLIENT,
	LIMIT_TCP_CLIENTS,
	LIMIT_TCP_CLIENTS_PER_ADDRESS,
	LIMIT_TCP_IDLE,
	LIMIT_DESCRIPTORS,
	LIMIT_MEMORY,
	LIMIT_COUNT,
};

/* What all workers say together. */
struct limit_lines {
	struct lock lock;
	struct log_minute told[LIMIT_COUNT];
};

struct limits {
	struct stats *stats;
	const struct clock *clock;
	struct limit_lines *lines;
};

/** Counts it and says so. `client` is whom it was done to; NULL where it was nobody's. */
void limit_hit(struct limits *limits, enum limit limit, const struct addr *client);
