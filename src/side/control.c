#include "side/control.h"

#include <errno.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "net/local.h"

/* After a reply of this size what it took is worth giving back to the system. */
#define LARGE_REPLY 65536u

struct control {
	struct loop *loop;
	struct local_listener *listener;
	control_run_fn run;
	void *ctx;
	uint64_t *turned_away;
	struct list peers; /* the oldest first */
	unsigned peer_count;
};

struct reply {
	FILE *out;   /* NULL: it is not being made */
	char *bytes; /* once `out` is closed */
	size_t len;
};

struct peer {
	struct list link;
	struct control *control;
	struct local *local;
	struct timer patience;
	bool is_answered;
	bool is_slow;  /* of its reply some was left after a while */
	size_t unsent; /* when patience was last renewed */
	struct reply reply;
	struct control_work work;
	struct control_request request; /* once it is whole */
	size_t reply_len, len;
	uint8_t bytes[CONTROL_REQUEST_MAX];
};

/* What has been made of it so far comes to nothing. */
static void reply_drop(struct reply *reply)
{
	if (reply->out == NULL)
		return;
	(void)fclose(reply->out);
	mem_free(reply->bytes);
	reply->out = NULL;
}

static void peer_free(struct peer *peer)
{
	const bool was_large = peer->reply_len >= LARGE_REPLY;

	reply_drop(&peer->reply);
	list_remove(&peer->link);
	peer->control->peer_count--;
	timer_stop(loop_timers(peer->control->loop), &peer->patience);
	local_free(peer->local);
	mem_free(peer);
	if (was_large)
		mem_trim();
}

static void turn_away(struct peer *peer)
{
	(*peer->control->turned_away)++;
	peer_free(peer);
}

/* --- a reply ------------------------------------------------------------------------------- */

/* The digit is known when the text is. Where memory is short for either the peer is gone. */
static bool begin_reply(struct peer *peer)
{
	struct reply *reply = &peer->reply;

	reply->out = open_memstream(&reply->bytes, &reply->len);
	if (reply->out == NULL) {
		peer_free(peer);
		return false;
	}
	fputs("?\n", reply->out);
	return true;
}

static void end_reply(struct peer *peer, enum control_code code)
{
	struct reply *reply = &peer->reply;
	const bool is_whole = ferror(reply->out) == 0;
	const bool is_closed = fclose(reply->out) == 0;

	reply->out = NULL;
	if (!is_closed || !is_whole || reply->bytes == NULL) {
		mem_free(reply->bytes);
		peer_free(peer);
		return;
	}
	reply->bytes[0] = (char)('0' + code);
	peer->is_answered = true;
	peer->unsent = peer->reply_len = reply->len;
	timer_start(loop_timers(peer->control->loop), &peer->patience, CONTROL_PATIENCE_US);
	if (local_answer(peer->local, reply->bytes, reply->len) != 0)
		peer_free(peer);
}

/* A step. The next one is for a later turn, so that whatever else waits comes first. */
static void go_on(struct peer *peer)
{
	struct control *control = peer->control;
	const enum control_code code =
		control->run(control->ctx, &peer->request, &peer->work, peer->reply.out);

	if (code == CONTROL_MORE)
		timer_start(loop_timers(control->loop), &peer->patience, 0);
	else
		end_reply(peer, code);
}

static void refuse(struct peer *peer, const char *why)
{
	if (!begin_reply(peer))
		return;
	fputs(why, peer->reply.out);
	end_reply(peer, CONTROL_REFUSED);
}

/* --- its peer ------------------------------------------------------------------------------ */

static void on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	struct peer *peer = ctx;

	if (peer->reply.out != NULL) { /* behind the request's end */
		turn_away(peer);
		return;
	}
	if (len > sizeof(peer->bytes) - peer->len) {
		(*peer->control->turned_away)++;
		refuse(peer, "the request is too long\n");
		return;
	}
	memcpy(peer->bytes + peer->len, bytes, len);
	peer->len += len;
	switch (control_request_parse(peer->bytes, peer->len, &peer->request)) {
	case CONTROL_PARSE_WHOLE:
		if (begin_reply(peer))
			go_on(peer);
		return;
	case CONTROL_PARSE_MORE:
		return;
	case CONTROL_PARSE_BAD:
		refuse(peer, "the request is not one\n");
		return;
	}
}

static void on_over(void *ctx, int err)
{
	(void)err;
	peer_free(ctx);
}

static const struct local_events events = { .on_bytes = on_bytes, .on_over = on_over };

/* Or it is time for the next step. */
static void on_patience_over(void *ctx)
{
	struct peer *peer = ctx;

	if (peer->reply.out != NULL) {
		go_on(peer);
		return;
	}
	const size_t unsent = peer->is_answered ? local_unsent(peer->local) : 0;
	if (!peer->is_answered || unsent == peer->unsent) {
		turn_away(peer);
		return;
	}
	peer->unsent = unsent;
	peer->is_slow = true;
	timer_start(loop_timers(peer->control->loop), &peer->patience, CONTROL_PATIENCE_US);
}

/* Whoever has said nothing whole for longest makes room, else whoever is slow to take its reply;
 * who is just being answered does not. */
static bool make_room(struct control *control)
{
	struct peer *slow = NULL;

	for (struct list *link = list_first(&control->peers); link != NULL;
	     link = list_next(&control->peers, link)) {
		struct peer *peer = LIST_ITEM(link, struct peer, link);

		if (!peer->is_answered && peer->reply.out == NULL) {
			turn_away(peer);
			return true;
		}
		if (slow == NULL && peer->is_slow)
			slow = peer;
	}
	if (slow != NULL)
		turn_away(slow);
	return slow != NULL;
}

static void on_accept(void *ctx, struct local *local)
{
	struct control *control = ctx;
	const bool has_room = control->peer_count < CONTROL_CONNECTIONS_MAX || make_room(control);
	struct peer *peer = has_room ? mem_alloc(sizeof(*peer)) : NULL;

	if (peer == NULL) {
		(*control->turned_away)++;
		local_free(local);
		return;
	}
	memset(peer, 0, offsetof(struct peer, bytes));
	peer->control = control;
	peer->local = local;
	timer_init(&peer->patience, on_patience_over, peer);
	timer_start(loop_timers(control->loop), &peer->patience, CONTROL_PATIENCE_US);
	list_add(&control->peers, &peer->link);
	control->peer_count++;
	local_attach(local, &events, peer);
}

/* --- the whole ----------------------------------------------------------------------------- */

int control_new(struct loop *loop, const char *path, control_run_fn run, void *ctx,
		uint64_t *turned_away, struct control **ret_control)
{
	struct control *control = mem_zalloc(sizeof(*control));

	if (control == NULL)
		return -ENOMEM;
	*control = (struct control){
		.loop = loop, .run = run, .ctx = ctx, .turned_away = turned_away
	};
	list_init(&control->peers);
	const int err = local_listener_new(loop, path, on_accept, control, &control->listener);
	if (err != 0) {
		control_free(control);
		return err;
	}
	*ret_control = control;
	return 0;
}

bool control_is_there(const struct control *control)
{
	return local_listener_is_there(control->listener);
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	for (struct list *link; (link = list_first(&control->peers)) != NULL;)
		peer_free(LIST_ITEM(link, struct peer, link));
	local_listener_free(control->listener);
	mem_free(control);
}
