/* nftset_internal.h: what nftset.c, which has the thread, and nftset_fill.c, which is what it does,
 * share. */
#pragma once

#include "net/nftset.h"

#if COURIERDNS_NFTSET
#include <pthread.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "net/bell.h"
#include "net/nftset_message.h"

/* Addresses of which it is known until when they are to stay. */
#define NFTSET_MEMOS 1024u
/* The largest answer of the kernel; what is cut off is not looked at. */
#define NFTSET_REPLY_MAX 8192u

/* From `state` on it is guarded by the mutex. */
struct nftset_set {
	struct list link;	 /* in nftset->sets, for good */
	struct nftset_name name; /* its parts in `words` */
	uint64_t round;		 /* the thread's: seen to in this one */
	struct nftset_state state;
	int told_err;
	bool told_lacks_timeouts;
	struct log_minute fails, works; /* when it was told */
	char words[];			/* FAMILY#TABLE#SET, twice: whole, and in parts */
};

struct nftset_target {
	struct nftset_set *set;
	uint8_t only; /* enum addr_family */
};

struct nftset_job {
	struct list link; /* in nftset->queue, the thread's, then user->done */
	struct nftset_user *user;
	void (*on_done)(void *ctx); /* the worker's; NULL: forgotten */
	void *ctx;
	uint64_t now_us;
	size_t target_count, count;
	struct nftset_item *items; /* behind them, for they want less to be aligned */
	struct nftset_target targets[];
};

struct nftset_user {
	struct nftset *nftset;
	struct bell *bell;
	const struct clock *clock;
	nftset_news_fn on_news;
	void *ctx;
	struct list done;
};

struct nftset_memo {
	uint64_t hash, until_us;
};

struct nftset {
	pthread_mutex_t mutex;
	pthread_cond_t is_wanted, is_idle;
	struct list sets, queue;
	unsigned queued;
	bool has_thread, must_end, is_busy;
	pthread_t thread;
	/* the thread's own */
	int fd;
	uint32_t seq;
	uint64_t round;
	struct hash_key key;
	struct nftset_memo memos[NFTSET_MEMOS];
	uint64_t message[NFTSET_MESSAGE_MAX / sizeof(uint64_t)];
	uint64_t reply[NFTSET_REPLY_MAX / sizeof(uint64_t)];
};

/** Does what these want, in the thread, and counts it. */
void nftset_fill(struct nftset *nftset, const struct list *jobs);
#endif
