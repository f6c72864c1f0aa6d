#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop_internal.h"
#include "outgoing.h"
#include "socket.h"
#include "stream_internal.h"
#include "stream_queue.h"
#include "wire/frame.h"

/* Read at once from one stream: others have their turn, and what a pause holds back is little. */
#define READ_MAX 16384u
/* What is sent in one turn leaves in one write at its end, unless it is more than this. */
#define WRITE_EARLY 32768u

enum state {
	STREAM_CONNECTING,
	STREAM_BROKEN, /* `err` is to be told, or has been */
	/* and those that write: */
	STREAM_OPEN,
	STREAM_LINGERING, /* nobody's any more: see stream_finish() */
};

struct stream {
	struct loop *loop;
	const struct stream_events *events; /* NULL: not attached yet, or lingering */
	void *ctx;
	int fd;
	int err;
	enum state state;
	bool is_paused;	   /* stream_set_reading(false) */
	bool is_resuming;  /* the pause is over, from the end of this turn on */
	bool has_ended;	   /* FIN has come */
	bool owes_drained; /* something was sent since on_drained */
	bool *is_freed;	   /* set while the owner is called, to be told there */
	struct event readable, writable;
	struct loop_task turn_end;
	struct frame_reader reader;
	uint64_t partial_since_us;
	struct stream_queue out, held; /* held: what came before a pause */
	struct addr peer;
	struct timer linger;
	struct loop_orphan orphan;
};

/* --- calling the owner, who may free the stream: these then return false -------------------- */

struct call {
	bool is_freed;
	bool *outer; /* of the call that this one is made from */
};

static void begin_call(struct stream *stream, struct call *call)
{
	*call = (struct call){ .is_freed = false, .outer = stream->is_freed };
	stream->is_freed = &call->is_freed;
}

static bool end_call(struct stream *stream, struct call *call)
{
	if (!call->is_freed) {
		stream->is_freed = call->outer;
		return true;
	}
	if (call->outer != NULL)
		*call->outer = true;
	return false;
}

static bool tell(struct stream *stream, void (*fn)(void *ctx))
{
	struct call call;

	if (fn == NULL)
		return true;
	begin_call(stream, &call);
	fn(stream->ctx);
	return end_call(stream, &call);
}

static bool tell_message(struct stream *stream, uint8_t *wire, size_t wire_len)
{
	struct call call;

	begin_call(stream, &call);
	stream->events->on_message(stream->ctx, wire, wire_len);
	return end_call(stream, &call);
}

/* --- breaking ------------------------------------------------------------------------------ */

static void become_broken(struct stream *stream, int err)
{
	event_del(&stream->readable);
	event_del(&stream->writable);
	stream_queue_clear(&stream->out);
	stream_queue_clear(&stream->held);
	stream->state = STREAM_BROKEN;
	stream->err = err;
}

/* Told at the end of the turn. */
static void break_later(struct stream *stream, int err)
{
	if (stream->state == STREAM_BROKEN)
		return;
	become_broken(stream, err);
	loop_task_set(stream->loop, &stream->turn_end);
}

/* The stream may be gone when this returns. */
static void break_now(struct stream *stream, int err)
{
	if (stream->state == STREAM_LINGERING) {
		stream_free(stream);
		return;
	}
	become_broken(stream, err);
	stream->err = 0;
	stream->events->on_broken(stream->ctx, err);
}

/* --- reading ------------------------------------------------------------------------------- */

/* Has the system tell of what can be read, or not, as the state wants it. */
static void watch_readable(struct stream *stream)
{
	const bool wanted = !stream->has_ended &&
			    (stream->state == STREAM_LINGERING ||
			     (stream->state == STREAM_OPEN && stream->events != NULL &&
			      !stream->is_paused && stream_queue_waiting(&stream->held) == 0));

	if (!wanted)
		event_del(&stream->readable);
	else if (event_add(&stream->readable, NULL) != 0)
		break_later(stream, -ENOMEM);
}

/* What follows a message is a new one: its time counts from now. */
static void note_partial(struct stream *stream, bool anew)
{
	if (!frame_is_partial(&stream->reader))
		stream->partial_since_us = 0;
	else if (anew || stream->partial_since_us == 0)
		stream->partial_since_us = loop_clock(stream->loop)->now_us;
}

static bool on_frame(void *ctx, const uint8_t *wire, size_t wire_len)
{
	struct stream *stream = ctx;

	stream->partial_since_us = 0;
	if (stream->is_paused || stream_queue_waiting(&stream->held) > 0) {
		if (stream_queue_put(&stream->held, wire, wire_len) == 0)
			return true;
		break_later(stream, -ENOMEM);
		return false;
	}
	/* the bytes lie in our read buffer or in the reader: nobody minds if they are changed */
	return tell_message(stream, (uint8_t *)(uintptr_t)wire, wire_len) &&
	       stream->events != NULL && stream->state == STREAM_OPEN;
}

