#include "query/recall.h"

#include <string.h>

#include "base/hash.h"
#include "request_internal.h"

#define SETS 128u
#define WAYS 4u

/* By the hash alone: its key is drawn, so that nobody finds two names that share one. */
struct slot {
	uint64_t hash; /* 0: empty */
	struct recall_entry entry;
};

struct recall {
	struct slot sets[SETS][WAYS];
};

struct recall *recall_new(void)
{
	return mem_zalloc(sizeof(struct recall));
}

void recall_free(struct recall *recall)
{
	mem_free(recall);
}

static uint64_t hash_of(const struct cache_key *key)
{
	const uint64_t hash = hash_with(key->name_hash, (uint64_t)key->type << 16 | key->class);

	return hash != 0 ? hash : 1;
}

/* The least first: empty, then of no family, then the oldest. */
static uint64_t worth(const struct slot *slot)
{
	if (slot->hash == 0)
		return 0;
	return slot->entry.at_us | (slot->entry.is_dear ? UINT64_C(1) << 63 : 0);
}

/* Its own, or the one that is worth least, which is its own then. */
static struct recall_entry *entry_for(struct recall *recall, const struct cache_key *key)
{
	const uint64_t hash = hash_of(key);
	struct slot *set = recall->sets[hash % SETS], *place = set;
	uint64_t least = UINT64_MAX;

	for (struct slot *slot = set; slot < set + WAYS; slot++) {
		const uint64_t its = slot->hash == hash ? 0 : worth(slot) + 1;

		if (its < least) {
			place = slot;
			least = its;
		}
	}
	place->hash = hash;
	return &place->entry;
}

void recall_note(struct recall *recall, const struct cache_key *key,
		 const struct recall_entry *entry)
{
	*entry_for(recall, key) = *entry;
}

void recall_note_result(const struct request *request)
{
	const struct exchange_result *result = request->result;
	const uint64_t now_us = request->worker->clock->now_us;

	if (result == NULL)
		return;
	struct recall_entry *entry = entry_for(request->worker->recall, &request->key);
	*entry = (struct recall_entry){
		.at_us = now_us,
		.took_us = (uint32_t)(now_us - request->asked_us),
		.verdict = (uint8_t)request->verdict,
		.outcome = (uint8_t)result->outcome,
		.is_on_failure = request->asked_on_failure,
		.is_dear = request->courier.role != COURIER_NONE,
	};
	if (result->outcome != EXCHANGE_REPLIED)
		return;
	entry->server = *server_addr(result->server);
	entry->rcode = (uint16_t)message_rcode(&result->facts);
	/* which is asked beside the rule's group where an alias is squashed */
	if (request->asked_on_failure)
		entry->is_on_failure =
			strcmp(server_group(result->server), request_asked_group(request)) == 0;
}

bool recall_find(const struct recall *recall, const struct cache_key *key,
		 struct recall_entry *ret_entry)
{
	const uint64_t hash = hash_of(key);
	const struct slot *set = recall->sets[hash % SETS];

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].hash == hash) {
			*ret_entry = set[i].entry;
			return true;
		}
	}
	return false;
}
