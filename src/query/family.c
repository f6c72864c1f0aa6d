#include "query/family.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "family_internal.h"
#include "policy/courier_count.h"
#include "query/family_post.h"
#include "request_internal.h"

/* The longest back-off. */
#define LEFT_MOST_S 64u

static uint64_t ticks(const struct worker *worker)
{
	return worker->clock->now_us / WARMTH_TICK_US;
}

uint32_t family_now(const struct worker *worker)
{
	return (uint32_t)ticks(worker);
}

static uint32_t ticks_until(const struct worker *worker, uint64_t until)
{
	const uint64_t now = ticks(worker);

	return until > now ? (uint32_t)(until - now) : 0;
}

uint32_t family_left(uint32_t until, uint32_t now)
{
	const uint32_t left = until - now;

	return left <= LEFT_MOST_S * WARMTH_TICKS_PER_S ? left : 0;
}

static const struct conf_courier *courier_at(const struct worker *worker, size_t index)
{
	return &worker->plan->conf->couriers[index];
}

/* --- those of the plan --------------------------------------------------------------------- */

static struct family *family_of(struct list *link)
{
	return LIST_ITEM(link, struct family, link);
}

/* Added where it is not known yet; NULL when memory is short. */
static struct family *take_known(struct families *families, const char *name)
{
	struct list *link;

	for (link = list_first(&families->known); link != NULL;
	     link = list_next(&families->known, link))
		if (strcmp(family_of(link)->name, name) == 0)
			return family_of(link);
	const size_t size = strlen(name) + 1;
	struct family *family = mem_zalloc(sizeof(*family) + size);
	if (family == NULL)
		return NULL;
	memcpy(family->name, name, size);
	list_add(&families->known, &family->link);
	return family;
}

/* What is asked for it still comes to nothing. */
static void cool(struct families *families, struct family *family)
{
	for (size_t i = 0; i < PRERESOLVE_AT_ONCE; i++)
		if (families->ahead[i].family == family)
			families->ahead[i].family = NULL;
	warmth_free(family->warmth);
	family->warmth = NULL;
	family->asking = 0;
	family->failures = 0;
}

static void forget(struct families *families, struct family *family)
{
	cool(families, family);
	list_remove(&family->link);
	mem_free(family);
}

static void forget_others(struct families *families)
{
	struct list *link = list_first(&families->known);

	while (link != NULL) {
		struct family *family = family_of(link);

		link = list_next(&families->known, link);
		if (family->plan_id != families->plan_id)
			forget(families, family);
	}
}

/* False when memory is short; what is known stays so, for the next try. */
static bool match_plan(struct worker *worker)
{
	struct families *families = worker->families;
	const struct conf *conf = worker->plan->conf;

	for (unsigned i = 0; i < conf->courier_count; i++) {
		struct family *family = take_known(families, conf->couriers[i].name);

		if (family == NULL)
			return false;
		family->plan_id = worker->plan->id;
		family->index = i;
	}
	families->plan_id = worker->plan->id;
	families->count = conf->courier_count;
	forget_others(families);
	return true;
}

struct family *family_at(const struct worker *worker, size_t index)
{
	const struct families *families = worker->families;
	struct list *link = NULL;

	if (families->plan_id == worker->plan->id)
		link = list_first(&families->known);
	while (link != NULL && family_of(link)->index != index)
		link = list_next(&families->known, link);
	return link == NULL ? NULL : family_of(link);
}

static void review(struct families *families)
{
	struct list *link;

	for (link = list_first(&families->known); link != NULL;
	     link = list_next(&families->known, link))
		if (family_of(link)->warmth != NULL)
			warmth_review(family_of(link)->warmth);
}

bool family_follow(struct worker *worker)
{
	if (!match_plan(worker))
		return false;
	review(worker->families);
	return true;
}

struct families *family_table_new(void)
{
	struct families *families = mem_zalloc(sizeof(*families));

	if (families == NULL)
		return NULL;
	list_init(&families->known);
	hash_key_draw(&families->shape_key);
	return families;
}

void family_table_free(struct families *families)
{
	if (families == NULL)
		return;
	for (struct list *link; (link = list_first(&families->known)) != NULL;)
		forget(families, family_of(link));
	mem_free(families);
}

/* --- in use -------------------------------------------------------------------------------- */

uint32_t family_in_use_for(const struct worker *worker, size_t index)
{
	const struct family *family = family_at(worker, index);

	if (courier_at(worker, index)->pre_resolve == WARMTH_ALWAYS)
		return FAMILY_NO_END;
	if (family == NULL || !family->has_been_used)
		return 0;
	return ticks_until(worker, family->used + FAMILY_IN_USE_S * WARMTH_TICKS_PER_S);
}

