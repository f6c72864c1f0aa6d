/* query/keep.h: what may be kept of a question and its reply, for how long, and when it may be
 * used.
 *
 * The one place where policy's decision, the classification and the cache meet. */
#pragma once

#include <stdbool.h>

#include "cache/cache.h"
#include "query/repair.h"
#include "wire/reply.h"

struct request;

struct plan;
/** Others who ask the same may share the answer: not a transfer, not signed, and without EDNS
 * options that could have made it (D11, D5). */
bool keep_is_shared(const struct plan *plan, const struct query_view *view,
		    const struct addr *from);

/** The reply is the first of several messages of a zone transfer: half of a zone is worse than
 * none. */
bool keep_is_cut_transfer(const struct request *request);

enum found {
	FOUND_NOTHING,
	FOUND_FRESH,   /* a reply, or a failure that must not be asked again yet (D6) */
	FOUND_UNSURE,  /* a reply that does not know the AD asked for: for when upstream fails */
	FOUND_STALE,   /* past its time, for the same */
	FOUND_FAILING, /* one of these two, and upstream has failed a moment ago */
};
/** Looks the question up; what is found lies in worker->found. An entry of another route is not
 * found; one of the same route under an older plan is confirmed. */
enum found keep_find(struct request *request, struct cache_hit *ret_hit);

/** What was found is good still, but is to be asked for anew: so that another knows AD if it does.
 */
void keep_for_now(struct request *request, const struct cache_hit *hit);

/** Makes the upstream reply in request->result ready to be sent: without OPT, TTLs within the
 * decision's bounds; and stores it where it may be. `ret_source` is good until the result is
 * gone. */
void keep_reply(struct request *request, struct reply_source *ret_source);

/** The reply to tell of a failure: what the servers said, else SERVFAIL with an extended error;
 * stores it for the time of D6, and logs it. `ret_source` as above, or in the worker. */
void keep_failure(struct request *request, struct reply_source *ret_source);

/** For so long the good answer that is kept is within its time; 0 for none. While nothing is being
 * answered: it lies in worker->out then. */
uint32_t keep_good_for_s(const struct request *request);

/** Failure of a kind that the last good answer may stand in for (RFC 8767): silence and SERVFAIL,
 * not REFUSED and its like, which are news. */
bool keep_stale_may_stand_in(const struct request *request);

/** The reply to a question for an alias that everybody squashes, the one of our own making among
 * them; what there is to tell of silence. Stored for REPAIR_KEEP_S at most, beside a good answer
 * where there is one. `ret_source` as above. */
void keep_squash(struct request *request, enum repair_way way, struct reply_source *ret_source);
