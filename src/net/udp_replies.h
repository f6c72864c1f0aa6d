/* udp_replies.h: datagrams that wait to leave by one socket, each to whoever asked.
 *
 * Those that follow one another to the same peer and are equally long are handed to the system as
 * one, which it cuts (UDP_SEGMENT, Linux 4.18): that is a third of the price. Where it cannot, each
 * is handed to it by itself. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/client.h"
#include "net/udp.h"

#define UDP_REPLIES_MAX UDP_SERVER_BATCH
#define UDP_REPLIES_BYTES 32768u
/* A place has room for the longest that is answered and as many bytes more. */
#define UDP_REPLIES_SPARE 255u

union udp_peer {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6; /* the largest */
};

/* What a msghdr points to. */
struct udp_reply {
	struct iovec bytes;
	union udp_peer peer;
	size_t each; /* so long is each datagram that it is to become; 0: it is one */
	union {
		struct cmsghdr first;
		uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(2)];
	} control;
};

struct udp_replies {
	int fd;
	bool is_told_from; /* they leave from the address that was asked */
	bool cuts_nothing; /* the system, on one way at least */
	unsigned count;	   /* messages */
	size_t len;	   /* used of `bytes` */
	/* Of the last one: its datagrams, how long another must be to be one of them (0: none can
	 * be), and its client. */
	unsigned alike;
	size_t join_len;
	struct addr from, local;
	uint32_t interface;
	struct mmsghdr messages[UDP_REPLIES_MAX];
	struct udp_reply parts[UDP_REPLIES_MAX];
	uint8_t bytes[UDP_REPLIES_BYTES];
};

/** Once, of zeroed memory. `fd` is any UDP socket. */
void udp_replies_init(struct udp_replies *replies, int fd);
/** By which socket what is put from here on leaves; what is there has left before. */
void udp_replies_aim(struct udp_replies *replies, int fd, bool is_told_from);
/** Where the next one is to be written; sends what is there where there is no room. */
uint8_t *udp_replies_place(struct udp_replies *replies, size_t *ret_max);
/** What was written there is to leave. */
void udp_replies_put(struct udp_replies *replies, const struct client *to, size_t wire_len);
/** Sends one that has no place there, behind all that are. */
void udp_replies_send_alone(struct udp_replies *replies, const struct client *to,
			    const uint8_t *wire, size_t wire_len);
/** What the system has no room for is lost. */
void udp_replies_send(struct udp_replies *replies);