uint32_t family_waits_for(const struct family *family, uint32_t now)
{
	return family->failures < FAMILY_FAILURES_OF_UPSTREAM ? 0
							      : family_left(family->resume, now);
}

bool family_is_in_use(const struct worker *worker, unsigned family)
{
	return family_in_use_for(worker, family) > 0;
}

static bool find_type(const struct conf_courier *courier, uint32_t type, unsigned *ret_index)
{
	for (unsigned i = 0; i < courier->type_count; i++) {
		if (courier->types[i] == type) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

static void want(struct worker *worker, struct family *family, const struct family_letter *letter)
{
	const struct courier_match *match = &letter->match;
	struct warmth_question question = { .role = match->role,
					    .variant = match->variant,
					    .n = match->n };
	uint32_t item;

	if (match->role == COURIER_COUNT_TXT ||
	    !find_type(courier_at(worker, match->family), letter->type, &question.type) ||
	    !warmth_item_of(family->warmth, &question, &item))
		return;
	warmth_want(family->warmth, item, family_now(worker));
}

/* Those that have the name of their count in common are in use together. */
static bool shares_count(const struct worker *worker, size_t index,
			 const struct courier_match *match)
{
	const struct conf_courier *courier = courier_at(worker, index);
	const struct conf_courier *asked = courier_at(worker, match->family);

	return match->role == COURIER_COUNT_TXT && courier->count_txt.wire != NULL &&
	       name_equal(courier->count_txt.wire, asked->count_txt.wire);
}

bool family_note_used(struct worker *worker, const struct family_letter *letter)
{
	const struct courier_match *match = &letter->match;
	bool is_new = false;

	for (size_t i = 0; i < worker->families->count; i++) {
		struct family *family = family_at(worker, i);

		if (family == NULL || (i != match->family && !shares_count(worker, i, match)))
			continue;
		family->has_been_used = true;
		family->used = ticks(worker);
		if (family->warmth == NULL)
			is_new = is_new || courier_at(worker, i)->pre_resolve != WARMTH_OFF;
		else if (i == match->family)
			want(worker, family, letter);
	}
	return is_new;
}

/* --- how many ------------------------------------------------------------------------------ */

uint32_t family_learned_for(const struct worker *worker, const struct family *family)
{
	return family->learned_count > 0 ? ticks_until(worker, family->learned_until) : 0;
}

uint32_t family_count(const struct worker *worker, unsigned family)
{
	const struct family *known = family_at(worker, family);

	return known != NULL && family_learned_for(worker, known) > 0
		       ? known->learned_count
		       : courier_at(worker, family)->count;
}

static void learn_count(struct worker *worker, struct family *family,
			const struct family_letter *letter)
{
	uint64_t more;

	if (family->learned_count != letter->count &&
	    log_minute_allows(&family->learned_told, worker->clock->now_us, &more))
		LOG(LEVEL_INFO, "family %s: there are %" PRIu32 " couriers, says its TXT record",
		    family->name, letter->count);
	family->learned_count = letter->count;
	family->learned_until =
		ticks(worker) + (letter->ttl + FAMILY_COUNT_GRACE_S) * WARMTH_TICKS_PER_S;
}

/* By the servers that are asked ahead of time: those of a client that a rule means may say
 * something else. */
static bool is_told_to_all(const struct request *request)
{
	static const struct addr nobody = { .family = ADDR_NONE };
	struct decision decision;

	policy_judge(request->plan->policy, &request->view, request->key.name, &nobody, &decision);
	return decision.action == ZONE_FORWARD && decision.view == request->decision.view;
}

/* A record that says nothing of use is no news. */
bool family_read_count(const struct request *request, struct family_letter *letter)
{
	const struct worker *worker = request->worker;
	const struct exchange_result *result = request->result;

	if (request->courier.role != COURIER_COUNT_TXT || request->view.type != TYPE_TXT ||
	    request->verdict != VERDICT_ANSWERED || request->plan != worker->plan ||
	    !is_told_to_all(request) ||
	    !courier_count_read(result->wire, &result->facts, &letter->count))
		return false;
	letter->ttl = result->facts.min_ttl < worker->plan->conf->ttl_max
			      ? result->facts.min_ttl
			      : worker->plan->conf->ttl_max;
	return true;
}

void family_learn(struct worker *worker, const struct family_letter *letter)
{
	for (size_t i = 0; i < worker->plan->conf->courier_count; i++) {
		struct family *family = family_at(worker, i);

		if (family != NULL && shares_count(worker, i, &letter->match))
			learn_count(worker, family, letter);
	}
}

/* --- warm ---------------------------------------------------------------------------------- */

static uint32_t add_name(const struct families *families, uint32_t shape,
			 const struct conf_name *name)
{
	return shape * 31 + (uint32_t)hash_bytes(&families->shape_key, name->wire, name->len);
}

static uint32_t shape_of(const struct worker *worker, const struct conf_courier *courier)
{
	const struct families *families = worker->families;
	uint32_t shape = (uint32_t)hash_bytes(&families->shape_key, courier->types,
					      courier->type_count * sizeof(courier->types[0]));

	shape = add_name(families, shape + (courier->pre_resolve == WARMTH_ALWAYS),
			 &courier->alias);
	shape = add_name(families, shape, &courier->target);
	shape = add_name(families, shape, &courier->count_txt);
	for (size_t i = 0; i < courier->variant_count; i++)
		shape = add_name(families, shape, &courier->variants[i]);
	return shape;
}

bool family_is_to_be_warm(const struct worker *worker, size_t index)
{
	struct cache_report cache;

	cache_report(worker->cache, &cache);
	return cache.max_bytes > 0 && !worker->is_closed &&
	       courier_at(worker, index)->pre_resolve != WARMTH_OFF &&
	       family_is_in_use(worker, (unsigned)index);
}

static int begin(struct worker *worker, size_t index, struct family *family)
{
	const struct conf_courier *courier = courier_at(worker, index);
	const struct warmth_kinds kinds = {
		.variants = (unsigned)courier->variant_count,
		.types = (unsigned)courier->type_count,
		.has_count_txt = courier->count_txt.wire != NULL,
		.wants_target = courier->pre_resolve == WARMTH_ALWAYS,
	};

	family->warmth =
		warmth_new(&kinds, family_count(worker, (unsigned)index), family_now(worker));
	if (family->warmth == NULL)
		return -ENOMEM;
	LOG(LEVEL_INFO, "family %s: in use; its variants are kept warm from now on", family->name);
	return 0;
}

int family_tend(struct worker *worker, size_t index)
{
	struct family *family = family_at(worker, index);

	if (family == NULL)
		return 0;
	if (!family_is_to_be_warm(worker, index)) {
		if (family->warmth != NULL)
			LOG(LEVEL_INFO, "family %s: not in use; its variants are kept warm no more",
			    family->name);
		cool(worker->families, family);
		return 0;
	}
	const uint32_t shape = shape_of(worker, courier_at(worker, index));
	if (family->warmth_shape != shape)
		cool(worker->families, family);
	family->warmth_shape = shape;
	if (family->warmth == NULL)
		return begin(worker, index, family);
	return warmth_set_count(family->warmth, family_count(worker, (unsigned)index),
				family_now(worker));
}

/* --- what is told -------------------------------------------------------------------------- */

bool family_status(const struct worker *worker, unsigned index, struct family_status *ret_status)
{
	const struct family *family = family_at(worker, index);
	const struct conf_courier *courier = courier_at(worker, index);
	const uint32_t now = family_now(worker);

	if (family == NULL)
		return false;
	*ret_status = (struct family_status){
		.name = courier->name,
		.pre_resolve = courier->pre_resolve,
		.is_in_use = family_is_in_use(worker, index),
		.has_been_used = family->has_been_used,
		.count = family_count(worker, index),
		.is_count_learned = family_learned_for(worker, family) > 0,
		.asking = family->asking,
		.failures = family->failures,
		.waits_s = family_waits_for(family, now) / WARMTH_TICKS_PER_S,
		.questions_total = family->questions,
	};
	if (family->has_been_used)
		ret_status->used_ago_s =
			(uint32_t)((ticks(worker) - family->used) / WARMTH_TICKS_PER_S);
	if (family->warmth != NULL)
		warmth_report(family->warmth, now, &ret_status->warm, &ret_status->total);
	return true;
}

struct reporting {
	const char *name;
	family_line_fn line;
	void *ctx;
};

static void report_number(const struct reporting *to, const char *what, uint64_t number)
{
	char text[160];

	snprintf(text, sizeof(text), "courierdns_%s{family=\"%s\"} %" PRIu64, what, to->name,
		 number);
	to->line(to->ctx, text);
}

void family_report(const struct worker *worker, family_line_fn line, void *ctx)
{
	struct family_status status;

	for (unsigned i = 0; i < worker->plan->conf->courier_count; i++) {
		if (!family_status(worker, i, &status))
			continue;
		const struct reporting to = { status.name, line, ctx };
		report_number(&to, "preresolve_questions_total", status.questions_total);
		report_number(&to, "preresolve_total", status.total);
		report_number(&to, "preresolve_warm", status.warm);
		report_number(&to, "family_in_use", status.is_in_use);
		report_number(&to, "family_count", status.count);
	}
}
