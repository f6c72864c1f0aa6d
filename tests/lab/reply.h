/* reply.h: what a device reads in a reply. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reply {
	uint16_t id;
	unsigned rcode, answers;
	bool is_truncated, has_alias, has_address, has_count;
	uint8_t target[256]; /* where the CNAMEs lead; the asked name without any */
	size_t target_len;
	uint32_t address; /* the first A record there */
	unsigned count;	  /* of a TXT record "count=N" */
};

/** False for what is no reply to this question, whatever its ID. */
bool reply_read(const uint8_t *wire, size_t len, const uint8_t *name, size_t name_len,
		unsigned type, struct reply *ret_reply);
/** 0.0.0.0/8 and 127.0.0.0/8: an address of nobody. */
bool reply_is_sinkhole(const struct reply *reply);
/** 17.0.0.0/8, where Apple's couriers are. */
bool reply_is_courier(const struct reply *reply);
