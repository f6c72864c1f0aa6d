/* rr/synth.h: answers of our own making, built by ldns, as wire bytes.
 *
 * All have QR and RA, RD and CD as asked, never AA, and the question in the client's case; OPT is
 * left to wire/reply. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/query_view.h"

/* Records of a rule, read once and kept as wire bytes; owner "@" is the asked name. */
struct synth_records;

/** Reads one record ("@ 300 IN A 10.1.2.3") for checking or keeping. "{n}" in it stands for the
 * number. `ret_why` gets static text on ERR_MALFORMED; -ENOMEM. */
MUST_CHECK int synth_records_add(struct synth_records *records, const char *text, bool is_template,
				 const char **ret_why);
struct synth_records *synth_records_new(void); /* NULL when memory is short */
void synth_records_free(struct synth_records *records);

/** The answer to `view` from `records`: those of the asked type (all for ANY), CNAME for every type,
 * NODATA with a local SOA of `zone` when none fits. `n` replaces "{n}". -ENOMEM, ERR_NO_SPACE. */
MUST_CHECK int synth_answer(const struct query_view *view, const struct synth_records *records,
			    uint32_t n, const uint8_t *zone, uint8_t *out, size_t out_max,
			    size_t *ret_len);
/** NXDOMAIN or NODATA (rcode NOERROR) with a SOA owned by `zone`, whose TTL and MINIMUM are
 * `soa_ttl` seconds. */
MUST_CHECK int synth_negative(const struct query_view *view, unsigned rcode, const uint8_t *zone,
			      uint32_t soa_ttl, uint8_t *out, size_t out_max, size_t *ret_len);
