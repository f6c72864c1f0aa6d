#include "query/family.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "family_internal.h"
#include "policy/courier_count.h"
#include "request_internal.h"

static const struct conf_courier *courier_at(const struct worker *worker, size_t index)
{
	return &worker->plan->conf->couriers[index];
}

/* --- those of the plan --------------------------------------------------------------------- */

static struct family *find_known(const struct families *families, const char *name)
{
	for (struct list *link = list_first(&families->known); link != NULL;
	     link = list_next(&families->known, link)) {
		struct family *family = LIST_ITEM(link, struct family, link);

		if (strcmp(family->name, name) == 0)
			return family;
	}
	return NULL;
}

static struct family *add_known(struct families *families, const char *name)
{
	struct family *family = mem_zalloc(sizeof(*family));

	if (family == NULL)
		return NULL;
	family->name = mem_strdup(name);
	if (family->name == NULL) {
		mem_free(family);
		return NULL;
	}
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
	family->resume_us = 0;
}

static void forget(struct families *families, struct family *family)
{
	cool(families, family);
	list_remove(&family->link);
	mem_free(family->name);
	mem_free(family);
}

static bool is_of_plan(const struct families *families, const struct family *family)
{
	for (size_t i = 0; i < families->count; i++)
		if (families->of[i] == family)
			return true;
	return false;
}

static void forget_others(struct families *families)
{
	struct list *link = list_first(&families->known);

	while (link != NULL) {
		struct family *family = LIST_ITEM(link, struct family, link);

		link = list_next(&families->known, link);
		if (!is_of_plan(families, family))
			forget(families, family);
	}
}

/* False when memory is short; what is known stays so, for the next try. */
static bool match_plan(struct worker *worker)
{
	struct families *families = worker->families;
	const struct conf *conf = worker->plan->conf;
	size_t found = 0;

	mem_free(families->of);
	families->of = NULL;
	families->count = 0;
	if (conf->courier_count > 0)
		families->of = mem_zalloc(conf->courier_count * sizeof(families->of[0]));
	for (; families->of != NULL && found < conf->courier_count; found++) {
		const char *name = conf->couriers[found].name;

		families->of[found] = find_known(families, name);
		if (families->of[found] == NULL)
			families->of[found] = add_known(families, name);
		if (families->of[found] == NULL)
			break;
	}
	if (found < conf->courier_count)
		return false;
	families->count = found;
	families->plan_id = worker->plan->id;
	forget_others(families);
	return true;
}

struct family *family_at(const struct worker *worker, size_t index)
{
	const struct families *families = worker->families;

	if (families->plan_id != worker->plan->id || index >= families->count)
		return NULL;
	return families->of[index];
}

static void review(struct families *families)
{
	for (size_t i = 0; i < families->count; i++)
		if (families->of[i]->warmth != NULL)
			warmth_review(families->of[i]->warmth);
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
		forget(families, LIST_ITEM(link, struct family, link));
	mem_free(families->of);
	mem_free(families);
}

/* --- in use -------------------------------------------------------------------------------- */

uint64_t family_idle_us(const struct worker *worker, size_t index)
{
	const struct family *family = family_at(worker, index);

	if (courier_at(worker, index)->pre_resolve == WARMTH_ALWAYS)
		return UINT64_MAX;
	if (family == NULL || !family->has_been_used)
		return 0;
	return family->used_us + (uint64_t)FAMILY_IN_USE_S * USEC_PER_SEC;
}

bool family_is_in_use(const struct worker *worker, unsigned family)
{
	return worker->clock->now_us < family_idle_us(worker, family);
}

