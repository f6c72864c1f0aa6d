/* responder.h: a name server's sockets at their fastest: what an answer is, is the caller's. UDP by
 * recvmmsg and sendmmsg, 64 at a time; TCP, in a process of its own, with one write for all that
 * one read brought. Ends the program where the system says no. */
#pragma once

#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RESPONDER_MAX 512u /* bytes of an answer */

/* Shared with who started the program, in the file of --shared. */
struct responder_shared {
	_Atomic uint64_t udp, tcp;		     /* questions so far */
	_Atomic uint64_t delay_us, loss_per_million; /* orders, for UDP */
};

struct responder {
	struct sockaddr_in listen;
	struct responder_shared *shared;
	/* Makes the answer in place, where RESPONDER_MAX is room; its length, 0: none. */
	size_t (*answer)(uint8_t *wire, size_t len);
};

/** Maps the file; NULL: a page of its own. */
struct responder_shared *responder_share(const char *path);
/** Says "ready" on stdout once it listens. Does not return. */
_Noreturn void responder_serve(const struct responder *responder);
/** --listen ADDRESS@PORT and --shared FILE. */
void responder_read_options(int argc, char **argv, struct responder *ret_responder);
