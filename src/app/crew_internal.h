/* app/crew_internal.h: what crew.c and the threads of its members share. */
#pragma once

#include <pthread.h>

#include "app/crew.h"
#include "net/bell.h"

struct member {
	struct crew_mate mate;
	struct plan *next_plan; /* while a plan is being set */
	struct crew *crew;
	pthread_t thread;
	struct bell *bell; /* rung to hold it */
	bool has_thread;
	bool must_end;	 /* though it has never run; under the crew's mutex */
	unsigned number; /* from 1, for the thread to name itself by */
	int err;
};

struct crew {
	size_t count, active; /* of members; those beyond `active` rest */
	struct timer move;    /* of the cache */
	bool listens_by_default;
	bool is_started;
	struct bell *failure;
	void (*on_failure)(void *ctx, int err);
	void *ctx;
	unsigned holds; /* the main thread's */
	const struct passed *passed;

	bool is_held;	  /* this and what follows up to `mutex` are its, and err of members */
	unsigned running; /* threads whose loop turns */
	unsigned waiting; /* of these, between two turns until released */
	pthread_mutex_t mutex;
	pthread_cond_t parked, released;
	struct member *members[CONF_WORKERS_MAX]; /* the first is the main thread's */
};

/** Of the member at this place. The crew is held, and signals are the main thread's. */
MUST_CHECK int crew_thread_start(struct crew *crew, size_t at);
/** Of one that has never run: it waits, as all do. Fine where there is none. */
void crew_thread_end_new(struct member *member);
/** Of all members, whoever holds them. */
void crew_thread_end_all(struct crew *crew);
