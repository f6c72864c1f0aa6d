#include "fake_nftset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report.h"

#if COURIERDNS_NFTSET
struct nftset_user {
	struct loop *loop;
};

struct nftset_job {
	struct timer timer;
	void (*on_done)(void *ctx);
	void *ctx;
	struct nftset_job *next;
};

static struct {
	struct fake_put *first;
	struct nftset_job *jobs;
	uint64_t delay_us;
} kernel;

struct fake_put *fake_nftset_puts(void)
{
	return kernel.first;
}

void fake_nftset_set_delay(uint64_t us)
{
	kernel.delay_us = us;
}

void fake_nftset_reset(void)
{
	for (struct fake_put *put = kernel.first, *next; put != NULL; put = next) {
		next = put->next;
		free(put);
	}
	kernel.first = NULL;
	kernel.delay_us = 0;
}

struct nftset *nftset_new(void)
{
	return mem_zalloc(1);
}

void nftset_free(struct nftset *nftset)
{
	mem_free(nftset);
}

int nftset_follow(struct nftset *nftset, const struct conf *conf)
{
	(void)nftset;
	(void)conf;
	return 0;
}

void nftset_report(struct nftset *nftset, void (*fn)(void *ctx, const struct nftset_state *state),
		   void *ctx)
{
	(void)nftset;
	(void)fn;
	(void)ctx;
}

int nftset_user_new(struct nftset *nftset, struct loop *loop, nftset_news_fn on_news, void *ctx,
		    struct nftset_user **ret_user)
{
	struct nftset_user *user = mem_zalloc(sizeof(*user));

	(void)nftset;
	(void)on_news;
	(void)ctx;
	if (user == NULL)
		return -ENOMEM;
	user->loop = loop;
	*ret_user = user;
	return 0;
}

static void end_job(struct nftset_job *job)
{
	for (struct nftset_job **at = &kernel.jobs; *at != NULL; at = &(*at)->next) {
		if (*at != job)
			continue;
		*at = job->next;
		break;
	}
	mem_free(job);
}

void nftset_user_free(struct nftset_user *user)
{
	while (kernel.jobs != NULL) {
		timer_stop(loop_timers(user->loop), &kernel.jobs->timer);
		end_job(kernel.jobs);
	}
	mem_free(user);
}

static void on_time(void *ctx)
{
	struct nftset_job *job = ctx;

	if (job->on_done != NULL)
		job->on_done(job->ctx);
	end_job(job);
}

static void record(const struct conf_zone *zone, const struct nftset_item *items, size_t count)
{
	struct fake_put *put = report_alloc(sizeof(*put)), **at = &kernel.first;

	if (count > sizeof(put->items) / sizeof(put->items[0]))
		report_fail("more addresses than a script has come to need");
	put->zone = zone;
	put->count = count;
	memcpy(put->items, items, count * sizeof(*items));
	while (*at != NULL)
		at = &(*at)->next;
	*at = put;
}

struct nftset_job *nftset_put(struct nftset_user *user, const struct conf_zone *zone,
			      const struct nftset_item *items, size_t count,
			      void (*on_done)(void *ctx), void *ctx)
{
	struct nftset_job *job = mem_zalloc(sizeof(*job));

	if (job == NULL)
		return NULL;
	record(zone, items, count);
	job->on_done = on_done;
	job->ctx = ctx;
	job->next = kernel.jobs;
	kernel.jobs = job;
	timer_init(&job->timer, on_time, job);
	timer_start(loop_timers(user->loop), &job->timer, kernel.delay_us);
	return job;
}

void nftset_forget(struct nftset_job *job)
{
	job->on_done = NULL;
}
#else
struct fake_put *fake_nftset_puts(void)
{
	return NULL;
}

void fake_nftset_set_delay(uint64_t us)
{
	(void)us;
}

void fake_nftset_reset(void)
{
}
#endif
