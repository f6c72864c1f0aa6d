#include "app/reload.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/descriptors.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

/* Of what is wrong so many lines are kept for who asks later, each cut to so many bytes. */
#define REASONS_MAX 20u
#define REASON_BYTES 400u

struct reload {
	const struct settings *settings;
	struct crew *crew;
	struct sources *sources;
	const struct reload_events *events;
	struct hash_key route_key; /* the same for every plan, so that routes can be compared */
	uint64_t done, failed, last_us, in_use_since_us;
	bool has_failed;
	bool is_over;
	char *reasons[REASONS_MAX + 1];
};

/* NULL before there is one. */
static const struct conf *conf_of(const struct reload *reload)
{
	const struct worker *worker = crew_mate(reload->crew, 0)->worker;

	return worker == NULL ? NULL : worker_plan(worker)->conf;
}

static uint64_t now_us(const struct reload *reload)
{
	const struct loop *loop = crew_mate(reload->crew, 0)->loop;

	return loop == NULL ? 0 : loop_clock(loop)->now_us;
}

/* --- reading ------------------------------------------------------------------------------- */

/* Takes over `conf`. */
static int fill_plan(struct reload *reload, struct conf *conf, struct complaints *complaints,
		     struct plan **ret_plan)
{
	bool has_changed;
	int err = sources_read(reload->sources, conf, &has_changed);

	conf->workers = crew_count(conf);
	if (err == 0)
		err = descriptors_fit(conf, conf_of(reload), complaints);
	if (err != 0) {
		conf_free(conf);
		return err;
	}
	return plan_new(conf, &reload->route_key, crew_mate(reload->crew, 0)->servers, complaints,
			ret_plan);
}

static int read_plan(struct reload *reload, struct complaints *complaints, struct plan **ret_plan)
{
	struct conf *conf = NULL;
	int err = settings_load(reload->settings, complaints, &conf);

	if (err == 0) {
		if (reload->settings->is_verbose)
			conf->log_level = LEVEL_DEBUG;
		err = fill_plan(reload, conf, complaints, ret_plan);
	}
	mem_trim(); /* a parsed file is several times as large as what is kept of it */
	return err;
}

void reload_log_complaints(const struct complaints *complaints)
{
	for (size_t i = 0; i < complaint_kept(complaints); i++)
		log_write(LEVEL_ERROR, "%s", complaint_text(complaints, i));
}

int reload_first(struct reload *reload, struct complaints *complaints, struct plan **ret_plan)
{
	return read_plan(reload, complaints, ret_plan);
}

/* --- what was wrong ------------------------------------------------------------------------ */

static void forget_reasons(struct reload *reload)
{
	for (size_t i = 0; i < REASONS_MAX; i++) {
		mem_free(reload->reasons[i]);
		reload->reasons[i] = NULL;
	}
}

/* Where memory is short there are fewer. */
static void keep_reasons(struct reload *reload, const struct complaints *complaints, int err)
{
	const size_t count = complaints == NULL ? 0 : complaint_kept(complaints);
	char line[REASON_BYTES];
	size_t kept = 0;

	forget_reasons(reload);
	for (size_t i = 0; i < count && kept < REASONS_MAX; i++) {
		if (kept == REASONS_MAX - 1 && i + 1 < count)
			snprintf(line, sizeof(line), "and %zu more",
				 complaint_count(complaints) - i);
		else
			snprintf(line, sizeof(line), "%s", complaint_text(complaints, i));
		if ((reload->reasons[kept] = mem_strdup(line)) == NULL)
			break;
		kept++;
	}
	if (kept == 0)
		reload->reasons[0] = mem_strdup(err_text(err));
}

/* --- using --------------------------------------------------------------------------------- */

/* What took a restart once, and is worth a line. */
struct before {
	uint32_t workers, inflight;
	uint64_t cache_size;
};

static void tell_number(const char *what, uint64_t before, uint64_t now)
{
	if (before != now)
		LOG(LEVEL_NOTICE, "reload: %s is %" PRIu64 " now; before: %" PRIu64, what, now,
		    before);
}

static void tell_changes(const struct before *before, const struct conf *now)
{
	tell_number("workers", before->workers, now->workers);
	tell_number("limits.inflight", before->inflight, now->inflight);
	tell_number("cache.size", before->cache_size, now->cache_size);
}

static int read_and_use(struct reload *reload, struct complaints *complaints)
{
	struct plan *plan = NULL;
	const struct conf *conf = conf_of(reload);
	assert(conf != NULL);
	const struct before before = { conf->workers, conf->inflight, conf->cache_size };
	int err = complaints == NULL ? -ENOMEM : read_plan(reload, complaints, &plan);

	if (err == 0)
		err = crew_change(reload->crew, plan, complaints);
	if (err == 0)
		tell_changes(&before, plan->conf);
	plan_unref(plan);
	return err;
}

void reload_end(struct reload *reload)
{
	reload->is_over = true;
}

static void refuse(struct reload *reload, const struct complaints *complaints, int err)
{
	reload->failed++;
	reload->has_failed = true;
	keep_reasons(reload, complaints, err);
	if (complaints != NULL)
		reload_log_complaints(complaints);
	log_write(LEVEL_ERROR, "reload: %s; the old configuration stays", err_text(err));
}

static int read_and_tell(struct reload *reload)
{
	struct complaints *complaints = complaint_new();
	const int err = read_and_use(reload, complaints);

	reload->last_us = now_us(reload);
	if (err != 0) {
		refuse(reload, complaints, err);
	} else {
		reload->done++;
		reload->has_failed = false;
		reload->in_use_since_us = reload->last_us;
		LOG(LEVEL_NOTICE, "reload: the new configuration is in use");
	}
	complaint_free(complaints);
	return err;
}

bool reload_again(struct reload *reload)
{
	if (reload->is_over) {
		reload->last_us = now_us(reload);
		refuse(reload, NULL, -ECANCELED);
		return false;
	}
	reload->events->on_begin(reload->events->ctx);
	const int err = read_and_tell(reload);
	reload->events->on_end(reload->events->ctx, err == 0);
	return err == 0;
}

void reload_report(const struct reload *reload, struct reload_report *ret_report)
{
	*ret_report = (struct reload_report){
		.done = reload->done,
		.failed = reload->failed,
		.last_us = reload->last_us,
		.in_use_since_us = reload->in_use_since_us,
		.has_failed = reload->has_failed,
		.reasons = (const char *const *)reload->reasons,
	};
}

/* --- beginning and end --------------------------------------------------------------------- */

struct reload *reload_new(const struct settings *settings, struct crew *crew,
			  struct sources *sources, const struct reload_events *events)
{
	struct reload *reload = mem_zalloc(sizeof(*reload));

	if (reload == NULL)
		return NULL;
	reload->settings = settings;
	reload->crew = crew;
	reload->sources = sources;
	reload->events = events;
	hash_key_draw(&reload->route_key);
	return reload;
}

void reload_free(struct reload *reload)
{
	if (reload == NULL)
		return;
	forget_reasons(reload);
	mem_free(reload);
}
