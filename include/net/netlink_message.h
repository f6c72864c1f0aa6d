/* net/netlink_message.h: one message of the kernel's route netlink (rtnetlink(7)), read strictly.
 *
 * Numbers are in the machine's own order, and so not read like those of packets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum netlink_kind {
	NETLINK_OF_LINK,
	NETLINK_OF_ADDRESS,
	NETLINK_OF_ROUTE,
	NETLINK_END,   /* of what was asked for, well or badly */
	NETLINK_OTHER, /* of no interest here: neighbours, bridge ports, caches of routes, ... */
};

struct netlink_message {
	enum netlink_kind kind;
	uint32_t port;	 /* who asked for it, or for the change that it tells of */
	bool is_removed; /* else it is new, or has changed, or is just told again */
	uint32_t index;	 /* of the interface: of a link, an address */
	bool is_usable;	 /* a link: up and running; an address: nobody else's (RFC 4862 5.4) */
	struct addr addr;
	struct addr_prefix to; /* of a route */
};

/** Reads the message at the front; `ret_used` is where the next one begins. ERR_MALFORMED where
 * there is none, and then the rest is worth nothing either. */
MUST_CHECK int netlink_message_read(const uint8_t *bytes, size_t len,
				    struct netlink_message *ret_message, size_t *ret_used);
