#include "net/nftset.h"

#if COURIERDNS_NFTSET
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/conf_nftset.h"
#include "nftset_internal.h"

#define STACK_SIZE (256u * 1024u)
/* More than this wait only where the kernel does not come to it. */
#define QUEUE_MAX 1024u

/* --- the thread ---------------------------------------------------------------------------- */

static void give_back(struct list *jobs)
{
	for (struct list *link; (link = list_first(jobs)) != NULL;) {
		struct nftset_user *user = LIST_ITEM(link, struct nftset_job, link)->user;

		list_remove(link);
		list_add(&user->done, link);
		bell_ring(user->bell);
	}
}

static void *run(void *ctx)
{
	struct nftset *nftset = ctx;
	struct list jobs;

	(void)pthread_setname_np(pthread_self(), "nft sets");
	list_init(&jobs);
	pthread_mutex_lock(&nftset->mutex);
	while (!nftset->must_end) {
		if (list_is_empty(&nftset->queue)) {
			pthread_cond_wait(&nftset->is_wanted, &nftset->mutex);
			continue;
		}
		list_move_all(&jobs, &nftset->queue);
		nftset->queued = 0;
		nftset->is_busy = true;
		pthread_mutex_unlock(&nftset->mutex);
		nftset_fill(nftset, &jobs);
		pthread_mutex_lock(&nftset->mutex);
		give_back(&jobs);
		nftset->is_busy = false;
		pthread_cond_broadcast(&nftset->is_idle);
	}
	pthread_mutex_unlock(&nftset->mutex);
	return NULL;
}

/* Not before: what it may do is what the program may when it is started. */
static int start_thread(struct nftset *nftset)
{
	pthread_attr_t attr;
	sigset_t all, before;

	if (nftset->has_thread)
		return 0;
	int err = pthread_attr_init(&attr);
	if (err != 0)
		return -err;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (err == 0)
		err = pthread_create(&nftset->thread, &attr, run, nftset);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	nftset->has_thread = err == 0;
	return -err;
}

/* --- sets ---------------------------------------------------------------------------------- */

static struct nftset_set *find_set(const struct nftset *nftset, const char *name)
{
	for (struct list *link = list_first(&nftset->sets); link != NULL;
	     link = list_next(&nftset->sets, link)) {
		struct nftset_set *set = LIST_ITEM(link, struct nftset_set, link);

		if (strcmp(set->state.name, name) == 0)
			return set;
	}
	return NULL;
}

static int add_set(struct nftset *nftset, const char *name)
{
	const size_t size = strlen(name) + 1;
	struct conf_nftset_parts parts;
	struct nftset_set *set;

	if (find_set(nftset, name) != NULL || !conf_nftset_split(name, &parts))
		return 0;
	if ((set = mem_zalloc(sizeof(*set) + 2 * size)) == NULL)
		return -ENOMEM;
	char *whole = set->words, *apart = set->words + size;
	memcpy(whole, name, size);
	memcpy(apart, name, size);
	char *table = apart + (parts.table - name);
	table[parts.table_len] = '\0';
	set->state.name = whole;
	set->name = (struct nftset_name){ .family = parts.family,
					  .table = table,
					  .set = table + parts.table_len + 1 };
	list_add(&nftset->sets, &set->link);
	return 0;
}

int nftset_follow(struct nftset *nftset, const struct conf *conf)
{
	int err = 0;

	pthread_mutex_lock(&nftset->mutex);
	for (size_t i = 0; i < conf->zone_count; i++)
		for (size_t j = 0; j < conf->zones[i].nftset_count && err == 0; j++)
			err = add_set(nftset, conf->zones[i].nftsets[j].name);
	pthread_mutex_unlock(&nftset->mutex);
	return err;
}

