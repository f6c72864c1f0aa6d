/* wire/option.h: EDNS options, the RDATA of an OPT record (RFC 6891 section 6.1.2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "wire/cursor.h"
#include "wire/type.h"

/** The head of an OPT record of version 0 and rcode 0 without options: root, type, size, rcode (the
 * byte at 5), version, flags, RDLENGTH (the last two). */
#define OPTION_OPT_HEAD_LEN 11u
static inline void option_put_head(uint8_t out[OPTION_OPT_HEAD_LEN], uint16_t edns_size,
				   bool wants_dnssec)
{
	memset(out, 0, OPTION_OPT_HEAD_LEN);
	out[2] = TYPE_OPT;
	out[3] = (uint8_t)(edns_size >> 8);
	out[4] = (uint8_t)edns_size;
	out[7] = wants_dnssec ? 0x80 : 0;
}

#define OPTION_HEAD_LEN 4u /* code and length */
struct edns_option {
	uint16_t code, len;
	const uint8_t *data;
};

/** The next option; false at the end, and with cursor->failed where one overruns: there the cursor
 * stays. */
bool option_next(struct cursor *cursor, struct edns_option *ret_option);

/** COOKIE, keepalive, padding: between two neighbours, never handed on (D11; RFC 7873, 7828,
 * 7830). So are hardware addresses and names of routers, which are nobody's business further up. */
bool option_is_of_one_hop(uint16_t code);

#define OPTION_HARDWARE_LEN 6
/** The hardware address of whom a forwarder asks for, as dnsmasq and others tell it: six bytes in
 * OPTION_HARDWARE; in OPTION_HARDWARE_TEXT "02:00:5e:10:00:01", or the base64 of six bytes (RFC
 * 4648). False for another option, and for one that says anything else, or 00:00:00:00:00:00. */
bool option_read_hardware(const struct edns_option *option,
			  uint8_t ret_address[OPTION_HARDWARE_LEN]);

/** A client subnet that is one host, /32 or /128: who asks a forwarder is told so. Port 0. False
 * for a wider one, which is for servers to choose an answer by (RFC 7871 section 11.1), and for
 * nonsense. */
bool option_read_host(const struct edns_option *option, struct addr *ret_host);

/** Copies, as they are, the options of an upstream reply that go on to clients: extended errors
 * (RFC 8914 section 3); with `is_private`, for the one client whose own options were sent, all but
 * those of one hop. Whole options that still fit. Returns the length written. */
size_t option_relay(const uint8_t *options, size_t len, bool is_private, uint8_t *out,
		    size_t out_max);
