/* app/listeners.h: the sockets of every `listen` entry, of one worker.
 *
 * Others are opened beside those there are, and then take their place: sockets of entries that stay
 * stay too. Those that go hand out what has arrived and live until nobody waits for an answer by
 * them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "conf/complaint.h"
#include "query/worker.h"

struct listeners;

/** With nothing open. Loop and worker are borrowed. NULL when memory is short. */
struct listeners *listeners_new(struct loop *loop, struct worker *worker);
/** After the worker. NULL is fine. */
void listeners_free(struct listeners *listeners);

/* Which are to be opened. */
struct listeners_wish {
	const struct conf *conf;       /* its entries; NULL: none */
	bool is_default;	       /* an IPv6 address that the machine lacks is left out */
	const struct listeners *first; /* another worker's: what that has opened; or NULL */
	struct listeners *const *ours; /* of all workers, whose sockets may be in the way */
	size_t ours_count;
};
/** Opens what is not open yet, for listeners_use() or listeners_forget(). The first that fails is
 * complained of, with who holds a taken port, and its error returned: then nothing is opened. An
 * address that this machine has not got, yet, is listened on all the same, and the log says so. */
MUST_CHECK int listeners_open(struct listeners *listeners, const struct listeners_wish *wish,
			      struct complaints *complaints);
/** What was opened is in place; what there was besides goes. */
void listeners_use(struct listeners *listeners);
void listeners_forget(struct listeners *listeners); /* nothing opened is fine */

/** The loop shares ports with others by now, or no longer. NULL is fine. */
void listeners_follow_ports(struct listeners *listeners);

/** The sockets become that user's, who else could open none beside them (SO_REUSEPORT). What cannot
 * be is told in the log. NULL is fine. */
void listeners_give(const struct listeners *listeners, uid_t uid, gid_t gid);

/** No new connections; those there are and the UDP sockets stay for what is in flight. */
void listeners_stop_accepting(struct listeners *listeners);
uint32_t listeners_connections(const struct listeners *listeners);

size_t listeners_count(const struct listeners *listeners);
/** What is open of the i-th entry; false for nothing. */
bool listeners_get(const struct listeners *listeners, size_t at, struct conf_listen *ret_listen);
