/* packet.h: DNS messages as the load client and the scripted upstream make and read them. Nothing
 * of the program under test is in here: it is what that is judged by. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX 512u
#define PACKET_HEADER 12u
#define PACKET_A 1u /* the record type */

/* A message with one question, looked at in place. */
struct question {
	const uint8_t *wire, *name;
	size_t name_len;
	uint16_t type;
	bool has_opt;
};

/* What the upstream may answer. */
enum answer {
	ANSWER_GOOD,	   /* one A record: the digest of name and type */
	ANSWER_WRONG_ID,   /* another ID, and a record that shows who believed it */
	ANSWER_WRONG_NAME, /* the good answer to another question */
	ANSWER_TRUNCATED,  /* TC, no record */
	ANSWER_SERVFAIL,
	ANSWER_NXDOMAIN, /* with a SOA */
	ANSWER_COURIER,	 /* an alias, or two in a row, that lead to nothing, with the SOA */
};

/* What a client makes of a reply. */
enum verdict {
	VERDICT_RIGHT,
	VERDICT_WRONG, /* a record, a question or a rcode that upstream never gave for this name */
	VERDICT_EMPTY, /* NOERROR without an answer where there is one */
	VERDICT_SERVFAIL,
	VERDICT_REFUSED, /* or any other rcode that says no */
	VERDICT_TRUNCATED,
	VERDICT_SILENT,
	VERDICT_COUNT
};

/** The name in `text` ("a.example", no escapes) as bytes; their number, 0 where it does not fit. */
size_t packet_name(uint8_t *out, size_t size, const char *text);
/** Whether `name` is `zone` or below it, whatever the letter case. */
bool packet_is_below(const uint8_t *name, size_t name_len, const uint8_t *zone, size_t zone_len);
/** False for what has not one whole question. */
bool packet_read(const uint8_t *wire, size_t wire_len, struct question *question);
/** A question, RD=1, without EDNS; its length. `out` has PACKET_MAX. */
size_t packet_ask(uint8_t *out, uint16_t id, const uint8_t *name, size_t name_len, unsigned type);
/** The answer; its length. `out` has PACKET_MAX. */
size_t packet_answer(uint8_t *out, const struct question *question, enum answer answer);
/** The name is Apple's: what is asked there is answered by ANSWER_COURIER. */
bool packet_is_courier(const uint8_t *name, size_t name_len);
/** What the reply is to who asked for the A record of `name`. Of a courier each byte counts but ID,
 * TTLs, and what is behind the records. */
enum verdict packet_judge(const uint8_t *wire, size_t wire_len, const uint8_t *name,
			  size_t name_len);

/** Big-endian numbers; those that write return what is behind them. */
uint8_t *packet_put16(uint8_t *at, unsigned value);
uint8_t *packet_put32(uint8_t *at, uint32_t value);
unsigned packet_get16(const uint8_t *at);
uint32_t packet_get32(const uint8_t *at);
/** An OPT record without options, 11 bytes; what is behind it. */
uint8_t *packet_put_opt(uint8_t *at);
