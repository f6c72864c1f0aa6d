/* cache/lifetime.h: how long a reply may be kept (decisions D4 to D6; RFC 2308 section 5). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/message.h"

struct lifetime_limits {
	uint32_t ttl_min, ttl_max, negative_ttl_max; /* seconds */
};

/** Seconds; 0 is not at all. A negative answer (is_negative) lives by its smallest TTL and the SOA
 * MINIMUM, at most negative_ttl_max and ttl_max, and not at all without SOA. A positive one by its
 * smallest TTL, at most ttl_max, raised to ttl_min unless that TTL is 0. */
uint32_t lifetime_of(const struct message_facts *facts, bool is_negative,
		     const struct lifetime_limits *limits);

/** D6: 5 s for the first failure in a row, doubling, at most 300 s. */
uint32_t lifetime_of_failure(uint32_t failures_before);
/* And the least there is (RFC 9520 section 3.2), where no server said anything and nothing else is
 * known: the network may be back at any time, and whoever still asks then shall not wait for us. */
#define LIFETIME_OF_SILENCE_S 1u
