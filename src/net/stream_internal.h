/* stream_internal.h: how a listener turns a connection it has accepted into a stream. */
#pragma once

#include "net/stream.h"

/** Takes over the descriptor, on failure too (it is closed then). Reads nothing until it is
 * attached. -ENOMEM, or -errno. */
MUST_CHECK int stream_adopt(struct loop *loop, int fd, const struct addr *peer,
			    struct stream **ret_stream);