static bool find_type(const struct conf_courier *courier, uint16_t type, unsigned *ret_index)
{
	for (unsigned i = 0; i < courier->type_count; i++) {
		if (courier->types[i] == type) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

static void want(struct worker *worker, struct family *family, const struct courier_match *match,
		 uint16_t type)
{
	struct warmth_question question = { .role = match->role,
					    .variant = match->variant,
					    .n = match->n };
	uint32_t item;

	if (match->role == COURIER_COUNT_TXT ||
	    !find_type(courier_at(worker, match->family), type, &question.type) ||
	    !warmth_item_of(family->warmth, &question, &item))
		return;
	warmth_want(family->warmth, item, worker->clock->now_us);
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

bool family_note_used(struct worker *worker, const struct courier_match *match, uint16_t type)
{
	bool is_new = false;

	for (size_t i = 0; i < worker->families->count; i++) {
		struct family *family = family_at(worker, i);

		if (family == NULL || (i != match->family && !shares_count(worker, i, match)))
			continue;
		family->has_been_used = true;
		family->used_us = worker->clock->now_us;
		if (family->warmth == NULL)
			is_new = is_new || courier_at(worker, i)->pre_resolve != WARMTH_OFF;
		else if (i == match->family)
			want(worker, family, match, type);
	}
	return is_new;
}

/* --- how many ------------------------------------------------------------------------------ */

static bool is_learned(const struct worker *worker, const struct family *family)
{
	return family != NULL && family->learned_count > 0 &&
	       worker->clock->now_us < family->learned_until_us;
}

uint32_t family_count(const struct worker *worker, unsigned family)
{
	const struct family *known = family_at(worker, family);

	return is_learned(worker, known) ? known->learned_count : courier_at(worker, family)->count;
}

static void learn_count(struct worker *worker, size_t index, uint32_t count, uint32_t ttl)
{
	struct family *family = family_at(worker, index);
	uint64_t more;

	if (family == NULL)
		return;
	if (family->learned_count != count &&
	    log_minute_allows(&family->learned_told, worker->clock->now_us, &more))
		LOG(LEVEL_INFO, "family %s: there are %" PRIu32 " couriers, says its TXT record",
		    family->name, count);
	family->learned_count = count;
	family->learned_until_us =
		worker->clock->now_us + ((uint64_t)ttl + FAMILY_COUNT_GRACE_S) * USEC_PER_SEC;
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
bool family_read_count(const struct request *request, uint32_t *ret_count, uint32_t *ret_ttl)
{
	const struct worker *worker = request->worker;
	const struct exchange_result *result = request->result;

	if (request->courier.role != COURIER_COUNT_TXT || request->view.type != TYPE_TXT ||
	    request->verdict != VERDICT_ANSWERED || request->plan != worker->plan ||
	    !is_told_to_all(request) ||
	    !courier_count_read(result->wire, &result->facts, ret_count))
		return false;
	*ret_ttl = result->facts.min_ttl < worker->plan->conf->ttl_max
			   ? result->facts.min_ttl
			   : worker->plan->conf->ttl_max;
	return true;
}

void family_learn(struct worker *worker, const struct courier_match *match, uint32_t count,
		  uint32_t ttl)
{
	for (size_t i = 0; i < worker->plan->conf->courier_count; i++)
		if (shares_count(worker, i, match))
			learn_count(worker, i, count, ttl);
}

/* --- warm ---------------------------------------------------------------------------------- */

static uint64_t shape_of(const struct worker *worker, const struct conf_courier *courier)
{
	const struct hash_key *key = &worker->families->shape_key;
	uint64_t shape = hash_bytes(key, courier->types, courier->type_count * sizeof(uint16_t));
	const struct conf_name *names[] = { &courier->alias, &courier->target,
					    &courier->count_txt };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) + courier->variant_count; i++) {
		const struct conf_name *name =
			i < sizeof(names) / sizeof(names[0]) ? names[i] : &courier->variants[i - 3];
		const uint64_t parts[] = {
			shape,
			name->wire == NULL ? 0 : hash_bytes(key, name->wire, name->len),
			courier->pre_resolve == WARMTH_ALWAYS,
		};
		shape = hash_bytes(key, parts, sizeof(parts));
	}
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
		warmth_new(&kinds, family_count(worker, (unsigned)index), worker->clock->now_us);
	if (family->warmth == NULL)
		return -ENOMEM;
	family->warmth_shape = shape_of(worker, courier);
	LOG(LEVEL_INFO, "family %s: in use; its variants are kept warm from now on", family->name);
	return 0;
}

int family_tend(struct worker *worker, size_t index)
{
	struct family *family = family_at(worker, index);

	if (family == NULL)
		return 0;
	if (family->warmth != NULL && !family_is_to_be_warm(worker, index)) {
		cool(worker->families, family);
		LOG(LEVEL_INFO, "family %s: not in use; its variants are kept warm no more",
		    family->name);
	}
	if (!family_is_to_be_warm(worker, index))
		return 0;
	if (family->warmth != NULL &&
	    family->warmth_shape != shape_of(worker, courier_at(worker, index)))
		cool(worker->families, family);
	if (family->warmth == NULL)
		return begin(worker, index, family);
	return warmth_set_count(family->warmth, family_count(worker, (unsigned)index),
				worker->clock->now_us);
}

/* --- what is told -------------------------------------------------------------------------- */

bool family_status(const struct worker *worker, unsigned index, struct family_status *ret_status)
{
	const struct family *family = family_at(worker, index);
	const struct conf_courier *courier = courier_at(worker, index);
	const uint64_t now_us = worker->clock->now_us;

	if (family == NULL)
		return false;
	*ret_status = (struct family_status){
		.name = courier->name,
		.pre_resolve = courier->pre_resolve,
		.is_in_use = family_is_in_use(worker, index),
		.has_been_used = family->has_been_used,
		.count = family_count(worker, index),
		.is_count_learned = is_learned(worker, family),
		.asking = family->asking,
		.failures = family->failures,
		.questions_total = family->questions,
	};
	if (family->has_been_used)
		ret_status->used_ago_s = clock_age_s(worker->clock, family->used_us);
	if (family->resume_us > now_us)
		ret_status->waits_s = (uint32_t)((family->resume_us - now_us) / USEC_PER_SEC);
	if (family->warmth != NULL)
		warmth_report(family->warmth, now_us, &ret_status->warm, &ret_status->total);
	return true;
}

static void report_number(const char *what, const char *name, uint64_t number, family_line_fn line,
			  void *ctx)
{
	char text[160];

	snprintf(text, sizeof(text), "courierdns_%s{family=\"%s\"} %" PRIu64, what, name, number);
	line(ctx, text);
}

void family_report(const struct worker *worker, family_line_fn line, void *ctx)
{
	struct family_status status;

	for (unsigned i = 0; i < worker->plan->conf->courier_count; i++) {
		if (!family_status(worker, i, &status))
			continue;
		report_number("preresolve_questions_total", status.name, status.questions_total,
			      line, ctx);
		report_number("preresolve_total", status.name, status.total, line, ctx);
		report_number("preresolve_warm", status.name, status.warm, line, ctx);
		report_number("family_in_use", status.name, status.is_in_use, line, ctx);
		report_number("family_count", status.name, status.count, line, ctx);
	}
}
