/* base/lock.h: a lock for what the threads of several workers share; nothing but a comparison where
 * there is one worker.
 *
 * Held for one lookup or change, never while anything is waited for, and never across a call that
 * leads back to a worker. Zeroed is one that is not shared. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct lock {
	bool is_shared; /* set before there is a second thread that might take it */
	pthread_mutex_t mutex;
};

static inline void lock_init(struct lock *lock, bool is_shared)
{
	lock->is_shared = is_shared;
	if (is_shared)
		pthread_mutex_init(&lock->mutex, NULL); /* of this kind never fails */
}

/** Several threads will take it from here on; so far one has. Fine when that was said before. */
static inline void lock_share(struct lock *lock)
{
	if (!lock->is_shared)
		lock_init(lock, true);
}

static inline void lock_done(struct lock *lock)
{
	if (lock->is_shared)
		pthread_mutex_destroy(&lock->mutex);
}

static inline void lock_take(struct lock *lock)
{
	if (lock->is_shared)
		pthread_mutex_lock(&lock->mutex);
}

static inline void lock_give(struct lock *lock)
{
	if (lock->is_shared)
		pthread_mutex_unlock(&lock->mutex);
}
