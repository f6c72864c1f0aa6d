/* rr/record.h: one resource record from its presentation format (RFC 1035 section 5.1).
 *
 * ldns knows the types and reads their fields. What is written here is "@ [TTL] [IN] TYPE RDATA":
 * the owner is always the asked name, a TTL left out is RECORD_DEFAULT_TTL, names in RDATA are
 * absolute with or without their final dot, and any type may be given as TYPE65280 \# 3 010203 (RFC
 * 3597). */
#pragma once

#include "base/err.h"
#include "wire/cursor.h"

#define RECORD_DEFAULT_TTL 300u

/* Static texts. */
struct record_fault {
	const char *why;     /* "not an IPv4 address" */
	const char *example; /* how a record of that type looks: "@ 300 IN A 192.0.2.1" */
};

/** Writes what stands behind the owner: type, class, TTL, length and RDATA, uncompressed. `text` is
 * cut up. -ENOMEM; ERR_MALFORMED fills ret_fault, as does ERR_NO_SPACE (RDATA over 64 KB, or `out`
 * is too small). */
MUST_CHECK int record_read(char *text, struct cursor_out *out, struct record_fault *ret_fault);
