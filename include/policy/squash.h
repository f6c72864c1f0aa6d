/* policy/squash.h: what became of an alias that leads to no address by design (PRODUCT 5.2).
 *
 * The truth is one CNAME to the family's target and a SOA, nothing else. What proxies make of it
 * has a shape, and by that the culprit is told. Silent; keeps nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/message.h"
#include "wire/name.h"

enum squash {
	SQUASH_NONE,	  /* as it should be; or public addresses behind the right target */
	SQUASH_NO_CNAME,  /* NOERROR without the CNAME, with or without SOA */
	SQUASH_SOA_LOST,  /* the CNAME, no SOA */
	SQUASH_NXDOMAIN,  /* with or without the CNAME */
	SQUASH_SERVFAIL,  /* and every rcode that is not among the others here */
	SQUASH_REFUSED,	  /* REFUSED, NOTIMP, NOTAUTH: would not, where SERVFAIL could not */
	SQUASH_SILENT,	  /* no reply at all; said by who waited for it, never by squash_judge() */
	SQUASH_FLATTENED, /* data at the alias itself, public */
	SQUASH_SINKHOLE,  /* 0.0.0.0, ::, a loopback or a private address, wherever it stands */
	SQUASH_REWRITTEN, /* a CNAME to another name */
};
#define SQUASH_COUNT (SQUASH_REWRITTEN + 1)

const char *squash_text(enum squash squash); /* "no-cname"; "none" */

/* An alias and where it leads, as names in wire form. */
struct squash_family {
	const uint8_t *alias, *target;
};

/** Judges a reply, which message_read() took, to a question for the alias. Types other than A,
 * AAAA, HTTPS and SVCB are never squashed. */
enum squash squash_judge(const struct squash_family *family, const uint8_t *wire,
			 const struct message_facts *facts);

/* What an answer tells that is flattened or rewritten: if others tell the same, the alias has
 * moved. */
struct squash_news {
	bool has_address;	      /* and none that is private */
	uint8_t target[NAME_MAX_LEN]; /* of rewritten, in lower case; else the root */
};

/** Of a reply that squash_judge() calls so. */
void squash_read_news(const struct squash_family *family, const uint8_t *wire,
		      const struct message_facts *facts, struct squash_news *ret_news);
/** Both have public addresses, and the same target. */
bool squash_is_same_news(const struct squash_news *a, const struct squash_news *b);
