/* net/client.h: where an answer goes.
 *
 * A listener (front/) fills one in; query/ keeps a copy and never learns what a socket is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct client;
struct client_ops {
	/* Sends one message; the bytes are free again on return. */
	void (*send)(const struct client *client, const uint8_t *wire, size_t wire_len);
	/* The same without a copy: a place for one message, good until anything else is done with
	 * a client of this listener; commit() sends its first bytes, and without it nothing has
	 * happened. NULL where a listener has no such place. */
	uint8_t *(*reserve)(const struct client *client, size_t *ret_max);
	void (*commit)(const struct client *client, size_t wire_len);
	/* Answers with silence: nothing over UDP, the connection closed over TCP. */
	void (*drop)(const struct client *client);
	/* A request keeps a copy of the client (hold) and lets go of it (release). What the copies
	 * point to lives until the last release, even when the connection is gone: then send and
	 * drop do nothing. */
	void (*hold)(const struct client *client);
	void (*release)(const struct client *client);
};

struct client {
	const struct client_ops *ops;
	void *listener;	    /* the listener's own: its socket or connection */
	struct addr from;   /* who asked */
	struct addr local;  /* the address they asked; port 0 where it does not matter */
	uint32_t interface; /* the interface it came in by; 0 where it does not matter */
	bool is_stream;
};

/* One message of a client, of several that came together. */
struct client_message {
	struct client client;
	const uint8_t *wire;
	size_t wire_len;
};
