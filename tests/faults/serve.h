/* serve.h: a scripted name server's sockets: UDP in batches, TCP, replies that go out later,
 * signals. What it says to whom is the script's. Ends the program where the system says no. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who asked, and where the reply goes. */
struct serve_asker {
	struct sockaddr_in from; /* over UDP */
	int connection;		 /* over TCP; -1: over UDP */
	uint32_t generation;	 /* of that connection */
};

struct serve_script {
	struct sockaddr_in listen;
	bool has_tcp;
	void (*on_message)(const struct serve_asker *asker, const uint8_t *wire, size_t len);
	void (*on_signal)(int number); /* SIGUSR1 or SIGUSR2 */
};

/** Says "ready" on stdout once it listens; returns at SIGTERM or SIGINT. */
void serve(const struct serve_script *script);
/** At most PACKET_MAX bytes, copied. Whoever has gone meanwhile gets nothing. */
void serve_reply(const struct serve_asker *asker, const uint8_t *wire, size_t len,
		 uint64_t delay_us);
/** TCP connections so far. */
uint64_t serve_connections(void);
/** "ADDRESS@PORT", or "ADDRESS" for that `port`; changes `text`. */
struct sockaddr_in serve_address(char *text, unsigned port);

/** splitmix64: the same `*state`, the same numbers. */
uint64_t serve_random(uint64_t *state);
