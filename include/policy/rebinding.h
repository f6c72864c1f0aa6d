/* policy/rebinding.h: private addresses that the world outside gives for its own names.
 *
 * A web page whose name has an address of our network a moment later can have the browser talk to
 * what is there: DNS rebinding. Where rebinding.protect is on, an answer for a guarded name that
 * holds such an address is replaced as a whole by rebinding_reply(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

struct rebinding; /* compiled, immutable */

/** NULL when memory is short. */
struct rebinding *rebinding_new(const struct conf *conf);
void rebinding_free(struct rebinding *rebinding); /* NULL is fine */

/** Answers for this name must not hold private addresses: it is neither among rebinding.allow or
 * below one of these, nor does a rule for it (one for "." aside) name a group of servers other than
 * the default one, which may know our network. `name` in lower case, `len` bytes with the root
 * label. */
bool rebinding_guards(const struct rebinding *rebinding, const struct decision *decision,
		      const uint8_t *name, size_t len);

/** Whether a record of class IN in the message holds an address that is nobody's on the public
 * internet: A, AAAA, or a hint in SVCB or HTTPS; `ret_addr` is the first such. For a message that
 * message_read() accepted.
 *
 * That is: this host, private, shared (RFC 6598), loopback, link-local, site-local, unique local
 * and broadcast addresses; IPv4-mapped ones; and those of IPv6 that hold such an IPv4 address
 * (6to4, NAT64 by its well-known prefix, IPv4-compatible). */
bool rebinding_find(const uint8_t *wire, size_t wire_len, struct addr *ret_addr);

/** The same of one record, by its type and RDATA. */
bool rebinding_find_in_record(uint16_t type, const uint8_t *rdata, size_t len,
			      struct addr *ret_addr);

/** NODATA with a local SOA of the asked name. */
MUST_CHECK int rebinding_reply(const struct query_view *view, uint8_t *out, size_t out_max,
			       size_t *ret_len);
