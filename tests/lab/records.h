/* records.h: what Apple's names are to the devices of the lab. As recorded where that is known: the
 * chains of couriers, bag, time, captive and OCSP, their TTLs and addresses. Where only the name
 * is known, a chain of the same kind stands in for it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	RECORD_A = 1,
	RECORD_NS = 2,
	RECORD_CNAME = 5,
	RECORD_SOA = 6,
	RECORD_TXT = 16,
	RECORD_HTTPS = 65,
};

#define RECORD_NUMBER_MAX 50u /* the last numbered name there is */

#define RECORD_SINKHOLE "sinkhole.invalid" /* has the address of nobody */

/* `owner` and `data` as text in lower case, without the last dot; {n} stands for the number of a
 * numbered name. The letters of `data` are sent as they are. */
struct record {
	const char *owner;
	uint32_t ttl;
	uint16_t type;
	const char *data;
};

extern const struct record records[];
extern const size_t record_count;
