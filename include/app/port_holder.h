/* app/port_holder.h: who holds a port that we could not bind. */
#pragma once

#include <stdbool.h>

#include "base/addr.h"

struct port_holder {
	char text[128]; /* "dnsmasq (pid 812)", or what to do to learn it */
};

/** Looks the address up in /proc; wildcard sockets on the port count. Returns into->text. */
const char *port_holder_find(const struct addr *addr, bool is_tcp, struct port_holder *into);
