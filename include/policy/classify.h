/* policy/classify.h: what an upstream reply is (PRODUCT 5.2). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rr/packet.h"
#include "wire/message.h"

enum verdict {
	VERDICT_ANSWERED,	   /* data of the asked type */
	VERDICT_NODATA,		   /* RFC 2308 section 2.2, with SOA */
	VERDICT_NXDOMAIN,	   /* RFC 2308 section 2.1 */
	VERDICT_DANGLING,	   /* CNAME chain, NOERROR, no data of the asked type, SOA */
	VERDICT_DANGLING_NXDOMAIN, /* CNAME chain, NXDOMAIN (RFC 6604) */
	VERDICT_BARE,		   /* no data and no SOA */
	VERDICT_FAILED,		   /* any other rcode */
};

const char *classify_text(enum verdict verdict); /* "dangling-nxdomain" */
enum verdict classify_shape(const struct packet_shape *shape);
/** By what message_read() has seen of the answer section. ldns reads it only where that could not
 * follow it (facts->is_followed): the CNAMEs out of order, in a circle with more behind it, or more
 * than MESSAGE_HOPS_MAX; an odd message. What ldns cannot read, or more than
 * CLASSIFY_READ_MAX answers, for it is slow, is judged by the counts. Allocates nothing but there.
 */
#define CLASSIFY_READ_MAX 64u
enum verdict classify_reply(const uint8_t *wire, const struct message_facts *facts);
/** The same of a reply that was made here. */
enum verdict classify_made(const uint8_t *wire, size_t wire_len);
