/* udp_burst.h: datagrams that leave by one connected socket, all at once.
 *
 * Those that are equally long are handed to the system as one, which it cuts (UDP_SEGMENT, Linux
 * 4.18): that is a quarter of the price. Where it cannot, each is handed to it by itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

#define UDP_BURST_MAX 64u /* what one that is cut may become */

union udp_cut {
	struct cmsghdr head;
	uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
};

/* Zeroed is empty. Filled in by the caller: parts, count. The rest is the module's own. */
struct udp_burst {
	unsigned count;
	struct iovec parts[UDP_BURST_MAX];
	/* Messages refer to `sorted`, where equally long parts stand together. */
	struct mmsghdr messages[UDP_BURST_MAX];
	struct iovec sorted[UDP_BURST_MAX];
	union udp_cut cuts[UDP_BURST_MAX];
	uint8_t message_of[UDP_BURST_MAX]; /* by part */
	bool is_asked;			   /* the system, whether it can cut */
	bool cuts_nothing;		   /* it cannot, on one way at least */
};

/** Sends all of it, and is empty then. After an error, which is -errno, the rest is not tried. */
MUST_CHECK int udp_burst_send(struct udp_burst *burst, int fd);
