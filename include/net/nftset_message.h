/* net/nftset_message.h: what is said to the kernel of sets of its packet filter, and what it says
 * (nfnetlink: linux/netfilter/nf_tables.h).
 *
 * A build without NFTSET has none of these. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Whose messages these are; its parts are borrowed. */
struct nftset_name {
	uint8_t family; /* NFPROTO_INET and such */
	const char *table, *set;
};

struct nftset_address {
	uint8_t bytes[16];
	uint8_t len;	/* 4 or 16 */
	uint32_t ttl_s; /* not 0, which would be for ever */
};

/* What a set takes. */
struct nftset_kind {
	uint8_t address_len; /* 4, 16; 0: no addresses, or more than these */
	bool has_timeouts;
	bool has_intervals; /* an address is one of these with an end of its own */
};

#define NFTSET_MESSAGE_ADDRESSES 64u /* at a time */
#define NFTSET_MESSAGE_MAX 16384u    /* bytes of the largest */

/** Asks what kind of a set it is. All write into NFTSET_MESSAGE_MAX bytes that are aligned as
 * numbers are, and return the length. `seq` comes back with what is said to it. */
size_t nftset_message_ask(void *out, const struct nftset_name *name, uint32_t seq);
/** Has all these be in the set, with their time from now on, whatever it was before; or where one
 * cannot be, none. At most NFTSET_MESSAGE_ADDRESSES, all of the kind's length; to one that has
 * intervals, one. */
size_t nftset_message_put(void *out, const struct nftset_name *name, const struct nftset_kind *kind,
			  const struct nftset_address *addresses, size_t count, uint32_t seq);

struct nftset_reply {
	bool is_heard; /* something was said to `seq` */
	int err;       /* -errno of the first that failed; 0 where it was well */
	bool has_kind;
	struct nftset_kind kind;
};
/** Reads what has come in one packet into `reply`, which begins zeroed. ERR_MALFORMED where it does
 * not end well. */
MUST_CHECK int nftset_message_read(const void *bytes, size_t len, uint32_t seq,
				   struct nftset_reply *reply);
