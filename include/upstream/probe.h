/* upstream/probe.h: asking a server whether it is there: `. NS`, which every resolver can answer.
 *
 * Matched as strictly as any question's reply; what it says does not matter. */
#pragma once

#include <stdbool.h>

#include "net/loop.h"
#include "upstream/server.h"
#include "upstream/transport_stream.h"
#include "upstream/transport_udp.h"

struct probe;
/** `err` 0: it is there; or what the system said of the way to it (-ECONNREFUSED and such). The
 * probe may be closed from inside, not sent. */
typedef void (*probe_fn)(struct probe *probe, int err, bool by_stream);

/* Filled in by probe_init(), and the module's own. */
struct probe {
	struct loop *loop;
	struct transport_stream *streams;
	struct server *server;
	probe_fn fn;
	struct transport_udp udp;
	struct transport_question stream;
};

/** All borrowed. */
void probe_init(struct probe *probe, struct loop *loop, struct transport_stream *streams,
		struct server *server, probe_fn fn);
/** Asks, again from the same port with the same ID while it has not been closed; `by_stream` asks
 * on a connection of its own as well. A negative code when nothing left. */
MUST_CHECK int probe_send(struct probe *probe, bool by_stream);
void probe_close(struct probe *probe); /* fine when nothing is out */
