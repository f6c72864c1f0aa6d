/* base/addr.h: socket addresses with their port, small enough to copy, and address prefixes.
 *
 * An IPv4-mapped IPv6 address is always held as the IPv4 address it means, so that comparing
 * and matching need to know one form only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

enum addr_family { ADDR_NONE, ADDR_IPV4, ADDR_IPV6 };

struct addr {
	uint8_t bytes[16]; /* IPv4 uses the first four, the rest is zero */
	uint32_t scope;	   /* interface index of an IPv6 link-local address, else 0 */
	uint16_t port;	   /* host order */
	uint8_t family;	   /* enum addr_family */
};

struct addr_text {
	char text[64];
};

/** Reads ADDRESS[@PORT] ("192.0.2.1", "2001:db8::1@5353", "fe80::1%eth0"). Port 0 and rubbish
 * are ERR_MALFORMED; an unknown interface is -ENODEV. */
MUST_CHECK int addr_parse(const char *text, uint16_t default_port, struct addr *ret_addr);
/** "192.0.2.1@53", or without the port where it is 0. Returns into->text. */
const char *addr_to_text(const struct addr *addr, struct addr_text *into);
/** Address and port (and scope) are the same. */
bool addr_equal(const struct addr *a, const struct addr *b);
/** The same address, whatever the port. */
bool addr_same_host(const struct addr *a, const struct addr *b);
bool addr_is_wildcard(const struct addr *addr);	  /* 0.0.0.0 or :: */
bool addr_is_link_local(const struct addr *addr); /* fe80::/10: needs a scope */

/** Fills `ret_sockaddr` and returns its length. */
socklen_t addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *ret_sockaddr);
/** ERR_MALFORMED for any family but IPv4 and IPv6. */
MUST_CHECK int addr_from_sockaddr(const struct sockaddr *from, struct addr *ret_addr);

struct addr_prefix {
	struct addr net; /* port 0, host bits zero */
	uint8_t bits;
};

/** Reads "10.0.0.0/8", "::1/128" or a bare address (its full length). Host bits that are set
 * and lengths beyond the family's are ERR_MALFORMED. */
MUST_CHECK int addr_prefix_parse(const char *text, struct addr_prefix *ret_prefix);
const char *addr_prefix_to_text(const struct addr_prefix *prefix, struct addr_text *into);
/** The client that an address stands for: an IPv4 address is one; of IPv6, where a host has as many
 * addresses as it likes, a network of 64 bits; but link-local addresses, which have no network of
 * their own, are one each. */
struct addr_prefix addr_client(const struct addr *addr);
/** "192.0.2.1", "2001:db8::/64". Returns into->text. */
const char *addr_client_to_text(const struct addr *addr, struct addr_text *into);
bool addr_prefix_covers(const struct addr_prefix *prefix, const struct addr *addr);
