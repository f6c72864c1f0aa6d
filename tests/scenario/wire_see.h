/* wire_see.h: looking into a message: its parts, its text, its differences.
 *
 * Written apart from src/wire/message.c, which it checks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/message.h"
#include "wire/name.h"

struct wire_record {
	unsigned section; /* enum message_section */
	size_t at, end;
	uint8_t owner[NAME_MAX_LEN];
	size_t owner_len;
	uint16_t type, class;
	uint32_t ttl;
	size_t ttl_at, rdata_at;
	uint16_t rdata_len;
};

struct wire_seen {
	const uint8_t *wire;  /* borrowed */
	size_t wire_len, end; /* end: behind the last record */
	uint16_t id, flags;
	uint16_t counts[4];
	size_t question_len; /* 0 where there is none */
	const uint8_t *qname;
	size_t qname_len;
	uint16_t qtype, qclass;
	struct wire_record *records;
	size_t count;
	const struct wire_record *opt; /* among the records, or NULL */
};

/** False when it does not parse. wire_see_done() either way. */
bool wire_see(const uint8_t *wire, size_t wire_len, struct wire_seen *ret_seen);
void wire_see_done(struct wire_seen *seen);

/** RDATA with the names in it uncompressed. Returns its length. */
#define WIRE_RDATA_MAX (65535 + 2 * NAME_MAX_LEN)
size_t wire_see_rdata(const struct wire_seen *seen, const struct wire_record *record,
		      uint8_t ret_rdata[WIRE_RDATA_MAX]);
/** Same name (without regard to case), type and class. */
bool wire_see_same_question(const struct wire_seen *a, const struct wire_seen *b);

/** Prints a message for a reader, after a title. */
void wire_see_print(const char *title, const uint8_t *wire, size_t wire_len);
