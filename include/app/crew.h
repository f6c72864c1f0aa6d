/* app/crew.h: the workers of the program, each with a loop, listeners and servers of its own; all
 * but the first on a thread of their own.
 *
 * Whatever is done to a worker or read of it from the main thread, which is the first one's, is
 * done while the others are held: each of them waits between two turns of its loop. So workers need
 * no locks for what is theirs. It is done seldom and takes the others as long as it takes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "app/listeners.h"
#include "net/loop.h"
#include "net/passed.h"
#include "query/worker.h"
#include "upstream/server_table.h"

struct crew_mate {
	struct loop *loop;
	struct worker *worker;
	struct server_table *servers;
	struct listeners *listeners;
};

struct crew;

/** So many there will be of this configuration: one for each CPU that we may use, where it says 0.
 */
uint32_t crew_count(const struct conf *conf);

/** One mate, who has servers and nothing else yet. NULL when memory is short. */
struct crew *crew_new(void);
/** Ends the threads, then all the rest. NULL is fine. */
void crew_free(struct crew *crew);

/** Before crew_gather(): listeners take their sockets from these as far as there are such.
 * Borrowed; NULL is fine. */
void crew_use_passed(struct crew *crew, const struct passed *passed);
/** As many as conf->workers says (1 or more), with loops and workers. -ENOMEM and what else the
 * system says, with a complaint where that is of the configuration's making. */
MUST_CHECK int crew_gather(struct crew *crew, struct plan *plan, struct complaints *complaints);
/** Opens what they listen on, as listeners_open() does. */
MUST_CHECK int crew_listen(struct crew *crew, bool is_default, struct complaints *complaints);
/** What they listen on becomes that user's, before crew_start(). */
void crew_give_sockets(const struct crew *crew, uid_t uid, gid_t gid);
/** Starts the threads, which are held until crew_release(). Should a loop fail later, `on_failure`
 * is called from the first one's. What cannot be started is told in the log. */
MUST_CHECK int crew_start(struct crew *crew, void (*on_failure)(void *ctx, int err), void *ctx);

/** All that there are, those that rest too: so many have counted something. */
size_t crew_size(const struct crew *crew);
/** Those that serve: the first so many of them. A reload may leave fewer than before; the others
 * keep their threads, in want of work, for when they are wanted again. */
size_t crew_active(const struct crew *crew);
/** From 0, the first one's. All but that are to be held. */
const struct crew_mate *crew_mate(const struct crew *crew, size_t at);

/** Holds all but the first. May be called again while they are held, and has to be released as
 * often. Nothing where there is one. */
void crew_hold(struct crew *crew);
void crew_release(struct crew *crew);
/** The same as crew_hold(), but where one of them does not come within so long: false, and nobody
 * is held. */
MUST_CHECK bool crew_try_hold(struct crew *crew, uint64_t within_us);

/* These hold by themselves. */

/** All have this plan, whose pools are the first one's, from here on. is_renewed: it was made by
 * plan_renew() of the one that they have. -ENOMEM: all have the plan that they had. */
MUST_CHECK int crew_set_plan(struct crew *crew, struct plan *plan, bool is_renewed);
/** All have this plan, its number of workers, what it wants open, and room for what it wants to
 * have room for. On failure, with complaints as far as it is the plan's, all is as it was, and
 * whoever was added is gone. */
MUST_CHECK int crew_change(struct crew *crew, struct plan *plan, struct complaints *complaints);
void crew_network_changed(struct crew *crew);
/** No new connections, no more queries; what is in flight goes on. */
void crew_close(struct crew *crew);
/** Questions that wait for upstream; and so many may. */
uint32_t crew_waiting(struct crew *crew, uint32_t *ret_max);
uint32_t crew_connections(struct crew *crew);
