/* net/nftset.h: puts addresses into sets of the kernel's packet filter (nft(8)).
 *
 * The kernel does it while it is told, and one at a time: whoever tells waits for all who load
 * rules at that moment. So that is done by a thread of its own, which starts with the first
 * address. It takes what has come in the meantime at once, set by set: what cannot be put into one
 * of them goes into the others.
 *
 * A build without NFTSET has none of these. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "conf/conf.h"
#include "net/loop.h"

struct nftset; /* the thread, and what is known of the sets: for all workers */
/** NULL when memory is short. */
struct nftset *nftset_new(void);
void nftset_free(struct nftset *nftset); /* without users; NULL is fine */
/** The sets of these zones are reported from here on, with all that were before. -ENOMEM. */
MUST_CHECK RARELY int nftset_follow(struct nftset *nftset, const struct conf *conf);

/* How it stands with a set. */
struct nftset_state {
	const char *name;	      /* FAMILY#TABLE#SET; as long as the nftset */
	uint64_t additions, failures; /* addresses */
	int err;		      /* -errno of what was put last, or 0 */
	bool lacks_timeouts;	      /* so that what is put stays */
};
/** Is told of every set, in no order. Any thread. */
void nftset_report(struct nftset *nftset, void (*fn)(void *ctx, const struct nftset_state *state),
		   void *ctx);

enum nftset_news { NFTSET_FAILS, NFTSET_WORKS_AGAIN, NFTSET_LACKS_TIMEOUTS };
struct nftset_user; /* one worker's */
/** `on_news` is called from the loop's thread where it stands otherwise with a set than was told of
 * it last, by whichever user; each kind of news at most once a minute. -errno of the system;
 * -ENOMEM. */
typedef void (*nftset_news_fn)(void *ctx, enum nftset_news news, const struct nftset_state *state);
MUST_CHECK RARELY int nftset_user_new(struct nftset *nftset, struct loop *loop,
				      nftset_news_fn on_news, void *ctx,
				      struct nftset_user **ret_user);
RARELY void nftset_user_free(struct nftset_user *user); /* forgets its jobs; NULL is fine */

struct nftset_item {
	struct addr addr;
	uint32_t ttl_s; /* 0 counts as 1: it would be for ever */
};
struct nftset_job;
/** Puts all of them into those of a zone's sets that take such addresses. An address that is in
 * there for longer by our doing stays as long. `on_done` is called in the loop's thread, never from
 * inside this, whatever came of it. NULL when memory is short or too much waits, which counts as a
 * failure. */
struct nftset_job *nftset_put(struct nftset_user *user, const struct conf_zone *zone,
			      const struct nftset_item *items, size_t count,
			      void (*on_done)(void *ctx), void *ctx);
/** It goes on, and on_done is not called. */
void nftset_forget(struct nftset_job *job);
