/* conf/resolv_conf.h: name servers out of a resolv.conf(5) file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

#define RESOLV_CONF_PATH "/etc/resolv.conf"
#define RESOLV_CONF_MAX 16

/** Up to RESOLV_CONF_MAX servers in the file's order, port 53, without those that `own` (listening
 * addresses, ports counted) already serves, a wildcard serving every loopback address. -errno when
 * the file cannot be read. Lines it does not understand are passed over, as resolvers do, and
 * link-local addresses without the interface they need. */
MUST_CHECK int resolv_conf_read(const char *path, const struct addr *own, size_t own_count,
				struct addr ret_servers[RESOLV_CONF_MAX], size_t *ret_count);
/** Whether `own` serves it. */
bool resolv_conf_is_own(const struct addr *server, const struct addr *own, size_t own_count);
