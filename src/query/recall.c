#include "query/recall.h"

#include <string.h>

#include "base/hash.h"
#include "request_internal.h"

#define SETS 128u
#define WAYS 4u

/* By the hash alone: its key is drawn, so that nobody finds two names that share one. What says
 * where one goes stands together, in one line of the processor's cache. */
struct set {
	uint64_t hashes[WAYS]; /* 0: empty */
	uint64_t worth[WAYS]; /* the least is put out first: empty, then of no family, the oldest */
	struct recall_entry entries[WAYS];
};
#define WORTH_DEAR (UINT64_C(1) << 63)

struct recall {
	struct set sets[SETS];
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

/* Its own, or the one that is worth least, which is its own then. */
static struct recall_entry *entry_for(struct recall *recall, const struct cache_key *key,
				      uint64_t at_us, bool is_dear)
{
	const uint64_t hash = hash_of(key);
	struct set *set = recall->sets + hash % SETS;
	unsigned place = 0;

	for (unsigned i = 1; i < WAYS; i++)
		place = set->worth[i] < set->worth[place] ? i : place;
	for (unsigned i = 0; i < WAYS; i++)
		place = set->hashes[i] == hash ? i : place;
	set->hashes[place] = hash;
	set->worth[place] = at_us | (is_dear ? WORTH_DEAR : 0);
	return &set->entries[place];
}

void recall_note(struct recall *recall, const struct cache_key *key,
		 const struct recall_entry *entry)
{
	*entry_for(recall, key, entry->at_us, entry->is_dear) = *entry;
}

void recall_note_result(const struct request *request)
{
	const struct exchange_result *result = request->result;
	const uint64_t now_us = request->worker->clock->now_us;

	if (result == NULL)
		return;
	const bool is_dear = request->courier.role != COURIER_NONE;
	struct recall_entry *entry =
		entry_for(request->worker->recall, &request->key, now_us, is_dear);
	*entry = (struct recall_entry){
		.at_us = now_us,
		.took_us = (uint32_t)(now_us - request->asked_us),
		.verdict = (uint8_t)request->verdict,
		.outcome = (uint8_t)result->outcome,
		.is_on_failure = request->asked_on_failure,
		.is_dear = is_dear,
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
	const struct set *set = recall->sets + hash % SETS;

	for (unsigned i = 0; i < WAYS; i++) {
		if (set->hashes[i] == hash) {
			*ret_entry = set->entries[i];
			return true;
		}
	}
	return false;
}
