#include "app/crew.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "crew_internal.h"

/* Between two times that some of the cache is moved. */
#define MOVE_EVERY_US USEC_PER_MSEC

static const char too_many[] =
	"workers = %zu: %s: %s; fewer workers, or more threads (ulimit -u) or "
	"memory for them";

uint32_t crew_count(const struct conf *conf)
{
	cpu_set_t cpus;

	if (conf->workers > 0)
		return conf->workers;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return 1; /* there are more than the set has room for */
	uint32_t count = 0;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && count < CONF_WORKERS_MAX; cpu++)
		count += CPU_ISSET(cpu, &cpus) ? 1 : 0;
	return count;
}

/* --- holding ------------------------------------------------------------------------------- */

static void ring_for_hold(struct crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
	crew->is_held = true; /* where there is one, too: others may come meanwhile */
	pthread_mutex_unlock(&crew->mutex);
	for (size_t i = 1; i < crew->count; i++) {
		if (crew->members[i]->has_thread)
			bell_ring(crew->members[i]->bell);
	}
}

void crew_hold(struct crew *crew)
{
	if (crew->holds++ > 0)
		return;
	ring_for_hold(crew);
	pthread_mutex_lock(&crew->mutex);
	while (crew->waiting < crew->running)
		pthread_cond_wait(&crew->parked, &crew->mutex);
	pthread_mutex_unlock(&crew->mutex);
}

bool crew_try_hold(struct crew *crew, uint64_t within_us)
{
	struct clock clock;
	int err = 0;

	if (crew->holds > 0 || crew->count == 1) {
		crew->holds++;
		return true;
	}
	clock_tick(&clock);
	const uint64_t until_us = clock.now_us + within_us;
	const struct timespec until = { .tv_sec = (time_t)(until_us / USEC_PER_SEC),
					.tv_nsec = (long)(until_us % USEC_PER_SEC) * 1000 };
	crew->holds = 1;
	ring_for_hold(crew);
	pthread_mutex_lock(&crew->mutex);
	while (crew->waiting < crew->running && err == 0)
		err = pthread_cond_timedwait(&crew->parked, &crew->mutex, &until);
	const bool has_all = crew->waiting >= crew->running;
	pthread_mutex_unlock(&crew->mutex);
	if (!has_all)
		crew_release(crew);
	return has_all;
}

void crew_release(struct crew *crew)
{
	if (--crew->holds > 0)
		return;
	pthread_mutex_lock(&crew->mutex);
	crew->is_held = false;
	pthread_cond_broadcast(&crew->released);
	pthread_mutex_unlock(&crew->mutex);
}

/* --- threads ------------------------------------------------------------------------------- */

int crew_start(struct crew *crew, void (*fn)(void *ctx, int err), void *ctx)
{
	int err = 0;

	crew->on_failure = fn;
	crew->ctx = ctx;
	crew->is_started = true;
	crew_hold(crew);
	for (size_t i = 1; i < crew->count && err == 0; i++)
		err = crew_thread_start(crew, i);
	if (err != 0)
		log_write(LEVEL_ERROR, too_many, crew->count, "there cannot be so many threads",
			  err_text(err));
	return err;
}
/* --- beginning and end --------------------------------------------------------------------- */

/* With servers, and nothing else yet. */
static int member_new(struct crew *crew)
{
	struct member *member = mem_zalloc(sizeof(*member));

	if (member == NULL)
		return -ENOMEM;
	member->crew = crew;
	member->mate.servers = server_table_new();
	crew->members[crew->count++] = member;
	return member->mate.servers == NULL ? -ENOMEM : 0;
}

static void on_move(void *ctx);

