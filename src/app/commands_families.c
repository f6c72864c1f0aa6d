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

static const char *warmth_name(enum courier_warmth warmth)
{
	switch (warmth) {
	case WARMTH_OFF:
		return "off";
	case WARMTH_DEMAND:
		return "demand";
	case WARMTH_ALWAYS:
		return "always";
	}
	UNREACHABLE();
}

static const char *repair_name(enum courier_repair repair)
{
	switch (repair) {
	case REPAIR_OFF:
		return "off";
	case REPAIR_REASK:
		return "reask";
	case REPAIR_SYNTHESIZE:
		return "synthesize";
	}
	UNREACHABLE();
}

static void put_squasher(void *ctx, const struct squasher_view *view)
{
	const struct of_family *of = ctx;
	struct json *json = of->json;
	struct addr_text addr;

	if (strcmp(view->family, of->name) != 0)
		return;
	json_open_object(json, NULL);
	json_text(json, "server", addr_to_text(view->addr, &addr));
	json_text(json, "group", view->group);
	json_bool(json, "is_squashing", view->is_squashing);
	json_text(json, "shape", squash_text(view->shape));
	json_number(json, "since_s", view->since_s);
	json_open_object(json, "by_shape");
	for (unsigned i = 0; i < SQUASH_COUNT; i++) {
		if (i != SQUASH_NONE && view->counts[i] > 0)
			json_number(json, squash_text((enum squash)i), (int64_t)view->counts[i]);
	}
	json_close_object(json);
	json_close_object(json);
}

void commands_families_squashers_json(struct worker *worker, const char *family, struct json *json)
{
	struct of_family of = { .name = family, .json = json };

	json_open_list(json, "squashers");
	repair_each_squasher(worker, put_squasher, &of);
	json_close_list(json);
}

static void put_status(const struct family_status *family, struct json *json)
{
	json_bool(json, "is_in_use", family->is_in_use);
	if (family->has_been_used)
		json_number(json, "used_s_ago", family->used_ago_s);
	else
		json_text(json, "used_s_ago", NULL);
	json_number(json, "count", family->count);
	json_bool(json, "is_count_learned", family->is_count_learned);
	json_number(json, "warm", family->warm);
	json_number(json, "total", family->total);
	json_number(json, "asking", family->asking);
	json_number(json, "failures", family->failures);
	json_number(json, "waits_s", family->waits_s);
	json_number(json, "questions_total", (int64_t)family->questions_total);
}

void commands_families_json(const struct commands *commands, struct json *json)
{
	const struct conf *conf = worker_plan(commands->worker)->conf;

	json_open_list(json, "families");
	for (unsigned i = 0; i < conf->courier_count; i++) {
		const struct conf_courier *courier = &conf->couriers[i];
		struct family_status family = { .count = courier->count };

		(void)family_status(commands->worker, i, &family);
		json_open_object(json, NULL);
		json_text(json, "name", courier->name);
		json_text(json, "pre_resolve", warmth_name(courier->pre_resolve));
		json_text(json, "repair", repair_name(courier->repair));
		put_status(&family, json);
		commands_families_squashers_json(commands->worker, courier->name, json);
		json_close_object(json);
	}
	json_close_list(json);
}
