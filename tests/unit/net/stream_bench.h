/* stream_bench.h: a stream whose owner notes what it is told, for the tests of streams. */
#pragma once

#include <errno.h>
#include <string.h>

#include "loop_bench.h"
#include "net/stream.h"
#include "unit.h"

#define MESSAGES_MAX 16u

/* A loop, a listener, the stream it accepted last, and the client's plain socket. */
struct stream_bench {
	struct loop_bench bench;
	struct stream_listener *listener;
	struct stream *stream;
	int fd;
	unsigned accepted, refused, messages, ends, drains, connects, breaks;
	unsigned stop_at; /* messages, 0: never */
	int err;
	struct {
		size_t len;
		uint8_t first;
	} message[MESSAGES_MAX]; /* the first ones */
	uint8_t last[65536];
	/* what to do in on_message */
	bool is_echoing, is_freeing, is_finishing, is_pausing;
	/* what stops the loop beside messages */
	bool stops_on_accept, stops_on_end, stops_on_drained, stops_on_connected;
	bool frees_on_end, frees_on_accept, frees_listener;
	struct timer later;
};

static inline void drop_stream(struct stream_bench *seen)
{
	struct stream *stream = seen->stream;

	seen->stream = NULL;
	stream_free(stream);
}

static inline void on_message(void *ctx, uint8_t *wire, size_t wire_len)
{
	struct stream_bench *seen = ctx;

	if (seen->messages < MESSAGES_MAX) {
		seen->message[seen->messages].len = wire_len;
		seen->message[seen->messages].first = wire_len > 0 ? wire[0] : 0;
	}
	seen->messages++;
	if (seen->is_echoing && stream_send(seen->stream, wire, wire_len) != 0)
		seen->err = -1;
	if (seen->is_pausing)
		stream_set_reading(seen->stream, false);
	if (seen->is_finishing) {
		stream_finish(seen->stream, USEC_PER_SEC);
		seen->stream = NULL;
	}
	if (seen->is_freeing)
		drop_stream(seen);
	memcpy(seen->last, wire, wire_len); /* still there */
	if (seen->messages == seen->stop_at)
		loop_stop(seen->bench.loop);
}

static inline void on_end(void *ctx)
{
	struct stream_bench *seen = ctx;

	seen->ends++;
	if (seen->frees_on_end)
		drop_stream(seen);
	if (seen->stops_on_end)
		loop_stop(seen->bench.loop);
}

static inline void on_broken(void *ctx, int err)
{
	struct stream_bench *seen = ctx;

	seen->breaks++;
	seen->err = err;
	drop_stream(seen);
	loop_stop(seen->bench.loop);
}

static inline void on_drained(void *ctx)
{
	struct stream_bench *seen = ctx;

	seen->drains++;
	if (seen->stops_on_drained)
		loop_stop(seen->bench.loop);
}

static inline void on_connected(void *ctx)
{
	struct stream_bench *seen = ctx;

	seen->connects++;
	if (seen->stops_on_connected)
		loop_stop(seen->bench.loop);
}

static const struct stream_events stream_bench_events = {
	.on_message = on_message,
	.on_connected = on_connected,
	.on_end = on_end,
	.on_broken = on_broken,
	.on_drained = on_drained,
};

static inline void on_accept(void *ctx, struct stream *stream)
{
	struct stream_bench *seen = ctx;

	if (stream == NULL) {
		seen->refused++;
		return;
	}
	seen->accepted++;
	stream_free(seen->stream);
	seen->stream = stream;
	stream_attach(stream, &stream_bench_events, seen);
	if (seen->frees_on_accept)
		drop_stream(seen);
	if (seen->frees_listener) {
		stream_listener_free(seen->listener);
		seen->listener = NULL;
	}
	if (seen->stops_on_accept)
		loop_stop(seen->bench.loop);
}

static inline void free_seen(struct stream_bench *seen)
{
	stream_free(seen->stream);
	stream_listener_free(seen->listener);
}

static inline struct stream_bench *new_seen(void)
{
	struct stream_bench *seen = unit_zalloc(sizeof(*seen));

	loop_bench_init(&seen->bench);
	unit_own(seen, free_seen);
	return seen;
}

static inline struct addr serve(struct stream_bench *seen, const char *bind_to)
{
	const struct addr addr = loop_bench_addr(bind_to, 0);

	assert_int_equal(
		stream_listener_new(seen->bench.loop, &addr, on_accept, seen, &seen->listener), 0);
	return stream_listener_local(seen->listener);
}

/* A client's connection that has been accepted. */
static inline struct stream_bench *new_accepted(void)
{
	struct stream_bench *seen = new_seen();
	const struct addr server = serve(seen, "127.0.0.1");

	seen->fd = loop_bench_socket(SOCK_STREAM, "127.0.0.1");
	loop_bench_connect(seen->fd, &server);
	seen->stops_on_accept = true;
	loop_bench_run(&seen->bench);
	seen->stops_on_accept = false;
	assert_non_null(seen->stream);
	return seen;
}

static inline void say(const struct stream_bench *seen, const void *bytes, size_t len)
{
	assert_int_equal(send(seen->fd, bytes, len, 0), len);
}

/* `count` messages of `len` bytes in one piece; each is filled with its number. */
static inline void say_messages(const struct stream_bench *seen, unsigned count, size_t len)
{
	static uint8_t bytes[65536];
	size_t used = 0;

	for (unsigned i = 0; i < count; i++) {
		assert_true(sizeof(bytes) - used >= len + 2);
		bytes[used++] = (uint8_t)(len >> 8);
		bytes[used++] = (uint8_t)len;
		memset(bytes + used, (int)i, len);
		used += len;
	}
	say(seen, bytes, used);
}

static inline void run_for(struct stream_bench *seen, unsigned messages)
{
	seen->stop_at = messages;
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->messages, messages);
}

static inline void assert_heard(const struct stream_bench *seen, const void *bytes, size_t len)
{
	uint8_t heard[512];

	assert_true(len <= sizeof(heard));
	assert_int_equal(recv(seen->fd, heard, sizeof(heard), 0), len);
	assert_memory_equal(heard, bytes, len);
}

static inline void assert_closed(const struct stream_bench *seen)
{
	uint8_t byte;
	const ssize_t len = recv(seen->fd, &byte, 1, 0);

	assert_true(len == 0 || (len < 0 && errno == ECONNRESET));
}
