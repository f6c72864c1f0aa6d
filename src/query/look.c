#include "query/look.h"

#include "request_internal.h"

void look_at_plan(const struct plan *plan, const struct query_view *view, const struct addr *client,
		  struct look *ret_look)
{
	uint8_t name[NAME_MAX_LEN];

	*ret_look = (struct look){ .entry_count = 0 };
	name_lower(name, view->name, view->name_len);
	policy_judge(plan->policy, view, name, client, &ret_look->decision);
	if (ret_look->decision.action == ZONE_FORWARD)
		ret_look->is_guarded = rebinding_guards(plan->rebinding, &ret_look->decision, name,
							view->name_len);
	if (plan->courier != NULL)
		courier_find(plan->courier, name, view->name_len, &ret_look->courier);
}

/* What those are answered by who set these flags: an answer, a failure, or both. */
static void look_for(struct worker *worker, const struct cache_key *key, uint64_t route,
		     bool failure, struct look *look)
{
	struct look_entry *entry = look->entries + look->entry_count;

	if (look->entry_count == LOOK_ENTRIES_MAX ||
	    !cache_look(worker->cache, key, failure, worker->found, sizeof(worker->found),
			&entry->hit))
		return;
	entry->flags = key->flags;
	entry->is_used = entry->hit.note.route == route && (failure || !look->decision.no_cache);
	entry->rcode = FLAGS_RCODE(message_flags(worker->found)) |
		       (unsigned)entry->hit.note.opt_rcode << 4;
	look->entry_count++;
}

void look_at(struct worker *worker, const struct query_view *view, const struct addr *client,
	     struct look *ret_look)
{
	struct cache_key key;

	look_at_plan(worker->plan, view, client, ret_look);
	if (ret_look->decision.action != ZONE_FORWARD)
		return;
	const uint64_t route = ret_look->is_guarded
				       ? request_guarded_route(ret_look->decision.route)
				       : ret_look->decision.route;
	cache_key_init(&key, view, ret_look->decision.view);
	for (unsigned failure = 0; failure < 2; failure++) {
		for (uint8_t flags = 0; flags < 8; flags++) {
			/* as most ask first */
			key.flags = flags ^ CACHE_KEY_RD;
			cache_key_rehash(&key);
			look_for(worker, &key, route, failure != 0, ret_look);
		}
	}
	ret_look->has_exchange = recall_find(worker->recall, &key, &ret_look->exchange);
}

void look_beside(const struct worker *worker, const struct query_view *view, struct look *look)
{
	struct recall_entry exchange;
	struct cache_key key;

	if (look->decision.action != ZONE_FORWARD)
		return;
	cache_key_init(&key, view, look->decision.view);
	if (!recall_find(worker->recall, &key, &exchange) ||
	    (look->has_exchange && exchange.at_us <= look->exchange.at_us))
		return;
	look->has_exchange = true;
	look->exchange = exchange;
}
