/* upstream/probe.h: asking a server whether it is there: `. NS`, which every resolver can answer,
 * or a question of a client's, where that is what it does not answer.
 *
 * Matched as strictly as any question's reply; what it says does not matter. */
#pragma once

#include <stdbool.h>

#include "net/loop.h"
#include "upstream/server.h"
#include "upstream/transport_stream.h"
#include "upstream/transport_udp.h"
#include "wire/name.h"
#include "wire/query_view.h"

#define PROBE_QUESTION_MAX (MESSAGE_HEADER_LEN + NAME_MAX_LEN + 4u)

struct probe;
/** `err` 0: it is there; or what the system said of the way to it (-ECONNREFUSED and such). The
 * probe may be closed from inside, not sent. */
typedef void (*probe_fn)(struct probe *probe, int err, bool by_stream);

struct probe_ways {
	struct loop *loop;
	struct transport_udp *datagrams;
	struct transport_stream *streams;
};

/* Filled in by probe_init(), and the module's own. */
struct probe {
	const struct probe_ways *ways;
	struct server *server;
	probe_fn fn;
	struct transport_datagram udp;
	struct transport_question stream;
	size_t question_len;
	uint8_t question[PROBE_QUESTION_MAX];
};

/** All borrowed. */
void probe_init(struct probe *probe, const struct probe_ways *ways, struct server *server,
		probe_fn fn);
/** Asks that from here on, the root's with NULL. What is out is closed. */
void probe_set_question(struct probe *probe, const struct query_view *view);
/** Asks, again from the same port with the same ID while it has not been closed; `by_stream` asks
 * on a connection of its own as well. A negative code when nothing left. */
MUST_CHECK int probe_send(struct probe *probe, bool by_stream);
void probe_close(struct probe *probe); /* fine when nothing is out */