static void take_in(struct stream *stream, const uint8_t *bytes, size_t len)
{
	struct call call;

	begin_call(stream, &call);
	const int err = frame_feed(&stream->reader, bytes, len, on_frame, stream);
	if (!end_call(stream, &call) || stream->state != STREAM_OPEN)
		return;
	if (err != 0) {
		break_now(stream, err);
		return;
	}
	note_partial(stream, false);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct stream *stream = ctx;
	uint8_t *buffer = loop_scratch(stream->loop, LOOP_SCRATCH_READ, LOOP_READ_MAX);

	(void)what;
	loop_tick(stream->loop);
	if (buffer == NULL) {
		break_now(stream, -ENOMEM);
		return;
	}
	const ssize_t len = recv(fd, buffer, READ_MAX, 0);
	if (len < 0) {
		if (errno != EAGAIN && errno != EINTR)
			break_now(stream, -errno);
	} else if (len > 0) {
		if (stream->state == STREAM_OPEN)
			take_in(stream, buffer, (size_t)len);
	} else {
		stream->has_ended = true;
		event_del(&stream->readable);
		if (stream->state == STREAM_OPEN)
			stream->events->on_end(stream->ctx);
		else
			loop_task_set(stream->loop, &stream->turn_end);
	}
}

/* What came before a pause, now that it is over. False: the stream is gone, or not open any
 * more. */
static bool hand_out_held(struct stream *stream)
{
	/* taken out: the owner may free the stream and still read the message */
	struct stream_queue held = stream->held;
	bool is_open = true;

	stream->held = (struct stream_queue){ .bytes = NULL };
	stream->is_resuming = false;
	while (is_open && !stream->is_paused && stream_queue_waiting(&held) > 0) {
		size_t len;
		uint8_t *wire = stream_queue_take(&held, &len);
		is_open = tell_message(stream, wire, len) && stream->state == STREAM_OPEN;
	}
	if (is_open && stream_queue_waiting(&held) > 0) { /* paused again */
		stream->held = held;
		return true;
	}
	stream_queue_clear(&held);
	if (!is_open)
		return false;
	note_partial(stream, true);
	watch_readable(stream);
	return stream->state == STREAM_OPEN;
}

void stream_set_reading(struct stream *stream, bool on)
{
	if (stream->is_paused == !on)
		return;
	stream->is_paused = !on;
	stream->is_resuming = on;
	if (on)
		loop_task_set(stream->loop, &stream->turn_end);
	else
		watch_readable(stream);
}

uint64_t stream_partial_since(const struct stream *stream)
{
	/* while it is us who do not read, nobody is slow */
	const bool is_held = stream->is_paused || stream_queue_waiting(&stream->held) > 0;

	return is_held ? 0 : stream->partial_since_us;
}

/* --- writing ------------------------------------------------------------------------------- */

/* Writes what the system takes and waits for it to take more. */
static int write_out(struct stream *stream)
{
	struct stream_queue *out = &stream->out;

	while (stream_queue_waiting(out) > 0) {
		const ssize_t sent = send(stream->fd, out->bytes + out->at,
					  stream_queue_waiting(out), MSG_NOSIGNAL);
		if (sent >= 0)
			out->at += (size_t)sent;
		else if (errno == EAGAIN)
			return event_add(&stream->writable, NULL) == 0 ? 0 : -ENOMEM;
		else if (errno != EINTR)
			return -errno;
	}
	stream_queue_clear(out);
	return 0;
}

static bool waits_for_system(const struct stream *stream)
{
	return event_pending(&stream->writable, EV_WRITE, NULL) != 0;
}

int stream_send(struct stream *stream, const uint8_t *wire, size_t wire_len)
{
	int err;

	if (wire_len > UINT16_MAX)
		return -EMSGSIZE;
	if (stream->state == STREAM_BROKEN)
		return 0; /* on_broken tells, or has told */
	if (stream_queue_waiting(&stream->out) + wire_len > WRITE_EARLY &&
	    !waits_for_system(stream) && (err = write_out(stream)) != 0) {
		break_later(stream, err);
		return 0;
	}
	if (stream_queue_waiting(&stream->out) + wire_len + 2 > STREAM_QUEUE_MAX)
		return ERR_LIMIT;
	if ((err = stream_queue_put(&stream->out, wire, wire_len)) != 0)
		return err;
	stream->owes_drained = true;
	loop_task_set(stream->loop, &stream->turn_end);
	return 0;
}

size_t stream_queued(const struct stream *stream)
{
	return stream_queue_waiting(&stream->out);
}

/* All has left and FIN was sent behind it; what the peer still says is read and forgotten until its
 * own FIN comes: closed with bytes unread, the system would send RST, which can overtake our last
 * message (RFC 1122 section 4.2.2.13). */
static void linger_on(struct stream *stream)
{
	if (stream->has_ended || shutdown(stream->fd, SHUT_WR) != 0)
		stream_free(stream);
}

static void write_and_tell(struct stream *stream)
{
	const int err = write_out(stream);

	if (err != 0) {
		break_now(stream, err);
	} else if (stream_queue_waiting(&stream->out) == 0 && stream->state == STREAM_LINGERING) {
		linger_on(stream);
	} else if (stream_queue_waiting(&stream->out) == 0 && stream->owes_drained) {
		stream->owes_drained = false;
		(void)tell(stream, stream->events->on_drained);
	}
}

