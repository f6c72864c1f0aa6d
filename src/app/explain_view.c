#include "app/explain_view.h"

const struct conf_access *explain_view_access(const struct explain *explain)
{
	const struct conf *conf = explain->plan->conf;
	const struct conf_access *longest = NULL;

	for (size_t i = 0; i < conf->access_count; i++) {
		const struct conf_access *access = &conf->access[i];

		if (addr_prefix_covers(&access->net, &explain->client) &&
		    (longest == NULL || access->net.bits > longest->net.bits))
			longest = access;
	}
	return longest;
}

/* The name as the rule writes it. A template has as many labels as what it matched. */
const struct conf_name *explain_view_rule_name(const struct decision *decision)
{
	const struct conf_zone *zone = decision->zone;

	for (size_t i = 0; i < zone->name_count; i++) {
		if (name_equal(zone->names[i].wire, decision->apex))
			return &zone->names[i];
	}
	for (size_t i = 0; i < zone->name_count; i++) {
		if (zone->names[i].is_template &&
		    name_labels(zone->names[i].wire) == name_labels(decision->apex))
			return &zone->names[i];
	}
	return &zone->names[0];
}

const struct conf_group *explain_view_group(const struct explain *explain, int group)
{
	return group == CONF_GROUP_NONE ? NULL : &explain->plan->conf->groups[group];
}

const struct conf_courier *explain_view_family(const struct explain *explain)
{
	const struct courier_match *match = &explain->look.courier;

	return match->role == COURIER_NONE ? NULL : &explain->plan->conf->couriers[match->family];
}

bool explain_view_is_kept(const struct explain *explain)
{
	return !explain->look.decision.no_cache && explain->plan->conf->cache_size > 0;
}

uint64_t explain_view_ago_us(const struct explain *explain)
{
	const uint64_t now_us = explain->clock->now_us, at_us = explain->look.exchange.at_us;

	return now_us > at_us ? now_us - at_us : 0; /* by another worker's clock */
}
