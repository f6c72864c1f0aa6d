#include "query/traffic.h"

#include <stdio.h>

void traffic_merge(struct traffic *traffic, const struct traffic *other)
{
	for (unsigned i = 0; i < TRAFFIC_TYPES; i++) {
		for (unsigned way = 0; way < 8; way++)
			traffic->queries[i][way / 4][way % 4] +=
				other->queries[i][way / 4][way % 4];
	}
	for (unsigned i = 0; i < TRAFFIC_RCODES; i++)
		traffic->replies[i] += other->replies[i];
	histogram_merge(&traffic->waited, &other->waited);
}

uint64_t traffic_queries(const struct traffic *traffic, bool is_stream)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < TRAFFIC_TYPES; i++)
		sum += traffic->queries[i][is_stream][ADDR_IPV4] +
		       traffic->queries[i][is_stream][ADDR_IPV6];
	return sum;
}

void traffic_durations(const struct traffic *traffic, struct histogram *ret_durations)
{
	*ret_durations = traffic->waited;
	ret_durations->counts[0] -= histogram_total(&traffic->waited);
	for (unsigned i = 0; i < TRAFFIC_RCODES; i++)
		ret_durations->counts[0] += traffic->replies[i];
}

static const char *say_other(struct type_text *into)
{
	(void)snprintf(into->text, sizeof(into->text), "other");
	return into->text;
}

const char *traffic_type_to_text(unsigned slot, struct type_text *into)
{
	if (slot == TRAFFIC_OTHER)
		return say_other(into);
	return type_to_text((uint16_t)(slot == TRAFFIC_ANY ? (unsigned)TYPE_ANY : slot), into);
}

const char *traffic_rcode_to_text(unsigned slot, struct type_text *into)
{
	return slot == TRAFFIC_RCODE_OTHER ? say_other(into) : type_rcode_to_text(slot, into);
}