/* Who is waited for with patience, which only notify asks for, is so by clock_tick()'s clock. */
static void init_parked(pthread_cond_t *parked)
{
	pthread_condattr_t by_clock;

	if (!COURIERDNS_SYSTEMD) {
		(void)pthread_cond_init(parked, NULL);
		return;
	}
	(void)pthread_condattr_init(&by_clock);
	(void)pthread_condattr_setclock(&by_clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(parked, &by_clock);
	(void)pthread_condattr_destroy(&by_clock);
}

struct crew *crew_new(void)
{
	struct crew *crew = mem_zalloc(sizeof(*crew));

	if (crew == NULL)
		return NULL;
	(void)pthread_mutex_init(&crew->mutex, NULL);
	init_parked(&crew->parked);
	(void)pthread_cond_init(&crew->released, NULL);
	timer_init(&crew->move, on_move, crew);
	if (member_new(crew) == 0)
		return crew;
	crew_free(crew);
	return NULL;
}

/* Requests point to connections and sockets: they end first. */
static void member_done(struct member *member)
{
	struct crew_mate *mate = &member->mate;

	if (mate->listeners != NULL)
		listeners_stop_accepting(mate->listeners);
	worker_free(mate->worker);
	listeners_free(mate->listeners);
	bell_free(member->bell);
}

static void member_free(struct member *member)
{
	loop_free(member->mate.loop);
	server_table_free(member->mate.servers);
	mem_free(member);
}

/* The loops go last: what one worker has may be rung by another. */
void crew_free(struct crew *crew)
{
	if (crew == NULL)
		return;
	crew_thread_end_all(crew);
	if (crew->count > 0 && crew->members[0]->mate.loop != NULL)
		timer_stop(loop_timers(crew->members[0]->mate.loop), &crew->move);
	for (size_t i = crew->count; i > 0; i--)
		member_done(crew->members[i - 1]);
	bell_free(crew->failure);
	for (size_t i = 0; i < crew->count; i++)
		member_free(crew->members[i]);
	(void)pthread_cond_destroy(&crew->released);
	(void)pthread_cond_destroy(&crew->parked);
	(void)pthread_mutex_destroy(&crew->mutex);
	mem_free(crew);
}

void crew_use_passed(struct crew *crew, const struct passed *passed)
{
	crew->passed = passed;
}

/* And what to listen with, even if it is never opened. */
static int give_work(struct crew_mate *mate, struct plan *plan, struct worker *first)
{
	const int err = worker_new(mate->loop, plan, first, &mate->worker);

	if (err != 0)
		return err;
	mate->listeners = listeners_new(mate->loop, mate->worker);
	return mate->listeners == NULL ? -ENOMEM : 0;
}

static int gather_first(struct crew *crew, struct plan *plan)
{
	struct crew_mate *mate = &crew->members[0]->mate;
	const int err = loop_new(&mate->loop);

	if (err != 0)
		return err;
	loop_use_passed(mate->loop, crew->passed, 0);
	return give_work(mate, plan, NULL);
}

/* With the plan that is in use: another, that it is to be for, may yet be refused. */
static int gather_next(struct crew *crew)
{
	const struct plan *plan = worker_plan(crew->members[0]->mate.worker);
	struct plan *own = NULL;
	int err = member_new(crew);

	struct crew_mate *mate = &crew->members[crew->count - 1]->mate;
	if (err == 0)
		err = loop_new(&mate->loop);
	if (err != 0)
		return err;
	loop_use_passed(mate->loop, crew->passed, crew->count - 1);
	loop_share_ports(mate->loop, LOOP_PORTS_NEXT);
	err = plan_share(plan, mate->servers, &own);
	if (err == 0)
		err = give_work(mate, own, crew->members[0]->mate.worker);
	plan_unref(own);
	if (err == 0 && crew->is_started)
		err = crew_thread_start(crew, crew->count - 1);
	return err;
}

/* Whoever is new rests, as do those that there are more than are wanted: without sockets to listen
 * on, of which they are given some or not. On failure there are more than before, the last of them
 * not whole. */
static int grow(struct crew *crew, size_t count, struct complaints *complaints)
{
	int err = 0;

	while (crew->count < count && err == 0)
		err = gather_next(crew);
	if (err == 0)
		return 0;
	complaint_add(complaints, NULL, too_many, count, "the system has not enough for so many",
		      err_text(err));
	return err;
}

int crew_gather(struct crew *crew, struct plan *plan, struct complaints *complaints)
{
	int err = gather_first(crew, plan);

	if (err == 0)
		err = grow(crew, plan->conf->workers, complaints);
	crew->active = crew->count;
	return err;
}

/* --- listening ----------------------------------------------------------------------------- */

/* With one worker a port is that one's alone. */
static void set_ports(struct crew *crew, size_t workers)
{
	struct crew_mate *first = &crew->members[0]->mate;

	loop_share_ports(first->loop, workers > 1 ? LOOP_PORTS_FIRST : LOOP_PORTS_OWN);
	listeners_follow_ports(first->listeners);
}

static void forget_listeners(struct crew *crew)
{
	for (size_t i = 0; i < crew->count; i++)
		listeners_forget(crew->members[i]->mate.listeners);
}

/* On failure nothing is opened. */
static int open_listeners(struct crew *crew, const struct conf *conf, struct complaints *complaints)
{
	struct listeners *ours[CONF_WORKERS_MAX] = { NULL };
	struct listeners_wish wish = { .is_default = crew->listens_by_default, .ours = ours };
	int err = 0;

	for (size_t i = 0; i < crew->count; i++)
		ours[wish.ours_count++] = crew->members[i]->mate.listeners;
	set_ports(crew, conf->workers);
	for (size_t i = 0; i < crew->count && err == 0; i++) {
		wish.first = i > 0 ? ours[0] : NULL;
		wish.conf = i < conf->workers ? conf : NULL;
		err = listeners_open(ours[i], &wish, complaints);
	}
	if (err != 0)
		forget_listeners(crew);
	return err;
}

static void use_listeners(struct crew *crew)
{
	for (size_t i = 0; i < crew->count; i++)
		listeners_use(crew->members[i]->mate.listeners);
}

int crew_listen(struct crew *crew, bool is_default, struct complaints *complaints)
{
	const struct conf *conf = worker_plan(crew->members[0]->mate.worker)->conf;

	crew->listens_by_default = is_default;
	const int err = open_listeners(crew, conf, complaints);
	if (err == 0)
		use_listeners(crew);
	return err;
}

void crew_give_sockets(const struct crew *crew, uid_t uid, gid_t gid)
{
	for (size_t i = 0; i < crew->count; i++)
		listeners_give(crew->members[i]->mate.listeners, uid, gid);
}

/* --- another configuration ----------------------------------------------------------------- */

/* All but so many, which are those that have never run: they have counted nothing. */
static void shrink(struct crew *crew, size_t count)
{
	while (crew->count > count) {
		struct member *member = crew->members[--crew->count];

		crew_thread_end_new(member);
		member_done(member);
		member_free(member);
	}
}

static void drop_next_plans(struct crew *crew)
{
	for (size_t i = 0; i < crew->count; i++) {
		plan_unref(crew->members[i]->next_plan);
		crew->members[i]->next_plan = NULL;
	}
}

/* What may fail of setting one. */
static int share_plan(struct crew *crew, struct plan *plan)
{
	int err = 0;

	crew->members[0]->next_plan = plan_ref(plan);
	for (size_t i = 1; i < crew->count && err == 0; i++)
		err = plan_share(plan, crew->members[i]->mate.servers,
				 &crew->members[i]->next_plan);
	if (err != 0)
		drop_next_plans(crew);
	return err;
}

static void use_next_plans(struct crew *crew, bool is_renewed)
{
	for (size_t i = 0; i < crew->count; i++) {
		struct member *member = crew->members[i];

		if (is_renewed)
			plan_succeed(member->next_plan, worker_plan(member->mate.worker));
		worker_set_plan(member->mate.worker, member->next_plan);
	}
	drop_next_plans(crew);
}

int crew_set_plan(struct crew *crew, struct plan *plan, bool is_renewed)
{
	crew_hold(crew);
	const int err = share_plan(crew, plan);
	if (err == 0)
		use_next_plans(crew, is_renewed);
	crew_release(crew);
	return err;
}

/* Those that will rest, too: what they have taken, and what is on its way to them, they finish
 * under the limits of all. */
static int reserve(struct crew *crew, const struct conf *conf)
{
	int err = 0;

	for (size_t i = 0; i < crew->count && err == 0; i++)
		err = worker_reserve(crew->members[i]->mate.worker, conf);
	return err;
}

static void on_move(void *ctx)
{
	struct crew *crew = ctx;
	const struct crew_mate *first = &crew->members[0]->mate;

	if (worker_move_cache(first->worker)) {
		timer_start(loop_timers(first->loop), &crew->move, MOVE_EVERY_US);
		return;
	}
	crew_hold(crew);
	worker_end_cache_move(first->worker);
	crew_release(crew);
}

static int resize_cache(struct crew *crew, const struct conf *conf)
{
	const struct crew_mate *first = &crew->members[0]->mate;
	const int err = worker_resize_cache(first->worker, conf);

	if (err == 0)
		timer_start(loop_timers(first->loop), &crew->move, MOVE_EVERY_US);
	return err;
}

int crew_change(struct crew *crew, struct plan *plan, struct complaints *complaints)
{
	const struct conf *conf = plan->conf;
	const size_t had = crew->count;

	crew_hold(crew);
	int err = grow(crew, conf->workers, complaints);
	if (err == 0)
		err = reserve(crew, conf);
	if (err == 0)
		err = open_listeners(crew, conf, complaints);
	if (err == 0)
		err = share_plan(crew, plan);
	/* The last that may fail, as to undo it might fail too. */
	if (err == 0)
		err = resize_cache(crew, conf);
	if (err == 0) {
		use_next_plans(crew, false);
		crew->active = conf->workers;
		use_listeners(crew);
	} else {
		drop_next_plans(crew);
		shrink(crew, had);
		forget_listeners(crew);
		set_ports(crew, crew->active);
	}
	crew_release(crew);
	return err;
}

/* --- what is done to all ------------------------------------------------------------------- */

size_t crew_size(const struct crew *crew)
{
	return crew->count;
}

size_t crew_active(const struct crew *crew)
{
	return crew->active;
}

const struct crew_mate *crew_mate(const struct crew *crew, size_t at)
{
	return &crew->members[at]->mate;
}

void crew_network_changed(struct crew *crew)
{
	crew_hold(crew);
	for (size_t i = 0; i < crew->count; i++)
		worker_network_changed(crew->members[i]->mate.worker);
	crew_release(crew);
}

void crew_close(struct crew *crew)
{
	crew_hold(crew);
	for (size_t i = 0; i < crew->count; i++) {
		listeners_stop_accepting(crew->members[i]->mate.listeners);
		worker_close(crew->members[i]->mate.worker);
	}
	crew_release(crew);
}

uint32_t crew_waiting(struct crew *crew, uint32_t *ret_max)
{
	uint32_t waiting = 0, max = 0;

	crew_hold(crew);
	for (size_t i = 0; i < crew->count; i++) {
		waiting += worker_waiting(crew->members[i]->mate.worker);
		if (i < crew->active)
			max += worker_max_waiting(crew->members[i]->mate.worker);
	}
	crew_release(crew);
	*ret_max = max;
	return waiting;
}

uint32_t crew_connections(struct crew *crew)
{
	uint32_t connections = 0;

	crew_hold(crew);
	for (size_t i = 0; i < crew->count; i++)
		connections += listeners_connections(crew->members[i]->mate.listeners);
	crew_release(crew);
	return connections;
}
