/* wire/message.h: header fields, and one checked walk over a message (RFC 1035 section 4).
 *
 *                                  1  1  1  1  1  1
 *    0  1  2  3  4  5  6  7  8  9  0  1  2  3  4  5
 *  |                      ID                       |   0
 *  |QR|   opcode  |AA|TC|RD|RA| Z|AD|CD|   rcode   |   2
 *  |  QDCOUNT  4  |  ANCOUNT  6  |  NSCOUNT  8  | ARCOUNT  10
 *
 * Nothing here allocates or keeps a pointer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/type.h"

#define MESSAGE_HEADER_LEN 12
#define MESSAGE_MAX_LEN 65535

enum {
	FLAG_QR = 0x8000,
	FLAG_OPCODE = 0x7800,
	FLAG_AA = 0x0400,
	FLAG_TC = 0x0200,
	FLAG_RD = 0x0100,
	FLAG_RA = 0x0080,
	FLAG_Z = 0x0040,
	FLAG_AD = 0x0020,
	FLAG_CD = 0x0010,
};
#define FLAGS_OPCODE(flags) (((flags) >> 11) & 15u)
#define FLAGS_RCODE(flags) ((flags)&15u)

static inline uint16_t message_id(const uint8_t *wire)
{
	return (uint16_t)(wire[0] << 8 | wire[1]);
}

static inline uint16_t message_flags(const uint8_t *wire)
{
	return (uint16_t)(wire[2] << 8 | wire[3]);
}

static inline void message_set_id(uint8_t *wire, uint16_t id)
{
	wire[0] = (uint8_t)(id >> 8);
	wire[1] = (uint8_t)id;
}

static inline void message_set_flags(uint8_t *wire, uint16_t flags)
{
	wire[2] = (uint8_t)(flags >> 8);
	wire[3] = (uint8_t)flags;
}

enum message_section { SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL, SECTION_COUNT };

/* ascending */
enum message_quality {
	MESSAGE_BAD, /* does not parse: never to a client, never kept */
	MESSAGE_ODD, /* parses, but RDATA of a known type (OPT's options too) is not what the type
		      * says: pass, don't keep */
	MESSAGE_OK,
};

#define MESSAGE_HOPS_MAX 8u

struct message_facts {
	uint16_t id, flags;
	uint16_t questions;
	uint16_t records[SECTION_COUNT]; /* as counted in the header, OPT included */
	size_t question_len;		 /* bytes of the question section; 0 when there is none */
	size_t wire_len;		 /* bytes of the message without what trails it */
	size_t trailing;		 /* bytes after the last record */
	uint32_t min_ttl; /* smallest of answer and authority; top bit counts as 0 (RFC 2181 8) */
	bool has_ttl;	  /* there was a record to take it from */
	bool has_soa;	  /* in authority */
	uint32_t soa_minimum; /* smallest MINIMUM of the authority's SOA records; 0 of a malformed
				 one */
	bool has_opt;
	size_t opt_at, opt_len; /* the OPT record */
	uint16_t opt_udp_size;
	uint16_t opt_flags;		/* DO is 0x8000 */
	uint8_t opt_rcode, opt_version; /* upper eight bits of the extended rcode */
	size_t options_at, options_len; /* its RDATA; length 0 where options overrun it */

	/* Where the CNAMEs lead that begin at the asked name, in the order their records stand.
	 * is_followed: that tells what there is to tell. Else they stand in another order, in a
	 * circle with more behind it, or are too many, or the message is odd or has no question;
	 * and the next two say nothing. */
	bool is_followed;
	bool has_data; /* a record of the asked type (any, for ANY) at a name of the chain */
	uint8_t hops;  /* CNAMEs, at most MESSAGE_HOPS_MAX; with data perhaps not all of them */
};

/** Walks the whole message. MESSAGE_BAD leaves ret_facts undefined beyond id and flags. Bad: short
 * header, more than one question, names or RDLENGTH that leave the message, compression pointers
 * that do not go strictly backwards (in owner names, and in RDATA of types that may have them),
 * names over 255, reserved label types in owners, two OPT records, OPT outside additional or with
 * an owner other than the root. Options that overrun OPT's RDATA are odd: OPT is of this hop
 * only. */
enum message_quality message_read(const uint8_t *wire, size_t wire_len,
				  struct message_facts *ret_facts);

/** The same of a message that has one question, which is known to be good, in as many bytes behind
 * the header. */
enum message_quality message_read_behind(const uint8_t *wire, size_t wire_len, size_t question_len,
					 struct message_facts *ret_facts);

/** rcode with the upper bits of the OPT record (RFC 6891 section 6.1.3). */
static inline unsigned message_rcode(const struct message_facts *facts)
{
	return (unsigned)facts->opt_rcode << 4 | FLAGS_RCODE(facts->flags);
}

/** Takes the OPT record and what trails the message out in place, correcting ARCOUNT and, where
 * records follow OPT, their compression pointers. Where a name in those points into OPT, or through
 * bytes that are no name, all that follow OPT are left out. Returns the new length. `facts` are
 * those of this message and are brought up to date: has_opt false, options_len 0 (copy the options
 * before), opt_rcode and the other fields of OPT as they were. */
size_t message_cut_opt(uint8_t *wire, struct message_facts *facts);

/** Gives the question's name the letter case of `name`, which is that name otherwise. An owner that
 * repeats it or its end letter for letter has come by that from the question, and goes with it. For
 * a message that message_read() accepted, with a question. */
void message_set_case(uint8_t *wire, size_t wire_len, const uint8_t *name, size_t name_len);

/** Brings every TTL into [ttl_min, ttl_max] in place, but OPT's and those that are 0 or mean it
 * (top bit). For a message that message_read() accepted. */
void message_clamp_ttls(uint8_t *wire, size_t wire_len, uint32_t ttl_min, uint32_t ttl_max);

/** Takes `age_s` from every TTL in place, which ends at 0; one with its top bit set means 0 (RFC
 * 2181 section 8) and stays as it is. For a message without OPT that message_read() accepted. */
void message_age_ttls(uint8_t *wire, size_t wire_len, uint32_t age_s);

/** Gives every record but OPT this TTL in place. For a message that message_read() accepted. */
void message_set_ttls(uint8_t *wire, size_t wire_len, uint32_t ttl);

/** A reply to AXFR or IXFR, as `type` says, that nothing follows: the SOA it begins with ends it
 * too (RFC 5936 section 2.2, RFC 1995 section 4), or it has no answer, or, to IXFR, a SOA alone.
 * For a message that message_read() accepted. */
bool message_is_whole_transfer(const uint8_t *wire, size_t wire_len, uint16_t type);

/* --- record by record: of a message that message_read() accepted ----------------------------- */

struct message_record {
	enum message_section section;
	size_t at, ttl_at, rdata_at, next; /* where it stands, and parts of it; what follows */
	uint16_t type, class, rdata_len;
	uint32_t ttl;
};

/* `at` is where the next record stands; left[] says how many each section still has. */
struct message_walk {
	const uint8_t *wire;
	size_t wire_len, at;
	uint16_t left[SECTION_COUNT];
	unsigned section;
};

/** Stands before the first record. */
struct message_walk message_walk_from(const uint8_t *wire, size_t wire_len);
/** The next record, OPT among them; false at the end. */
bool message_walk_next(struct message_walk *walk, struct message_record *ret_record);
