/* query/preresolve.h: asks ahead of time for what keeps a family warm, while it is in use.
 *
 * By ordinary requests with no client, which take all of the steps and what these entail (rules,
 * gate, repair): for the answer that a device's question finds. One at a time, at most 20 a second
 * and 4 upstream at once, all families together; none where limits.inflight is half used, and of a
 * family whose questions fail only one, ever more rarely, until one succeeds. Where no family is in
 * use there is no timer and no memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policy/courier.h"

struct request;
struct worker;

#define PRERESOLVE_PER_SECOND 20u
#define PRERESOLVE_AT_ONCE 4u

/** The worker has a plan, or another one. */
void preresolve_follow(struct worker *worker);
/** The timer is set for what is to be done next. */
void preresolve_schedule(struct worker *worker);
/** What failed may work now. */
void preresolve_network_changed(struct worker *worker);

/** Of several workers the first keeps families warm, and takes here what the others have to tell.
 */
void preresolve_take_post(struct worker *worker);

/** A client asks for a name of a family of the worker's plan. */
void preresolve_note_used(struct worker *worker, const struct courier_match *courier,
			  uint16_t type);
/** The reply to anybody's question, or that there is none, has been dealt with. */
void preresolve_note_result(struct request *request);

/* Of a request that was made for it (request->ahead). */

/** Policy has decided: this is forwarded and may be kept. Else it is not asked until rules are
 * others. */
bool preresolve_is_allowed(struct request *request);
/** It is to be asked: the cache does not have the answer, or only one that is due. */
bool preresolve_wants(struct request *request);
/** It goes upstream. */
void preresolve_note_asked(struct request *request);
/** What servers have said is a squash, and has been dealt with: it is asked for again ever later.
 */
void preresolve_note_squash(struct request *request);
/** It ends. */
void preresolve_done(struct request *request);
