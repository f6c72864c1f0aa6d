/* wire/query_view.h: strict reading of a client's query, in place.
 *
 * A view borrows the packet it was read from: it is good as long as those bytes are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/message.h"
#include "wire/option.h"

/* What became of the packet (decisions D9 and D10; RFC 6891 section 6.1.3). Everything but OK and
 * IGNORE is answered with reply_rcode() from the same view. */
enum query_fault {
	QUERY_OK,
	QUERY_IGNORE,  /* shorter than a header, or a response: silence */
	QUERY_FORMERR, /* header readable, the rest is not a query */
	QUERY_NOTIMP,  /* opcode other than QUERY */
	QUERY_BADVERS, /* EDNS version other than 0 */
};

struct query_view {
	const uint8_t *wire;
	size_t wire_len;
	bool has_edns;
	bool wants_dnssec; /* DO */
	bool is_opaque; /* TSIG, SIG(0), TKEY or IXFR: goes upstream and back untouched but for the
			 * ID, never shared, never kept */
	bool has_ecs;	/* a client subnet: the answer is not shared, unless it is stripped */
	bool has_host;	/* it is one host alone, as a forwarder tells of whom it asks for: whether
			 * to believe it is for others to say */
	bool has_private_option; /* another that we do not consume: the answer is not shared
				  * (D11) */
	bool has_hardware;	 /* told by a forwarder: whether to believe it is for others to say.
				  * The last that makes sense, where there are several */
	uint8_t edns_version;
	uint16_t id, flags; /* as received */
	uint16_t type, class;
	uint16_t edns_size; /* what the client takes over UDP; 512 without EDNS and at least 512 */
	uint8_t hardware[OPTION_HARDWARE_LEN];
	const uint8_t *name; /* at wire + 12, uncompressed, the client's own case */
	size_t name_len;
	size_t question_len;	/* name_len + 4; 0 where no question could be read */
	const uint8_t *options; /* RDATA of OPT; options_len is 0 where there is none */
	size_t options_len;
};

/** Fills as much of `ret_view` as could be read, whatever the outcome: at least wire, id and flags
 * where there are 12 bytes. FORMERR: QDCOUNT other than 1; compressed, over-long or unfinished
 * name; type 0, OPT or TSIG; records in answer or authority (but the SOA of IXFR); additional
 * records other than OPT, TSIG, SIG(0) and those of TKEY; two OPT; options that overrun; trailing
 * bytes. */
enum query_fault query_view_parse(struct query_view *ret_view, const uint8_t *wire,
				  size_t wire_len);

/** The same in one short pass, for queries as most are: a question and perhaps an OPT record. True
 * where query_view_parse() would say QUERY_OK, with the same view; false where it is for that to
 * say what it is, and the view is nothing. */
bool query_view_parse_plain(struct query_view *ret_view, const uint8_t *wire, size_t wire_len);

/** The address of `has_host`; false where there is none. */
bool query_view_host(const struct query_view *view, struct addr *ret_host);

/* What is asked of a server: a question of the client's with our own ID and OPT. */
struct query_out {
	uint16_t id;
	bool with_edns;
	uint16_t edns_size; /* offered to the server */
	bool strip_ecs;
};

/** Writes the query for a server: the client's question bytes, its RD, AD and CD, and with_edns an
 * OPT with DO and the options that travel on (all but those of one hop, EDE, and ECS where
 * strip_ecs). An opaque view is copied with the ID alone changed. Returns its length, 0 when it
 * does not fit. */
size_t query_view_write(uint8_t *out, size_t out_max, const struct query_view *view,
			const struct query_out *how);
