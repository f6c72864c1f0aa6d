/* wire_build.h: messages out of text, compressed as name servers do it.
 *
 * What cannot be read ends the scenario with report_fail(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/message.h"
#include "wire/name.h"

#define WIRE_BUILD_MAX 70000u
#define WIRE_LABELS_MAX 16384u

struct wire_build {
	uint8_t wire[WIRE_BUILD_MAX];
	size_t len;
	bool is_plain; /* no compression */
	uint16_t counts[4];
	uint16_t labels[WIRE_LABELS_MAX]; /* where names, and the tails of names, start */
	size_t label_count;
};

void wire_build_start(struct wire_build *build, uint16_t id, uint16_t flags);
void wire_build_question(struct wire_build *build, const uint8_t *name, uint16_t type,
			 uint16_t class);
void wire_build_put(struct wire_build *build, const void *bytes, size_t len);

struct wire_edns {
	uint16_t size, flags;
	uint8_t rcode, version;
	uint8_t options[4096];
	size_t options_len;
};
void wire_build_option(struct wire_edns *edns, uint16_t code, const void *data, size_t len);
void wire_build_opt(struct wire_build *build, const struct wire_edns *edns);

/* A record as a script writes it: [answer|authority|additional] OWNER TTL TYPE RDATA, where "@" is
 * the asked name, TYPE may be TYPE65280 and RDATA \# LENGTH HEX. "*" for TTL or RDATA is any. */
struct wire_text_record {
	unsigned section;
	uint8_t owner[NAME_MAX_LEN];
	uint16_t type;
	uint32_t ttl;
	bool has_any_ttl, has_any_rdata;
	bool is_opaque; /* written as bytes, and stays as they are */
	uint8_t *rdata; /* uncompressed */
	size_t rdata_len;
};
void wire_build_read_record(const char *text, const uint8_t *asked,
			    struct wire_text_record *ret_record);
void wire_build_record_done(struct wire_text_record *record);
void wire_build_record(struct wire_build *build, const struct wire_text_record *record,
		       uint16_t class);
/** Writes the counts; the message is wire and len. */
void wire_build_end(struct wire_build *build);

/* Words of a script. */
unsigned long wire_build_number(const char *text, unsigned long max);
uint16_t wire_build_type(const char *text);
uint16_t wire_build_class(const char *text);
unsigned wire_build_rcode(const char *text);
void wire_build_name(const char *text, uint8_t ret_name[NAME_MAX_LEN]);
/** Returns the length. */
size_t wire_build_hex(const char *text, uint8_t *ret_bytes, size_t max);
