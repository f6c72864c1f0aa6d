/* expected.h: what an answer must look like, and whether it does.
 *
 * An answer "as" a server's reply has that reply's bytes; what may differ is the whole of: the ID,
 * the case of the question's name, AD for those who did not ask for it, TTLs by what the script
 * says, and the OPT record, which is made anew. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "play.h"
#include "wire_build.h"

#define EXPECTED_OPTIONS_MAX 8
struct expected_option {
	uint16_t code;
	uint8_t data[512];
	size_t len;
	bool has_any_rest; /* only its beginning is given */
};

struct expected {
	uint16_t edns_size;
	bool is_cut;	    /* the question alone, and TC */
	uint64_t within_us; /* after the question; 0 for any time */
	uint32_t age_s;
	bool has_ttl; /* all of them are `ttl` */
	uint32_t ttl, ttl_min, ttl_max;
	bool has_options; /* these and no others; else those of the server's that travel */
	struct expected_option options[EXPECTED_OPTIONS_MAX];
	size_t option_count;
	/* of an answer that is no server's */
	unsigned rcode;
	uint16_t flags;
	bool is_bare; /* the header alone */
	struct wire_text_record *records;
	size_t record_count;
};

/** Both fail with report_fail(), showing what was expected and what came. */
void expected_as(const struct expected *how, const struct play_asked *asked,
		 const struct play_said *said);
void expected_own(const struct expected *how, const struct play_asked *asked);
