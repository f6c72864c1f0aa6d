#include "app/commands_families.h"

#include <inttypes.h>
#include <string.h>

#include "app/span.h"
#include "query/family.h"
#include "query/repair.h"

/* Of those who squash, the ones of one family. */
struct of_family {
	const char *name, *label;
	FILE *out;
	struct json *json;
};

static uint64_t total_of(const struct squasher_view *view)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < SQUASH_COUNT; i++)
		total += view->counts[i];
	return total - view->counts[SQUASH_NONE];
}

/* --- for people ---------------------------------------------------------------------------- */

static void print_squasher(void *ctx, const struct squasher_view *view)
{
	const struct of_family *of = ctx;
	struct addr_text addr;
	struct span_text since;

	if (strcmp(view->family, of->name) != 0)
		return;
	fprintf(of->out, "%s%-24s  %s %s%s: %s; %" PRIu64 " times in all\n", of->label,
		addr_to_text(view->addr, &addr),
		view->is_squashing ? "squashes it, for" : "squashed it,",
		span_to_text(view->since_s, &since), view->is_squashing ? "" : " ago",
		squash_text(view->shape), total_of(view));
}

void commands_families_squashers_text(struct worker *worker, const char *family, const char *label,
				      FILE *out)
{
	struct of_family of = { .name = family, .label = label, .out = out };

	repair_each_squasher(worker, print_squasher, &of);
}

static void print_use(const struct family_status *family, FILE *out)
{
	struct span_text span;

	span_to_text(family->used_ago_s, &span);
	if (family->is_in_use && family->has_been_used)
		fprintf(out, "in use, asked for %s ago", span.text);
	else if (family->is_in_use)
		fprintf(out, "in use");
	else if (family->has_been_used)
		fprintf(out, "not asked for since %s", span.text);
	else
		fprintf(out, "not asked for yet");
}

static void print_family(const struct family_status *family, FILE *out)
{
	fprintf(out, "family %s: ", family->name);
	print_use(family, out);
	fprintf(out, "; numbers 0 to %" PRIu32 "%s", family->count,
		family->is_count_learned ? " (its TXT record says)" : "");
	if (family->total > 0)
		fprintf(out, "; %" PRIu32 " of %" PRIu32 " kept warm", family->warm, family->total);
	if (family->waits_s > 0)
		fprintf(out, "; upstream fails, asked again in %" PRIu32 " s", family->waits_s);
	fprintf(out, "\n");
}

void commands_families_text(const struct commands *commands, FILE *out)
{
	const struct conf *conf = worker_plan(commands->worker)->conf;
	struct family_status family;

	for (unsigned i = 0; i < conf->courier_count; i++) {
		if (family_status(commands->worker, i, &family))
			print_family(&family, out);
		commands_families_squashers_text(commands->worker, conf->couriers[i].name, "  ",
						 out);
	}
}

/* --- for programs -------------------------------------------------------------------------- */

static void put_squasher(void *ctx, const struct squasher_view *view)
{
	const struct of_family *of = ctx;
	struct json *json = of->json;
	struct addr_text addr;

	if (strcmp(view->family, of->name) != 0)
		return;
	json_print(json, "{server %s group %s is_squashing %d shape %s since_s %u by_shape {",
		   addr_to_text(view->addr, &addr), view->group, view->is_squashing,
		   squash_text(view->shape), view->since_s);
	for (enum squash i = 0; i < SQUASH_COUNT; i++) {
		if (i != SQUASH_NONE && view->counts[i] > 0) {
			json_key(json, squash_text(i));
			json_print(json, "%" PRIu64, view->counts[i]);
		}
	}
	json_print(json, "}}");
}

void commands_families_squashers_json(struct worker *worker, const char *family, struct json *json)
{
	struct of_family of = { .name = family, .json = json };

	json_print(json, "squashers [");
	repair_each_squasher(worker, put_squasher, &of);
	json_print(json, "]");
}

void commands_families_json(const struct commands *commands, struct json *json)
{
	const struct conf *conf = worker_plan(commands->worker)->conf;

	json_print(json, "families [");
	for (unsigned i = 0; i < conf->courier_count; i++) {
		const struct conf_courier *courier = &conf->couriers[i];
		struct family_status family = { .count = courier->count };

		(void)family_status(commands->worker, i, &family);
		json_print(json,
			   "{name %s pre_resolve %s repair %s is_in_use %d used_s_ago %" PRId64
			   " count %u is_count_learned %d warm %u total %u asking %u failures %u "
			   "waits_s %u questions_total %" PRIu64,
			   courier->name, conf_courier_option_warmths[courier->pre_resolve],
			   conf_courier_option_repairs[courier->repair], family.is_in_use,
			   family.has_been_used ? (int64_t)family.used_ago_s : -1, family.count,
			   family.is_count_learned, family.warm, family.total, family.asking,
			   family.failures, family.waits_s, family.questions_total);
		commands_families_squashers_json(commands->worker, courier->name, json);
		json_print(json, "}");
	}
	json_print(json, "]");
}
