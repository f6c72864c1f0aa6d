#include "cache/lifetime.h"

#define FAILURE_FIRST_S 5u
#define FAILURE_LONGEST_S 300u /* RFC 9520 section 3.2 */

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* RFC 2181 section 8, and a MINIMUM is a TTL (RFC 2308 section 4). */
static uint32_t as_ttl(uint32_t value)
{
	return value > INT32_MAX ? 0 : value;
}

uint32_t lifetime_of(const struct message_facts *facts, bool is_negative,
		     const struct lifetime_limits *limits)
{
	if (!facts->has_ttl)
		return 0;
	const uint32_t ttl = as_ttl(facts->min_ttl);

	if (is_negative) {
		if (!facts->has_soa) /* D5 */
			return 0;
		return lesser(lesser(ttl, as_ttl(facts->soa_minimum)),
			      lesser(limits->negative_ttl_max, limits->ttl_max));
	}
	if (ttl == 0)
		return 0;
	return lesser(ttl > limits->ttl_min ? ttl : limits->ttl_min, limits->ttl_max);
}

uint32_t lifetime_of_failure(uint32_t failures_before)
{
	uint32_t lifetime_s = FAILURE_FIRST_S;

	while (failures_before > 0 && lifetime_s < FAILURE_LONGEST_S) {
		lifetime_s *= 2;
		failures_before--;
	}
	return lesser(lifetime_s, FAILURE_LONGEST_S);
}
