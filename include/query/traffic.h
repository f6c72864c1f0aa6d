/* query/traffic.h: what one worker is asked and what it answers, by kinds that are few whatever
 * clients send.
 *
 * Counted on the path of a hit: a few instructions each. What is answered in the turn of the loop
 * in which it came, as every hit is, took no time by the loop's clock; so `waited` is of the others
 * alone, and whatever else was told took less than its first step. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "net/client.h"
#include "wire/message.h"

/* By number as far as HTTPS, then ANY; all others are the first, which is no type. */
#define TRAFFIC_OTHER 0u
#define TRAFFIC_ANY (TYPE_HTTPS + 1u)
#define TRAFFIC_TYPES (TRAFFIC_ANY + 1u)

/* Those that a header has room for, BADVERS, and all others. */
#define TRAFFIC_RCODE_OTHER (RCODE_BADVERS + 1u)
#define TRAFFIC_RCODES (TRAFFIC_RCODE_OTHER + 1u)

struct traffic {
	uint64_t queries[TRAFFIC_TYPES][2][4]; /* over UDP or TCP; by enum addr_family */
	uint64_t replies[TRAFFIC_RCODES];
	struct histogram waited;
};

/** A query of a client who may ask; of type 0 where it could not be read. */
static inline void traffic_count_query(struct traffic *traffic, const struct client *client,
				       uint16_t type)
{
	const unsigned slot = type <= TYPE_HTTPS ? type
			      : type == TYPE_ANY ? TRAFFIC_ANY
						 : TRAFFIC_OTHER;

	traffic->queries[slot][client->is_stream][client->from.family]++;
}

/** A reply to a client. `upper` is what an OPT record has of the rcode, if there is one. */
static inline void traffic_count_reply(struct traffic *traffic, const uint8_t *wire, unsigned upper,
				       bool has_opt)
{
	unsigned rcode = FLAGS_RCODE(wire[3]);

	if (upper != 0 && has_opt)
		rcode = rcode == 0 && upper == 1 ? RCODE_BADVERS : TRAFFIC_RCODE_OTHER;
	traffic->replies[rcode]++;
}

/** What the other one has comes on top. */
void traffic_merge(struct traffic *traffic, const struct traffic *other);
/** So many came over TCP, or over UDP. */
uint64_t traffic_queries(const struct traffic *traffic, bool is_stream);
/** Of all replies, how long they took. */
void traffic_durations(const struct traffic *traffic, struct histogram *ret_durations);
/** "AAAA", "other": of a slot of queries; "NOERROR", "other": of replies. Return into->text. */
const char *traffic_type_to_text(unsigned slot, struct type_text *into);
const char *traffic_rcode_to_text(unsigned slot, struct type_text *into);
