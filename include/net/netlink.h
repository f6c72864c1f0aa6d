/* net/netlink.h: tells when links, addresses or routes of this machine have become others.
 *
 * Neighbours, statistics, refreshed lifetimes and what is told again without a change do not count;
 * nor do links whose addresses nobody is asked from (bridges of containers come and go all day),
 * and routes that lead elsewhere than where somebody is asked. Where so much happened that some of
 * it was lost, that counts as a change. Told once for many that come together, and seldom where
 * they do not end (net/settle.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/loop.h"

struct netlink;

/* What has changed, since it was told last. */
struct netlink_changes {
	unsigned links, addresses, routes, losses;
	unsigned others; /* addresses of ours that nobody is asked from, now or before */
};

struct netlink_events {
	/* Whether anybody is asked at an address in there. Called often. */
	bool (*matters)(void *ctx, const struct addr_prefix *to);
	/* Whether anybody is asked from this address of ours, or was when it last changed. */
	bool (*leaves_from)(void *ctx, const struct addr *local);
	/* Never from inside a call of this module. */
	void (*on_change)(void *ctx, const struct netlink_changes *changes);
};

/** -errno where the system does not let us; -ENOMEM. */
MUST_CHECK int netlink_new(struct loop *loop, const struct netlink_events *events, void *ctx,
			   struct netlink **ret_netlink);
void netlink_free(struct netlink *netlink); /* NULL is fine */
