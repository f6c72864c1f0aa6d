/* request_internal.h: what the modules of query/ share: the worker and a request.
 *
 * A request is one client's question on its way through steps.c. Of those who ask the same at the
 * same time one leads and the others follow it: the question goes upstream once, its answer is
 * classified and stored once, and everyone gets a reply of their own. */
#pragma once

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/cache.h"
#include "devices/timeline.h"
#include "net/client.h"
#include "net/timer.h"
#include "policy/classify.h"
#include "policy/courier.h"
#include "policy/policy.h"
#include "query/client_rate.h"
#include "query/client_share.h"
#include "query/commons.h"
#include "query/limit.h"
#include "query/plan.h"
#include "query/repair.h"
#include "query/traffic.h"
#include "query/worker.h"
#include "upstream/exchange.h"
#include "wire/reply.h"

/* D12: the latest moment for an answer, below the 5 s after which stub resolvers give up. */
#define REQUEST_DEADLINE_US (4500u * USEC_PER_MSEC)

struct ahead;
struct bell;
struct crowd;
struct families;
struct family_post_memo;
struct fill;
struct flight;
struct gate;
struct query_log;
struct recall;

/* A name by which devices are known, and what it is by this plan. */
#define WATCHED_NAMES 64u
struct watched_name {
	uint32_t plan_id; /* 0: none */
	uint64_t name_hash;
	struct courier_match courier;
	struct stage_match stage; /* STAGE_NONE where it is not one, or not any more */
};

struct worker {
	struct commons *commons;
	struct bell *bell;		 /* of the first of several: there is post for it */
	struct family_post_memo *posted; /* of the others */
	struct loop *loop;
	const struct clock *clock;
	struct timers *timers;
	struct plan *plan;
	struct cache *cache;
	struct upstream *upstream;
	struct slab *requests;
	struct flight *flight;
	struct gate *gate;
	struct families *families;
	struct recall *recall;
	struct fill *fill;   /* NULL: no zone has named an nft set */
	struct list waiters; /* all that wait for upstream, leaders and followers */
	uint32_t waiting, max_waiting;
	struct client_shares *shares;
	struct client_rates *rates;
	struct timeline *timeline;
	struct limits limits;
	struct squashers *squashers;
	uint64_t touched_until_us; /* repair_touch() has nothing to do for this family */
	unsigned touched_family;
	uint32_t prefetching; /* of those that wait: for no client */
	bool is_closed;
	bool takes_long_way; /* tests only: whoever could be answered by fastpath goes the steps */
	struct query_log *query_log; /* NULL: log.queries is "off" */
	struct stats stats;
	struct traffic traffic;
	struct watched_name watched[WATCHED_NAMES];		/* fastpath's, by name_hash */
	uint8_t failure[MESSAGE_HEADER_LEN + NAME_MAX_LEN + 4]; /* SERVFAIL of our own */
	uint8_t options[255]; /* EDNS options of the reply at hand */
	/* Where a reply comes from and where it is written: never both needed by two requests at
	 * once. */
	uint8_t found[MESSAGE_MAX_LEN + 256];
	uint8_t out[MESSAGE_MAX_LEN];
};

/* Whether devices are known by whether they ask for the name. */
enum watch { WATCH_UNKNOWN, WATCH_NO, WATCH_YES };

struct request {
	struct worker *worker;
	struct plan *plan;

	/* What is looked at most stands first. From here to `client` all is zero at first. */
	bool is_new;	 /* the cache has nothing under its key, of no view */
	bool is_shared;	 /* others who ask the same may have the same answer */
	bool is_cached;	 /* is_shared, and may be answered from the cache and kept there; of what is
			  * only shared, failures are (RFC 9520 section 3.2) */
	bool is_guarded; /* its answer must not hold private addresses */
	bool is_held_back; /* but did */
	bool has_stale;	   /* the cache holds an answer that may be shown when upstream fails */
	bool is_unsure;	   /* which is within its time, but does not know AD, or is due */
	bool is_prefetch;  /* has no client: asks anew for what is due, and is counted so */
	bool is_late;	   /* stale_wait is over, and upstream has not answered yet */
	bool asked_on_failure;
	struct repair_state repair;
	enum verdict verdict;		/* of the result */
	struct exchange_result *result; /* while step_classify and step_respond look at it; of a
					 * follower the leader's, while it is told */
	struct ahead *ahead;		/* preresolve's, of one that is made for it */
	struct courier_match courier;	/* of the asked name, once step_policy has it forwarded;
					 * COURIER_NONE in classes other than IN */
	enum watch watch;
	struct decision decision; /* after step_policy */

	struct list waiting;	       /* in worker->waiters, and counted there */
	struct client_share_hold hold; /* of its client's share of them */
	uint64_t asked_us;	       /* when a group was asked last */
	struct exchange *exchange;
	struct timer stale_timer;
	struct timer turn_timer; /* while in line: the latest moment for an answer */

	/* A leader is in a bucket of the flight table and has its followers in a list; the link is
	 * for either. */
	struct request *leader; /* of a follower */
	struct list flight;
	uint64_t flight_hash;

	/* Gate's: of one that is upstream or in line for it; NULL for a follower. */
	struct crowd *name_crowd, *zone_crowd;
	struct list in_line;

	struct client client; /* without ops once it has been answered */
	struct list followers;
	uint64_t deadline_us;
	struct query_view view; /* over a copy of the packet in the arena */
	struct cache_key key;	/* its view only after step_policy */
	struct arena arena;
	uint8_t scratch[512];
};

/* Tells the routes of guarded names from those of others: what was kept of a name while it was not
 * guarded has come by another route. */
static inline uint64_t request_guarded_route(uint64_t route)
{
	return route ^ UINT64_C(0x6775617264656421);
}

/* It alone keeps families warm. */
static inline bool worker_is_first(const struct worker *worker)
{
	return worker->commons->first == worker;
}

/* The group whose servers were asked last. */
static inline const char *request_asked_group(const struct request *request)
{
	const int group =
		request->asked_on_failure ? request->decision.on_failure : request->decision.group;

	return request->plan->conf->groups[group].name;
}
