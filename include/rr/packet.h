/* rr/packet.h: ldns's reading of an upstream reply: what shape it has.
 *
 * The only place that owns parsed ldns packets; none leaves rr/. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The shape of a reply to one question, following the CNAME (and DNAME) chain from the asked name
 * through the answer section in whatever order its records stand. */
struct packet_shape {
	unsigned rcode;	      /* extended bits not included */
	unsigned cname_count; /* hops of the chain from the asked name */
	bool has_loop;	      /* the chain comes back on itself */
	bool has_data;	      /* a record of the asked type (any, for ANY) at a name of the chain */
	bool has_soa;	      /* SOA in authority */
	bool has_other_answers; /* answer records that are neither chain nor data */
};

/** ERR_MALFORMED where ldns cannot read it; -ENOMEM. Only for bytes that message_read() took. */
MUST_CHECK int packet_shape(const uint8_t *wire, size_t wire_len, struct packet_shape *ret_shape);
