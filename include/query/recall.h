/* query/recall.h: of each question, the last time that upstream was asked it: for those who want to
 * know why they were told what they were told.
 *
 * A table of a fixed size without names in it. Of those that share a place the newest stay, but
 * names of a courier family before all others. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "cache/cache.h"

struct request;

struct recall;
struct recall *recall_new(void);	 /* NULL when memory is short */
void recall_free(struct recall *recall); /* NULL is fine */

struct recall_entry {
	struct addr server; /* whose reply it was; ADDR_NONE without one */
	uint64_t at_us;	    /* when it was over */
	uint32_t took_us;
	uint16_t rcode;	    /* of a reply */
	uint8_t outcome;    /* enum exchange_outcome */
	uint8_t verdict;    /* enum verdict */
	bool is_on_failure; /* the on_failure group was asked */
	bool is_dear;	    /* of a courier family */
};

/** Name, type and class of the key count, its flags and view do not. */
void recall_note(struct recall *recall, const struct cache_key *key,
		 const struct recall_entry *entry);
/** What came of a request that has been classified. */
void recall_note_result(const struct request *request);
bool recall_find(const struct recall *recall, const struct cache_key *key,
		 struct recall_entry *ret_entry);
