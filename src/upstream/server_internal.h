/* server_internal.h: what server.c and server_table.c share. */
#pragma once

#include "base/list.h"
#include "upstream/server.h"

struct server {
	unsigned holders;
	struct list link; /* in its table's; removes itself when the last lets go */
	char *group;
	struct conf_server how;
	uint64_t lacks_edns_until_us;
};