void nftset_report(struct nftset *nftset, void (*fn)(void *ctx, const struct nftset_state *state),
		   void *ctx)
{
	pthread_mutex_lock(&nftset->mutex);
	for (struct list *link = list_first(&nftset->sets); link != NULL;
	     link = list_next(&nftset->sets, link)) {
		const struct nftset_state state = LIST_ITEM(link, struct nftset_set, link)->state;

		fn(ctx, &state);
	}
	pthread_mutex_unlock(&nftset->mutex);
}

/* --- jobs ---------------------------------------------------------------------------------- */

static struct nftset_job *new_job(const struct nftset_user *user, const struct conf_zone *zone,
				  const struct nftset_item *items, size_t count)
{
	struct nftset_job *job = mem_alloc(sizeof(*job) + count * sizeof(*items) +
					   zone->nftset_count * sizeof(struct nftset_target));

	if (job == NULL)
		return NULL;
	*job = (struct nftset_job){ .now_us = user->clock->now_us, .count = count };
	job->items = (struct nftset_item *)(void *)(job->targets + zone->nftset_count);
	memcpy(job->items, items, count * sizeof(*items));
	for (size_t i = 0; i < zone->nftset_count; i++) {
		struct nftset_set *set = find_set(user->nftset, zone->nftsets[i].name);

		if (set != NULL)
			job->targets[job->target_count++] =
				(struct nftset_target){ set, zone->nftsets[i].only };
	}
	return job;
}

static void count_failures(struct nftset *nftset, const struct conf_zone *zone, size_t count)
{
	for (size_t i = 0; i < zone->nftset_count; i++) {
		struct nftset_set *set = find_set(nftset, zone->nftsets[i].name);

		if (set != NULL)
			set->state.failures += count;
	}
}

struct nftset_job *nftset_put(struct nftset_user *user, const struct conf_zone *zone,
			      const struct nftset_item *items, size_t count,
			      void (*on_done)(void *ctx), void *ctx)
{
	struct nftset *nftset = user->nftset;
	struct nftset_job *job = NULL;

	pthread_mutex_lock(&nftset->mutex);
	if (nftset->queued < QUEUE_MAX && start_thread(nftset) == 0)
		job = new_job(user, zone, items, count);
	if (job != NULL) {
		job->user = user;
		job->on_done = on_done;
		job->ctx = ctx;
		list_add(&nftset->queue, &job->link);
		nftset->queued++;
		pthread_cond_signal(&nftset->is_wanted);
	} else {
		count_failures(nftset, zone, count);
	}
	pthread_mutex_unlock(&nftset->mutex);
	return job;
}

void nftset_forget(struct nftset_job *job)
{
	job->on_done = NULL;
}

/* --- what is told -------------------------------------------------------------------------- */

/* What was kept from being told is told with the next job, where it is so still. */
static bool take_news(const struct nftset_user *user, struct nftset_set *set,
		      enum nftset_news *ret_news)
{
	const struct nftset_state *state = &set->state;
	uint64_t held_back;

	if (state->err != set->told_err) {
		*ret_news = state->err != 0 ? NFTSET_FAILS : NFTSET_WORKS_AGAIN;
		if (!log_minute_allows(state->err != 0 ? &set->fails : &set->works,
				       user->clock->now_us, &held_back))
			return false;
		set->told_err = state->err;
		return true;
	}
	if (state->lacks_timeouts == set->told_lacks_timeouts)
		return false;
	set->told_lacks_timeouts = state->lacks_timeouts;
	*ret_news = NFTSET_LACKS_TIMEOUTS;
	return state->lacks_timeouts;
}

static void tell_news(const struct nftset_user *user)
{
	struct nftset *nftset = user->nftset;
	enum nftset_news news;

	pthread_mutex_lock(&nftset->mutex);
	for (struct list *link = list_first(&nftset->sets); link != NULL;
	     link = list_next(&nftset->sets, link)) {
		struct nftset_set *set = LIST_ITEM(link, struct nftset_set, link);

		while (take_news(user, set, &news)) {
			const struct nftset_state state = set->state;

			pthread_mutex_unlock(&nftset->mutex);
			user->on_news(user->ctx, news, &state);
			pthread_mutex_lock(&nftset->mutex);
		}
	}
	pthread_mutex_unlock(&nftset->mutex);
}

