#include "query/preresolve_ask.h"

#include <string.h>

#include "family_internal.h"
#include "query/preresolve.h"
#include "query/request.h"
#include "query/steps.h"
#include "request_internal.h"
#include "wire/cursor.h"

/* What is found in the cache takes no time, but no more of it than this in a row. */
#define LOOKS_AT_ONCE 16u

/* --- nobody asks --------------------------------------------------------------------------- */

static void nobody_sends(const struct client *client, const uint8_t *wire, size_t wire_len)
{
	(void)client;
	(void)wire;
	(void)wire_len;
}

static void nobody_cares(const struct client *client)
{
	(void)client;
}

static const struct client_ops nobody_ops = {
	.send = nobody_sends,
	.drop = nobody_cares,
	.hold = nobody_cares,
	.release = nobody_cares,
};

/* --- asking -------------------------------------------------------------------------------- */

static size_t write_name(const struct worker *worker, size_t index,
			 const struct warmth_question *question, uint8_t name[NAME_MAX_LEN])
{
	const struct conf_courier *courier = &worker->plan->conf->couriers[index];
	const struct conf_name *fixed = &courier->alias;

	switch (question->role) {
	case COURIER_NONE:
		UNREACHABLE();
	case COURIER_ALIAS:
		break;
	case COURIER_TARGET:
		fixed = &courier->target;
		break;
	case COURIER_COUNT_TXT:
		fixed = &courier->count_txt;
		break;
	case COURIER_VARIANT:
		return courier_write_variant(worker->plan->courier, (unsigned)index,
					     question->variant, question->n, name);
	}
	memcpy(name, fixed->wire, fixed->len);
	return fixed->len;
}

/* As a device asks: RD alone, no EDNS. */
static size_t write_query(const struct worker *worker, const struct preresolve_turn *turn,
			  uint8_t *wire, size_t wire_max)
{
	static const uint8_t head[MESSAGE_HEADER_LEN] = { [2] = FLAG_RD >> 8, [5] = 1 };
	const struct conf_courier *courier = &worker->plan->conf->couriers[turn->family];
	struct cursor_out out = cursor_into(wire, wire_max);
	struct warmth_question question;
	uint8_t name[NAME_MAX_LEN];

	warmth_question_of(family_at(worker, turn->family)->warmth, turn->turn.item, &question);
	cursor_put(&out, head, sizeof(head));
	cursor_put(&out, name, write_name(worker, turn->family, &question, name));
	cursor_put_u16(&out, question.role == COURIER_COUNT_TXT ? TYPE_TXT
								: courier->types[question.type]);
	cursor_put_u16(&out, CLASS_IN);
	return cursor_written(&out);
}

/* False where there is no memory for it. */
static bool ask(struct worker *worker, const struct preresolve_turn *turn)
{
	static const struct client nobody = { .ops = &nobody_ops };
	struct family *family = family_at(worker, turn->family);
	uint8_t wire[MESSAGE_HEADER_LEN + NAME_MAX_LEN + 4];
	struct query_view view;

	if (query_view_parse(&view, wire, write_query(worker, turn, wire, sizeof(wire))) !=
	    QUERY_OK)
		UNREACHABLE();
	struct request *request = request_new(worker, &nobody, &view, NULL);
	if (request == NULL)
		return false;
	*turn->ahead = (struct ahead){ .request = request,
				       .family = family,
				       .item = turn->turn.item,
				       .outcome = AHEAD_NOT_NOW };
	request->ahead = turn->ahead;
	family->asking++;
	warmth_start(family->warmth, turn->turn.item);
	steps_run(request, STEP_POLICY);
	return true;
}

static void tend_all(struct worker *worker)
{
	struct families *families = worker->families;

	families->is_news = false;
	if (families->plan_id != worker->plan->id)
		preresolve_follow(worker); /* memory was short then */
	for (size_t i = 0; i < families->count; i++)
		if (family_tend(worker, i) != 0)
			families->next_us = worker->clock->now_us + PRERESOLVE_NO_ROOM_US;
}

static void on_timer(void *ctx)
{
	struct worker *worker = ctx;
	struct families *families = worker->families;
	const uint64_t later_us = worker->clock->now_us + PRERESOLVE_NO_ROOM_US;
	struct preresolve_turn turn;

	tend_all(worker);
	if (worker->waiting >= worker->max_waiting / 2)
		families->next_us = later_us;
	for (unsigned i = 0; i < LOOKS_AT_ONCE && preresolve_choose(worker, &turn); i++) {
		if (!ask(worker, &turn))
			families->next_us = later_us;
	}
	preresolve_schedule(worker);
}

void preresolve_ask_init(struct worker *worker)
{
	timer_init(&worker->families->timer, on_timer, worker);
}

void preresolve_ask_close(struct worker *worker)
{
	struct families *families = worker->families;

	timer_stop(worker->timers, &families->timer);
	for (size_t i = 0; i < PRERESOLVE_AT_ONCE; i++) {
		struct request *request = families->ahead[i].request;

		if (request != NULL && list_is_empty(&request->followers))
			steps_run(request, STEP_DONE);
	}
}
