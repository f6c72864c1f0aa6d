/* rr/synth.h: answers of our own making, as wire bytes.
 *
 * All have QR and RA, RD and CD as asked, never AA, and the question in the client's case; OPT is
 * left to wire/reply. Local SOA records name their owner as server, as RFC 6303 section 3 has
 * it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "rr/record.h"
#include "wire/query_view.h"

/* TTL and MINIMUM of the SOA in what rules make up: a changed rule is soon seen by all. */
#define SYNTH_SOA_TTL 60u

/* Records of a rule, read once and kept as wire bytes; owner "@" is the asked name. */
struct synth_records;

struct synth_records *synth_records_new(void);		/* NULL when memory is short */
void synth_records_free(struct synth_records *records); /* NULL is fine */

struct synth_range {
	uint32_t low, high;
};
struct synth_fault {
	struct record_fault record;
	bool has_n; /* it is wrong with this number in place of "{n}" */
	uint32_t n;
};

/** Reads one record ("@ 300 IN A 10.1.2.{n}") and keeps it. "{n}" in it stands for a number of the
 * range, and is tried with both its ends; without a range (NULL) there may be none. A CNAME stands
 * alone (RFC 1034 section 3.6.2). ERR_MALFORMED fills ret_fault; -ENOMEM. */
MUST_CHECK int synth_records_add(struct synth_records *records, const char *text,
				 const struct synth_range *range, struct synth_fault *ret_fault);

/** The answer to `view` from `records`: those of the asked type (all for ANY), CNAME for every
 * type, NODATA with a local SOA of `zone` when none fits, or when the class is neither IN nor ANY.
 * `n` replaces "{n}". -ENOMEM, ERR_NO_SPACE; ERR_MALFORMED where a record cannot be read with this
 * `n`. */
MUST_CHECK int synth_answer(const struct query_view *view, const struct synth_records *records,
			    uint32_t n, const uint8_t *zone, uint8_t *out, size_t out_max,
			    size_t *ret_len);
/** NXDOMAIN or NODATA (rcode NOERROR) with a SOA owned by `zone`, whose TTL and MINIMUM are
 * `soa_ttl` seconds. */
MUST_CHECK int synth_negative(const struct query_view *view, unsigned rcode, const uint8_t *zone,
			      uint32_t soa_ttl, uint8_t *out, size_t out_max, size_t *ret_len);
/* An alias that leads to no data. */
struct synth_dangle {
	const uint8_t *target; /* of the CNAME, whose owner is the asked name */
	const uint8_t *zone;   /* owner of a local SOA, for where there is no other */
	const uint8_t *like; /* a message that message_read() took, whose SOA is used; NULL: none */
	size_t like_len;
};
/** The CNAME and the SOA, both with SYNTH_SOA_TTL. */
MUST_CHECK int synth_dangling(const struct query_view *view, const struct synth_dangle *how,
			      uint8_t *out, size_t out_max, size_t *ret_len);
