#include "crew_internal.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

/* Deep enough for all that a query leads to, many times over; taken only as it is used. */
#define STACK_SIZE (1024u * 1024u)

/* In a thread of its own: until it is released; at once where nobody is held. */
static void on_hold(void *ctx)
{
	const struct member *member = ctx;
	struct crew *crew = member->crew;

	pthread_mutex_lock(&crew->mutex);
	crew->waiting++;
	pthread_cond_signal(&crew->parked);
	while (crew->is_held && !member->must_end)
		pthread_cond_wait(&crew->released, &crew->mutex);
	crew->waiting--;
	pthread_mutex_unlock(&crew->mutex);
}

static void *run(void *ctx)
{
	struct member *member = ctx;
	struct crew *crew = member->crew;
	char name[16];

	/* by itself: to name another is to write to a file */
	(void)snprintf(name, sizeof(name), "worker %u", member->number);
	(void)prctl(PR_SET_NAME, name);
	on_hold(member);
	const int err = member->must_end ? 0 : loop_run(member->mate.loop);

	pthread_mutex_lock(&crew->mutex);
	member->err = err;
	crew->running--;
	pthread_cond_signal(&crew->parked);
	pthread_mutex_unlock(&crew->mutex);
	if (err != 0)
		bell_ring(crew->failure);
	return NULL;
}

static void on_failure(void *ctx)
{
	struct crew *crew = ctx;
	int err = 0;

	pthread_mutex_lock(&crew->mutex);
	for (size_t i = 1; i < crew->count && err == 0; i++)
		err = crew->members[i]->err;
	pthread_mutex_unlock(&crew->mutex);
	crew->on_failure(crew->ctx, err);
}

static int make_thread(struct member *member)
{
	pthread_attr_t attr;
	int err = pthread_attr_init(&attr);

	if (err != 0)
		return -err;
	err = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (err == 0)
		err = pthread_create(&member->thread, &attr, run, member);
	(void)pthread_attr_destroy(&attr);
	return -err;
}

static void change_running(struct crew *crew, int by)
{
	pthread_mutex_lock(&crew->mutex);
	crew->running += (unsigned)by;
	pthread_mutex_unlock(&crew->mutex);
}

int crew_thread_start(struct crew *crew, size_t at)
{
	struct member *member = crew->members[at];
	sigset_t all, before;

	member->number = (unsigned)at + 1;
	int err = bell_new(member->mate.loop, on_hold, member, &member->bell);
	if (err == 0 && crew->failure == NULL)
		err = bell_new(crew->members[0]->mate.loop, on_failure, crew, &crew->failure);
	if (err != 0)
		return err;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	change_running(crew, 1); /* before it may end */
	err = make_thread(member);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	member->has_thread = err == 0;
	if (err != 0) {
		change_running(crew, -1);
		return err;
	}
	return 0;
}

void crew_thread_end_new(struct member *member)
{
	struct crew *crew = member->crew;

	if (!member->has_thread)
		return;
	pthread_mutex_lock(&crew->mutex);
	member->must_end = true;
	pthread_cond_broadcast(&crew->released);
	pthread_mutex_unlock(&crew->mutex);
	(void)pthread_join(member->thread, NULL);
	member->has_thread = false;
}

void crew_thread_end_all(struct crew *crew)
{
	crew_hold(crew);
	for (size_t i = 1; i < crew->count; i++) {
		if (crew->members[i]->has_thread)
			loop_stop(crew->members[i]->mate.loop);
	}
	crew->holds = 1; /* whoever else holds them */
	crew_release(crew);
	for (size_t i = 1; i < crew->count; i++) {
		if (crew->members[i]->has_thread)
			(void)pthread_join(crew->members[i]->thread, NULL);
		crew->members[i]->has_thread = false;
	}
}