static struct nftset_job *next_done(struct nftset_user *user)
{
	pthread_mutex_lock(&user->nftset->mutex);
	struct list *link = list_first(&user->done);
	if (link != NULL)
		list_remove(link);
	pthread_mutex_unlock(&user->nftset->mutex);
	return link == NULL ? NULL : LIST_ITEM(link, struct nftset_job, link);
}

static void on_bell(void *ctx)
{
	struct nftset_user *user = ctx;

	for (struct nftset_job *job; (job = next_done(user)) != NULL; mem_free(job)) {
		if (job->on_done != NULL)
			job->on_done(job->ctx);
	}
	tell_news(user);
}

/* --- beginning and end --------------------------------------------------------------------- */

struct nftset *nftset_new(void)
{
	struct nftset *nftset = mem_zalloc(sizeof(*nftset));

	if (nftset == NULL)
		return NULL;
	nftset->fd = -1;
	pthread_mutex_init(&nftset->mutex, NULL);
	pthread_cond_init(&nftset->is_wanted, NULL);
	pthread_cond_init(&nftset->is_idle, NULL);
	list_init(&nftset->sets);
	list_init(&nftset->queue);
	hash_key_draw(&nftset->key);
	return nftset;
}

static void end_thread(struct nftset *nftset)
{
	if (!nftset->has_thread)
		return;
	pthread_mutex_lock(&nftset->mutex);
	nftset->must_end = true;
	pthread_cond_signal(&nftset->is_wanted);
	pthread_mutex_unlock(&nftset->mutex);
	(void)pthread_join(nftset->thread, NULL);
}

void nftset_free(struct nftset *nftset)
{
	if (nftset == NULL)
		return;
	end_thread(nftset);
	for (struct list *link; (link = list_first(&nftset->sets)) != NULL;) {
		list_remove(link);
		mem_free(LIST_ITEM(link, struct nftset_set, link));
	}
	pthread_cond_destroy(&nftset->is_idle);
	pthread_cond_destroy(&nftset->is_wanted);
	pthread_mutex_destroy(&nftset->mutex);
	if (nftset->fd >= 0)
		close(nftset->fd);
	mem_free(nftset);
}

int nftset_user_new(struct nftset *nftset, struct loop *loop, nftset_news_fn on_news, void *ctx,
		    struct nftset_user **ret_user)
{
	struct nftset_user *user = mem_zalloc(sizeof(*user));

	if (user == NULL)
		return -ENOMEM;
	*user = (struct nftset_user){
		.nftset = nftset, .clock = loop_clock(loop), .on_news = on_news, .ctx = ctx
	};
	list_init(&user->done);
	const int err = bell_new(loop, on_bell, user, &user->bell);
	if (err != 0) {
		mem_free(user);
		return err;
	}
	*ret_user = user;
	return 0;
}

/* Of those that wait all that are the user's. */
static void take_back(struct nftset_user *user)
{
	struct nftset *nftset = user->nftset;

	for (struct list *link = list_first(&nftset->queue), *next; link != NULL; link = next) {
		next = list_next(&nftset->queue, link);
		if (LIST_ITEM(link, struct nftset_job, link)->user != user)
			continue;
		list_remove(link);
		list_add(&user->done, link);
		nftset->queued--;
	}
}

void nftset_user_free(struct nftset_user *user)
{
	struct list *link;

	if (user == NULL)
		return;
	pthread_mutex_lock(&user->nftset->mutex);
	take_back(user);
	while (user->nftset->is_busy)
		pthread_cond_wait(&user->nftset->is_idle, &user->nftset->mutex);
	pthread_mutex_unlock(&user->nftset->mutex);
	while ((link = list_first(&user->done)) != NULL) {
		list_remove(link);
		mem_free(LIST_ITEM(link, struct nftset_job, link));
	}
	bell_free(user->bell);
	mem_free(user);
}
#endif
