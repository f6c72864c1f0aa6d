/* stream_ask.h: one question, one TCP connection. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_ASKS_MAX 4096u
#define STREAM_REPLY_MAX 4096u

struct stream_ask {
	int fd; /* -1: free */
	uint64_t number;
	size_t asked_len, sent, got;
	uint8_t asked[512 + 2], reply[STREAM_REPLY_MAX + 2];
};

enum stream_news {
	STREAM_WAITS,
	STREAM_HAS_REPLY, /* reply + 2, stream_ask_reply_len() bytes */
	STREAM_BROKE,
};

/** Must be called first. */
void stream_asks_init(void);
/** Connects; the caller watches its fd for reading and writing, edge triggered. NULL: all are in
 * use, or the system says no. `number` is the caller's. */
struct stream_ask *stream_ask_start(const struct sockaddr_in *from, const struct sockaddr_in *to,
				    const uint8_t *wire, size_t wire_len, uint64_t number);
/** To be called for every event. */
enum stream_news stream_ask_go_on(struct stream_ask *ask);
size_t stream_ask_reply_len(const struct stream_ask *ask);
void stream_ask_end(struct stream_ask *ask);
/** By its place, 0 to STREAM_ASKS_MAX - 1. */
struct stream_ask *stream_ask_at(size_t place);
size_t stream_ask_place(const struct stream_ask *ask);
