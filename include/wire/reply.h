/* wire/reply.h: what goes back to the client, and the whole list of what we change in it.
 *
 * From stored or upstream bytes: the ID; the question name's case; AD off where the client asked
 * for neither AD nor DO (RFC 6840 section 5.8); the OPT record (RFC 6891 section 7); and the
 * question alone with TC where it does not fit. TTLs are the cache's business. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/query_view.h"

struct reply_source {
	const uint8_t *wire; /* a message without OPT, its question that of the view; where it has
			      * none (a bare FORMERR), the header alone is taken from it */
	size_t wire_len;
	uint8_t opt_rcode; /* upper bits of the rcode; a client without EDNS gets SERVFAIL then */
	const uint8_t *options; /* EDNS options to hand on (EDE; those of a private exchange) */
	size_t options_len;	/* left out where they would not fit */
};

/** Length written, 0 only when out_max is below what a truncated reply needs. `limit` is the most
 * the client takes, at least 512: 65535 on a stream, where a message that leaves no room for OPT
 * goes without it. `out` may be source->wire itself (patched in place), with source->options behind
 * it. `edns_size` is what our own OPT offers. An opaque view gets the source with the ID alone
 * changed. */
size_t reply_write(uint8_t *out, size_t out_max, size_t limit, const struct reply_source *source,
		   const struct query_view *view, uint16_t edns_size);

/* A reply of our own that says only how it went. */
struct reply_error {
	unsigned rcode;	  /* extended ones need EDNS in the view, else SERVFAIL */
	enum ede ede;	  /* EDE_NONE for none; only sent where the query had EDNS */
	const char *text; /* extra text of the EDE, or NULL */
};

/** Header, question where the view has one, OPT where the query had one. RD and CD as asked, RA
 * set; NOTIMP echoes ID, opcode and RD and has nothing else (D9). 0 when it does not fit. */
size_t reply_error(uint8_t *out, size_t out_max, const struct query_view *view,
		   const struct reply_error *error, uint16_t edns_size);

/** Writes one EDE option (code, length, INFO-CODE, text); returns its length, 0 if it does not
 * fit. */
size_t reply_put_ede(uint8_t *out, size_t out_max, enum ede ede, const char *text);

/** Most bytes a UDP reply to this view may have: 512 without EDNS, else the smaller of what the
 * client takes and `edns_size`, at least 512. */
size_t reply_udp_limit(const struct query_view *view, uint16_t edns_size);
