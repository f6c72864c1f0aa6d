/* outgoing.h: what sockets towards servers have in common. */
#pragma once

#include "base/err.h"
#include "conf/conf.h"
#include "net/loop.h"

/** A fresh socket, or the -errno that there is none for, is given back; -EMFILE and the socket
 * closed where it is one of those that are left for others (loop_limit_sockets()). */
int outgoing_keep(const struct loop *loop, int fd);

/** Connects a fresh socket from the source address and by the interface that the configuration
 * names for the server, where it does. The port is the system's choice, which is random over
 * net.ipv4.ip_local_port_range. -EINPROGRESS: a stream's goes on. -EADDRNOTAVAIL: no such address
 * here; -ENODEV: no such interface; -EPERM: a Linux older than 5.7 wants CAP_NET_RAW for those. */
MUST_CHECK int outgoing_connect(int fd, const struct conf_server *to);
