/* outgoing.h: what sockets towards servers have in common. */
#pragma once

#include "base/err.h"
#include "conf/conf.h"

/** Ties a fresh socket to the source address and the interface that the configuration names for the
 * server, if any. The port stays the system's choice. -EADDRNOTAVAIL: no such address here;
 * -ENODEV: no such interface; -EPERM: a Linux older than 5.7 wants CAP_NET_RAW for interfaces. */
MUST_CHECK int outgoing_bind(int fd, const struct conf_server *to);