static void on_turn_end(void *ctx)
{
	struct stream *stream = ctx;

	if (stream->state == STREAM_BROKEN && stream->err != 0 && stream->events != NULL)
		break_now(stream, stream->err);
	else if (stream->state == STREAM_OPEN && stream->is_resuming && !hand_out_held(stream))
		return;
	else if (stream->state >= STREAM_OPEN && !waits_for_system(stream))
		write_and_tell(stream);
}

static void on_connected(struct stream *stream)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		err = errno;
	if (err != 0) {
		break_now(stream, -err);
		return;
	}
	stream->state = STREAM_OPEN;
	if (!tell(stream, stream->events->on_connected) || stream->state != STREAM_OPEN)
		return;
	watch_readable(stream);
	loop_task_set(stream->loop, &stream->turn_end);
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct stream *stream = ctx;

	(void)fd;
	(void)what;
	loop_tick(stream->loop);
	if (stream->state == STREAM_CONNECTING)
		on_connected(stream);
	else
		write_and_tell(stream);
}

/* --- beginning and end --------------------------------------------------------------------- */

static void on_linger_over(void *ctx)
{
	stream_free(ctx);
}

int stream_adopt(struct loop *loop, int fd, const struct addr *peer, struct stream **ret_stream)
{
	struct stream *stream = mem_zalloc(sizeof(*stream));

	if (stream == NULL) {
		close(fd);
		return -ENOMEM;
	}
	*stream = (struct stream){ .loop = loop, .fd = fd, .peer = *peer, .state = STREAM_OPEN };
	stream->turn_end = (struct loop_task){ .run = on_turn_end, .ctx = stream };
	stream->orphan = (struct loop_orphan){ .free = on_linger_over, .ctx = stream };
	frame_init(&stream->reader);
	timer_init(&stream->linger, on_linger_over, stream);
	event_assign(&stream->readable, loop_base(loop), fd, EV_READ | EV_PERSIST, on_readable,
		     stream);
	event_assign(&stream->writable, loop_base(loop), fd, EV_WRITE, on_writable, stream);
	/* Urgent bytes stay where they are in the stream: set aside they would leave a gap. */
	if (socket_set(fd, IPPROTO_TCP, TCP_NODELAY, true) != 0 ||
	    socket_set(fd, SOL_SOCKET, SO_OOBINLINE, true) != 0) {
		const int err = -errno;
		stream_free(stream);
		return err;
	}
	*ret_stream = stream;
	return 0;
}

int stream_connect(struct loop *loop, const struct conf_server *to,
		   const struct stream_events *events, void *ctx, struct stream **ret_stream)
{
	struct stream *stream = NULL;

	const int fd = outgoing_keep(loop, socket_open(to->addr.family, SOCK_STREAM));
	if (fd < 0)
		return fd;
	int err = stream_adopt(loop, fd, &to->addr, &stream);
	if (err != 0)
		return err;
	assert(stream != NULL);
	stream->state = STREAM_CONNECTING;
	stream->events = events;
	stream->ctx = ctx;
	err = outgoing_connect(fd, to);
	if (err != 0 && err != -EINPROGRESS) {
		break_later(stream, err);
	} else if (event_add(&stream->writable, NULL) != 0) {
		stream_free(stream);
		return -ENOMEM;
	}
	*ret_stream = stream;
	return 0;
}

void stream_attach(struct stream *stream, const struct stream_events *events, void *ctx)
{
	stream->events = events;
	stream->ctx = ctx;
	if (stream->state == STREAM_BROKEN)
		loop_task_set(stream->loop, &stream->turn_end);
	else
		watch_readable(stream);
}

void stream_free(struct stream *stream)
{
	if (stream == NULL)
		return;
	if (stream->is_freed != NULL)
		*stream->is_freed = true;
	if (stream->state == STREAM_LINGERING)
		loop_orphan_ends(&stream->orphan);
	timer_stop(loop_timers(stream->loop), &stream->linger);
	loop_task_cancel(&stream->turn_end);
	event_del(&stream->readable);
	event_del(&stream->writable);
	close(stream->fd);
	frame_done(&stream->reader);
	stream_queue_clear(&stream->out);
	stream_queue_clear(&stream->held);
	mem_free(stream);
}

void stream_finish(struct stream *stream, uint64_t linger_us)
{
	if (stream->state != STREAM_OPEN) {
		stream_free(stream);
		return;
	}
	stream->state = STREAM_LINGERING;
	stream->events = NULL;
	stream_queue_clear(&stream->held);
	loop_adopt(stream->loop, &stream->orphan);
	timer_start(loop_timers(stream->loop), &stream->linger, linger_us);
	loop_task_set(stream->loop, &stream->turn_end);
	watch_readable(stream);
}

struct addr stream_peer(const struct stream *stream)
{
	return stream->peer;
}

struct addr stream_local(const struct stream *stream)
{
	struct addr local = { .family = ADDR_NONE };

	(void)!socket_local(stream->fd, &local);
	return local;
}
