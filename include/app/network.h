/* app/network.h: what is done when the network changes under us: files name other servers, or
 * addresses, routes and links are others than before. */
#pragma once

#include "app/crew.h"
#include "app/sources.h"

struct network;

/** Begins to watch; what the system does not let it watch is told and gone without. All are
 * borrowed. -ENOMEM. */
MUST_CHECK int network_new(struct crew *crew, struct sources *sources,
			   struct network **ret_network);
void network_free(struct network *network); /* NULL is fine */
/** The crew has another configuration, whose files are to be watched from now on. */
void network_follow(struct network *network);
