/* udp_internal.h: what sockets of both kinds, towards clients and towards servers, want. */
#pragma once

#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>

/** A descriptor or -errno. */
int udp_open_socket(uint8_t family);

/* One send may become several datagrams of one length, which the system cuts (Linux 4.18). */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
/* Longer ones may not go through each link in one piece, as what is cut must. */
#define UDP_CUT_MAX 1200u
/** A system that knows nothing of cutting does not say so when it is told to: it skips what it does
 * not know, and sends all of them as one. But it knows no such option then. */
bool udp_knows_cutting(int fd);
/** `error` is what a system says that cannot on this way: where checksums are not the device's
 * business, say, or packets are enciphered. */
bool udp_cannot_cut(int error);
